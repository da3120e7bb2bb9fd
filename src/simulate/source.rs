//! Where a scenario comes from.

use std::path::{self, Path, PathBuf};

use kanaloa::lab::{self, Override, Scenario, ScenarioError};

use super::error::SimulateError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    BuiltIn(&'static str),
    File(PathBuf),
}

impl Source {
    /// A name before a file, unless it can only be a path: a new file in the working directory changes no command.
    pub(super) fn find(text: &str) -> Result<Self, SimulateError> {
        if text.contains(path::is_separator) || text.ends_with(".conf") {
            return Ok(Source::File(text.into()));
        }
        match lab::built_in().iter().find(|built_in| built_in.name == text) {
            Some(built_in) => Ok(Source::BuiltIn(built_in.name)),
            None if Path::new(text).is_file() => Ok(Source::File(text.into())),
            None => {
                let nearest = match Scenario::built_in(text, &[]) {
                    Err(ScenarioError::NoSuchName { suggestion, .. }) => suggestion,
                    _ => None,
                };
                Err(SimulateError::UnknownScenario { name: text.to_owned(), nearest })
            }
        }
    }

    pub(super) fn built_in() -> impl Iterator<Item = Self> {
        lab::built_in().iter().map(|built_in| Source::BuiltIn(built_in.name))
    }

    pub(super) fn load(&self, overrides: &[Override]) -> Result<Scenario, SimulateError> {
        Ok(match self {
            Source::BuiltIn(name) => Scenario::built_in(name, overrides)?,
            Source::File(path) => Scenario::load(path, overrides)?,
        })
    }
}

/// The scenario from so many seeds, one after the other.
pub(super) fn seeded(scenario: &Scenario, runs: u32) -> Result<Vec<Scenario>, SimulateError> {
    (0..u64::from(runs))
        .map(|run| {
            let seed = scenario.seed.checked_add(run).ok_or(SimulateError::NoMoreSeeds)?;
            Ok(Scenario { seed, ..scenario.clone() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_only_be_a_path_is_a_file() {
        let name = lab::built_in()[0].name;
        assert_eq!(Source::find(name).unwrap(), Source::BuiltIn(name));
        for path in [format!("./{name}"), format!("{name}.conf")] {
            assert_eq!(Source::find(&path).unwrap(), Source::File(path.into()));
        }
    }

    #[test]
    fn a_name_that_is_none_is_answered_with_the_nearest() {
        let name = lab::built_in()[0].name;
        let error = Source::find(&format!("{name}x")).unwrap_err().to_string();
        assert!(error.contains(&format!("did you mean `{name}`?")) && error.contains("--list"), "{error}");
    }

    #[test]
    fn each_run_has_the_next_seed_and_they_end_somewhere() {
        let mut scenario = Scenario::built_in(lab::built_in()[0].name, &[]).unwrap();
        scenario.seed = u64::MAX - 1;
        let seeds = |runs| seeded(&scenario, runs).map(|all| all.iter().map(|one| one.seed).collect::<Vec<_>>());
        assert_eq!(seeds(2).unwrap(), [u64::MAX - 1, u64::MAX]);
        assert!(matches!(seeds(3), Err(SimulateError::NoMoreSeeds)));
    }
}
