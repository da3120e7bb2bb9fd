//! The scenarios that come with the crate.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kanaloa::lab::{Scenario, ScenarioError, built_in};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lab/scenarios")
}

#[test]
fn every_file_is_built_in() {
    let files = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let names: BTreeSet<_> = files
        .filter(|path| path.is_file())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, built_in().iter().map(|scenario| scenario.name.to_owned()).collect());
    assert_eq!(names.len(), built_in().len());
}

#[test]
fn every_one_holds_and_is_described() {
    for file in built_in() {
        let scenario = Scenario::built_in(file.name, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, file.name);
        assert!(file.description().ends_with('.'), "{}: {}", file.name, file.description());
    }
}

#[test]
fn a_built_in_scenario_is_what_its_file_is() {
    for file in built_in() {
        let loaded = Scenario::load(directory().join(format!("{}.conf", file.name)), &[]);
        assert_eq!(loaded.unwrap(), Scenario::built_in(file.name, &[]).unwrap());
    }
}

#[test]
fn overrides_lie_over_a_built_in_scenario_and_its_parts() {
    let set = ["services.backend.slots=30".parse().unwrap(), "phases.0.rate=77".parse().unwrap()];
    let scenario = Scenario::built_in("overload-2x-fixed-fifo", &set).unwrap();
    assert_eq!((scenario.phases[0].rate, scenario.phases[0].services[0].slots), (77.0, 30));
    let scenario = Scenario::built_in("twenty-services", &["services.s03.slots=7".parse().unwrap()]).unwrap();
    assert_eq!(scenario.phases[0].services.iter().map(|service| service.slots).sum::<usize>(), 19 * 5 + 7);
    let error = Scenario::built_in("bursts", &["warm-up=61s".parse().unwrap()]).unwrap_err();
    let expected =
        "--set warm-up=61s: scenario.warm-up: expected less than the 60s that the phases last, found \"61s\"";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_name_that_is_not_built_in() {
    let error = Scenario::built_in("brusts", &[]).unwrap_err();
    assert_eq!(error, ScenarioError::NoSuchName { name: "brusts".into(), suggestion: Some("bursts") });
    assert_eq!(error.to_string(), "no scenario brusts is built in; did you mean bursts?");
    assert_eq!(Scenario::built_in("x", &[]).unwrap_err().to_string(), "no scenario x is built in");
}

#[test]
fn the_docs_list_what_is_built_in() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lab.md")).unwrap();
    let (_, list) = docs.split_once("\n## Built-in scenarios\n").unwrap();
    let rows: Vec<_> = list.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> =
        built_in().iter().map(|file| format!("| `{}` | {} |", file.name, file.description())).collect();
    assert_eq!(rows, expected);
}

#[test]
fn the_scenario_in_the_docs_holds() {
    let docs = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lab.md")).unwrap();
    let (_, text) = docs.split_once("```hocon\n").unwrap();
    let (text, _) = text.split_once("```").unwrap();
    let capacities = |scenario: Scenario| scenario.phases.iter().map(|phase| phase.capacity()).collect::<Vec<_>>();
    assert_eq!(capacities(Scenario::parse(text, "docs/lab.md", &[]).unwrap()), [200.0, 400.0]);
}
