//! The merged settings, all references looked up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scalar::Scalar;
use crate::config::origin::Place;

/// A value, and where it comes from.
#[derive(Debug, Clone)]
pub(in crate::config) struct Value {
    pub(in crate::config) content: Arc<Content>,
    /// Where it is written.
    pub(in crate::config) written: Place,
    /// The reference that brought it, or the object that it lies in, to where it is.
    pub(in crate::config) brought: Option<Place>,
    /// How much of it there is: single values, and characters.
    pub(super) size: usize,
}

#[derive(Debug)]
pub(in crate::config) enum Content {
    Object(BTreeMap<String, Value>),
    List(Vec<Value>),
    Scalar(Scalar),
    /// Part of it could not be looked up, which has been reported.
    Unresolved,
}

impl Value {
    pub(in crate::config) fn new(content: Content, written: Place) -> Self {
        let size = match &content {
            Content::Object(keys) => keys.values().fold(keys.len() + 1, |size, value| size.saturating_add(value.size)),
            Content::List(items) => items.iter().fold(items.len() + 1, |size, value| size.saturating_add(value.size)),
            Content::Scalar(scalar) => 1 + scalar.text.len(),
            Content::Unresolved => 1,
        };
        Self { content: Arc::new(content), written, brought: None, size }
    }

    /// The same, brought to another place by a reference there.
    pub(in crate::config) fn brought(self, place: Place) -> Self {
        Self { brought: Some(place), ..self }
    }

    pub(in crate::config) fn object(&self) -> Option<&BTreeMap<String, Value>> {
        match &*self.content {
            Content::Object(keys) => Some(keys),
            _ => None,
        }
    }

    pub(in crate::config) fn scalar(&self) -> Option<&Scalar> {
        match &*self.content {
            Content::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The value of a key of an object.
    pub(in crate::config) fn key(&self, key: &str) -> Option<Value> {
        let value = self.object()?.get(key)?.clone();
        Some(match self.brought {
            Some(place) => value.brought(place),
            None => value,
        })
    }

    /// The items of a list.
    #[cfg(any(feature = "lab", feature = "proxy"))]
    pub(in crate::config) fn items(&self) -> Option<Vec<Value>> {
        let Content::List(items) = &*self.content else { return None };
        Some(items.iter().map(|item| Value { brought: self.brought.or(item.brought), ..item.clone() }).collect())
    }

    /// The value at a dotted path of plain keys.
    pub(in crate::config) fn at(&self, path: &str) -> Option<Value> {
        // One clone at the end instead of one a step: this runs some fifty times for each dispatcher.
        let mut brought = self.brought;
        let found = path.split('.').try_fold(self, |value, key| {
            let value = value.object()?.get(key)?;
            brought = brought.or(value.brought);
            Some(value)
        })?;
        Some(Value { brought, ..found.clone() })
    }

    /// This object over another; everything else hides what is under it.
    pub(super) fn over(self, under: Value) -> Value {
        let (Some(over), Some(keys)) = (self.object(), under.object()) else { return self };
        let mut merged: BTreeMap<String, Value> =
            keys.keys().filter_map(|key| Some((key.clone(), under.key(key)?))).collect();
        for key in over.keys() {
            let Some(value) = self.key(key) else { continue };
            let value = match merged.remove(key) {
                Some(under) => value.over(under),
                None => value,
            };
            merged.insert(key.clone(), value);
        }
        Value::new(Content::Object(merged), self.written)
    }

    /// As problems show it; `None` if it is not known.
    pub(in crate::config) fn in_words(&self) -> Option<String> {
        match &*self.content {
            Content::Object(_) => Some("an object".to_owned()),
            Content::List(_) => Some("a list".to_owned()),
            Content::Scalar(scalar) => Some(scalar.in_words()),
            Content::Unresolved => None,
        }
    }
}
