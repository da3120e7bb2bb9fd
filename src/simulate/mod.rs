//! `kanaloa simulate`: what Kanaloa would do in front of a service, in virtual time.

mod args;
mod compare;
mod error;
mod figures;
#[cfg(test)]
mod fixture;
mod page;
mod progress;
mod runs;
mod source;
mod spread;
mod timeline;
mod vary;
mod words;

use std::path::Path;
use std::process::ExitCode;

use kanaloa::lab::{self, Outcome, Record, Scenario};

pub(crate) use self::args::SimulateArgs;
use self::error::SimulateError;
use self::runs::{Runs, run_all, threads};
use self::source::seeded;
use crate::cli::console;
use crate::cli::interrupt::INTERRUPTED;
use crate::report::ReportFile;

/// Simulates. What went wrong is said on standard error.
pub(crate) fn run(args: &SimulateArgs) -> ExitCode {
    let result = match args {
        SimulateArgs { list: true, .. } => list(),
        SimulateArgs { compare: true, vary: Some(_), .. } => Err(SimulateError::TwoReports),
        SimulateArgs { compare: true, .. } => compare::run(args),
        SimulateArgs { vary: Some(varied), .. } => vary::run(args, varied),
        _ => simulate(args),
    };
    result.unwrap_or_else(|error| {
        console::note(format!("error: {error}"));
        error.status()
    })
}

/// Names and what they stand for, below each other.
fn list() -> Result<ExitCode, SimulateError> {
    let width = lab::built_in().iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
    let lines: Vec<_> =
        lab::built_in().iter().map(|one| format!("{:width$}   {}", one.name, one.description())).collect();
    console::print(lines.join("\n")).map_err(SimulateError::Print)?;
    Ok(ExitCode::SUCCESS)
}

fn simulate(args: &SimulateArgs) -> Result<ExitCode, SimulateError> {
    let sources = args.sources()?;
    let source = match &sources[..] {
        [] => return Err(SimulateError::NoScenario),
        [one] => one,
        _ => return Err(SimulateError::SeveralScenarios),
    };
    let mut scenario = source.load(&args.overrides()?)?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    let scenarios = seeded(&scenario, args.runs())?;
    // Found out now, not after the runs.
    let report = args.out.as_deref().map(|directory| writable(directory, "report.html")).transpose()?;

    // Plots are made of the first run that is complete. With so many threads at most one fewer can be before it.
    let kept = if report.is_some() { threads() } else { 0 };
    let runs =
        run_all(
            scenarios,
            move |index, _, outcome| {
                if index < kept { outcome } else { Outcome { record: Record::default(), ..outcome } }
            },
        )?;
    let interrupted = interruption(&runs);
    let outcomes: Vec<Outcome> = runs.results.into_iter().flatten().collect();
    if outcomes.is_empty() {
        console::note("Interrupted before a run was complete. Nothing was printed or written.");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let printed = if args.json { console::print(lines(&outcomes)) } else { console::print(text(&scenario, &outcomes)) };
    // What was simulated is not lost because it could not be printed, and the other way round.
    let page = page::page(&scenario, &outcomes, &args.command());
    let reported = report.zip(page).map(|(report, page)| write(&report, &page.to_html()).map(|()| report));
    printed.map_err(SimulateError::Print)?;
    if let Some(report) = reported.transpose()? {
        console::note(format!("Report: {}", report.path().display()));
    }
    Ok(match interrupted {
        None => ExitCode::SUCCESS,
        Some(told) => {
            console::note(told);
            ExitCode::from(INTERRUPTED)
        }
    })
}

/// What the reader must know of runs that were interrupted.
fn interruption<T>(runs: &Runs<T>) -> Option<String> {
    let told = || format!("Interrupted: {} of {} runs are complete, and shown.", runs.complete(), runs.results.len());
    (!runs.all_complete()).then(told)
}

/// A line of JSON for each run.
fn lines(outcomes: &[Outcome]) -> String {
    let line = |outcome| serde_json::to_string(outcome).expect("numbers and strings can be written as JSON");
    outcomes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A heading, the table and what must be said with it.
fn text(scenario: &Scenario, outcomes: &[Outcome]) -> String {
    let heading = match outcomes {
        [one] => format!("{}, seed {}", one.scenario, one.seed),
        [first, .., last] => format!(
            "{}, {} runs from seeds {} to {}: median and worst",
            first.scenario,
            outcomes.len(),
            first.seed,
            last.seed
        ),
        [] => String::new(),
    };
    let notes = page::definitions(scenario).join("\n");
    format!("{heading}\n\n{}\n\n{notes}", figures::to_text(scenario, outcomes))
}

/// A file in the directory, which can be written.
fn writable(directory: &Path, name: &str) -> Result<ReportFile, SimulateError> {
    ReportFile::named(directory, name).map_err(|source| SimulateError::Report { path: directory.into(), source })
}

/// The same, and says so.
fn written((file, text): (ReportFile, String)) -> Result<(), SimulateError> {
    write(&file, &text)?;
    console::note(format!("Written: {}", file.path().display()));
    Ok(())
}

fn write(file: &ReportFile, text: &str) -> Result<(), SimulateError> {
    file.write(text).map_err(|source| SimulateError::Report { path: file.path().into(), source })
}
