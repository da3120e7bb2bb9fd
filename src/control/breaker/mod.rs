//! Circuit breaker: lets a service that does not answer alone for a while.
//!
//! Sending work to a service that hangs or fails costs callers their time and the service its chance to recover. A
//! [`Breaker`] watches one handler: it tells when to hold it, how much of its concurrency limit to try afterwards, and
//! when all is well again. It neither holds nor waits itself.

mod rules;
mod state;
mod window;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::rules::BreakerRules;
pub use self::state::{BreakerState, Cause};
use self::window::Window;
use super::{Attempt, Outcome};

/// Shares of the concurrency limit that are tried one after the other, in percent.
const STEPS: [usize; 4] = [1, 5, 25, 100];

/// Attempts are stalled once each has taken this many mean process times, and at least [`SHORTEST_STALL`].
const STALL: u32 = 5;
/// See [`stall_threshold`].
pub(crate) const SHORTEST_STALL: Duration = Duration::from_secs(1);

/// The circuit breaker of one handler.
///
/// # The regimes
///
/// - *Closed*. It opens by more than `timeout_count_threshold` timeouts in a row (a reply, even a failure, ends the row),
///   or when among at least `minimum_calls` calls of the last `window` more than `error_rate_threshold` failed or timed
///   out, or more than `slow_call_rate_threshold` were slow, or when the handler is [stalled](Self::stalled).
/// - *Open*, for `open_duration_base · min(n, max_open_factor)`, with n the openings since it was last closed. If it opened
///   because the service was silent, a success ends it early, even that of an attempt from before.
/// - *Half-open*. 1, 5, 25, then 100 % of the concurrency limit, at least 1, may be in flight; as many successes lead
///   from each step to the next, and from the last to *Closed*. It opens again when more than `error_rate_threshold` of a
///   step's slots, or all of them, went wrong, or by timeouts in a row, or when the probes stall.
///
/// What started before it opened and goes wrong later belongs to the incident for which it opened: it is not counted.
/// Cancelled attempts never are.
///
/// # It recovers by itself
///
/// *Open* ends by the clock alone, after `open_duration_base · max_open_factor` at the latest. *Half-open* lets at least
/// one attempt in; every success counts towards the next step, every other end but a cancellation towards opening
/// again. Whatever it has seen, a service that answers has it closed after an open time and about 1.31 limits of
/// successes.
///
/// # Sources
///
/// Timeouts in a row and the growing open time are the original Kanaloa's, which however did not keep its count, so that
/// its open time never grew, and which closed on failures too. Shares in a window are those of Hystrix and resilience4j;
/// the stall and the growing steps are ours.
#[derive(Debug, Clone)]
pub struct Breaker {
    rules: BreakerRules,
    state: BreakerState,
    /// Openings since it was last closed.
    openings: u32,
    /// When it last opened.
    opened_at: Option<Duration>,
    timeouts_in_a_row: u32,
    window: Window,
    trial: Trial,
}

/// What came of a step of the half-open state so far.
#[derive(Debug, Clone, Copy, Default)]
struct Trial {
    successes: usize,
    bad: usize,
}

impl Trial {
    fn is_lost(&self, slots: usize, threshold: f64) -> bool {
        self.bad as f64 > threshold * slots as f64 || self.bad >= slots
    }
}

/// What the end of an attempt says about the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad(Cause),
}

impl Breaker {
    /// A closed breaker.
    pub fn new(rules: BreakerRules) -> Self {
        Breaker {
            rules,
            state: BreakerState::Closed,
            openings: 0,
            opened_at: None,
            timeouts_in_a_row: 0,
            window: Window::new(rules.window),
            trial: Trial::default(),
        }
    }

    /// Takes in an attempt that has ended, at a handler with this concurrency limit; returns the state if it changes.
    pub fn record(&mut self, attempt: &Attempt, limit: usize) -> Option<BreakerState> {
        // Nearly always. It may be the call that makes a share count, but it is no reason to open.
        if matches!(self.state, BreakerState::Closed)
            && attempt.outcome == Outcome::Success
            && !self.rules.is_slow(attempt.process_time)
        {
            self.timeouts_in_a_row = 0;
            self.window.add(attempt.now, false, false);
            return None;
        }
        let before = self.state;
        if let Some(verdict) = self.judge(attempt) {
            match self.state {
                BreakerState::Closed => self.closed(attempt, verdict),
                BreakerState::Open { cause, .. } => self.open(cause, verdict, limit),
                BreakerState::HalfOpen { .. } => self.half_open(attempt.now, verdict, limit),
            }
        }
        self.change_from(before)
    }

    /// Tells that an attempt which was cancelled had been so because another copy of its request was answered first. It says
    /// nothing of the handler, but counts among the calls of which a share may fail: of copies that are sent at once the
    /// failures are all seen when they are fast, and of the successes only one.
    pub fn outrun(&mut self, now: Duration) {
        if self.state == BreakerState::Closed {
            self.window.add(now, false, false);
        }
    }

    /// Tells that every attempt in flight has been waiting for longer than [`stall_threshold`], while the handler
    /// should do as much as [`Breaker::limit`] allows; `newest_start` is when the last of them started. Returns the
    /// state if it changes.
    ///
    /// The time for which probes have been waiting counts as open time, so that a service which hangs gets the next
    /// probe an open time after the last.
    pub fn stalled(&mut self, now: Duration, newest_start: Duration) -> Option<BreakerState> {
        let before = self.state;
        match self.state {
            BreakerState::Closed => self.open_from(now, now, Cause::Stalled),
            BreakerState::HalfOpen { .. } => self.open_from(now, newest_start.min(now), Cause::Stalled),
            BreakerState::Open { .. } => {}
        }
        self.change_from(before)
    }

