//! Settings that were put together in code.

use std::time::Duration;

use kanaloa::config::{DispatcherSettings, ProblemKind, Settings};

#[test]
fn the_default_is_the_reference() {
    assert_eq!(DispatcherSettings::default(), Settings::reference().dispatcher("any"));
    assert_eq!(DispatcherSettings::default().validate(), Ok(()));
}

#[test]
fn each_impossible_value_is_named() {
    type Change = fn(&mut DispatcherSettings);
    let cases: &[(Change, &str)] = &[
        (|s| s.update_interval = Duration::ZERO, "update-interval: expected at least 1ms, found 0"),
        (|s| s.update_interval = Duration::from_nanos(1), "update-interval: expected at least 1ms, found 1ns"),
        (
            |s| s.initial_grace_period = Duration::MAX,
            "initial-grace-period: expected at most 365d, found 18446744073709551615.999999999s",
        ),
        (|s| s.work.service_timeout = Duration::ZERO, "work-settings.service-timeout: expected at least 1ms, found 0"),
        (
            |s| s.work.request_timeout = Some(s.work.service_timeout),
            "work-settings.request-timeout: expected request-timeout > service-timeout, found 60s <= 60s",
        ),
        (|s| s.queue.capacity = 0, "queue.capacity: expected at least 1, found 0"),
        (|s| s.worker_pool.min_pool_size = 0, "worker-pool.min-pool-size: expected at least 1, found 0"),
        (
            |s| s.worker_pool.min_pool_size = 10_001,
            "worker-pool.min-pool-size: expected min-pool-size <= max-pool-size, found 10001 > 10000",
        ),
        (|s| s.worker_pool.starting_pool_size = 0, "worker-pool.starting-pool-size: expected at least 1, found 0"),
        (
            |s| s.worker_pool.replenish_speed = Duration::ZERO,
            "worker-pool.replenish-speed: expected at least 1ms, found 0",
        ),
        (
            |s| s.back_pressure.as_mut().unwrap().reference_delay = Duration::ZERO,
            "back-pressure.reference-delay: expected more than 0, found 0",
        ),
        (
            |s| s.autothrottle.as_mut().unwrap().resize_interval = Duration::ZERO,
            "autothrottle.resize-interval: expected at least 1ms, found 0",
        ),
    ];
    for (change, expected) in cases {
        let mut settings = DispatcherSettings::default();
        change(&mut settings);
        assert_eq!(settings.validate().unwrap_err().to_string(), *expected);
    }
}

#[test]
fn all_broken_rules_are_reported_at_once() {
    let mut settings = DispatcherSettings::default();
    settings.update_interval = Duration::ZERO;
    settings.queue.capacity = 0;
    let error = settings.validate().unwrap_err();
    let keys: Vec<_> = error.problems().iter().map(|problem| problem.key.as_deref()).collect();
    assert_eq!(keys, [Some("update-interval"), Some("queue.capacity")]);
    let problem = &error.problems()[1];
    assert_eq!((&problem.source, problem.line), (&None, None));
    assert_eq!(problem.kind, ProblemKind::BadValue { expected: "at least 1".into(), found: "0".into() });
}

#[test]
fn a_part_that_is_absent_breaks_no_rule() {
    let mut settings = DispatcherSettings::default();
    settings.back_pressure = None;
    settings.autothrottle = None;
    settings.initial_grace_period = Duration::ZERO;
    assert_eq!(settings.validate(), Ok(()));
}
