//! What the command is told.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use kanaloa::lab::Override;

use super::error::SimulateError;
use super::source::Source;

/// Every run is remembered until the end.
const RUNS: RangeInclusive<u32> = 1..=10_000;

/// The options of `kanaloa simulate`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SimulateArgs {
    /// The same as --scenario
    #[arg(value_name = "SCENARIO")]
    named: Vec<String>,

    /// A built-in scenario's name, or a file: what has a path separator or ends in .conf, and else what is no name
    ///
    /// With --compare and --vary it may be given several times.
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Vec<String>,

    /// Show the names of the built-in scenarios
    #[arg(long, exclusive = true)]
    pub(super) list: bool,

    /// Change a key of the scenario, such as arrivals.deadline=2s or dispatcher.worker-pool.max-pool-size=50
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// What chance starts from, instead of what the scenario says; the same seed gives the same run
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) seed: Option<u64>,

    /// How many runs, each from the next seed: 1 to 10000 [default: 1; with --compare 3]
    #[arg(long, value_name = "N", value_parser = runs, allow_negative_numbers = true)]
    runs: Option<u32>,

    /// Print JSON, one object on a line for each run (with --compare for each scenario and algorithm, with --vary for
    /// each scenario and value)
    #[arg(long)]
    pub(super) json: bool,

    /// Write a report with plots into this directory, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,

    /// Run all throttle algorithms on all built-in scenarios, or on those that are named, and compare
    #[arg(long)]
    pub(super) compare: bool,

    /// Run the scenarios with each of these values of one key, and draw their response times over one another
    ///
    /// Such as --vary dispatcher.work-settings.concurrent-calls=1,2,3, with one scenario or several.
    #[arg(long, value_name = "KEY=VALUE,VALUE...")]
    pub(super) vary: Option<String>,
}

impl SimulateArgs {
    pub(super) fn runs(&self) -> u32 {
        self.runs.unwrap_or(if self.compare { 3 } else { 1 })
    }

    /// The scenarios that are named.
    pub(super) fn sources(&self) -> Result<Vec<Source>, SimulateError> {
        self.named.iter().chain(&self.scenario).map(|text| Source::find(text)).collect()
    }

    pub(super) fn overrides(&self) -> Result<Vec<Override>, SimulateError> {
        self.set.iter().map(|text| Ok(text.parse()?)).collect()
    }

    /// The command that was given, for a shell.
    pub(super) fn command(&self) -> String {
        let mut words = vec!["kanaloa".to_owned(), "simulate".to_owned()];
        words.extend(self.named.iter().map(|name| quoted(name)));
        let mut option = |name: &str, value: &str| words.extend([name.to_owned(), quoted(value)]);
        self.scenario.iter().for_each(|scenario| option("--scenario", scenario));
        self.set.iter().for_each(|set| option("--set", set));
        self.vary.iter().for_each(|vary| option("--vary", vary));
        self.seed.iter().for_each(|seed| option("--seed", &seed.to_string()));
        self.runs.iter().for_each(|runs| option("--runs", &runs.to_string()));
        let flags = [("--json", self.json), ("--compare", self.compare)];
        words.extend(flags.iter().filter(|(_, given)| *given).map(|(name, _)| (*name).to_owned()));
        if let Some(out) = &self.out {
            words.extend(["--out".to_owned(), quoted(&out.to_string_lossy())]);
        }
        words.join(" ")
    }
}

/// A word as a POSIX shell takes it for itself.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn runs(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if RUNS.contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number of runs from {} to {}", RUNS.start(), RUNS.end())),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn args(words: &[&str]) -> SimulateArgs {
        Program::parse_from(["simulate"].iter().chain(words)).args
    }

    #[test]
    fn the_command_can_be_given_again() {
        let words = ["a b.conf", "--set", "arrivals.deadline=2s", "--seed", "7", "--runs", "3", "--out", "it's"];
        assert_eq!(
            args(&words).command(),
            r"kanaloa simulate 'a b.conf' --set arrivals.deadline=2s --seed 7 --runs 3 --out 'it'\''s'"
        );
    }

    #[test]
    fn a_comparison_has_three_runs_and_anything_else_one() {
        assert_eq!((args(&["x"]).runs(), args(&["--compare"]).runs(), args(&["--runs", "2"]).runs()), (1, 3, 2));
    }

    #[test]
    fn runs_that_cannot_be_made_are_refused_in_words() {
        for text in ["0", "-1", "many", "10001"] {
            assert_eq!(runs(text), Err("expected a whole number of runs from 1 to 10000".to_owned()));
        }
    }
}
