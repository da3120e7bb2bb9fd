//! Every key: that it is read from its place, in both spellings, and changes its field and no other.

use std::collections::BTreeSet;
use std::time::Duration;

use kanaloa::config::{
    AutothrottleAlgorithm, AutothrottleSettings, BackPressureAlgorithm, BackPressureSettings, CircuitBreakerSettings,
    ConcurrentBudgetSettings, ConcurrentDelay, DispatcherSettings, MetricsSettings, QueueOrder, RetryBudgetSettings,
    Settings, StatsDSettings,
};

use crate::parsed;

type Change = fn(&mut DispatcherSettings);

/// Every key of a dispatcher, a value for it that is not its default, and what that changes.
const DISPATCHER_KEYS: &[(&str, &str, Change)] = &[
    ("update-interval", "250ms", |s| s.update_interval = millis(250)),
    ("initial-grace-period", "0", |s| s.initial_grace_period = millis(0)),
    ("work-settings.service-timeout", "3s", |s| s.work.service_timeout = millis(3_000)),
    ("work-settings.request-timeout", "2m", |s| s.work.request_timeout = Some(millis(120_000))),
    ("work-settings.at-least-once", "on", |s| s.work.at_least_once = true),
    ("work-settings.work-retry", "4294967295", |s| s.work.work_retry = u32::MAX),
    ("work-settings.length-of-display-for-message", "0", |s| s.work.length_of_display_for_message = 0),
    ("work-settings.concurrent-calls", "100", |s| s.work.concurrent_calls = 100),
    ("work-settings.concurrent-delay", "50ms", |s| s.work.concurrent_delay = ConcurrentDelay::After(millis(50))),
    ("work-settings.concurrent-delay", "p95", |s| s.work.concurrent_delay = ConcurrentDelay::Percentile95),
    ("work-settings.concurrent-budget.enabled", "off", |s| s.work.concurrent_budget = None),
    ("work-settings.concurrent-budget.ratio", "2.5", |s| copies(s).ratio = 2.5),
    ("work-settings.concurrent-budget.per-second", "0", |s| copies(s).per_second = 0.0),
    ("work-settings.concurrent-budget.window", "3s", |s| copies(s).window = millis(3_000)),
    ("work-settings.concurrent-budget.calm-after-refusal", "0", |s| copies(s).calm_after_refusal = millis(0)),
    ("work-settings.retry-budget.enabled", "off", |s| s.work.retry_budget = None),
    ("work-settings.retry-budget.ratio", "0", |s| retries(s).ratio = 0.0),
    ("work-settings.retry-budget.per-second", "0.5", |s| retries(s).per_second = 0.5),
    ("work-settings.retry-budget.window", "1m", |s| retries(s).window = millis(60_000)),
    ("queue.capacity", "7", |s| s.queue.capacity = 7),
    ("queue.order", "lifo", |s| s.queue.order = QueueOrder::Lifo),
    ("worker-pool.starting-pool-size", "3", |s| s.worker_pool.starting_pool_size = 3),
    ("worker-pool.min-pool-size", "2", |s| s.worker_pool.min_pool_size = 2),
    ("worker-pool.max-pool-size", "90", |s| s.worker_pool.max_pool_size = 90),
    ("worker-pool.replenish-speed", "2s", |s| s.worker_pool.replenish_speed = millis(2_000)),
    ("worker-pool.log-routee-retrieval-error", "off", |s| s.worker_pool.log_routee_retrieval_error = false),
    ("worker-pool.default-shutdown-timeout", "0", |s| s.worker_pool.default_shutdown_timeout = millis(0)),
    // Each kind of dispatcher has another default, so one of the two stays as it is.
    ("worker-pool.shutdown-on-all-worker-death", "on", |s| s.worker_pool.shutdown_on_all_worker_death = true),
    ("circuit-breaker.enabled", "off", |s| s.circuit_breaker = None),
    ("circuit-breaker.open-duration-base", "4s", |s| breaker(s).open_duration_base = millis(4_000)),
    ("circuit-breaker.timeout-count-threshold", "0", |s| breaker(s).timeout_count_threshold = 0),
    ("circuit-breaker.max-open-factor", "9", |s| breaker(s).max_open_factor = 9),
    ("circuit-breaker.error-rate-threshold", "1", |s| breaker(s).error_rate_threshold = 1.0),
    ("circuit-breaker.window", "1m", |s| breaker(s).window = millis(60_000)),
    ("circuit-breaker.minimum-calls", "1", |s| breaker(s).minimum_calls = 1),
    ("circuit-breaker.slow-call-duration", "2s", |s| breaker(s).slow_call_duration = Some(millis(2_000))),
    ("circuit-breaker.slow-call-rate-threshold", "0.25", |s| breaker(s).slow_call_rate_threshold = 0.25),
    ("back-pressure.enabled", "off", |s| s.back_pressure = None),
    ("back-pressure.algorithm", "pie", |s| back_pressure(s).algorithm = BackPressureAlgorithm::Pie),
    ("back-pressure.reference-delay", "500us", |s| back_pressure(s).reference_delay = Duration::from_micros(500)),
    ("back-pressure.delay-factor-base", "0.25", |s| back_pressure(s).delay_factor_base = Some(0.25)),
    ("back-pressure.delay-trend-factor-base", "2.5", |s| back_pressure(s).delay_trend_factor_base = Some(2.5)),
    ("back-pressure.duration-of-burst-allowed", "30s", |s| {
        back_pressure(s).duration_of_burst_allowed = Some(millis(30_000));
    }),
    ("back-pressure.min-duration-before-burst-reset", "20s", |s| {
        back_pressure(s).min_duration_before_burst_reset = millis(20_000);
    }),
    ("back-pressure.weight-of-latest-metric", "1", |s| back_pressure(s).weight_of_latest_metric = 1.0),
    ("autothrottle.enabled", "off", |s| s.autothrottle = None),
    ("autothrottle.algorithm", "kanaloa", |s| throttle(s).algorithm = AutothrottleAlgorithm::Kanaloa),
    ("autothrottle.resize-interval", "2s", |s| throttle(s).resize_interval = millis(2_000)),
    ("autothrottle.chance-of-scaling-down-when-full", "0.3", |s| throttle(s).chance_of_scaling_down_when_full = 0.3),
    ("autothrottle.optimization-min-range", "6", |s| throttle(s).optimization_min_range = 6),
    ("autothrottle.optimization-range-ratio", "0.25", |s| throttle(s).optimization_range_ratio = 0.25),
    ("autothrottle.max-explore-step-size", "4", |s| throttle(s).max_explore_step_size = 4),
    ("autothrottle.exploration-ratio", "1", |s| throttle(s).exploration_ratio = 1.0),
    ("autothrottle.weight-of-latest-metric", "0.125", |s| throttle(s).weight_of_latest_metric = 0.125),
    ("autothrottle.weight-of-latency", "0", |s| throttle(s).weight_of_latency = 0.0),
    ("autothrottle.downsize-after-under-utilization", "72h", |s| {
        throttle(s).downsize_after_under_utilization = Some(millis(72 * 3_600_000));
    }),
    ("autothrottle.downsize-ratio", "1", |s| throttle(s).downsize_ratio = 1.0),
    ("metrics.enabled", "off", |s| s.metrics = None),
    ("metrics.max-handlers", "1", |s| s.most_reported_handlers = 1),
    ("metrics.statsD.namespace", "shop", |s| statsd(s).namespace = "shop".into()),
    ("metrics.statsD.event-sample-rate", "0.01", |s| statsd(s).event_sample_rate = 0.01),
    ("metrics.statsD.status-sample-rate", "0.5", |s| statsd(s).status_sample_rate = 0.5),
    ("metrics.statsD.host", "\"10.0.0.9\"", |s| statsd(s).host = "10.0.0.9".into()),
    ("metrics.statsD.port", "65535", |s| statsd(s).port = 65535),
];

