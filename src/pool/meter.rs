//! What is measured at one handler.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::Addr;
use tokio::time::Instant;

use super::autothrottler::{Autothrottler, Proposal};
use crate::control::throttle::Throttle;
use crate::control::{Attempt, Outcome};

/// The time that all machines share, as well as they can: the system's clock at the start, and from then on a steady
/// one, so that a clock that is set does not look like a service that is slow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    since_epoch: Duration,
}

impl Clock {
    pub(crate) fn starting_at(since_epoch: Duration) -> Self {
        Clock { start: Instant::now(), since_epoch }
    }

    fn read(&self, now: Instant) -> Duration {
        self.since_epoch.saturating_add(now.saturating_duration_since(self.start))
    }
}

/// What is published of a pool. Written on its arbiter only, read anywhere.
#[derive(Debug, Default)]
pub(crate) struct PoolStats {
    limit: AtomicUsize,
    /// Nanoseconds, the bits of an `f64`; 0 before the first success.
    process_time: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    cancelled: AtomicU64,
}

impl PoolStats {
    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Mean process time of successes; `None` before the first.
    pub(crate) fn process_time(&self) -> Option<Duration> {
        match f64::from_bits(self.process_time.load(Ordering::Relaxed)) {
            0.0 => None,
            nanos => Some(Duration::from_nanos(nanos as u64)),
        }
    }

    pub(crate) fn attempts(&self, outcome: Outcome) -> u64 {
        self.counter(outcome).load(Ordering::Relaxed)
    }

    fn counter(&self, outcome: Outcome) -> &AtomicU64 {
        match outcome {
            Outcome::Success => &self.succeeded,
            Outcome::Failure => &self.failed,
            Outcome::Timeout => &self.timed_out,
            Outcome::Cancelled => &self.cancelled,
        }
    }
}

/// Adds to a counter that only this thread writes: cheaper than an addition that others may interrupt.
fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Sees every attempt at one handler end, on the pool's arbiter.
#[derive(Debug)]
pub(crate) struct Meter {
    clock: Clock,
    stats: std::sync::Arc<PoolStats>,
    autothrottler: Addr<Autothrottler>,
    inner: RefCell<Inner>,
}

#[derive(Debug)]
struct Inner {
    throttle: Box<dyn Throttle>,
    process_time: MeanProcessTime,
    in_flight: usize,
}

impl Meter {
    pub(crate) fn new(
        clock: Clock,
        stats: std::sync::Arc<PoolStats>,
        throttle: Box<dyn Throttle>,
        autothrottler: Addr<Autothrottler>,
    ) -> Self {
        let inner = Inner { throttle, process_time: MeanProcessTime::default(), in_flight: 0 };
        Meter { clock, stats, autothrottler, inner: RefCell::new(inner) }
    }

    /// An attempt takes a slot; [`Meter::ended`] says that it is free.
    pub(crate) fn started(&self) {
        self.inner.borrow_mut().in_flight += 1;
    }

    /// An attempt's outcome is known. Its slot may still be taken.
    pub(crate) fn record(&self, started: Instant, now: Instant, outcome: Outcome) {
        bump(self.stats.counter(outcome));
        let process_time = now.saturating_duration_since(started);
        let inner = &mut *self.inner.borrow_mut();
        if outcome == Outcome::Success {
            let mean = inner.process_time.add(process_time, inner.throttle.limit());
            self.stats.process_time.store(mean.max(1.0).to_bits(), Ordering::Relaxed);
        }
        let attempt = Attempt { now: self.clock.read(now), process_time, outcome, in_flight: inner.in_flight };
        if let Some(limit) = inner.throttle.record(&attempt) {
            self.autothrottler.do_send(Proposal(limit));
        }
    }

    /// An attempt's slot is free.
    pub(crate) fn ended(&self) {
        self.inner.borrow_mut().in_flight -= 1;
    }
}

/// An exponentially weighted mean of process times: of weight 1/n for the first, so that it starts as a plain mean,
/// and then about two limits of answers long, so that it turns over in the time of a few requests whatever the limit.
#[derive(Debug, Default)]
struct MeanProcessTime {
    nanos: f64,
    count: f64,
}

impl MeanProcessTime {
    /// Below it one request of a bimodal service moves the mean too much; above it the mean lags a change.
    const WEIGHTS: (f64, f64) = (1.0 / 500.0, 1.0 / 20.0);

    /// Returns the mean in nanoseconds.
    fn add(&mut self, process_time: Duration, limit: usize) -> f64 {
        self.count += 1.0;
        let steady = (1.0 / (2.0 * limit as f64)).clamp(Self::WEIGHTS.0, Self::WEIGHTS.1);
        let weight = steady.max(1.0 / self.count);
        self.nanos += (nanos(process_time) - self.nanos) * weight;
        self.nanos
    }
}

/// Without the 128 bits that [`Duration::as_nanos`] takes for centuries.
fn nanos(time: Duration) -> f64 {
    time.as_secs() as f64 * 1e9 + f64::from(time.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_process_time_starts_plain_and_ends_weighted() {
        let mut mean = MeanProcessTime::default();
        let secs = Duration::from_secs;
        assert_eq!(mean.add(secs(4), 2), 4e9);
        assert_eq!(mean.add(secs(2), 2), 3e9);
        // From the 20th on each weighs a twentieth: 1/(2·2) is more than that, 1/n less.
        let mut mean = MeanProcessTime::default();
        for _ in 0..40 {
            mean.add(secs(1), 2);
        }
        assert_eq!(mean.add(secs(21), 2), 2e9);
        // With a limit of 100 each weighs 1/200.
        let mut mean = MeanProcessTime::default();
        for _ in 0..400 {
            mean.add(secs(1), 100);
        }
        assert_eq!(mean.add(secs(201), 100), 2e9);
    }
}
