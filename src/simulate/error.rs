//! Why there is no result.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use kanaloa::lab::{NoOverride, RunError, ScenarioError};
use thiserror::Error;

use super::vary::NotVaried;

/// What happened, where, and what to do.
#[derive(Debug, Error)]
pub(crate) enum SimulateError {
    #[error(
        "which scenario? `kanaloa simulate --list` shows those that are built in, and --scenario takes a name or a file"
    )]
    NoScenario,
    #[error("one scenario at a time; only --compare and --vary take several")]
    SeveralScenarios,
    #[error("there is no built-in scenario and no file `{name}`{}; `kanaloa simulate --list` shows the names", meant(*nearest))]
    UnknownScenario { name: String, nearest: Option<&'static str> },
    #[error("--set: {0}")]
    Set(#[from] NoOverride),
    #[error("--set {0}: --compare sets this itself, once for each algorithm")]
    AlgorithmSet(String),
    #[error("--compare and --vary are two kinds of report: give one of them")]
    TwoReports,
    #[error("--vary {0}")]
    Vary(#[from] NotVaried),
    #[error("--set {0}: --vary sets this itself, once for each value")]
    VariedSet(String),
    #[error("--seed: --vary sets the seed itself, once for each value")]
    VariedSeed,
    /// What a value of `--vary` does to a scenario.
    #[error("{0}")]
    Value(String),
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    #[error("seeds end at {max}: use a smaller --seed or fewer --runs", max = u64::MAX)]
    NoMoreSeeds,
    #[error("cannot write to {}: {source}; choose another directory with --out", path.display())]
    Report { path: PathBuf, source: io::Error },
    #[error("cannot print the result: {0}")]
    Print(#[source] io::Error),
    #[error("cannot start the simulation: {0}")]
    Start(#[source] io::Error),
    #[error("{scenario}: {source}")]
    Run { scenario: String, source: RunError },
    #[error("a simulation of {0} ended before its time; what it said is above")]
    Died(String),
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

impl SimulateError {
    /// 2 for what was asked wrongly, as for a command line that cannot be understood; 1 for what went wrong.
    pub(crate) fn status(&self) -> ExitCode {
        match self {
            Self::NoScenario
            | Self::SeveralScenarios
            | Self::UnknownScenario { .. }
            | Self::Set(_)
            | Self::AlgorithmSet(_)
            | Self::TwoReports
            | Self::Vary(_)
            | Self::VariedSet(_)
            | Self::VariedSeed
            | Self::Value(_)
            | Self::Scenario(_)
            | Self::NoMoreSeeds
            // A setting that no dispatcher starts with.
            | Self::Run { source: RunError::Start(_) | RunError::Incomplete(_), .. } => ExitCode::from(2),
            Self::Report { .. } | Self::Print(_) | Self::Start(_) | Self::Run { .. } | Self::Died(_) => ExitCode::FAILURE,
        }
    }
}
