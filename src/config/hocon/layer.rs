//! One source: from its text to fields in the spelling of `reference.conf`.
//!
//! On the way each assignment is noted with its line, and what cannot be right whatever the other sources say is
//! reported and left out, so that the rest can still be checked.

use hocon::parser::{self, AstField, AstNode, Pos};
use hocon::{ScalarType, ScalarValue, Segment};

use super::balance;
use super::{Layers, known};
use crate::config::known::Known;
use crate::config::origin::{Definition, Place, Written};
use crate::config::path;
use crate::config::problem::{Problem, ProblemKind};

/// A text that is not HOCON.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) message: String,
}

impl From<hocon::ParseError> for SyntaxError {
    fn from(error: hocon::ParseError) -> Self {
        Self { line: error.line, message: error.message }
    }
}

/// The fields at the top of `text`.
pub(super) fn parse(text: &str) -> Result<Vec<AstField>, SyntaxError> {
    let tokens = hocon::tokenize(text)?;
    balance::check(&tokens)?;
    match parser::parse_tokens(&tokens)? {
        AstNode::Object { fields, .. } => Ok(fields),
        AstNode::Array { pos, .. } => Err(SyntaxError {
            line: pos.line,
            message: "expected an object at the top of the file, found a list".into(),
        }),
        _ => Err(SyntaxError { line: 1, message: "expected an object at the top of the file".into() }),
    }
}

/// Puts the keys of `source` into the spelling of `reference.conf`.
pub(super) fn spell(layers: &mut Layers, source: usize, fields: Vec<AstField>) -> Vec<AstField> {
    let top = Scope { known: known(), path: String::new(), written: String::new() };
    Speller { layers, source }.fields(fields, &top)
}

/// Where in the settings a part of the source lies.
#[derive(Clone)]
struct Scope {
    known: &'static Known,
    /// The path in the spelling of `reference.conf`.
    path: String,
    /// The path as its author spelt it.
    written: String,
}

struct Speller<'a> {
    layers: &'a mut Layers,
    source: usize,
}

impl Speller<'_> {
    fn fields(&mut self, fields: Vec<AstField>, scope: &Scope) -> Vec<AstField> {
        fields.into_iter().filter_map(|field| self.field(field, scope)).collect()
    }

    fn field(&mut self, field: AstField, scope: &Scope) -> Option<AstField> {
        let AstField { key, value, append, pos } = field;
        if key.is_empty() {
            // The parser's sign for an include. Here its fields would be read, spelt and put in its place.
            self.report(&pos, None, ProblemKind::Syntax("include is not supported".into()));
            return None;
        }
        let (key, scope) = self.key(&key, scope, &pos)?;
        let kind = if append { Kind::Plain("a list".into()) } else { Kind::of(&value) };
        let is_section = matches!(scope.known, Known::Section(_) | Known::Named(_));
        if let (true, Kind::Plain(found)) = (is_section, &kind) {
            self.report(&pos, Some(scope.written), Problem::bad_value("an object", found));
            return None;
        }
        let written = match (scope.known, kind) {
            (Known::Setting, Kind::Computed { optional: true }) => Some(Written::Optional),
            (Known::Setting, _) => Some(Written::Value),
            (Known::Section(_) | Known::Named(_), Kind::Computed { .. }) => Some(Written::Computed),
            _ => None,
        };
        if let Some(value) = written {
            let place = Place { source: self.source, line: pos.line };
            let (path, written) = (scope.path.clone(), scope.written.clone());
            self.layers.origins.add(Definition { path, written, place, value });
        }
        let value = self.value(value, &scope);
        Some(AstField { key, value, append, pos })
    }

    /// Follows a dotted key down from `scope`. Reports it, and returns `None`, if there is no such key.
    fn key(&mut self, key: &[String], scope: &Scope, pos: &Pos) -> Option<(Vec<String>, Scope)> {
        let mut scope = scope.clone();
        let mut canonical = Vec::with_capacity(key.len());
        for (i, segment) in key.iter().enumerate() {
            let Some(step) = scope.known.step(segment) else {
                let written = key[i..].iter().fold(scope.written, |path, segment| path::join(&path, segment));
                let suggestion = scope.known.suggestion(segment);
                self.report(pos, Some(written), ProblemKind::UnknownKey { suggestion });
                return None;
            };
            scope.written = path::join(&scope.written, segment);
            scope.path = step.canonical.iter().fold(scope.path, |path, segment| path::join(&path, segment));
            scope.known = step.known;
            canonical.extend(step.canonical);
        }
        Some((canonical, scope))
    }

    fn value(&mut self, value: AstNode, scope: &Scope) -> AstNode {
        match value {
            AstNode::Object { fields, pos } => {
                // Below a value nothing is known; that it should not be an object is told once all is merged.
                let known = if matches!(scope.known, Known::Setting) { &Known::Foreign } else { scope.known };
                let fields = self.fields(fields, &Scope { known, ..scope.clone() });
                AstNode::Object { fields, pos }
            }
            AstNode::Array { items, pos } => {
                let scope = Scope { known: &Known::Foreign, ..scope.clone() };
                AstNode::Array { items: items.into_iter().map(|item| self.value(item, &scope)).collect(), pos }
            }
            AstNode::Concat { nodes, pos } => {
                self.layers.references.push((self.source, (pos.line, pos.col)));
                AstNode::Concat { nodes: nodes.into_iter().map(|node| self.value(node, scope)).collect(), pos }
            }
            mut other => {
                if let AstNode::Substitution { segments, pos, .. } = &mut other {
                    self.layers.references.push((self.source, (pos.line, pos.col)));
                    *segments = canonical_reference(segments);
                }
                other
            }
        }
    }

    fn report(&mut self, pos: &Pos, key: Option<String>, kind: ProblemKind) {
        self.layers.report(self.source, Some(pos.line), key, kind);
    }
}

