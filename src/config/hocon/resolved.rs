//! The merged settings, all references looked up.

use std::time::Duration;

use hocon::{Config, HoconValue};

use super::layer::in_words;
use crate::config::known::Known;
use crate::config::path;

/// Words for "no such thing" beside `null`.
const NONE: &[&str] = &["none", "off"];

/// The merged settings. Paths are those of [`path::join`].
pub(in crate::config) struct Resolved(Config);

/// What stands at a path.
pub(in crate::config) enum Found {
    /// An object with these keys.
    Object(Vec<String>),
    /// A value, in words, and its bare text if it is a single one other than `null`.
    Value {
        /// As problems show it.
        words: String,
        /// `null` has none.
        text: Option<String>,
    },
    /// A list.
    List,
    /// Part of it could not be looked up, which has been reported.
    Unresolved,
}

impl Found {
    /// As problems show it; `None` if what stands there is not known.
    pub(in crate::config) fn in_words(self) -> Option<String> {
        match self {
            Self::Object(_) => Some("an object".to_owned()),
            Self::Value { words, .. } => Some(words),
            Self::List => Some("a list".to_owned()),
            Self::Unresolved => None,
        }
    }

    /// Whether it is a word for having no value.
    pub(in crate::config) fn is_none(&self) -> bool {
        match self {
            Self::Value { text: None, .. } => true,
            Self::Value { text: Some(text), .. } => NONE.contains(&text.as_str()),
            _ => false,
        }
    }

    /// A text that is not empty.
    pub(in crate::config) fn word(self) -> Option<String> {
        match self {
            Self::Value { text, .. } => text.filter(|text| !text.is_empty()),
            _ => None,
        }
    }
}

impl Resolved {
    pub(super) fn new(config: Config) -> Self {
        Self(config)
    }

    pub(in crate::config) fn at(&self, path: &str) -> Option<Found> {
        Some(match self.0.get(path)? {
            HoconValue::Object(keys) => Found::Object(keys.keys().cloned().collect()),
            HoconValue::Array(_) => Found::List,
            value @ HoconValue::Scalar(scalar) => {
                Found::Value { words: in_words(scalar), text: (!value.is_null()).then(|| scalar.raw.clone()) }
            }
            _ => Found::Unresolved,
        })
    }

    /// A duration, if one stands at `path`.
    pub(in crate::config) fn duration(&self, path: &str) -> Option<Duration> {
        self.0.get_duration(path).ok()
    }

    /// A whole number that is not negative, if one stands at `path`.
    pub(in crate::config) fn whole(&self, path: &str) -> Option<u64> {
        self.0.get(path)?.as_i64()?.try_into().ok()
    }

    /// A number, if one stands at `path`. It may be no finite one.
    pub(in crate::config) fn number(&self, path: &str) -> Option<f64> {
        self.0.get(path)?.as_f64()
    }

    /// A switch, if one stands at `path`.
    pub(in crate::config) fn switch(&self, path: &str) -> Option<bool> {
        self.0.get(path)?.as_bool()
    }

    /// The keys below `path` as what is known.
    pub(super) fn known_keys(&self, path: &str) -> Known {
        match self.at(path) {
            Some(Found::Object(keys)) => Known::Section(
                keys.into_iter()
                    .map(|key| {
                        let known = self.known_keys(&path::join(path, &key));
                        (key, known)
                    })
                    .collect(),
            ),
            _ => Known::Setting,
        }
    }
}
