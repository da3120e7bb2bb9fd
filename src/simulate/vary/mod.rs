//! `kanaloa simulate --vary`: scenarios with several values of one setting, over one another.

mod figures;
mod page;
mod picture;
mod said;
mod setting;

use std::process::ExitCode;

use kanaloa::lab::Scenario;

use self::figures::{Cell, Sample, Varied};
pub(super) use self::setting::NotVaried;
use self::setting::Setting;
use super::args::SimulateArgs;
use super::error::SimulateError;
use super::runs::run_all;
use super::source::seeded;
use super::{writable, written};
use crate::cli::console;
use crate::cli::interrupt::INTERRUPTED;

pub(super) fn run(args: &SimulateArgs, varied: &str) -> Result<ExitCode, SimulateError> {
    let setting: Setting = varied.parse()?;
    let scenarios = scenarios(args, &setting)?;
    let runs = args.runs() as usize;
    // Found out now, not after many runs.
    let file = |name| args.out.as_deref().map(|directory| writable(directory, name)).transpose();
    let (html, svg) = (file("vary.html")?, file("vary.svg")?);

    let per_row = setting.values.len() * runs;
    let with_each: Vec<Vec<_>> =
        scenarios.chunks(per_row).map(|row| row.iter().step_by(runs).cloned().collect()).collect();
    let done = run_all(scenarios, |_, scenario, outcome| Sample::new(scenario, &outcome))?;
    let complete = done.all_complete();
    let rows = done.results.chunks(per_row).zip(&with_each).filter_map(|(row, with_each)| {
        let samples: Vec<Sample> = row.iter().cloned().collect::<Option<_>>()?;
        Some((with_each.first()?.name.clone(), samples.chunks(runs).map(Cell::new).collect()))
    });
    let varied = Varied { setting, runs, rows: rows.collect() };
    if varied.rows.is_empty() {
        console::note("Interrupted before a scenario was complete. Nothing was printed or written.");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let printed = if args.json { console::print(varied.to_json_lines()) } else { console::print(varied.to_text()) };
    if !complete {
        printed.map_err(SimulateError::Print)?;
        let shown = format!("{} of {} scenarios are complete, and shown", varied.rows.len(), with_each.len());
        let unwritten = if args.out.is_some() { ". No file was written" } else { "" };
        console::note(format!("Interrupted: {shown}{unwritten}."));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let page = page::page(&varied, &with_each, &args.command());
    let texts = [(html, page.to_html()), (svg, picture::whole(&varied))];
    let wrote = texts.into_iter().filter_map(|(file, text)| Some((file?, text))).try_for_each(written);
    printed.map_err(SimulateError::Print)?;
    wrote?;
    Ok(ExitCode::SUCCESS)
}

/// Every run there is to make: by scenario, then value, then seed.
fn scenarios(args: &SimulateArgs, setting: &Setting) -> Result<Vec<Scenario>, SimulateError> {
    let overrides = args.overrides()?;
    if let Some(set) = overrides.iter().find(|set| setting.is_of(set)) {
        return Err(SimulateError::VariedSet(set.to_string()));
    }
    if setting.path() == "seed" && args.seed.is_some() {
        return Err(SimulateError::VariedSeed);
    }
    let sources = args.sources()?;
    if sources.is_empty() {
        return Err(SimulateError::NoScenario);
    }
    let mut scenarios = Vec::new();
    for source in sources {
        // What is wrong with it is not to be blamed on a value.
        source.load(&overrides)?;
        for value in setting.overrides() {
            let mut overrides = overrides.clone();
            overrides.push(value.clone());
            // Only the value is new, and it was not given with --set.
            let mut scenario = source.load(&overrides).map_err(|error| {
                SimulateError::Value(error.to_string().replace(&format!("--set {value}"), &format!("--vary {value}")))
            })?;
            scenario.seed = args.seed.unwrap_or(scenario.seed);
            scenarios.extend(seeded(&scenario, args.runs())?);
        }
    }
    Ok(scenarios)
}