    /// Lets the first probe in if the open time is over; does nothing otherwise. Returns the state if it changes.
    // ## Open => HalfOpen, because its time is over
    pub fn open_time_over(&mut self, now: Duration) -> Option<BreakerState> {
        match self.state {
            BreakerState::Open { until, .. } if until <= now => {
                self.enter_step(0);
                Some(self.state)
            }
            _ => None,
        }
    }

    /// The state it is in.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// How many attempts may be in flight, of a concurrency limit: see [`BreakerState::limit`].
    pub fn limit(&self, limit: usize) -> usize {
        self.state.limit(limit)
    }

    /// `None`: it says nothing.
    fn judge(&self, attempt: &Attempt) -> Option<Verdict> {
        let cause = match attempt.outcome {
            Outcome::Cancelled => return None,
            Outcome::Success if !self.rules.is_slow(attempt.process_time) => return Some(Verdict::Good),
            Outcome::Success => Cause::SlowCalls,
            Outcome::Failure => Cause::Errors,
            Outcome::Timeout => Cause::Timeouts,
        };
        let started = attempt.now.saturating_sub(attempt.process_time);
        let is_old = self.opened_at.is_some_and(|opened_at| started < opened_at);
        (!is_old).then_some(Verdict::Bad(cause))
    }

    // ## Closed => Open
    fn closed(&mut self, attempt: &Attempt, verdict: Verdict) {
        self.count_timeouts(verdict);
        let is_error = matches!(verdict, Verdict::Bad(Cause::Timeouts | Cause::Errors));
        self.window.add(attempt.now, is_error, self.rules.is_slow(attempt.process_time));
        let seen = self.window.total();
        let calls = f64::from(seen.calls);
        let has_share = seen.calls >= self.rules.minimum_calls;
        let cause = if self.too_many_timeouts() {
            Cause::Timeouts
        } else if has_share && f64::from(seen.errors) > self.rules.error_rate_threshold * calls {
            Cause::Errors
        } else if has_share && f64::from(seen.slow) > self.rules.slow_call_rate_threshold * calls {
            Cause::SlowCalls
        } else {
            return;
        };
        self.open_from(attempt.now, attempt.now, cause);
    }

    // ## Open => HalfOpen, because a silent service answers
    fn open(&mut self, cause: Cause, verdict: Verdict, limit: usize) {
        if cause.is_silence() && verdict == Verdict::Good {
            self.enter_step(0);
            self.succeeded(limit);
        }
    }

    // ## HalfOpen => Open, because what was tried went wrong
    fn half_open(&mut self, now: Duration, verdict: Verdict, limit: usize) {
        self.count_timeouts(verdict);
        let Verdict::Bad(cause) = verdict else { return self.succeeded(limit) };
        self.trial.bad += 1;
        if self.too_many_timeouts() {
            self.open_from(now, now, Cause::Timeouts);
        } else if self.trial.is_lost(self.limit(limit), self.rules.error_rate_threshold) {
            self.open_from(now, now, cause);
        }
    }

    // ## HalfOpen => HalfOpen, one step on
    // ## HalfOpen => Closed
    fn succeeded(&mut self, limit: usize) {
        let BreakerState::HalfOpen { step } = self.state else { return };
        self.trial.successes += 1;
        if self.trial.successes < self.limit(limit) {
            return;
        }
        if step + 1 < STEPS.len() {
            self.enter_step(step + 1);
        } else {
            self.state = BreakerState::Closed;
            self.openings = 0;
            self.start_counting();
        }
    }

    fn enter_step(&mut self, step: usize) {
        self.state = BreakerState::HalfOpen { step };
        self.trial = Trial::default();
    }

    /// Opens at `now`, for a time that has begun at `since`.
    fn open_from(&mut self, now: Duration, since: Duration, cause: Cause) {
        self.openings = self.openings.saturating_add(1);
        let until = since.saturating_add(self.rules.open_duration(self.openings)).max(now);
        self.state = BreakerState::Open { until, cause };
        self.opened_at = Some(now);
        self.start_counting();
    }

    fn start_counting(&mut self) {
        self.timeouts_in_a_row = 0;
        self.window.clear();
    }

    fn count_timeouts(&mut self, verdict: Verdict) {
        let is_timeout = verdict == Verdict::Bad(Cause::Timeouts);
        self.timeouts_in_a_row = if is_timeout { self.timeouts_in_a_row.saturating_add(1) } else { 0 };
    }

    fn too_many_timeouts(&self) -> bool {
        self.timeouts_in_a_row > self.rules.timeout_count_threshold
    }

    fn change_from(&self, before: BreakerState) -> Option<BreakerState> {
        (self.state != before).then_some(self.state)
    }
}

/// After how long attempts that have not ended are stalled: max(1 s, 5·R), R being the mean process time. `None` while
/// that is not known.
pub fn stall_threshold(process_time: Option<Duration>) -> Option<Duration> {
    process_time.map(|process_time| process_time.saturating_mul(STALL).max(SHORTEST_STALL))
}
