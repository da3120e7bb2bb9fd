//! What a text says, before anything is merged or looked up.

use super::scalar::Scalar;

/// A text that is not HOCON.
#[derive(Debug, PartialEq)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) message: String,
}

/// One statement of an object.
#[derive(Debug)]
pub(super) enum Entry {
    /// `key = value`, or `key += value`.
    Field { key: Vec<String>, append: bool, value: Expression, line: usize },
    /// `include ...`
    Include(Include),
}

#[derive(Debug)]
pub(super) struct Include {
    pub(super) name: String,
    pub(super) kind: IncludeKind,
    /// Whether it is an error if there is no such file.
    pub(super) required: bool,
    pub(super) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum IncludeKind {
    /// `"name"`
    Heuristic,
    /// `file("name")`
    File,
    /// `url("name")`
    Url,
    /// `classpath("name")`
    Classpath,
}

/// A value as it is written.
#[derive(Debug)]
pub(super) enum Expression {
    Object(Vec<Entry>),
    List(Vec<Expression>),
    Scalar(Scalar),
    /// White space between two parts of a concatenation, which counts only between scalars.
    Blank(String),
    Reference {
        path: Vec<String>,
        optional: bool,
    },
    /// Several values beside each other.
    Concatenation(Vec<Expression>),
}
