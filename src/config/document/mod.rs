//! Files that hold something else beside settings, read as settings are.
//!
//! What is no setting is handed out as [`Node`]s, and what their reader finds wrong with them is reported with file and
//! line as for settings. The settings beside it are read and judged here.

#[cfg(feature = "proxy")]
mod files;
#[cfg(feature = "lab")]
mod scenario;

use std::time::Duration;

use super::hocon::{Layers, Value};
use super::path;
use super::problem::{Problem, ProblemKind};
use super::read::any_of;

#[cfg(feature = "lab")]
pub(crate) use super::hocon::Texts;
#[cfg(feature = "proxy")]
pub(crate) use super::keys::ENDPOINTS;
pub(crate) use super::nearest::nearest;
#[cfg(feature = "proxy")]
pub(crate) use files::{Files, Said};
#[cfg(feature = "lab")]
pub(crate) use scenario::{DOCUMENT, DOCUMENT_DISPATCHER, Laid, Source};

/// Files with all that they include, merged, all references looked up.
pub(crate) struct Document {
    root: Value,
    layers: Layers,
    /// The source that problems without a place are reported under.
    #[cfg(feature = "lab")]
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

impl Node {
    /// The last part of its path.
    pub(crate) fn key(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The whole path.
    #[cfg(feature = "proxy")]
    pub(crate) fn written(&self) -> String {
        written(&self.path)
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
    #[cfg(feature = "lab")]
    pub(crate) fn is_brought(&self) -> bool {
        self.value.brought.is_some()
    }

    /// A text that is not empty.
    pub(crate) fn word(&self) -> Option<&str> {
        self.value.scalar()?.word()
    }

    /// Whether it is a word for having no value.
    #[cfg(feature = "proxy")]
    pub(crate) fn is_none(&self) -> bool {
        self.value.scalar().is_some_and(super::hocon::Scalar::is_none)
    }

    /// A number of bytes, with a unit or without.
    #[cfg(feature = "proxy")]
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.value.scalar()?.bytes()
    }

    /// A finite number.
    #[cfg(feature = "lab")]
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
