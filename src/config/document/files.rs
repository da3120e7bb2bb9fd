//! Documents of all files laid over each other: settings, with what others read beside them.

use std::path::Path;

use super::{Document, Node};
use crate::config::all::Settings;
use crate::config::hocon::Scalar;
use crate::config::judge::judge;
use crate::config::keys::{DEFAULT_DISPATCHER, DISPATCHERS, ROOT};
use crate::config::merged::{environment, layer_of, layers_of};
use crate::config::problem::ProblemKind;

/// The files of a document.
pub(crate) enum Files<'a> {
    /// Each over those before it, and variables of the environment over all of them.
    Disk(Vec<&'a Path>),
    /// A text, with the name to report it under. The environment overrides nothing.
    Text { name: &'a str, text: &'a str },
}

/// A value that the command line says, over all files.
pub(crate) struct Said<'a> {
    /// What to report it under.
    pub(crate) name: &'a str,
    pub(crate) path: &'a [&'a str],
    pub(crate) text: String,
}

impl Document {
    /// Reads files, with the settings in them. What is wrong is kept for [`into_problems`](Self::into_problems); there are
    /// no settings only if the reference lacks a key.
    pub(crate) fn of_files(files: &Files<'_>, said: &[Said<'_>]) -> (Self, Option<Settings>) {
        let environment = environment();
        let mut layers = match files {
            Files::Disk(files) => layers_of(&environment, files),
            Files::Text { name, text } => layer_of(name, text),
        };
        for said in said {
            let source = layers.add_source(said.name.to_owned());
            let path: Vec<_> = said.path.iter().map(|key| (*key).to_owned()).collect();
            layers.lay_value(source, &path, Some(Scalar::text(said.text.clone())));
        }
        let root = layers.resolve(&environment);
        let settings = judge(&root, &mut layers);
        let document = Self {
            root,
            layers,
            #[cfg(feature = "lab")]
            source: 0,
        };
        (document, settings)
    }

    /// All of it.
    pub(crate) fn whole(&self) -> Node {
        Node { path: Vec::new(), value: self.root.clone(), is_item: false }
    }

    /// What is at a path from the top, if there is anything.
    pub(crate) fn at(&self, path: &[&str]) -> Option<Node> {
        path.iter().try_fold(self.whole(), |node, key| node.key_of(key))
    }

    /// Whether the files say something of a setting that holds for a dispatcher.
    pub(crate) fn is_set_for(&self, dispatcher: &str, key: &str) -> bool {
        let levels: [&[&str]; 2] = [&[ROOT, DISPATCHERS, dispatcher], &[ROOT, DEFAULT_DISPATCHER]];
        levels.into_iter().any(|level| {
            let path: Vec<_> = level.iter().copied().chain(key.split('.')).collect();
            self.at(&path).is_some_and(|node| self.is_set(&node))
        })
    }

    /// Whether a file, or something over the files, says what is there, and not the reference alone.
    pub(crate) fn is_set(&self, node: &Node) -> bool {
        self.layers.origin(&node.value).is_some()
    }

    /// Where a value was set, as reports name it; `None` for one of the reference.
    pub(crate) fn place(&self, node: &Node) -> Option<String> {
        let value = node.blamed();
        let places = [value.brought, Some(value.written)].into_iter().flatten();
        places.filter(|place| self.layers.is_set(*place)).map(|place| self.layers.place(place)).next()
    }

    /// Whether any file says anything under a key of the top.
    pub(crate) fn is_said(&self, path: &[&str]) -> bool {
        self.layers.origins.set().any(|origin| origin.path.get(..path.len()).is_some_and(|above| above == path))
    }

    /// Reports that a value is wrong in words of its own.
    pub(crate) fn refuse_in_words(&mut self, node: &Node, message: impl Into<String>) {
        self.report(node, super::written(&node.path), ProblemKind::Syntax(message.into()));
    }

    /// Reports what no file can be blamed for.
    pub(crate) fn refuse_unplaced(&mut self, source: Option<&str>, key: Option<String>, kind: ProblemKind) {
        let source = source.map(|name| self.layers.add_source(name.to_owned()));
        self.layers.report(source, None, key, kind);
    }
}

impl Node {
    /// The value of a key of an object.
    pub(crate) fn key_of(&self, key: &str) -> Option<Node> {
        Some(self.below(key, self.value.key(key)?, false))
    }
}
