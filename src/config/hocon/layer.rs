//! One source: from its text into the tree, in the spelling of `reference.conf`.
//!
//! On the way each assignment is noted with its line, and what cannot be right whatever the other sources say is
//! reported and left out, so that the rest can still be checked.

use std::path::PathBuf;
use std::sync::Arc;

use super::Layers;
use super::parser::DEEPEST;
use super::scalar::Scalar;
use super::syntax::{Entry, Expression, Include};
use super::tree::{NodeId, Part, Reference, Tree, Value};
use crate::config::known::Known;
use crate::config::origin::{Origin, Place};
use crate::config::path;
use crate::config::problem::{Problem, ProblemKind};

/// Where in the settings a part of a source lies.
#[derive(Clone)]
pub(super) struct Scope {
    known: &'static Known,
    /// The path in the spelling of `reference.conf`.
    path: Vec<String>,
    /// The path as its author spelt it.
    written: String,
    /// Whether it lies in a list, whose items have no path.
    in_list: bool,
}

impl Scope {
    /// The top of a source.
    pub(super) fn top(known: &'static Known) -> Self {
        Self { known, path: Vec::new(), written: String::new(), in_list: false }
    }
}

/// The source that is read.
#[derive(Clone)]
pub(super) struct Source {
    /// Its index; `None` for `reference.conf`.
    pub(super) index: Option<usize>,
    /// How far from the top of the settings it is included.
    pub(super) prefix: usize,
    /// The files that lead here, each including the next, the last of them this one. Empty for a text without a file.
    pub(super) files: Vec<PathBuf>,
}

pub(super) struct Speller<'a> {
    pub(super) layers: &'a mut Layers,
    pub(super) source: Source,
}

