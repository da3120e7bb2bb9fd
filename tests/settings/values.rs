//! Every key: its default, and what it changes.

use std::collections::BTreeSet;
use std::time::Duration;

use hocon::HoconValue;
use kanaloa::config::{AutothrottleAlgorithm, BackPressureAlgorithm, DispatcherSettings, Settings};

use crate::{parsed, refused};

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn the_defaults() {
    let settings = Settings::reference().dispatcher("any");
    assert_eq!(settings.update_interval, millis(500));
    assert_eq!(settings.initial_grace_period, millis(1_000));
    assert_eq!(settings.work.service_timeout, millis(60_000));
    assert_eq!(settings.work.request_timeout, None);
    assert_eq!(settings.queue.capacity, 100_000);
    assert_eq!(settings.worker_pool.starting_pool_size, 80);
    assert_eq!(settings.worker_pool.min_pool_size, 1);
    assert_eq!(settings.worker_pool.max_pool_size, 10_000);
    assert_eq!(settings.worker_pool.replenish_speed, millis(1_000));
    assert!(settings.worker_pool.log_routee_retrieval_error);
    let back_pressure = settings.back_pressure.expect("on");
    assert_eq!(back_pressure.algorithm, BackPressureAlgorithm::ExpectedWait);
    assert_eq!(back_pressure.reference_delay, millis(100));
    let autothrottle = settings.autothrottle.expect("on");
    assert_eq!(autothrottle.algorithm, AutothrottleAlgorithm::Plumb);
    assert_eq!(autothrottle.resize_interval, millis(500));
}

#[test]
fn a_pulling_dispatcher_refuses_nothing_and_is_otherwise_the_same() {
    let mut expected = DispatcherSettings::default();
    expected.back_pressure = None;
    assert_eq!(Settings::reference().pulling_dispatcher("any"), expected);
}

#[test]
fn no_files_and_an_empty_file_give_the_reference() {
    let none: [&str; 0] = [];
    assert_eq!(Settings::load(none).unwrap(), Settings::reference());
    for text in ["", "\n\n", "# nothing\n", "{}", "kanaloa {}", "kanaloa.dispatchers {}", "\u{feff}"] {
        assert_eq!(parsed(text), Settings::reference(), "{text:?}");
    }
}

type Change = fn(&mut DispatcherSettings);

/// Every key, a value for it that is not its default, and what that changes.
const KEYS: &[(&str, &str, Change)] = &[
    ("update-interval", "250ms", |s| {
        s.update_interval = millis(250);
        s.autothrottle.as_mut().unwrap().resize_interval = millis(250);
    }),
    ("initial-grace-period", "0", |s| s.initial_grace_period = millis(0)),
    ("work-settings.service-timeout", "3s", |s| s.work.service_timeout = millis(3_000)),
    ("work-settings.request-timeout", "2m", |s| s.work.request_timeout = Some(millis(120_000))),
    ("queue.capacity", "7", |s| s.queue.capacity = 7),
    ("worker-pool.starting-pool-size", "3", |s| s.worker_pool.starting_pool_size = 3),
    ("worker-pool.min-pool-size", "2", |s| s.worker_pool.min_pool_size = 2),
    ("worker-pool.max-pool-size", "90", |s| s.worker_pool.max_pool_size = 90),
    ("worker-pool.replenish-speed", "2s", |s| s.worker_pool.replenish_speed = millis(2_000)),
    ("worker-pool.log-routee-retrieval-error", "off", |s| s.worker_pool.log_routee_retrieval_error = false),
    ("back-pressure.enabled", "off", |s| s.back_pressure = None),
    // The only algorithm so far: it can be given, and changes nothing.
    ("back-pressure.algorithm", "expected-wait", |_| {}),
    ("back-pressure.reference-delay", "500us", |s| {
        s.back_pressure.as_mut().unwrap().reference_delay = Duration::from_micros(500);
    }),
    ("autothrottle.enabled", "off", |s| s.autothrottle = None),
    ("autothrottle.algorithm", "fixed", |s| {
        s.autothrottle.as_mut().unwrap().algorithm = AutothrottleAlgorithm::Fixed;
    }),
    ("autothrottle.resize-interval", "2s", |s| s.autothrottle.as_mut().unwrap().resize_interval = millis(2_000)),
];

