//! Files that hold something else beside settings, read as settings are.
//!
//! A document is one object of a file, at [`DOCUMENT`]. Its key [`DOCUMENT_DISPATCHER`] holds the settings of one
//! dispatcher, which are read and judged here. The rest is handed out as [`Node`]s, and what their reader finds wrong with
//! them is reported with file and line as for settings.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::hocon::{Content, Layers, Scalar, Value};
use super::judge::judge_at;
use super::keys::{DEFAULT_DISPATCHER, ROOT};
use super::merged::environment;
use super::path;
use super::problem::{Problem, ProblemKind};
use super::read::any_of;
use super::settings::DispatcherSettings;

pub(crate) use super::hocon::Texts;
pub(crate) use super::nearest::nearest;

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

/// A file with all that it includes, merged, all references looked up.
pub(crate) struct Document {
    root: Value,
    layers: Layers,
    /// The source that problems without a place are reported under.
    source: usize,
}

/// One place of a document.
#[derive(Clone)]
pub(crate) struct Node {
    /// The whole path. Items of lists have their index in it.
    path: Vec<String>,
    value: Value,
    /// Whether it is an item of a list.
    is_item: bool,
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

    /// Reports that a value is wrong, unless that follows from what has been reported.
    pub(crate) fn refuse(&mut self, node: &Node, expected: impl Into<String>) {
        if let Some(found) = node.value.in_words() {
            self.refuse_found(node, expected, found);
        }
    }

    /// The same where the value does not say by itself what is wrong.
    pub(crate) fn refuse_found(&mut self, node: &Node, expected: impl Into<String>, found: impl Into<String>) {
        self.report(node, written(&node.path), Problem::bad_value(expected, found));
    }

    /// Reports that a key of an object is missing.
    pub(crate) fn missing(&mut self, object: &Node, key: &str, expected: impl Into<String>) {
        let kind = Problem::bad_value(expected, "nothing");
        self.report(object, path::join(&written(&object.path), key), kind);
    }

    /// Reports a key that does not exist.
    pub(crate) fn unknown(&mut self, node: &Node, suggestion: Option<String>) {
        self.report(node, written(&node.path), ProblemKind::UnknownKey { suggestion });
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_sound(&self) -> bool {
        self.layers.problems.is_empty()
    }

    /// Everything that is wrong, in the order of sources and lines.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.layers.into_problems()
    }

    fn report(&mut self, node: &Node, key: String, kind: ProblemKind) {
        let origin = self.layers.origin(&node.blamed());
        let (source, line) = origin.map_or((None, None), |origin| (origin.source, origin.line));
        self.layers.report(source, line, Some(key), kind);
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

impl Node {
    /// The last part of its path.
    pub(crate) fn key(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The keys of an object with their values, in the order of the alphabet.
    pub(crate) fn keys(&self) -> Option<Vec<Node>> {
        let keys = self.value.object()?.keys();
        Some(keys.filter_map(|key| Some(self.below(key, self.value.key(key)?, false))).collect())
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Option<Vec<Node>> {
        let items = self.value.items()?.into_iter().enumerate();
        Some(items.map(|(index, value)| self.below(&index.to_string(), value, true)).collect())
    }

    /// Whether a reference brought it to where it is.
    pub(crate) fn is_brought(&self) -> bool {
        self.value.brought.is_some()
    }

    /// A text that is not empty.
    pub(crate) fn word(&self) -> Option<&str> {
        self.value.scalar()?.word()
    }

    /// A finite number.
    pub(crate) fn number(&self) -> Option<f64> {
        self.value.scalar()?.number()
    }

    /// A whole number that is not negative.
    pub(crate) fn whole(&self) -> Option<u64> {
        self.value.scalar()?.whole()
    }

    /// A duration that is not negative; a bare number is in milliseconds.
    pub(crate) fn duration(&self) -> Option<Duration> {
        self.value.scalar()?.duration()
    }

    /// On or off.
    pub(crate) fn switch(&self) -> Option<bool> {
        self.value.scalar()?.switch()
    }

    fn below(&self, key: &str, value: Value, is_item: bool) -> Node {
        Node { path: self.path.iter().cloned().chain([key.to_owned()]).collect(), value, is_item }
    }

    /// The value that tells the place. An object in a list begins where its first key stands; it has itself only the place
    /// of the list.
    fn blamed(&self) -> Value {
        let keys = self.value.object().filter(|_| self.is_item && self.value.brought.is_none());
        let first = keys.and_then(|keys| keys.values().min_by_key(|value| value.written));
        first.unwrap_or(&self.value).clone()
    }
}

/// The words of `choices`, as a sentence has them.
pub(crate) fn one_of<T>(choices: &[(&str, T)]) -> String {
    any_of(choices)
}

fn written(path: &[String]) -> String {
    path.iter().fold(String::new(), |above, segment| path::join(&above, segment))
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
