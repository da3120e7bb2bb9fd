//! The defaults, and how values can be written.

use std::time::Duration;

use kanaloa::config::{
    AutothrottleAlgorithm, BackPressureAlgorithm, ConcurrentDelay, DispatcherSettings, MetricsSettings, QueueOrder,
    Settings,
};
use kanaloa::control::regulator::PieRules;

use crate::{parsed, refused};

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn each_algorithm_has_its_word() {
    let throttles = [
        ("plumb", AutothrottleAlgorithm::Plumb),
        ("fixed", AutothrottleAlgorithm::Fixed),
        ("kanaloa", AutothrottleAlgorithm::Kanaloa),
        ("gradient2", AutothrottleAlgorithm::Gradient2),
        ("vegas", AutothrottleAlgorithm::Vegas),
        ("aimd", AutothrottleAlgorithm::Aimd),
    ];
    for (word, algorithm) in throttles {
        let settings = parsed(&format!("kanaloa.dispatchers.a.autothrottle.algorithm = {word}")).dispatcher("a");
        assert_eq!(settings.autothrottle.unwrap().algorithm, algorithm, "{word}");
    }
    let regulators = [
        ("expected-wait", BackPressureAlgorithm::ExpectedWait),
        // As keys may be spelt.
        ("expectedWait", BackPressureAlgorithm::ExpectedWait),
        ("pie", BackPressureAlgorithm::Pie),
        ("kanaloa", BackPressureAlgorithm::Kanaloa),
    ];
    for (word, algorithm) in regulators {
        let settings = parsed(&format!("kanaloa.dispatchers.a.backPressure.algorithm = {word}")).dispatcher("a");
        assert_eq!(settings.back_pressure.unwrap().algorithm, algorithm, "{word}");
    }
}

#[test]
fn each_order_of_the_queue_has_its_word() {
    let orders = [
        ("fifo", QueueOrder::Fifo),
        ("lifo", QueueOrder::Lifo),
        ("by-class", QueueOrder::ByClass),
        ("byClass", QueueOrder::ByClass),
    ];
    for (word, order) in orders {
        let settings = parsed(&format!("kanaloa.default-dispatcher.queue.order = {word}")).dispatcher("a");
        assert_eq!(settings.queue.order, order, "{word}");
    }
}

#[test]
fn pie_alone_has_the_gains_that_damp_it() {
    let settings = parsed("kanaloa.dispatchers.a.back-pressure.algorithm = pie").dispatcher("a");
    let read = settings.back_pressure.unwrap();
    let own = PieRules::default();
    assert_eq!(read.reference_delay, own.reference_delay);
    assert_eq!((read.delay_factor_base, read.delay_trend_factor_base), (None, None), "its own");
    assert_eq!(read.duration_of_burst_allowed, None);
    assert_eq!(read.min_duration_before_burst_reset, own.min_duration_before_burst_reset);
    // ζ = b/2·√(ρT/(a·D)) at ρ = 2, with T = D/10
    let damping = own.delay_trend_factor_base / 2.0 * (2.0 * 0.1 / own.delay_factor_base).sqrt();
    assert!((damping - 1.0).abs() < 1e-9, "{damping}");
}

