//! What can be wrong with settings, and where.

use std::fmt;

/// Settings that cannot be used. Displays as one line for each problem, and so it does where a program prints what its
/// `main` returns.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    problems: Vec<Problem>,
}

impl SettingsError {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// Everything that is wrong, in the order of the files and lines. Never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// One thing that is wrong. Displays as `SOURCE:LINE: KEY: WHAT`, without the parts that are not known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file, or the name given with a text. `None` for settings built in code, and where a value was put
    /// together from several files so that none can be blamed for sure.
    pub source: Option<String>,
    /// The line in that source, from 1, where it is known for sure.
    pub line: Option<usize>,
    /// The whole path of the key as its author wrote it. In settings built in code, the path inside a dispatcher.
    pub key: Option<String>,
    /// What is wrong there.
    pub kind: ProblemKind,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The file cannot be read.
    Unreadable(String),
    /// The text is not HOCON, or uses a part of it that is not supported.
    Syntax(String),
    /// A `${...}` has no value, or leads back to itself.
    Unresolved(String),
    /// There is no such setting.
    UnknownKey {
        /// The setting that was probably meant.
        suggestion: Option<String>,
    },
    /// The setting cannot have this value.
    BadValue {
        /// What it can be.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl Problem {
    pub(super) fn bad_value(expected: impl Into<String>, found: impl Into<String>) -> ProblemKind {
        ProblemKind::BadValue { expected: expected.into(), found: found.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.source, self.line) {
            (Some(source), Some(line)) => write!(f, "{source}:{line}: ")?,
            (Some(source), None) => write!(f, "{source}: ")?,
            (None, _) => {}
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        self.kind.fmt(f)
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(reason) => write!(f, "cannot be read: {reason}"),
            Self::Syntax(reason) | Self::Unresolved(reason) => f.write_str(reason),
            Self::UnknownKey { suggestion: None } => f.write_str("unknown key"),
            Self::UnknownKey { suggestion: Some(key) } => write!(f, "unknown key; did you mean {key}?"),
            Self::BadValue { expected, found } => write!(f, "expected {expected}, found {found}"),
        }
    }
}