/// The same for the keys of `kanaloa.statsD`.
const STATSD_KEYS: &[(&str, &str, Change)] = &[
    ("host", "stats.example", |s| statsd(s).host = "stats.example".into()),
    ("port", "1", |s| statsd(s).port = 1),
    ("multi-metrics", "off", |s| statsd(s).multi_metrics = false),
    ("packet-buffer-size", "1432", |s| statsd(s).packet_buffer_size = 1432),
    ("default-sample-rate", "0.75", |s| statsd(s).default_sample_rate = 0.75),
];

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn breaker(settings: &mut DispatcherSettings) -> &mut CircuitBreakerSettings {
    settings.circuit_breaker.as_mut().unwrap()
}

fn copies(settings: &mut DispatcherSettings) -> &mut ConcurrentBudgetSettings {
    settings.work.concurrent_budget.as_mut().unwrap()
}

fn retries(settings: &mut DispatcherSettings) -> &mut RetryBudgetSettings {
    settings.work.retry_budget.as_mut().unwrap()
}

fn back_pressure(settings: &mut DispatcherSettings) -> &mut BackPressureSettings {
    settings.back_pressure.as_mut().unwrap()
}

fn throttle(settings: &mut DispatcherSettings) -> &mut AutothrottleSettings {
    settings.autothrottle.as_mut().unwrap()
}

fn statsd(settings: &mut DispatcherSettings) -> &mut StatsDSettings {
    &mut settings.metrics.as_mut().unwrap().statsd
}

/// Under these settings every part is on for both kinds of dispatchers, so that no key is without effect.
const ALL_ON: &str = "kanaloa {
  default-dispatcher.metrics.enabled = on
  default-pulling-dispatcher.back-pressure.enabled = on
  statsD.host = localhost
}
";

fn all_on(text: &str) -> Settings {
    parsed(&format!("{ALL_ON}{text}"))
}

