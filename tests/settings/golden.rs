//! What the reference implementation makes of the same files: see `golden/README.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use config::{Source, Value, ValueKind};
use kanaloa::config::{Merged, Settings};
use serde_json::{Map, Value as Json};

/// Tells a child of a test which case to compare.
const CASE: &str = "KANALOA_GOLDEN_CASE";

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/settings/golden").join(name)
}

/// The files of a case in the order they are laid.
fn files(case: &Path) -> Vec<PathBuf> {
    (1..).map(|number| case.join(format!("{number}.conf"))).take_while(|file| file.exists()).collect()
}

fn expected(case: &Path) -> Json {
    let text = std::fs::read_to_string(case.join("expected.json")).unwrap();
    plain(serde_json::from_str(&text).unwrap())
}

/// All numbers as floats: the reference implementation writes 1.0 as 1.
fn plain(json: Json) -> Json {
    match json {
        Json::Number(number) => Json::from(number.as_f64().unwrap()),
        Json::Array(items) => items.into_iter().map(plain).collect(),
        Json::Object(keys) => keys.into_iter().map(|(key, json)| (key, plain(json))).collect(),
        other => other,
    }
}

fn json(value: &Value) -> Json {
    match &value.kind {
        ValueKind::Nil => Json::Null,
        ValueKind::Boolean(boolean) => Json::Bool(*boolean),
        ValueKind::I64(number) => Json::from(*number as f64),
        ValueKind::Float(number) => Json::from(*number),
        ValueKind::String(text) => Json::String(text.clone()),
        ValueKind::Table(keys) => keys.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
        ValueKind::Array(items) => items.iter().map(json).collect(),
        other => panic!("{other:?}"),
    }
}

fn compare(name: &str) {
    let case = case(name);
    let merged = Merged::load(files(&case)).unwrap_or_else(|error| panic!("{name}:\n{error}"));
    let values: Map<_, _> = merged.collect().unwrap().iter().map(|(key, value)| (key.clone(), json(value))).collect();
    let expected = expected(&case);
    let wanted = expected["values"].as_object().unwrap();
    for (key, value) in wanted {
        assert_eq!(values.get(key), Some(value), "{name}: {key}");
    }
    assert_eq!(values.len(), wanted.len(), "{name}: {:?}", values.keys());
    compare_dispatchers(&merged, &expected["dispatchers"]);
}

/// The settings that hold for each dispatcher, key by key.
fn compare_dispatchers(merged: &Merged, expected: &Json) {
    let names: Vec<_> = expected.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(merged.settings().names().collect::<Vec<_>>(), names);
    for name in names {
        for setting in merged.effective(Some(name)) {
            let pointer = format!("/{}", setting.key.replace('.', "/"));
            let wanted = match expected[name].pointer(&pointer).unwrap() {
                Json::String(text) => text.clone(),
                Json::Number(number) => {
                    assert_eq!(setting.value.parse().ok(), number.as_f64(), "{name}: {}", setting.key);
                    continue;
                }
                other => panic!("{name}: {}: {other}", setting.key),
            };
            assert_eq!(setting.value, wanted, "{name}: {}", setting.key);
        }
    }
}

#[test]
fn files_laid_over_each_other() {
    compare("merging");
}

#[test]
fn references() {
    compare("references");
}

#[test]
fn lists_that_grow() {
    compare("appending");
}

#[test]
fn everything_that_can_be_written() {
    compare("syntax");
}

#[test]
fn included_files() {
    compare("includes");
}

#[test]
fn settings_of_dispatchers() {
    compare("dispatchers");
}

#[test]
fn values_that_are_read() {
    compare("typed");
    let typed = &expected(&case("typed"))["typed"];
    let file = std::fs::read_to_string(case("typed").join("1.conf")).unwrap();
    let read = |kind: &str, key: &str, setting: &str| {
        let text =
            format!("{file}\nkanaloa.statsD.host = h\nkanaloa.default-dispatcher.{setting} = ${{typed.{kind}.{key}}}");
        let settings = Settings::parse("app.conf", &text);
        settings.unwrap_or_else(|error| panic!("{kind}.{key}: {error}")).dispatcher("any")
    };
    let keys = |kind: &str| typed[kind].as_object().unwrap().clone();
    for (key, nanoseconds) in keys("nanoseconds") {
        let settings = read("nanoseconds", &key, "initial-grace-period");
        assert_eq!(Some(settings.initial_grace_period.as_nanos() as f64), nanoseconds.as_f64(), "{key}");
    }
    for (key, on) in keys("switch") {
        assert_eq!(Some(read("switch", &key, "work-settings.at-least-once").work.at_least_once), on.as_bool(), "{key}");
    }
    for (key, number) in keys("number") {
        if number.as_f64() >= Some(0.0) {
            let settings = read("number", &key, "back-pressure.delay-factor-base");
            assert_eq!(settings.back_pressure.unwrap().delay_factor_base, number.as_f64(), "{key}");
        }
    }
    for (key, whole) in keys("whole") {
        assert_eq!(Some(read("whole", &key, "queue.capacity").queue.capacity as f64), whole.as_f64(), "{key}");
    }
    for (key, text) in keys("text") {
        let settings =
            read("text", &key, "metrics { enabled = on }\nkanaloa.default-dispatcher.metrics.statsD.namespace");
        assert_eq!(Some(settings.metrics.unwrap().statsd.namespace.as_str()), text.as_str(), "{key}");
    }
}

#[test]
fn texts_from_the_environment() {
    let overrides = std::fs::read_to_string(case("overrides").join("overrides.txt")).unwrap();
    let variables = overrides.lines().map(|line| {
        let (path, text) = line.split_once('=').unwrap();
        let name = path.replace('_', "___").replace('-', "__").replace('.', "_");
        (format!("CONFIG_FORCE_{name}"), text)
    });
    // The environment of this process is that of all its tests, so a child gets it.
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "golden::of_a_child"]).env(CASE, "overrides").envs(variables);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn of_a_child() {
    if let Ok(name) = std::env::var(CASE) {
        compare(&name);
    }
}
