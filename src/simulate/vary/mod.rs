//! `kanaloa simulate --vary`: scenarios with several values of one setting, over one another.

mod figures;
mod page;
mod picture;
mod said;
mod setting;

use std::process::ExitCode;

use kanaloa::config::ProblemKind;
use kanaloa::lab::{Override, Scenario, ScenarioError};

use self::figures::{Cell, Sample, Varied};
pub(super) use self::setting::NotVaried;
use self::setting::Setting;
use super::args::SimulateArgs;
use super::error::SimulateError;
use super::runs::run_all;
use super::source::{Source, seeded};
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
    // Otherwise it is printed with the table.
    if let Some(idle) = varied.idle().filter(|_| args.json) {
        console::note(idle);
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
    let mut wrong: Vec<String> = Vec::new();
    let several = sources.len() > 1;
    for source in sources {
        // What is wrong with it is not to be blamed on a value.
        let usual = source.load(&overrides)?;
        let of = if several { format!("{}: ", usual.name) } else { String::new() };
        if let Some(missing) = no_such_service(setting, &usual) {
            wrong.push(format!("--vary {}: {missing}", setting.key));
            continue;
        }
        match with_each(&source, &overrides, setting) {
            Ok(with_each) => {
                for mut scenario in with_each {
                    scenario.seed = args.seed.unwrap_or(scenario.seed);
                    scenarios.extend(seeded(&scenario, args.runs())?);
                }
            }
            Err(told) => wrong.extend(told.iter().map(|told| format!("{of}{told}"))),
        }
    }
    if wrong.is_empty() { Ok(scenarios) } else { Err(SimulateError::Value(wrong.join("\n"))) }
}

/// The scenario with each value, or everything that is wrong with them.
fn with_each(source: &Source, overrides: &[Override], setting: &Setting) -> Result<Vec<Scenario>, Vec<String>> {
    let mut scenarios = Vec::new();
    let mut wrong = Vec::new();
    for value in setting.overrides() {
        match source.load(&[overrides, std::slice::from_ref(&value)].concat()) {
            Ok(scenario) => scenarios.push(scenario),
            // It is no other with another value.
            Err(error) if is_of_the_key(&error) => return Err(vec![unknown(setting, &value, &error)]),
            // Only the value is new, and it was not given with --set.
            Err(error) => {
                let told =
                    |varied: &str| error.to_string().replace(&format!("--set {value}"), &format!("--vary {varied}"));
                wrong.push((told(&value.to_string()), told(&setting.key)));
            }
        }
    }
    // What is wrong with every value alike is wrong with the key.
    if scenarios.is_empty() && wrong.windows(2).all(|two| two[0].1 == two[1].1) {
        return Err(wrong.into_iter().map(|(_, of_key)| of_key).take(1).collect());
    }
    if wrong.is_empty() { Ok(scenarios) } else { Err(wrong.into_iter().map(|(of_value, _)| of_value).collect()) }
}

fn is_of_the_key(error: &SimulateError) -> bool {
    let SimulateError::Scenario(ScenarioError::Wrong(problems)) = error else { return false };
    problems.iter().any(|problem| matches!(problem.kind, ProblemKind::UnknownKey { .. }))
}

/// What is said of a key that there is not, without the value that it would have had.
fn unknown(setting: &Setting, value: &Override, error: &SimulateError) -> String {
    let told = error.to_string().replace(&format!("--set {value}"), &format!("--vary {}", setting.key));
    let Some(meant) = setting.meant() else { return told };
    let bare = told.split("; did you mean").next().unwrap_or(&told);
    format!("{bare}; did you mean {meant}?")
}

/// What is said of a service that the scenario does not have.
fn no_such_service(setting: &Setting, scenario: &Scenario) -> Option<String> {
    let asked = setting.service()?;
    let names: Vec<_> = scenario.phases.first()?.services.iter().map(|service| service.name.as_str()).collect();
    let told = || format!("scenario {} has no service {asked}; its services are: {}", scenario.name, names.join(", "));
    (!names.contains(&asked)).then(told)
}