impl Speller<'_> {
    /// Puts `entries` into the object of a node, which is open.
    pub(super) fn entries(&mut self, entries: Vec<Entry>, node: NodeId, scope: &Scope) {
        for entry in entries {
            match entry {
                Entry::Field { key, append, value, line } => self.field(&key, append, value, Some(line), node, scope),
                Entry::Include(include) => self.include(&include, node, scope),
            }
        }
    }

    fn field(
        &mut self,
        key: &[String],
        append: bool,
        value: Expression,
        line: Option<usize>,
        node: NodeId,
        outer: &Scope,
    ) {
        let Some(scope) = self.key(key, outer, line) else { return };
        // Of one text the parser has seen to it; includes and variables add up.
        if scope.path.len() > DEEPEST {
            let message = format!("nested more than {DEEPEST} deep");
            return self.report(line, None, ProblemKind::Syntax(message));
        }
        let is_section = matches!(scope.known, Known::Section(_) | Known::Named(_));
        if let (true, Some(found)) = (is_section, plain(&value, append)) {
            return self.report(line, Some(scope.written), Problem::bad_value("an object", found));
        }
        let (written, path) = (scope.written.clone(), scope.path.clone());
        let place = self.layers.origins.add(Origin { source: self.source.index, line, written, path });
        let mut target = node;
        for segment in &scope.path[outer.path.len()..] {
            self.layers.tree.open(target, place);
            target = self.layers.tree.child(target, segment);
        }
        if append {
            self.append(value, target, &scope, place, line);
        } else {
            self.assign(value, target, &scope, place);
        }
    }

    /// Puts a value at a path from the top, for a source without lines.
    pub(super) fn lone_value(&mut self, path: &[String], value: Expression) {
        self.field(path, false, value, None, Tree::TOP, &Scope::top(self.layers.known));
    }

    /// Follows a dotted key down from `scope`. Reports it, and returns `None`, if there is no such key.
    fn key(&mut self, key: &[String], scope: &Scope, line: Option<usize>) -> Option<Scope> {
        let mut scope = scope.clone();
        for (i, segment) in key.iter().enumerate() {
            let Some(step) = scope.known.step(segment) else {
                let written = key[i..].iter().fold(scope.written, |path, segment| path::join(&path, segment));
                let suggestion = scope.known.suggestion(segment);
                self.report(line, Some(written), ProblemKind::UnknownKey { suggestion });
                return None;
            };
            scope.written = path::join(&scope.written, segment);
            scope.path.extend(step.canonical);
            scope.known = step.known;
        }
        Some(scope)
    }

    fn assign(&mut self, value: Expression, node: NodeId, scope: &Scope, place: Place) {
        match value {
            Expression::Object(entries) => self.object(entries, node, scope, place),
            other => {
                let value = self.value(other, scope, place);
                self.layers.tree.assign(node, value, place);
            }
        }
    }

    /// `key += value` is `key = ${?key} [value]`.
    fn append(&mut self, value: Expression, node: NodeId, scope: &Scope, place: Place, line: Option<usize>) {
        if scope.in_list {
            return self.report(
                line,
                Some(scope.written.clone()),
                ProblemKind::Syntax("+= cannot stand in a list".into()),
            );
        }
        let paths = vec![scope.path.clone()];
        let written = format!("${{?{}}}", scope.written);
        let before = Value::Reference(Reference { paths, variable: None, optional: true, written });
        let added = Value::List(vec![self.part(value, &in_list(scope), place)]);
        let parts = [before, added].map(|value| Part::Value(Arc::new(value)));
        self.layers.tree.assign(node, Value::Concatenation(parts.into()), place);
    }

    fn object(&mut self, entries: Vec<Entry>, node: NodeId, scope: &Scope, place: Place) {
        self.layers.tree.open(node, place);
        // Below a value nothing is known; that it should not be an object is told once all is merged.
        let known = if matches!(scope.known, Known::Setting) { &Known::Foreign } else { scope.known };
        self.entries(entries, node, &Scope { known, ..scope.clone() });
    }

    fn value(&mut self, value: Expression, scope: &Scope, place: Place) -> Value {
        match value {
            Expression::Scalar(scalar) => Value::Scalar(scalar),
            Expression::Blank(text) => Value::Scalar(Scalar::text(text)),
            Expression::Reference { path, optional } => Value::Reference(self.reference(&path, optional, scope)),
            Expression::List(items) => {
                let scope = in_list(scope);
                Value::List(items.into_iter().map(|item| self.part(item, &scope, place)).collect())
            }
            Expression::Concatenation(parts) => {
                Value::Concatenation(parts.into_iter().map(|part| self.part(part, scope, place)).collect())
            }
            // Only a part can be one: an object by itself is put into a node.
            Expression::Object(_) => Value::Concatenation(vec![self.part(value, scope, place)]),
        }
    }

    fn part(&mut self, part: Expression, scope: &Scope, place: Place) -> Part {
        match part {
            Expression::Blank(text) => Part::Blank(text),
            Expression::Object(entries) => {
                let node = self.layers.tree.add();
                self.object(entries, node, scope, place);
                Part::Object(node)
            }
            other => Part::Value(Arc::new(self.value(other, scope, place))),
        }
    }

    fn reference(&self, path: &[String], optional: bool, scope: &Scope) -> Reference {
        let dotted = path.iter().fold(String::new(), |path, segment| path::join(&path, segment));
        let written = format!("${{{}{dotted}}}", if optional { "?" } else { "" });
        let included: Vec<_> = scope.path[..self.source.prefix].iter().chain(path).cloned().collect();
        let canonical = |path: &[String]| canonical(self.layers.known, path);
        let mut paths = vec![canonical(&included)];
        if self.source.prefix > 0 {
            paths.push(canonical(path));
        }
        let variable = <&[String; 1]>::try_from(path).ok().map(|[name]| name.clone());
        Reference { paths, variable, optional, written }
    }

    fn include(&mut self, include: &Include, node: NodeId, scope: &Scope) {
        if scope.in_list {
            let message = "include cannot stand in a list".into();
            return self.report(Some(include.line), None, ProblemKind::Syntax(message));
        }
        match self.layers.files.find(include, &self.source.files) {
            Err(kind) => self.report(Some(include.line), None, kind),
            Ok(files) => {
                for (file, text) in files {
                    let index = self.layers.add_included(file.display().to_string(), self.source.index);
                    let mut files = self.source.files.clone();
                    files.push(file);
                    let source = Source { index: Some(index), prefix: scope.path.len(), files };
                    self.layers.read(source, &text, node, scope);
                }
            }
        }
    }

    fn report(&mut self, line: Option<usize>, key: Option<String>, kind: ProblemKind) {
        self.layers.report(self.source.index, line, key, kind);
    }
}

fn in_list(scope: &Scope) -> Scope {
    Scope { known: &Known::Foreign, in_list: true, ..scope.clone() }
}

/// The path of a `${...}` in the spelling of `reference.conf`, or as it stands where it leads to no known key.
fn canonical(known: &'static Known, path: &[String]) -> Vec<String> {
    let mut known = known;
    let mut canonical = Vec::with_capacity(path.len());
    for segment in path {
        let Some(step) = known.step(segment) else { return path.to_vec() };
        canonical.extend(step.canonical);
        known = step.known;
    }
    canonical
}

/// The value in words, if it is no object whatever its references lead to.
fn plain(value: &Expression, append: bool) -> Option<String> {
    match value {
        _ if append => Some("a list".into()),
        Expression::Object(_) | Expression::Reference { .. } => None,
        Expression::List(_) => Some("a list".into()),
        Expression::Scalar(scalar) => Some(scalar.in_words()),
        Expression::Blank(text) => Some(format!("\"{text}\"")),
        Expression::Concatenation(parts) => {
            let is_open = |part: &Expression| matches!(part, Expression::Reference { .. } | Expression::Object(_));
            let text = |part: &Expression| match part {
                Expression::Scalar(scalar) => scalar.text.clone(),
                Expression::Blank(text) => text.clone(),
                _ => String::new(),
            };
            let is_plain = !parts.iter().any(is_open);
            is_plain.then(|| format!("\"{}\"", parts.iter().map(text).collect::<String>()))
        }
    }
}