#[test]
fn each_key_changes_its_field_and_no_other() {
    for (key, value, change) in KEYS {
        let mut expected = DispatcherSettings::default();
        change(&mut expected);
        let settings = parsed(&format!("kanaloa.default-dispatcher.{key} = {value}"));
        assert_eq!(settings.dispatcher("any"), expected, "{key}");
    }
}

#[test]
fn camel_case_means_the_same() {
    for (key, value, change) in KEYS {
        let mut expected = DispatcherSettings::default();
        change(&mut expected);
        let key = camel(key);
        let settings = parsed(&format!("kanaloa.defaultDispatcher.{key} = {value}"));
        assert_eq!(settings.dispatcher("any"), expected, "{key}");
    }
}

fn camel(key: &str) -> String {
    let mut upper = false;
    let mut camel = String::new();
    for c in key.chars() {
        match (c, upper) {
            ('-', _) => upper = true,
            (c, true) => {
                camel.push(c.to_ascii_uppercase());
                upper = false;
            }
            (c, false) => camel.push(c),
        }
    }
    camel
}

#[test]
fn reference_conf_has_no_key_that_does_nothing() {
    let reference = hocon::parse(include_str!("../../reference.conf")).unwrap();
    let mut leaves = BTreeSet::new();
    collect(reference.get("kanaloa.default-dispatcher").unwrap(), "", &mut leaves);
    let tested: BTreeSet<_> = KEYS.iter().map(|(key, ..)| (*key).to_owned()).collect();
    assert_eq!(leaves, tested);
}

fn collect(value: &HoconValue, path: &str, leaves: &mut BTreeSet<String>) {
    match value.as_object() {
        None => {
            leaves.insert(path.to_owned());
        }
        Some(keys) => {
            for (key, value) in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, &path, leaves);
            }
        }
    }
}

#[test]
fn the_older_name_of_the_service_timeout() {
    for key in ["workTimeout", "work-timeout"] {
        let settings = parsed(&format!("kanaloa.default-dispatcher {{ {key} = 3s }}"));
        assert_eq!(settings.dispatcher("any").work.service_timeout, millis(3_000), "{key}");
    }
}

#[test]
fn durations_as_hocon_has_them() {
    let cases = [("1500", 1_500), ("\"1500\"", 1_500), ("1.5s", 1_500), ("2 minutes", 120_000), ("1h", 3_600_000)];
    for (text, expected) in cases {
        let settings = parsed(&format!("kanaloa.default-dispatcher.work-settings.service-timeout = {text}"));
        assert_eq!(settings.dispatcher("any").work.service_timeout, millis(expected), "{text}");
    }
}

#[test]
fn switches_as_hocon_has_them() {
    for (words, on) in [(["on", "yes", "true"], true), (["off", "no", "false"], false)] {
        for word in words {
            let settings = parsed(&format!("kanaloa.default-dispatcher.autothrottle.enabled = {word}"));
            assert_eq!(settings.dispatcher("any").autothrottle.is_some(), on, "{word}");
        }
    }
}

#[test]
fn a_request_timeout_can_be_taken_back() {
    for word in ["none", "off", "null", "\"none\""] {
        let settings = parsed(&format!(
            "kanaloa.default-dispatcher.work-settings.request-timeout = 2m
             kanaloa.dispatchers.a.work-settings.request-timeout = {word}"
        ));
        assert_eq!(settings.dispatcher("a").work.request_timeout, None, "{word}");
        assert_eq!(settings.dispatcher("b").work.request_timeout, Some(millis(120_000)));
    }
}

#[test]
fn a_part_that_is_off_is_still_checked() {
    assert_eq!(
        refused("kanaloa.default-dispatcher.back-pressure { enabled = off, reference-delay = soon }"),
        "app.conf:1: kanaloa.default-dispatcher.back-pressure.reference-delay: \
         expected a duration such as 500ms, found \"soon\""
    );
}