/// Each key of a dispatcher in each place where it can stand, for a dispatcher that it holds for.
fn check(places: &[&str], spelt: fn(&str) -> String, of: fn(&Settings) -> DispatcherSettings) {
    for place in places {
        for (key, value, change) in DISPATCHER_KEYS {
            let mut expected = of(&all_on(""));
            change(&mut expected);
            if *key == "update-interval" && place.starts_with("default-d") {
                throttle(&mut expected).resize_interval = expected.update_interval;
            }
            let text = format!("{} = {value}", spelt(&format!("kanaloa.{place}.{key}")));
            assert_eq!(of(&all_on(&text)), expected, "{text}");
        }
    }
}

#[test]
fn each_key_changes_its_field_and_no_other() {
    check(&["default-dispatcher", "dispatchers.a"], str::to_owned, |settings| settings.dispatcher("a"));
}

#[test]
fn each_key_changes_its_field_and_no_other_of_a_pulling_dispatcher() {
    let places = &["default-pulling-dispatcher", "dispatchers.a"];
    check(places, str::to_owned, |settings| settings.pulling_dispatcher("a"));
}

#[test]
fn camel_case_means_the_same() {
    check(&["default-dispatcher", "dispatchers.a"], camel, |settings| settings.dispatcher("a"));
}

#[test]
fn where_statsd_is_holds_for_all_dispatchers() {
    for (key, value, change) in STATSD_KEYS {
        for key in [key.to_string(), camel(key)] {
            let text = format!("kanaloa.statsD.{key} = {value}");
            let mut expected = all_on("").dispatcher("any");
            change(&mut expected);
            assert_eq!(all_on(&text).dispatcher("any"), expected, "{text}");
            let mut expected = all_on("").pulling_dispatcher("any");
            change(&mut expected);
            assert_eq!(all_on(&text).pulling_dispatcher("any"), expected, "{text}");
        }
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
fn no_key_of_reference_conf_is_left_out() {
    for (section, keys) in [("default-dispatcher", DISPATCHER_KEYS), ("statsD", STATSD_KEYS)] {
        let tested: BTreeSet<_> = keys.iter().map(|(key, ..)| (*key).to_owned()).collect();
        assert_eq!(reference_keys(&format!("kanaloa.{section}.")), tested);
    }
}

/// The keys below `section` that reference.conf assigns, read line by line as it is laid out.
fn reference_keys(section: &str) -> BTreeSet<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut keys = BTreeSet::new();
    for line in include_str!("../../reference.conf").lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        } else if line == "}" {
            open.pop();
        } else if let Some(object) = line.strip_suffix(" {") {
            open.push(object);
        } else {
            let (key, _) = line.split_once(" = ").expect(line);
            let path = [open.as_slice(), &[key]].concat().join(".");
            keys.extend(path.strip_prefix(section).map(str::to_owned));
        }
    }
    keys
}

#[test]
fn names_of_version_0_4() {
    let same = [
        ("workTimeout = 3s", "work-settings.service-timeout = 3s"),
        ("work-timeout = 3s", "work-settings.service-timeout = 3s"),
        ("workRetry = 3", "work-settings.work-retry = 3"),
        ("lengthOfDisplayForMessage = 3", "work-settings.length-of-display-for-message = 3"),
        ("concurrent_calls = 3", "work-settings.concurrent-calls = 3"),
        ("workSettings.concurrent_calls = 3", "work-settings.concurrent-calls = 3"),
        ("workerPool { healthCheckInterval = 5s }", "worker-pool.replenish-speed = 5s"),
        ("worker-pool.health-check-interval = 5s", "worker-pool.replenish-speed = 5s"),
        ("circuitBreaker { errorRateThreshold = 0.7 }", "circuit-breaker.error-rate-threshold = 0.7"),
    ];
    for (older, name) in same {
        let [older, name] = [older, name].map(|key| parsed(&format!("kanaloa.default-dispatcher {{ {key} }}")));
        assert_eq!(older, name);
        assert_ne!(name, Settings::reference());
    }
}

#[test]
fn the_first_example_of_the_original() {
    let settings = parsed(
        "kanaloa { dispatchers { my-service1 { workerPool { startingPoolSize = 8 }
         workTimeout = 3s } } }",
    );
    let mut expected = DispatcherSettings::default();
    expected.worker_pool.starting_pool_size = 8;
    expected.work.service_timeout = millis(3_000);
    assert_eq!(settings.dispatcher("my-service1"), expected);
}

#[test]
fn the_second_example_of_the_original() {
    for line_ends in ["\n", " "] {
        let text = [
            "kanaloa { default-dispatcher { metrics { enabled = on ",
            "statsD { host = \"localhost\"\nport = 8125 } } }",
            "dispatchers { example { metrics.enabled = off }",
            "example2 { metrics { statsD { eventSampleRate = 0.01 } } } } }",
        ];
        is_the_second_example(&parsed(&text.join(line_ends)));
    }
}

fn is_the_second_example(settings: &Settings) {
    let mut expected = MetricsSettings::new("localhost");
    assert_eq!(settings.dispatcher("any").metrics, Some(expected.clone()));
    assert_eq!(settings.dispatcher("example").metrics, None);
    expected.statsd.event_sample_rate = 0.01;
    assert_eq!(settings.dispatcher("example2").metrics, Some(expected));
}
