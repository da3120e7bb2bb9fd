//! The states of a [`Breaker`](super::Breaker).

use std::time::Duration;

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
    /// A share of its concurrency limit: see [`Breaker::limit`](super::Breaker::limit).
    HalfOpen {
        /// 0 to 3: 1 %, 5 %, 25 %, 100 %.
        step: usize,
    },
}
