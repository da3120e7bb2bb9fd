//! Documents of one file: scenarios.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::{Document, Node, nearest, written};
use crate::config::hocon::{Content, Layers, Scalar, Texts, Value};
use crate::config::judge::judge_at;
use crate::config::keys::{DEFAULT_DISPATCHER, ROOT};
use crate::config::merged::environment;
use crate::config::problem::{Problem, ProblemKind};
use crate::config::settings::DispatcherSettings;

/// The key of the document in its file.
pub(crate) const DOCUMENT: &str = "scenario";
/// The key of a dispatcher's settings in the document.
pub(crate) const DOCUMENT_DISPATCHER: &str = "dispatcher";

/// The text of a document.
pub(crate) enum Source<'a> {
    /// In a file.
    File(&'a Path),
    /// Given with the name to report it under. Includes from where the program runs.
    Text { name: &'a str, text: &'a str },
    /// Compiled in, and so are the texts that it includes.
    BuiltIn { name: &'a str, text: &'a str, parts: Texts },
}

/// A value that is laid over a document from outside.
pub(crate) struct Laid<'a> {
    /// What to report it under.
    pub(crate) name: String,
    /// The path below the document. A number may lead to an item of a list, and so may the item's `name`.
    pub(crate) path: Vec<String>,
    pub(crate) text: &'a str,
}

impl Document {
    /// Reads a document. What is wrong is kept for [`into_problems`](Self::into_problems).
    pub(crate) fn read(source: &Source<'_>, laid: &[Laid<'_>]) -> Self {
        let texts = match source {
            Source::BuiltIn { parts, .. } => Some(*parts),
            _ => None,
        };
        let mut layers = Layers::for_document(texts);
        let index = layers.add_source(source.name());
        match source.text() {
            Ok((file, text)) => layers.lay(index, file, &text),
            Err(reason) => layers.report(Some(index), None, None, ProblemKind::Unreadable(reason)),
        }
        let environment = environment();
        let for_items = lay_over(&mut layers, laid, &environment);
        let mut root = layers.resolve(&environment);
        for (source, path, text) in for_items {
            let place = layers.add_place(source, path.clone());
            let value = Value::new(Content::Scalar(Scalar::bare(text.to_owned())), place);
            match put(&root, &path, value) {
                Ok(changed) => root = changed,
                Err((at, kind)) => layers.report(Some(source), None, Some(written(&path[..=at])), kind),
            }
        }
        Self { root, layers, source: index }
    }

    /// The document itself; `None`, which is reported, if there is none.
    pub(crate) fn top(&mut self) -> Option<Node> {
        let value = self.root.key(DOCUMENT);
        if value.is_none() && self.layers.problems.is_empty() {
            let kind = Problem::bad_value("an object", "nothing");
            self.layers.report(Some(self.source), None, Some(DOCUMENT.to_owned()), kind);
        }
        Some(Node { path: vec![DOCUMENT.to_owned()], value: value?, is_item: false })
    }

    /// The settings of the document's dispatcher over the defaults. `None` only if the reference lacks a key.
    pub(crate) fn dispatcher(&mut self) -> Option<DispatcherSettings> {
        judge_at(&[DOCUMENT, DOCUMENT_DISPATCHER], &self.root, &mut self.layers)
    }

    /// The value that holds for the dispatcher's `key`.
    pub(crate) fn dispatcher_setting(&self, key: &str) -> Option<Node> {
        let levels = [&[DOCUMENT, DOCUMENT_DISPATCHER], &[ROOT, DEFAULT_DISPATCHER]];
        levels.into_iter().find_map(|level| {
            let path: Vec<_> = level.iter().copied().chain(key.split('.')).map(str::to_owned).collect();
            let value = self.root.at(&path.join("."))?;
            Some(Node { path, value, is_item: false })
        })
    }
}

