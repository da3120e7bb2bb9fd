//! Scenarios that cannot be run.

use std::fmt;

use crate::config::Problem;

/// A scenario that cannot be run. Displays as one line for each problem, and so it does where a program prints what its
/// `main` returns.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// No scenario of this name is built in.
    NoSuchName {
        /// The name that was asked for.
        name: String,
        /// The one that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// Everything that is wrong with a file, in the order of the lines. Never empty.
    Wrong(Vec<Problem>),
}

impl fmt::Debug for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName { name, suggestion: None } => write!(f, "no scenario {name} is built in"),
            Self::NoSuchName { name, suggestion: Some(near) } => {
                write!(f, "no scenario {name} is built in; did you mean {near}?")
            }
            Self::Wrong(problems) => {
                let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}
