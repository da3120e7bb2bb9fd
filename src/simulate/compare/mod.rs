//! `kanaloa simulate --compare`: every throttle algorithm on every scenario.

mod grid;
mod heat;
mod page;

use std::process::ExitCode;

use kanaloa::lab::{Outcome, Override, Scenario};

use self::grid::{Cell, Curve, Grid, Sample};
use super::args::SimulateArgs;
use super::error::SimulateError;
use super::figures::{highest_p99, lowest_ratio};
use super::runs::run_all;
use super::source::{Source, seeded};
use super::timeline::{Bucket, buckets};
use super::words::edges;
use super::{writable, written};
use crate::cli::console;
use crate::cli::interrupt::INTERRUPTED;

/// In the order of the columns.
const ALGORITHMS: [&str; 6] = ["plumb", "kanaloa", "gradient2", "vegas", "aimd", "fixed"];
const KEY: &str = "dispatcher.autothrottle.algorithm";
/// What nobody else may set.
const OWN: [&str; 2] = [KEY, "dispatcher.autothrottle.enabled"];

pub(super) fn run(args: &SimulateArgs) -> Result<ExitCode, SimulateError> {
    let scenarios = scenarios(args)?;
    let runs = args.runs() as usize;
    // Found out now, not after many runs.
    let file = |name| args.out.as_deref().map(|directory| writable(directory, name)).transpose();
    let (html, markdown, svg) = (file("compare.html")?, file("compare.md")?, file("compare.svg")?);

    let drawn = html.is_some();
    let names: Vec<_> = scenarios.iter().step_by(ALGORITHMS.len() * runs).map(|one| one.name.clone()).collect();
    console::note(format!(
        "{} runs: {} algorithms × {} scenarios × {runs}.",
        scenarios.len(),
        ALGORITHMS.len(),
        names.len()
    ));
    let done = run_all(scenarios, move |index, scenario, outcome| Sample {
        ratio: lowest_ratio(&outcome),
        p99: highest_p99(&outcome),
        curve: (drawn && index % runs == 0).then(|| curve(scenario, &outcome)),
    })?;
    let mut cells = done.results.chunks(runs).map(|samples| samples.iter().cloned().collect::<Option<Vec<_>>>());
    let rows = names.iter().filter_map(|name| {
        // All of a row are taken whether or not one is incomplete; a row that is has no best, and is not shown.
        let row: Vec<_> = cells.by_ref().take(ALGORITHMS.len()).collect();
        let row: Option<Vec<_>> = row.into_iter().map(|samples| Some(Cell::new(&samples?))).collect();
        Some((name.clone(), row?))
    });
    let grid = Grid::new(ALGORITHMS, runs, rows);
    let complete = done.all_complete();
    if grid.rows.is_empty() {
        console::note("Interrupted before a scenario was complete. Nothing was printed or written.");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let printed = if args.json { console::print(grid.to_json_lines()) } else { console::print(grid.to_text()) };
    if !complete {
        printed.map_err(SimulateError::Print)?;
        let shown = format!("{} of {} scenarios are complete, and shown", grid.rows.len(), names.len());
        let unwritten = if args.out.is_some() { ". No file was written" } else { "" };
        console::note(format!("Interrupted: {shown}{unwritten}."));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let picture = heat::svg(&grid);
    let command = args.command();
    let texts = [
        (markdown, grid.to_markdown(&command)),
        (html, page::page(&grid, &picture, &command).to_html()),
        (svg, picture),
    ];
    let written = texts.into_iter().filter_map(|(file, text)| Some((file?, text))).try_for_each(written);
    printed.map_err(SimulateError::Print)?;
    written?;
    Ok(ExitCode::SUCCESS)
}

/// Every run there is to make: by scenario, then algorithm, then seed.
fn scenarios(args: &SimulateArgs) -> Result<Vec<Scenario>, SimulateError> {
    let overrides = args.overrides()?;
    let is_its_own = |set: &&Override| OWN.contains(&set.key.strip_prefix("scenario.").unwrap_or(&set.key));
    if let Some(algorithm) = overrides.iter().find(is_its_own) {
        return Err(SimulateError::AlgorithmSet(algorithm.to_string()));
    }
    let mut sources = args.sources()?;
    if sources.is_empty() {
        sources.extend(Source::built_in());
    }
    let mut scenarios = Vec::new();
    for source in sources {
        // What is wrong with it is not to be blamed on what is set here.
        source.load(&overrides)?;
        for algorithm in ALGORITHMS {
            let mut overrides = overrides.clone();
            overrides.push(Override { key: KEY.to_owned(), value: algorithm.to_owned() });
            let mut scenario = source.load(&overrides)?;
            scenario.seed = args.seed.unwrap_or(scenario.seed);
            scenarios.extend(seeded(&scenario, args.runs())?);
        }
    }
    Ok(scenarios)
}

fn curve(scenario: &Scenario, outcome: &Outcome) -> Curve {
    let buckets = buckets(scenario, &outcome.record);
    let end = buckets.last().map(|bucket| bucket.end);
    // The last value holds until the end.
    let held = |of: fn(&Bucket) -> f64| buckets.iter().chain(buckets.last()).map(of).collect();
    Curve {
        x: buckets.iter().map(|bucket| bucket.start).chain(end).collect(),
        good: held(|bucket| bucket.good),
        possible: held(|bucket| bucket.capacity.min(bucket.offered)),
        marks: edges(scenario).skip(1).map(|(start, _)| start).collect(),
    }
}
