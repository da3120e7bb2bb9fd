//! What is published of a pool.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::status::CircuitState;
use crate::control::Outcome;
use crate::control::breaker::BreakerState;
use crate::control::throttle::Reason;
use crate::metrics::Histogram;
use crate::time::Instant;

/// What is published of a pool. Written on its arbiter only, read anywhere.
#[derive(Debug, Default)]
pub(crate) struct PoolStats {
    limit: AtomicUsize,
    /// Nanoseconds, the bits of an `f64`; 0 before the first success.
    process_time: AtomicU64,
    /// Whether the mean process time tells of all calls, and not of the first to come back alone.
    is_representative: AtomicBool,
    /// See [`Throttle::is_doubling`](crate::control::throttle::Throttle::is_doubling).
    is_doubling: AtomicBool,
    succeeded: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    cancelled: AtomicU64,
    /// A [`CircuitState`].
    circuit: AtomicU8,
    /// How often the circuit breaker has opened.
    opened: AtomicU64,
    /// Of the cancelled: those that were cut off, which their callers are told as a failure.
    cut_off: AtomicU64,
    /// Attempts, begun, of works that were tried again.
    retried: AtomicU64,
    /// Attempts, begun, with copies of works.
    hedged: AtomicU64,
    /// From receipt to the first handler.
    pub(crate) wait_time: Histogram,
    /// Of successes.
    pub(crate) process_times: Histogram,
    /// How the concurrency limit changed last.
    limit_change: Mutex<Option<LimitChange>>,
    /// What the circuit breaker did last.
    circuit_change: Mutex<Option<CircuitChange>>,
}

/// How a concurrency limit has changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimitChange {
    pub(crate) at: Instant,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) reason: Reason,
}

/// What a circuit breaker has done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CircuitChange {
    pub(crate) at: Instant,
    pub(crate) to: BreakerState,
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

    /// Mean process time of successes, once as many have come as are in flight at once: of the calls that began together
    /// the short ones come back first, and their mean would promise far more than the service can do.
    pub(crate) fn representative_process_time(&self) -> Option<Duration> {
        self.process_time().filter(|_| self.is_representative.load(Ordering::Relaxed))
    }

    /// See [`Throttle::is_doubling`](crate::control::throttle::Throttle::is_doubling).
    pub(crate) fn is_doubling(&self) -> bool {
        self.is_doubling.load(Ordering::Relaxed)
    }

    pub(crate) fn circuit(&self) -> CircuitState {
        match self.circuit.load(Ordering::Relaxed) {
            0 => CircuitState::Closed,
            1 => CircuitState::HalfOpen,
            _ => CircuitState::Open,
        }
    }

    /// How often the circuit breaker has opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Attempts that failed. One that was cut off is told to its caller as a failure.
    pub(crate) fn failed(&self) -> u64 {
        self.attempts(Outcome::Failure) + self.cut_off.load(Ordering::Relaxed)
    }

    /// Attempts that were given up since nobody wanted the answer any more.
    pub(crate) fn cancelled(&self) -> u64 {
        let cut_off = self.cut_off.load(Ordering::Relaxed);
        self.attempts(Outcome::Cancelled).saturating_sub(cut_off)
    }

    /// Attempts, begun, of works that were tried again.
    pub(crate) fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// Attempts, begun, with copies of works.
    pub(crate) fn hedged(&self) -> u64 {
        self.hedged.load(Ordering::Relaxed)
    }

    pub(crate) fn limit_change(&self) -> Option<LimitChange> {
        *self.limit_change.lock()
    }

    pub(crate) fn limit_changed(&self, change: LimitChange) {
        *self.limit_change.lock() = Some(change);
    }

    pub(crate) fn circuit_change(&self) -> Option<CircuitChange> {
        *self.circuit_change.lock()
    }

    /// An attempt has come to this.
    pub(super) fn count(&self, outcome: Outcome) {
        bump(self.counter(outcome));
    }

    /// The attempt that was counted last was cut off.
    pub(super) fn count_cut_off(&self) {
        bump(&self.cut_off);
    }

    /// An attempt of a work that was tried again begins.
    pub(super) fn count_retried(&self) {
        bump(&self.retried);
    }

    /// An attempt with a copy of a work begins.
    pub(super) fn count_hedged(&self) {
        bump(&self.hedged);
    }

    /// A success has taken so long; `mean` is in nanoseconds, and tells of all calls if it is representative.
    pub(super) fn took(&self, process_time: Duration, mean: f64, is_representative: bool) {
        self.process_times.add(process_time);
        self.process_time.store(mean.max(1.0).to_bits(), Ordering::Relaxed);
        if is_representative {
            self.is_representative.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn set_doubling(&self, is_doubling: bool) {
        self.is_doubling.store(is_doubling, Ordering::Relaxed);
    }

    pub(super) fn circuit_changed(&self, change: CircuitChange) {
        if matches!(change.to, BreakerState::Open { .. }) {
            bump(&self.opened);
        }
        self.circuit.store(CircuitState::of(change.to) as u8, Ordering::Relaxed);
        *self.circuit_change.lock() = Some(change);
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
