//! What is reported for keys and values that are wrong.

use kanaloa::config::{ProblemKind, Settings};

use crate::{Files, refused};

/// The report for `text` inside `kanaloa.default-dispatcher`, without the place and that path.
fn refused_inside(text: &str) -> String {
    let report = refused(&format!("kanaloa.default-dispatcher {{ {text} }}"));
    report.strip_prefix("app.conf:1: kanaloa.default-dispatcher.").unwrap_or(&report).to_owned()
}

#[test]
fn unknown_keys_and_what_was_meant() {
    let cases = [
        ("updat-interval = 1s", "updat-interval: unknown key; did you mean update-interval?"),
        (
            "worker-pool.starting-pool-sise = 3",
            "worker-pool.starting-pool-sise: unknown key; did you mean starting-pool-size?",
        ),
        (
            "workerPool { startngPoolSize = 3 }",
            "workerPool.startngPoolSize: unknown key; did you mean starting-pool-size?",
        ),
        ("starting-pool-size = 3", "starting-pool-size: unknown key; did you mean worker-pool.starting-pool-size?"),
        ("workr-pool { min-pool-size = 3 }", "workr-pool: unknown key; did you mean worker-pool?"),
        ("WorkerPool { min-pool-size = 3 }", "WorkerPool: unknown key; did you mean worker-pool?"),
        ("colour = red", "colour: unknown key"),
        ("\"a.b\".c = 1", "\"a.b\".c: unknown key"),
        ("update-interval.min = 1s", "update-interval.min: unknown key"),
        ("worker-pool.work-timeout = 1s", "worker-pool.work-timeout: unknown key"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused_inside(text), expected);
    }
}

#[test]
fn unknown_keys_outside_a_dispatcher() {
    let cases = [
        (
            "kanaloa.defualt-dispatcher {}",
            "app.conf:1: kanaloa.defualt-dispatcher: unknown key; did you mean default-dispatcher?",
        ),
        (
            "kanaloa.queue.capacity = 1",
            "app.conf:1: kanaloa.queue.capacity: unknown key; did you mean default-dispatcher.queue?",
        ),
        ("kanalao.dispatchers {}", "app.conf:1: kanalao.dispatchers: unknown key; did you mean kanaloa?"),
        (
            "kanaloa.dispatchers.my-shop {\n  workerPool {\n    max = 3\n  }\n}",
            "app.conf:3: kanaloa.dispatchers.my-shop.workerPool.max: unknown key",
        ),
        (
            "kanaloa.default-pulling-dispatcher.back-pressur.enabled = on",
            "app.conf:1: kanaloa.default-pulling-dispatcher.back-pressur.enabled: unknown key; did you mean back-pressure?",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected);
    }
}

#[test]
fn values_of_the_wrong_kind() {
    let cases = [
        ("update-interval = soon", "update-interval: expected a duration such as 500ms, found \"soon\""),
        ("update-interval = -1s", "update-interval: expected a duration such as 500ms, found \"-1s\""),
        ("update-interval = 3 S", "update-interval: expected a duration such as 500ms, found \"3 S\""),
        ("update-interval = null", "update-interval: expected a duration such as 500ms, found null"),
        ("update-interval = true", "update-interval: expected a duration such as 500ms, found true"),
        ("update-interval = [1s]", "update-interval: expected a duration such as 500ms, found a list"),
        ("update-interval { min = 1s }", "update-interval: expected a duration such as 500ms, found an object"),
        ("workTimeout = never", "workTimeout: expected a duration such as 500ms, found \"never\""),
        (
            "work-settings.request-timeout = never",
            "work-settings.request-timeout: expected a duration such as 90s, or none, found \"never\"",
        ),
        ("queue.capacity = many", "queue.capacity: expected a whole number of at least 1, found \"many\""),
        ("queue.capacity = -1", "queue.capacity: expected a whole number of at least 1, found -1"),
        ("queue.capacity = 1.5", "queue.capacity: expected a whole number of at least 1, found 1.5"),
        ("autothrottle.enabled = perhaps", "autothrottle.enabled: expected on or off, found \"perhaps\""),
        ("autothrottle.enabled = 1", "autothrottle.enabled: expected on or off, found 1"),
        ("autothrottle.algorithm = plum", "autothrottle.algorithm: expected plumb or fixed, found \"plum\""),
        ("back-pressure.algorithm = pie", "back-pressure.algorithm: expected expected-wait, found \"pie\""),
        ("worker-pool = 3", "worker-pool: expected an object, found 3"),
        ("worker-pool = big and blue", "worker-pool: expected an object, found \"big and blue\""),
        ("worker-pool = [3]", "worker-pool: expected an object, found a list"),
        ("worker-pool = null", "worker-pool: expected an object, found null"),
        ("worker-pool += 3", "worker-pool: expected an object, found a list"),
        ("back-pressure = off", "back-pressure: expected an object, found \"off\""),
    ];
    for (text, expected) in cases {
        assert_eq!(refused_inside(text), expected);
    }
}

#[test]
fn values_in_the_place_of_everything() {
    let cases = [
        ("kanaloa = 3", "app.conf:1: kanaloa: expected an object, found 3"),
        ("kanaloa = null", "app.conf:1: kanaloa: expected an object, found null"),
        ("kanaloa.dispatchers = []", "app.conf:1: kanaloa.dispatchers: expected an object, found a list"),
        ("kanaloa.dispatchers.a = fast", "app.conf:1: kanaloa.dispatchers.a: expected an object, found \"fast\""),
        ("kanaloa = ${n}\nn = 3", "app.conf:1: kanaloa: expected an object, found 3"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected);
    }
}

