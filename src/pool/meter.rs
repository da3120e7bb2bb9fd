//! What is measured at one handler.

use std::cell::RefCell;
use std::time::Duration;

use crate::time::Instant;
use actix::Addr;

use super::autothrottler::{Autothrottler, Proposal};
use super::circuit_breaker::Circuit;
use super::stats::{CircuitChange, PoolStats};
use crate::control::breaker::{Breaker, BreakerState, SHORTEST_STALL, stall_threshold};
use crate::control::throttle::{PoolSample, Throttle};
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

    fn now(&self) -> Moment {
        let at = Instant::now();
        Moment { at, reading: self.read(at) }
    }

    fn read(&self, now: Instant) -> Duration {
        self.since_epoch.saturating_add(now.saturating_duration_since(self.start))
    }

    /// When the shared clock reads so.
    fn instant(&self, reading: Duration) -> Instant {
        let since_start = reading.saturating_sub(self.since_epoch);
        // Beyond what an instant can hold, now is as good as any: nothing is asked for that far ahead.
        self.start.checked_add(since_start).unwrap_or(self.start)
    }
}

/// A point in time, and what the shared clock reads then: a subtraction of instants costs ten times one of readings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    reading: Duration,
}

impl Moment {
    /// So much later on the shared clock: for an attempt that was held up for so long by others than the handler.
    pub(crate) fn held_up(self, held_up: Duration) -> Self {
        Moment { reading: self.reading.saturating_add(held_up), ..self }
    }
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
    breaker: Option<Breaker>,
    /// When the breaker opened last. What started before then belongs to the incident for which it did.
    opened_at: Option<Instant>,
    process_time: MeanProcessTime,
    in_flight: usize,
    /// Whether the slots that are free are about to be taken.
    is_refilled: bool,
    /// `None` for a throttle that wants no samples.
    interval: Option<Interval>,
}

/// What has happened since the last sample for the throttle.
#[derive(Debug)]
struct Interval {
    began: Instant,
    /// Attempts that ended in success or failure.
    done: u64,
    /// Attempts that ended in success, and the sum of their process times.
    succeeded: u32,
    process_times: Duration,
    most_busy: usize,
}

impl Interval {
    fn beginning(began: Instant, most_busy: usize) -> Self {
        Interval { began, done: 0, succeeded: 0, process_times: Duration::ZERO, most_busy }
    }

    fn add(&mut self, outcome: Outcome, process_time: Duration) {
        if outcome == Outcome::Success {
            self.succeeded = self.succeeded.saturating_add(1);
            self.process_times = self.process_times.saturating_add(process_time);
        }
        self.done += u64::from(matches!(outcome, Outcome::Success | Outcome::Failure));
    }
}