#[test]
fn the_defaults() {
    let settings = Settings::reference().dispatcher("any");
    assert_eq!(settings.update_interval, millis(500));
    assert_eq!(settings.initial_grace_period, millis(1_000));
    assert_eq!(settings.work.service_timeout, millis(60_000));
    assert_eq!(settings.work.request_timeout, None);
    assert!(!settings.work.at_least_once);
    assert_eq!(settings.work.work_retry, 0);
    assert_eq!(settings.work.length_of_display_for_message, 200);
    assert_eq!(settings.work.concurrent_calls, 1);
    assert_eq!(settings.work.concurrent_delay, ConcurrentDelay::After(millis(0)));
    let copies = settings.work.concurrent_budget.expect("on");
    assert_eq!((copies.ratio, copies.per_second), (0.1, 1.0));
    assert_eq!((copies.window, copies.calm_after_refusal), (millis(10_000), millis(10_000)));
    let retries = settings.work.retry_budget.expect("on");
    assert_eq!((retries.ratio, retries.per_second, retries.window), (0.2, 10.0, millis(10_000)));
    assert_eq!(settings.queue.capacity, 100_000);
    assert_eq!(settings.queue.order, QueueOrder::ByClass);
    assert_eq!(settings.worker_pool.starting_pool_size, 80);
    assert_eq!(settings.worker_pool.min_pool_size, 1);
    assert_eq!(settings.worker_pool.max_pool_size, 10_000);
    assert_eq!(settings.worker_pool.replenish_speed, millis(1_000));
    assert!(settings.worker_pool.log_routee_retrieval_error);
    assert_eq!(settings.worker_pool.default_shutdown_timeout, millis(30_000));
    assert!(!settings.worker_pool.shutdown_on_all_worker_death);
    let breaker = settings.circuit_breaker.expect("on");
    assert_eq!(breaker.open_duration_base, millis(1_000));
    assert_eq!(breaker.timeout_count_threshold, 3);
    assert_eq!(breaker.max_open_factor, 3);
    assert_eq!(breaker.error_rate_threshold, 0.5);
    assert_eq!(breaker.window, millis(10_000));
    assert_eq!(breaker.minimum_calls, 20);
    assert_eq!(breaker.slow_call_duration, None);
    assert_eq!(breaker.slow_call_rate_threshold, 0.5);
    let back_pressure = settings.back_pressure.expect("on");
    assert_eq!(back_pressure.algorithm, BackPressureAlgorithm::ExpectedWait);
    assert_eq!(back_pressure.reference_delay, millis(80));
    assert_eq!(back_pressure.delay_factor_base, None);
    assert_eq!(back_pressure.delay_trend_factor_base, None);
    assert_eq!(back_pressure.duration_of_burst_allowed, None);
    assert_eq!(back_pressure.min_duration_before_burst_reset, millis(1_000));
    assert_eq!(back_pressure.weight_of_latest_metric, 0.2);
    let autothrottle = settings.autothrottle.expect("on");
    assert_eq!(autothrottle.algorithm, AutothrottleAlgorithm::Plumb);
    assert_eq!(autothrottle.resize_interval, millis(500));
    assert_eq!(autothrottle.chance_of_scaling_down_when_full, 0.7);
    assert_eq!(autothrottle.optimization_min_range, 10);
    assert_eq!(autothrottle.optimization_range_ratio, 0.4);
    assert_eq!(autothrottle.max_explore_step_size, 5);
    assert_eq!(autothrottle.exploration_ratio, 0.3);
    assert_eq!(autothrottle.weight_of_latest_metric, 0.2);
    assert_eq!(autothrottle.weight_of_latency, 0.2);
    assert_eq!(autothrottle.downsize_after_under_utilization, None);
    assert_eq!(autothrottle.downsize_ratio, 0.8);
    assert_eq!(settings.metrics, None);
    let statsd = MetricsSettings::new("10.0.0.9").statsd;
    assert_eq!(statsd.host, "10.0.0.9");
    assert_eq!(statsd.port, 8125);
    assert_eq!(statsd.namespace, "kanaloa");
    assert_eq!(statsd.event_sample_rate, 0.25);
    assert_eq!(statsd.status_sample_rate, 1.0);
    assert_eq!(statsd.default_sample_rate, 1.0);
    assert!(statsd.multi_metrics);
    assert_eq!(statsd.packet_buffer_size, 1024);
}

#[test]
fn a_pulling_dispatcher_refuses_nothing_ends_with_its_pools_and_shrinks() {
    let mut expected = DispatcherSettings::default();
    expected.back_pressure = None;
    expected.worker_pool.shutdown_on_all_worker_death = true;
    expected.autothrottle.as_mut().unwrap().downsize_after_under_utilization = Some(millis(30_000));
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
fn other_settings_that_can_be_taken_back() {
    let settings = parsed(
        "kanaloa.default-dispatcher {
           circuit-breaker.slow-call-duration = 1s, autothrottle.downsize-after-under-utilization = 2s
         }
         kanaloa.dispatchers.a { circuit-breaker.slow-call-duration = off }
         kanaloa.dispatchers.a { autothrottle.downsize-after-under-utilization = null }",
    );
    let of = |settings: DispatcherSettings| {
        (
            settings.circuit_breaker.unwrap().slow_call_duration,
            settings.autothrottle.unwrap().downsize_after_under_utilization,
        )
    };
    assert_eq!(of(settings.dispatcher("a")), (None, None));
    assert_eq!(of(settings.dispatcher("b")), (Some(millis(1_000)), Some(millis(2_000))));
}

#[test]
fn statsd_for_one_dispatcher() {
    let settings = parsed(
        "kanaloa.statsD { host = here, port = 1 }
         kanaloa.default-dispatcher.metrics.enabled = on
         kanaloa.dispatchers.a.metrics.statsD.host = there
         kanaloa.dispatchers.b.metrics.statsD.port = 2",
    );
    let place = |name| {
        let statsd = settings.dispatcher(name).metrics.unwrap().statsd;
        (statsd.host, statsd.port)
    };
    assert_eq!(place("a"), ("there".into(), 1));
    assert_eq!(place("b"), ("here".into(), 2));
    assert_eq!(place("c"), ("here".into(), 1));
}

#[test]
fn a_part_that_is_off_is_still_checked() {
    assert_eq!(
        refused("kanaloa.default-dispatcher.back-pressure { enabled = off, reference-delay = soon }"),
        "app.conf:1: kanaloa.default-dispatcher.back-pressure.reference-delay: \
         expected a duration such as 500ms, found \"soon\""
    );
}
