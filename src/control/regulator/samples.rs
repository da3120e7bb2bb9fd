//! Samples that tests are fed with.

use proptest::prelude::*;

use super::*;

/// A sample in which nothing happened.
pub(super) fn quiet(elapsed: Duration, service: ServiceSample) -> QueueSample {
    QueueSample {
        elapsed,
        waiting: Duration::ZERO,
        queued: 0,
        arrived: 0,
        refused: 0,
        dequeued: 0,
        with_deadline: 0,
        standing_delays: Duration::ZERO,
        service,
    }
}

fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), (0..10_000_000_000_u64).prop_map(Duration::from_nanos)]
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), 0..1000_u64]
}

fn any_service() -> impl Strategy<Value = ServiceSample> {
    let limit = prop_oneof![Just(0), Just(usize::MAX), 1..500_usize];
    let rate = prop_oneof![any::<f64>(), Just(0.0), Just(f64::NAN), Just(f64::INFINITY), 0.01..100_000.0];
    let time = || prop::option::of(any_duration());
    (limit, rate, time(), time(), any_duration()).prop_map(
        |(limit, leaving_rate, process_time, doubling_time, pause)| ServiceSample {
            limit,
            leaving_rate,
            process_time,
            doubling_time,
            pause,
        },
    )
}

/// Whatever may come, sense or nonsense.
pub(super) fn any_sample() -> impl Strategy<Value = QueueSample> {
    let times = (any_duration(), any_duration(), any_duration());
    let counts = (any_count(), any_count(), any_count(), any_count(), any_count());
    (times, counts, any_service()).prop_map(|((elapsed, waiting, standing_delays), counts, service)| {
        let (queued, arrived, refused, dequeued, with_deadline) = counts;
        let queued = queued as usize;
        QueueSample { elapsed, waiting, queued, arrived, refused, dequeued, with_deadline, standing_delays, service }
    })
}
