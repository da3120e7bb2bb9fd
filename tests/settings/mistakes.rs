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
        ("queue.order = fair", "queue.order: expected fifo, lifo or by-class, found \"fair\""),
        ("queue.order = ByClass", "queue.order: expected fifo, lifo or by-class, found \"ByClass\""),
        ("queue.capacity = -1", "queue.capacity: expected a whole number of at least 1, found -1"),
        ("queue.capacity = 1.5", "queue.capacity: expected a whole number of at least 1, found 1.5"),
        ("autothrottle.enabled = perhaps", "autothrottle.enabled: expected on or off, found \"perhaps\""),
        ("autothrottle.enabled = 1", "autothrottle.enabled: expected on or off, found 1"),
        (
            "autothrottle.algorithm = plum",
            "autothrottle.algorithm: expected plumb, fixed, kanaloa, gradient2, vegas or aimd, found \"plum\"",
        ),
        (
            "back-pressure.algorithm = pi",
            "back-pressure.algorithm: expected expected-wait, pie or kanaloa, found \"pi\"",
        ),
        (
            "work-settings.work-retry = -1",
            "work-settings.work-retry: expected a whole number from 0 to 4294967295, found -1",
        ),
        (
            "work-settings.work-retry = 4294967296",
            "work-settings.work-retry: expected a whole number from 0 to 4294967295, found 4294967296",
        ),
        ("metrics.statsD.port = 65536", "metrics.statsD.port: expected a port from 1 to 65535, found 65536"),
        ("metrics.statsD.namespace = \"\"", "metrics.statsD.namespace: expected a text that is not empty, found \"\""),
        (
            "metrics.statsD.host = \"\"",
            "metrics.statsD.host: expected the name or the address of a host, or none, found \"\"",
        ),
        ("circuit-breaker.window = none", "circuit-breaker.window: expected a duration such as 500ms, found \"none\""),
        (
            "circuit-breaker.error-rate-threshold = half",
            "circuit-breaker.error-rate-threshold: expected a number, found \"half\"",
        ),
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
        ("work-settings.concurrent-calls = 0", "work-settings.concurrent-calls: expected at least 1, found 0"),
        ("work-settings.concurrent_calls = 101", "work-settings.concurrent_calls: expected at most 100, found 101"),
        (
            "work-settings { concurrent-calls = 2, concurrentDelay = 1m }",
            "work-settings.concurrentDelay: expected concurrent-delay < service-timeout, found 60s >= 60s",
        ),
        (
            "work-settings.retry-budget { ratio = 0, per-second = 0 }",
            "work-settings.retry-budget.ratio: expected more than 0 of one of the two (for no retries, work-retry = 0), found 0 \
             and 0",
        ),
        (
            "work-settings.concurrent-budget.ratio = -1",
            "work-settings.concurrent-budget.ratio: expected a finite number of at least 0, found -1",
        ),
        (
            "work-settings { at-least-once = on, retry-budget.per-second = 0.05 }",
            "work-settings.retry-budget.per-second: expected per-second * window of at least 1 with at-least-once, found 0.5",
        ),
        (
            "work-settings.concurrent-delay = p99",
            "work-settings.concurrent-delay: expected a duration such as 50ms, or p95, found \"p99\"",
        ),
        (
            "circuit-breaker.open-duration-base = 0",
            "circuit-breaker.open-duration-base: expected at least 1ms, found 0",
        ),
        ("circuit-breaker.max-open-factor = 0", "circuit-breaker.max-open-factor: expected at least 1, found 0"),
        ("circuit-breaker.minimum-calls = 0", "circuit-breaker.minimum-calls: expected at least 1, found 0"),
        ("circuit-breaker.window = 999us", "circuit-breaker.window: expected at least 1ms, found 999µs"),
        ("circuit-breaker.slow-call-duration = 0", "circuit-breaker.slow-call-duration: expected more than 0, found 0"),
        (
            "circuit-breaker.slow-call-duration = 60s",
            "circuit-breaker.slow-call-duration: expected slow-call-duration < service-timeout, found 60s >= 60s",
        ),
        (
            "back-pressure.duration-of-burst-allowed = 366d",
            "back-pressure.duration-of-burst-allowed: expected at most 365d, found 31622400s",
        ),
        (
            "autothrottle.optimization-min-range = 0",
            "autothrottle.optimization-min-range: expected at least 1, found 0",
        ),
        ("autothrottle.max-explore-step-size = 0", "autothrottle.max-explore-step-size: expected at least 1, found 0"),
        (
            "autothrottle.downsize-after-under-utilization = 0",
            "autothrottle.downsize-after-under-utilization: expected at least 1ms, found 0",
        ),
        ("initial-grace-period = 400 days", "initial-grace-period: expected at most 365d, found 34560000s"),
    ];
    for (text, expected) in cases {
        assert_eq!(refused_inside(text), expected);
    }
}

