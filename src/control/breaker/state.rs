//! The states of a [`Breaker`](super::Breaker).

use std::fmt;
use std::time::Duration;

use super::STEPS;

/// Why a breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Too many timeouts in a row.
    Timeouts,
    /// Too large a share of failures and timeouts.
    Errors,
    /// Too large a share of slow calls.
    SlowCalls,
    /// Every attempt in flight has been waiting for far too long.
    Stalled,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Timeouts => "too many timeouts in a row",
            Cause::Errors => "too many calls failed",
            Cause::SlowCalls => "too many calls were slow",
            Cause::Stalled => "no answer to any call in flight",
        })
    }
}

impl Cause {
    /// Whether a single success refutes it: a service that was silent and answers is back, one that fails half of
    /// its calls always succeeds now and then.
    pub(super) fn is_silence(self) -> bool {
        matches!(self, Cause::Timeouts | Cause::Stalled)
    }
}

/// What a handler may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All that its concurrency limit allows.
    Closed,
    /// Nothing.
    Open {
        /// When [`Breaker::open_time_over`](super::Breaker::open_time_over) is due, as time since the Unix epoch.
        until: Duration,
        /// Why.
        cause: Cause,
    },
    /// A share of its concurrency limit: see [`BreakerState::limit`].
    HalfOpen {
        /// 0 to 3: 1 %, 5 %, 25 %, 100 %.
        step: usize,
    },
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            BreakerState::Closed => f.write_str("closed"),
            BreakerState::Open { cause, .. } => write!(f, "open: {cause}"),
            BreakerState::HalfOpen { step } => write!(f, "half-open: trying {} % of the limit", STEPS[step]),
        }
    }
}

impl BreakerState {
    /// How many attempts may be in flight, of a concurrency limit: 0 while open, else at least 1.
    ///
    /// While half-open, attempts that started before it last opened do not count: probes run on top of those that are
    /// stuck, for otherwise a service that is back would get none until they time out.
    pub fn limit(self, limit: usize) -> usize {
        match self {
            BreakerState::Closed => limit.max(1),
            BreakerState::Open { .. } => 0,
            // The quotient is not above the limit, which a usize holds.
            BreakerState::HalfOpen { step } => ((limit as u128 * STEPS[step] as u128).div_ceil(100) as usize).max(1),
        }
    }
}