/// The path of a `${...}` in the spelling of `reference.conf`, or as it stands where it leads to no known key.
fn canonical_reference(segments: &[Segment]) -> Vec<Segment> {
    let mut known = known();
    let mut canonical = Vec::with_capacity(segments.len());
    for segment in segments {
        let Some(step) = known.step(&segment.text) else { return segments.to_vec() };
        let (line, col) = (segment.line, segment.col);
        canonical.extend(step.canonical.into_iter().map(|text| Segment { text, line, col }));
        known = step.known;
    }
    canonical
}

/// What can be told about a value before references are looked up.
enum Kind {
    /// An object that is written out.
    Object,
    /// Not an object, in words.
    Plain(String),
    /// It depends on a reference.
    Computed {
        /// Whether there may be no value at all.
        optional: bool,
    },
}

impl Kind {
    fn of(value: &AstNode) -> Self {
        match value {
            AstNode::Object { .. } => Self::Object,
            AstNode::Array { .. } => Self::Plain("a list".into()),
            AstNode::Scalar { value, .. } => Self::Plain(in_words(value)),
            AstNode::Substitution { optional, .. } => Self::Computed { optional: *optional },
            AstNode::Concat { nodes, .. } => Self::of_concatenation(nodes),
            // Includes do not stand where values do.
            _ => Self::Computed { optional: true },
        }
    }

    fn of_concatenation(nodes: &[AstNode]) -> Self {
        let blank = |node: &&AstNode| matches!(node, AstNode::Scalar { separator: true, .. });
        let kinds = || nodes.iter().filter(|node| !blank(node)).map(Self::of);
        if kinds().any(|kind| matches!(kind, Self::Computed { .. })) {
            return Self::Computed { optional: kinds().all(|kind| matches!(kind, Self::Computed { optional: true })) };
        }
        if kinds().all(|kind| matches!(kind, Self::Object)) {
            return Self::Object;
        }
        let text = nodes.iter().map(|node| match node {
            AstNode::Scalar { value, .. } => value.raw.as_str(),
            _ => "",
        });
        Self::Plain(format!("\"{}\"", text.collect::<String>()))
    }
}

/// A value as problems show it.
pub(super) fn in_words(value: &ScalarValue) -> String {
    match value.value_type {
        ScalarType::String => format!("\"{}\"", value.raw),
        _ => value.raw.clone(),
    }
}