impl Meter {
    pub(crate) fn new(
        clock: Clock,
        stats: std::sync::Arc<PoolStats>,
        throttle: Box<dyn Throttle>,
        breaker: Option<Breaker>,
        autothrottler: Addr<Autothrottler>,
    ) -> Self {
        let interval = throttle.interval().map(|_| Interval::beginning(Instant::now(), 0));
        let inner = Inner {
            throttle,
            breaker,
            opened_at: None,
            process_time: MeanProcessTime::default(),
            in_flight: 0,
            is_refilled: false,
            interval,
        };
        Meter { clock, stats, autothrottler, inner: RefCell::new(inner) }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// An attempt takes a slot; [`Meter::ended`] says that it is free.
    pub(crate) fn started(&self) {
        let inner = &mut *self.inner.borrow_mut();
        inner.in_flight += 1;
        if let Some(interval) = &mut inner.interval {
            interval.most_busy = interval.most_busy.max(inner.in_flight);
        }
    }

    /// A work that has not been at a handler goes to one.
    pub(crate) fn waited(&self, wait: Duration) {
        self.stats.wait_time.add(wait);
    }

    /// An attempt of a work that was tried again begins.
    pub(crate) fn retried(&self) {
        self.stats.count_retried();
    }

    /// An attempt with a copy of a work begins.
    pub(crate) fn hedged(&self) {
        self.stats.count_hedged();
    }

    /// The attempt whose outcome was recorded last was cut off.
    pub(crate) fn cut_off(&self) {
        self.stats.count_cut_off();
    }

    /// The attempt whose outcome was recorded last was cancelled since another copy was answered first.
    pub(crate) fn outrun(&self, now: Moment) {
        if let Some(breaker) = &mut self.inner.borrow_mut().breaker {
            breaker.outrun(now.reading);
        }
    }

    /// An attempt's outcome is known. Its slot may still be taken. Returns what the circuit breaker makes of it, if
    /// that changes.
    pub(crate) fn record(&self, started: Moment, now: Moment, outcome: Outcome) -> Option<Circuit> {
        self.stats.count(outcome);
        let process_time = now.reading.saturating_sub(started.reading);
        let inner = &mut *self.inner.borrow_mut();
        let is_left_behind = inner.opened_at.is_some_and(|opened_at| started.at < opened_at);
        let limit = inner.throttle.limit();
        if outcome == Outcome::Success {
            // One that hung says how long the service hung rather than how long it takes. But what takes so long by now
            // must become known, or the next would be taken to hang too.
            let longest = || 2 * stall_threshold(self.process_time()).unwrap_or(SHORTEST_STALL);
            let counted = if is_left_behind { process_time.min(longest()) } else { process_time };
            let mean = inner.process_time.add(counted, limit);
            self.stats.took(process_time, mean, inner.process_time.is_representative(limit));
        }
        if let Some(interval) = &mut inner.interval {
            interval.add(outcome, process_time);
        }
        let attempt = Attempt { now: now.reading, process_time, outcome, in_flight: inner.in_flight };
        // Where several end at once, the first would otherwise seem to leave slots free that are taken in the same moment.
        let is_refilled = std::mem::take(&mut inner.is_refilled);
        let in_flight = if is_refilled { inner.in_flight.max(limit) } else { inner.in_flight };
        // The breaker has dealt with what it left behind; as a measure of the limit it would mislead.
        let outcome = if is_left_behind { Outcome::Cancelled } else { outcome };
        let proposal = inner.throttle.record(&Attempt { outcome, in_flight, ..attempt });
        if let Some(limit) = proposal {
            self.autothrottler.do_send(Proposal { limit, reason: inner.throttle.reason() });
        }
        self.stats.set_doubling(inner.throttle.is_doubling());
        let state = inner.breaker.as_mut()?.record(&attempt, limit)?;
        Some(self.circuit(state, now.at, &mut inner.opened_at))
    }

    /// What ends next is followed by another at once: the source has more, and was stopped only by the limit.
    pub(crate) fn refilled(&self) {
        self.inner.borrow_mut().is_refilled = true;
    }

    /// An attempt's slot is free.
    pub(crate) fn ended(&self) {
        self.inner.borrow_mut().in_flight -= 1;
    }

    /// All that may be in flight has been so since `since` and beyond [`stall_threshold`].
    pub(crate) fn stalled(&self, now: Instant, since: Instant) -> Option<Circuit> {
        let inner = &mut *self.inner.borrow_mut();
        let state = inner.breaker.as_mut()?.stalled(self.clock.read(now), self.clock.read(since))?;
        Some(self.circuit(state, now, &mut inner.opened_at))
    }

    /// The time for which the circuit breaker was to be open may be over.
    pub(crate) fn open_time_over(&self, now: Instant) -> Option<Circuit> {
        let inner = &mut *self.inner.borrow_mut();
        let state = inner.breaker.as_mut()?.open_time_over(self.clock.read(now))?;
        Some(self.circuit(state, now, &mut inner.opened_at))
    }

    fn circuit(&self, state: BreakerState, now: Instant, opened_at: &mut Option<Instant>) -> Circuit {
        let open_until = match state {
            BreakerState::Open { until, .. } => {
                *opened_at = Some(now);
                Some(self.clock.instant(until))
            }
            BreakerState::HalfOpen { .. } | BreakerState::Closed => None,
        };
        self.stats.circuit_changed(CircuitChange { at: now, to: state });
        Circuit { state, open_until }
    }

    /// Takes a sample for the throttle. `overflown`: see [`PoolSample::overflown`].
    pub(crate) fn sample(&self, now: Instant, overflown: bool) {
        let inner = &mut *self.inner.borrow_mut();
        let next = Interval::beginning(now, inner.in_flight);
        let Some(Interval { began, done, succeeded, process_times, most_busy }) = inner.interval.replace(next) else {
            return;
        };
        let sample = PoolSample {
            now: self.clock.read(now),
            elapsed: now.saturating_duration_since(began),
            done,
            process_time: process_times.checked_div(succeeded),
            limit: inner.throttle.limit(),
            most_busy,
            overflown,
        };
        if let Some(limit) = inner.throttle.sample(&sample) {
            self.autothrottler.do_send(Proposal { limit, reason: inner.throttle.reason() });
        }
    }

    /// How often the throttle wants a sample, if it does.
    pub(crate) fn sampling_interval(&self) -> Option<Duration> {
        self.inner.borrow().throttle.interval()
    }

    /// Mean process time of successes; `None` before the first.
    pub(crate) fn process_time(&self) -> Option<Duration> {
        self.stats.process_time()
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

    /// Enough of a larger limit.
    const ENOUGH: usize = 100;

    fn is_representative(&self, limit: usize) -> bool {
        self.count >= limit.min(Self::ENOUGH) as f64
    }

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
    fn mean_process_time_is_representative_after_a_round() {
        let mut mean = MeanProcessTime::default();
        for count in 1..=100 {
            mean.add(Duration::from_secs(1), 80);
            assert_eq!(mean.is_representative(80), count >= 80);
            assert_eq!(mean.is_representative(10_000), count == 100);
        }
    }

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