#[test]
fn shares_and_gains() {
    let part = "more than 0 and at most 1";
    let share = "from 0 to 1";
    let (gain, trend) = ("a finite number above 0", "a finite number of at least 0");
    let keys = [
        ("circuit-breaker.error-rate-threshold", part),
        ("circuit-breaker.slow-call-rate-threshold", part),
        ("back-pressure.weight-of-latest-metric", part),
        ("autothrottle.weight-of-latest-metric", part),
        ("autothrottle.downsize-ratio", part),
        ("metrics.statsD.event-sample-rate", part),
        ("metrics.statsD.status-sample-rate", part),
        ("autothrottle.chance-of-scaling-down-when-full", share),
        ("autothrottle.optimization-range-ratio", share),
        ("autothrottle.exploration-ratio", share),
        ("autothrottle.weight-of-latency", share),
        ("back-pressure.delay-factor-base", gain),
        ("back-pressure.delay-trend-factor-base", trend),
    ];
    let accepted = |key: &str, value: &str| {
        let text =
            format!("kanaloa.default-dispatcher {{ {key} = {value}, metrics {{ enabled = on, statsD.host = h }} }}");
        Settings::parse("app.conf", &text)
    };
    for (key, expected) in keys {
        let refused = |value: &str, expected: &str, found: &str| {
            let error = accepted(key, value).unwrap_err();
            let problem = format!("app.conf:1: kanaloa.default-dispatcher.{key}: expected {expected}, found {found}");
            assert_eq!(error.to_string(), problem);
        };
        refused("-0.001", expected, "-0.001");
        let kind = if [gain, trend].contains(&expected) { "a number, or auto" } else { "a number" };
        refused("NaN", kind, "\"NaN\"");
        refused("\"NaN\"", kind, "\"NaN\"");
        refused("inf", kind, "\"inf\"");
        match expected == part || expected == gain {
            true => refused("0", expected, "0"),
            false => drop(accepted(key, "0").unwrap()),
        }
        match expected == gain || expected == trend {
            true => drop(accepted(key, "1e300").unwrap()),
            false => refused("1.001", expected, "1.001"),
        }
        accepted(key, "1").unwrap();
        accepted(key, "\"0.001\"").unwrap();
    }
}

#[test]
fn what_is_wrong_with_where_statsd_is() {
    let cases = [
        ("packet-buffer-size = 63", "packet-buffer-size: expected from 64 to 65507, found 63"),
        ("packetBufferSize = 65508", "packetBufferSize: expected from 64 to 65507, found 65508"),
        ("default-sample-rate = 0", "default-sample-rate: expected more than 0 and at most 1, found 0"),
    ];
    for (text, expected) in cases {
        let on = "kanaloa.default-dispatcher.metrics { enabled = on, statsD.host = h }";
        assert_eq!(refused(&format!("kanaloa.statsD.{text}\n{on}")), format!("app.conf:1: kanaloa.statsD.{expected}"));
    }
}

#[test]
fn metrics_without_a_host_name_the_line_that_switches_them_on() {
    let missing = "expected a host in metrics.statsD.host or kanaloa.statsD.host when metrics are on, found none";
    let cases = [
        ("\nkanaloa.default-dispatcher.metrics.enabled = on", "app.conf:2: kanaloa.default-dispatcher.metrics.enabled"),
        (
            "kanaloa.statsD.port = 1\nkanaloa.dispatchers { a.metrics.enabled = on }",
            "app.conf:2: kanaloa.dispatchers.a.metrics.enabled",
        ),
        (
            "kanaloa.statsD.host = h\nkanaloa.default-dispatcher.metrics.enabled = on\n
             kanaloa.dispatchers.a.metrics.statsD.host = none",
            "app.conf:4: kanaloa.dispatchers.a.metrics.statsD.host",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), format!("{expected}: {missing}"));
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

#[test]
fn what_has_lost_its_root_is_not_passed_over() {
    for key in ["default-dispatcher", "defaultDispatcher", "dispatchers.search", "default-pulling-dispatcher"] {
        let root = key.split('.').next().unwrap_or_default();
        let error = refused(&format!("kanaloa.default-dispatcher.queue.capacity = 7\n{key} {{ queue.capacity = 5 }}"));
        assert!(error.starts_with(&format!("app.conf:2: {root}")), "{error}");
        assert!(error.contains("unknown key; did you mean kanaloa."), "{error}");
    }
    let error = refused("KANALOA.default-dispatcher.queue.capacity = 5");
    assert!(error.contains("did you mean kanaloa?"), "{error}");
}

#[test]
fn a_pool_larger_than_any_memory_is_refused() {
    for key in ["starting-pool-size", "max-pool-size"] {
        let error = refused(&format!("kanaloa.default-dispatcher.worker-pool.{key} = 1000001"));
        assert!(error.contains("expected at most 1000000, found 1000001"), "{error}");
    }
}

#[test]
fn a_program_that_returns_the_error_shows_it_line_by_line() {
    let error = Settings::parse("app.conf", "kanaloa.x = 1\nkanaloa.y = 2").unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
}