#[test]
fn impossible_values_name_the_key_that_a_file_set() {
    let cases = [
        ("update-interval = 0", "update-interval: expected at least 1ms, found 0"),
        ("queue.capacity = 0", "queue.capacity: expected at least 1, found 0"),
        ("back-pressure.reference-delay = 0s", "back-pressure.reference-delay: expected more than 0, found 0"),
        (
            "work-settings.request-timeout = 1m",
            "work-settings.request-timeout: expected request-timeout > service-timeout, found 60s <= 60s",
        ),
        (
            "workerPool { minPoolSize = 60, maxPoolSize = 50 }",
            "workerPool.minPoolSize: expected min-pool-size <= max-pool-size, found 60 > 50",
        ),
        ("worker-pool.starting-pool-size = 0", "worker-pool.starting-pool-size: expected at least 1, found 0"),
        ("initial-grace-period = 400 days", "initial-grace-period: expected at most 365d, found 34560000s"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused_inside(text), expected);
    }
}

#[test]
fn an_impossible_value_is_reported_where_it_was_set_closest_to_the_dispatcher() {
    assert_eq!(
        refused(
            "kanaloa.default-dispatcher.worker-pool.min-pool-size = 40
             kanaloa.dispatchers.a.worker-pool.max-pool-size = 30"
        ),
        "app.conf:2: kanaloa.dispatchers.a.worker-pool.max-pool-size: \
         expected min-pool-size <= max-pool-size, found 40 > 30"
    );
}

#[test]
fn what_is_only_impossible_for_a_pulling_dispatcher_says_so() {
    assert_eq!(
        refused(
            "kanaloa.default-pulling-dispatcher.worker-pool.max-pool-size = 10
             kanaloa.dispatchers.a.worker-pool.min-pool-size = 20
             kanaloa.dispatchers.b.queue.capacity = 20"
        ),
        "app.conf:2: kanaloa.dispatchers.a.worker-pool.min-pool-size: \
         expected min-pool-size <= max-pool-size, found 20 > 10 as a pulling dispatcher"
    );
}

#[test]
fn everything_is_reported_at_once_in_the_order_of_files_and_lines() {
    let files = Files::new("everything");
    let first = files.with(
        "first.conf",
        "kanaloa {
  default-dispatcher {
    queue.capacity = 0
    updateIntervall = 1s
    worker-pool {
      replenish-speed = fast
      colour = blue
    }
  }
  dispatchers.a.queue = 3
}",
    );
    let second = files.with("second.conf", "kanaloa.dispatchers.a.autothrottle.enabled = perhaps\n\nkanaloa.a = 1");
    let error = Settings::load([&first, &second]).unwrap_err();
    let (first, second) = (first.display(), second.display());
    let expected = [
        format!("{first}:3: kanaloa.default-dispatcher.queue.capacity: expected at least 1, found 0"),
        format!("{first}:4: kanaloa.default-dispatcher.updateIntervall: unknown key; did you mean update-interval?"),
        format!(
            "{first}:6: kanaloa.default-dispatcher.worker-pool.replenish-speed: \
             expected a duration such as 500ms, found \"fast\""
        ),
        format!("{first}:7: kanaloa.default-dispatcher.worker-pool.colour: unknown key"),
        format!("{first}:10: kanaloa.dispatchers.a.queue: expected an object, found 3"),
        format!("{second}:1: kanaloa.dispatchers.a.autothrottle.enabled: expected on or off, found \"perhaps\""),
        format!("{second}:3: kanaloa.a: unknown key"),
    ];
    assert_eq!(error.to_string(), expected.join("\n"));
}

#[test]
fn a_mistake_that_a_later_file_puts_right_is_none() {
    let files = Files::new("put-right");
    let first = files.with("first.conf", "kanaloa.default-dispatcher.queue.capacity = many");
    let second = files.with("second.conf", "kanaloa.default-dispatcher.queue.capacity = 5");
    assert_eq!(Settings::load([first, second]).unwrap().dispatcher("any").queue.capacity, 5);
}

#[test]
fn the_last_line_that_set_a_value_is_named() {
    assert_eq!(
        refused(
            "kanaloa.default-dispatcher.queue.capacity = 5\nkanaloa {\n default-dispatcher.queue {\n\n  capacity = no\n} }"
        ),
        "app.conf:5: kanaloa.default-dispatcher.queue.capacity: expected a whole number of at least 1, found \"no\""
    );
}

#[test]
fn an_object_brought_in_by_reference_is_checked_too() {
    assert_eq!(
        refused("common { colour = blue, queue.capacity = 0, workerPool {} }\nkanaloa.dispatchers.a = ${common}"),
        "app.conf:2: kanaloa.dispatchers.a.colour: unknown key\n\
         app.conf:2: kanaloa.dispatchers.a.workerPool: unknown key; did you mean worker-pool?\n\
         app.conf:2: kanaloa.dispatchers.a.queue.capacity: expected at least 1, found 0"
    );
}

#[test]
fn problems_can_be_told_apart_without_their_text() {
    let error = Settings::parse("app.conf", "\nkanaloa.queu = 1").unwrap_err();
    let problem = &error.problems()[0];
    assert_eq!((problem.source.as_deref(), problem.line), (Some("app.conf"), Some(2)));
    assert_eq!(problem.key.as_deref(), Some("kanaloa.queu"));
    assert_eq!(problem.kind, ProblemKind::UnknownKey { suggestion: Some("default-dispatcher.queue".into()) });
}