impl Source<'_> {
    fn name(&self) -> String {
        match self {
            Self::File(file) => file.display().to_string(),
            Self::Text { name, .. } => (*name).to_owned(),
            Self::BuiltIn { name, .. } => format!("{name}.conf"),
        }
    }

    /// The text, and the file from which it includes.
    fn text(&self) -> Result<(Option<PathBuf>, String), String> {
        match self {
            Self::File(file) => match std::fs::read_to_string(file) {
                Ok(text) => Ok((Some(file.to_path_buf()), text)),
                Err(error) => Err(error.to_string()),
            },
            Self::Text { text, .. } => Ok((None, (*text).to_owned())),
            Self::BuiltIn { text, .. } => Ok((Some(PathBuf::from(self.name())), (*text).to_owned())),
        }
    }
}

/// Lays values over `layers`, and returns those that are for items of lists, with their sources and whole paths: a list has
/// no keys to lay anything over before references are looked up.
fn lay_over<'a>(
    layers: &mut Layers,
    laid: &[Laid<'a>],
    environment: &HashMap<String, String>,
) -> Vec<(usize, Vec<String>, &'a str)> {
    if laid.is_empty() {
        return Vec::new();
    }
    let before = layers.clone().resolve(environment);
    let mut for_items = Vec::new();
    for laid in laid {
        let source = layers.add_source(laid.name.clone());
        let path: Vec<_> = std::iter::once(DOCUMENT.to_owned()).chain(laid.path.iter().cloned()).collect();
        match leads_into_list(&before, &path) {
            true => for_items.push((source, path, laid.text)),
            false => layers.lay_value(source, &path, Some(Scalar::bare(laid.text.to_owned()))),
        }
    }
    for_items
}

/// Whether some part of `path` but the last leads to a list.
fn leads_into_list(value: &Value, path: &[String]) -> bool {
    match (&*value.content, path.split_first()) {
        (Content::List(_), Some(_)) => true,
        (Content::Object(keys), Some((key, rest))) => keys.get(key).is_some_and(|value| leads_into_list(value, rest)),
        _ => false,
    }
}

/// `value` with another at `path` below it; or which part of the path leads nowhere, and why.
fn put(value: &Value, path: &[String], new: Value) -> Result<Value, (usize, ProblemKind)> {
    let Some((key, rest)) = path.split_first() else { return Ok(new) };
    let below = |at: &Value| put(at, rest, new.clone()).map_err(|(at, kind)| (at + 1, kind));
    let content = match &*value.content {
        Content::List(_) => {
            let mut items = value.items().unwrap_or_default();
            let index = index(&items, key).map_err(|kind| (0, kind))?;
            items[index] = below(&items[index])?;
            Content::List(items)
        }
        Content::Object(keys) => {
            let mut keys: BTreeMap<_, _> = keys.keys().filter_map(|key| Some((key.clone(), value.key(key)?))).collect();
            let nothing = Value::new(Content::Object(BTreeMap::new()), new.written);
            let changed = below(keys.get(key).unwrap_or(&nothing))?;
            keys.insert(key.clone(), changed);
            Content::Object(keys)
        }
        // An object hides what it is laid over.
        Content::Scalar(_) | Content::Unresolved => {
            let nothing = Value::new(Content::Object(BTreeMap::new()), new.written);
            let keys = [(key.clone(), below(&nothing)?)].into();
            return Ok(Value::new(Content::Object(keys), new.written));
        }
    };
    Ok(Value::new(content, value.written))
}

/// The item that `key` means: by its name or by its place.
fn index(items: &[Value], key: &str) -> Result<usize, ProblemKind> {
    let names: Vec<_> = items.iter().map(|item| item.at("name")).collect();
    let names: Vec<_> = names.iter().map(|name| name.as_ref().and_then(|name| name.scalar()?.word())).collect();
    if let Some(index) = names.iter().position(|name| *name == Some(key)) {
        return Ok(index);
    }
    match key.parse::<usize>() {
        Ok(index) if index < items.len() => Ok(index),
        Ok(_) => Err(Problem::bad_value(format!("a place in a list of {}, counted from 0", items.len()), key)),
        Err(_) if names.iter().any(Option::is_some) => {
            let suggestion = nearest(key, names.into_iter().flatten()).map(str::to_owned);
            Err(ProblemKind::UnknownKey { suggestion })
        }
        Err(_) => Err(Problem::bad_value(
            format!("a place in a list of {}, counted from 0", items.len()),
            format!("\"{key}\""),
        )),
    }
}
