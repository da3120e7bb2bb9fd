//! What a [`Kanaloa`] does, in numbers worked out by hand.

mod exploring;
mod log;
mod optimizing;
mod reasons;
mod under_utilization;

use proptest::prelude::*;

use super::*;

const INTERVAL: Duration = Duration::from_millis(500);

/// A hundred done in each half second, at 100 ms.
fn busy(limit: usize) -> PoolSample {
    PoolSample {
        now: Duration::from_secs(1_700_000_000),
        elapsed: INTERVAL,
        done: 100,
        process_time: Some(Duration::from_millis(100)),
        limit,
        most_busy: limit,
        overflown: true,
    }
}

fn idle(limit: usize, second: u64, most_busy: usize) -> PoolSample {
    let now = Duration::from_secs(1_700_000_000 + second);
    PoolSample { now, most_busy, overflown: false, ..busy(limit) }
}

fn exploring() -> KanaloaRules {
    KanaloaRules { exploration_ratio: 1.0, ..KanaloaRules::default() }
}

fn optimizing() -> KanaloaRules {
    KanaloaRules { exploration_ratio: 0.0, ..KanaloaRules::default() }
}

/// One that optimises, at a size that did 200/s at 100 ms, as these others did: (size, works per second, ms).
fn at_80_knowing(others: &[(usize, f64, u64)], rules: KanaloaRules) -> Kanaloa {
    let mut throttle = Kanaloa::new(rules, 1);
    for &(size, speed, ms) in others {
        throttle.log.add(size, Performance { speed, process_time: Some(ms as f64 / 1000.0) }, 0.2);
    }
    throttle
}

#[track_caller]
fn assert_logged(throttle: &Kanaloa, size: usize, speed: f64, process_time: Option<f64>) {
    let logged = throttle.log.get(size).unwrap();
    assert!((logged.speed - speed).abs() < 1e-9, "{logged:?}");
    assert_eq!(logged.process_time.is_some(), process_time.is_some());
    assert!((logged.process_time.unwrap_or(0.0) - process_time.unwrap_or(0.0)).abs() < 1e-9, "{logged:?}");
}

#[test]
fn attempts_say_nothing_and_samples_are_wanted_each_interval() {
    use crate::control::Outcome;

    let mut throttle = Kanaloa::new(KanaloaRules::default(), 1);
    assert_eq!(throttle.interval(), Some(INTERVAL));
    for outcome in [Outcome::Success, Outcome::Failure, Outcome::Timeout, Outcome::Cancelled] {
        let attempt = Attempt { now: INTERVAL, process_time: INTERVAL, outcome, in_flight: 1 };
        assert_eq!(throttle.record(&attempt), None);
    }
}

#[test]
fn starts_within_the_bounds() {
    let start = |starting_pool_size, min_pool_size, max_pool_size| {
        Kanaloa::new(KanaloaRules { starting_pool_size, min_pool_size, max_pool_size, ..exploring() }, 1).limit()
    };
    assert_eq!([start(80, 5, 400), start(1, 5, 400), start(500, 5, 400)], [80, 5, 400]);
    assert_eq!([start(0, 0, 0), start(7, 9, 3)], [1, 9]);
}

fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), (0..10_000_000_000_u64).prop_map(Duration::from_nanos)]
}

fn any_sample() -> impl Strategy<Value = PoolSample> {
    let done = prop_oneof![Just(0), Just(u64::MAX), 0..1000_u64];
    let size = || prop_oneof![Just(0), Just(usize::MAX), 0..500_usize];
    let times = (any_duration(), any_duration(), prop::option::of(any_duration()));
    (times, done, size(), size(), any::<bool>()).prop_map(
        |((now, elapsed, process_time), done, limit, most_busy, overflown)| PoolSample {
            now,
            elapsed,
            done,
            process_time,
            limit,
            most_busy,
            overflown,
        },
    )
}

proptest! {
    #[test]
    fn the_limit_stays_within_the_bounds(
        samples in prop::collection::vec(any_sample(), 0..100),
        min_pool_size in 0..20_usize,
        range in 0..20_usize,
        follows in any::<bool>(),
        share in prop_oneof![Just(f64::NAN), Just(-1.0), 0.0..1.0],
    ) {
        let rules = KanaloaRules {
            min_pool_size,
            max_pool_size: min_pool_size + range,
            exploration_ratio: share,
            chance_of_scaling_down_when_full: share,
            weight_of_latency: share,
            optimization_range_ratio: share,
            downsize_after_under_utilization: Some(Duration::from_secs(1)),
            ..KanaloaRules::default()
        };
        let bounds = min_pool_size.max(1)..=(min_pool_size + range).max(1);
        let mut throttle = Kanaloa::new(rules, 1);
        for mut sample in samples {
            if follows {
                sample.limit = throttle.limit();
            }
            let before = throttle.limit();
            let change = throttle.sample(&sample);
            prop_assert!(bounds.contains(&throttle.limit()));
            prop_assert_eq!(change, (throttle.limit() != before).then_some(throttle.limit()));
        }
    }
}
