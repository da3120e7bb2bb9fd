//! What can be seen of a pool.

use std::time::Duration;

use super::PoolStats;
use crate::control::Outcome;
use crate::control::breaker::BreakerState;
use crate::queue::GateView;

/// What can be seen of one handler's pool.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// The handler's name.
    pub handler: String,
    /// What the pool is doing.
    pub state: PoolState,
    /// The concurrency limit.
    pub limit: usize,
    /// Slots taken now.
    pub busy: usize,
    /// Of these, the ones that the circuit breaker does not wait for any more.
    pub stuck: usize,
    /// Workers there are: as many as the limit, and those that a higher limit left behind.
    pub workers: usize,
    /// Mean process time of successes; `None` before the first.
    pub process_time: Option<Duration>,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed, those included that were cut off at a shutdown.
    pub failed: u64,
    /// Attempts that were not answered in time.
    pub timed_out: u64,
    /// Attempts that were given up since nobody wanted the answer any more.
    pub cancelled: u64,
    /// What the circuit breaker lets through.
    pub circuit: CircuitState,
    /// How often the circuit breaker has opened.
    pub circuit_opened: u64,
}

impl PoolStatus {
    pub(crate) fn new(handler: String, state: PoolState, view: GateView, stats: Option<&PoolStats>) -> Self {
        let attempts = |outcome| stats.map_or(0, |stats| stats.attempts(outcome));
        PoolStatus {
            handler,
            state,
            limit: stats.map_or(0, PoolStats::limit),
            busy: view.busy,
            stuck: view.stuck,
            workers: view.workers,
            process_time: stats.and_then(PoolStats::process_time),
            succeeded: attempts(Outcome::Success),
            failed: stats.map_or(0, PoolStats::failed),
            timed_out: attempts(Outcome::Timeout),
            cancelled: stats.map_or(0, PoolStats::cancelled),
            circuit: stats.map_or(CircuitState::Closed, PoolStats::circuit),
            circuit_opened: stats.map_or(0, PoolStats::opened),
        }
    }
}

/// What a pool is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolState {
    /// Its handler is being made.
    Starting {
        /// How often that has failed.
        failures: u32,
        /// How it failed last.
        last_error: Option<String>,
    },
    /// It takes work.
    Running,
    /// It takes no work for a while.
    Held,
    /// It takes no more work; what is in flight ends.
    Ending,
    /// It is no more.
    Ended,
}

/// What a handler's circuit breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum CircuitState {
    /// All that the concurrency limit allows.
    Closed = 0,
    /// A share of the concurrency limit, to find out whether the handler serves again.
    HalfOpen = 1,
    /// Nothing.
    Open = 2,
}

impl CircuitState {
    pub(crate) fn of(state: BreakerState) -> Self {
        match state {
            BreakerState::Closed => CircuitState::Closed,
            BreakerState::HalfOpen { .. } => CircuitState::HalfOpen,
            BreakerState::Open { .. } => CircuitState::Open,
        }
    }
}

/// What can be seen of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Its number in its pool; numbers are used again.
    pub id: usize,
    /// For how long it has had its work; `None` while it has none.
    pub busy_for: Option<Duration>,
    /// Whether the circuit breaker does not wait for that work any more.
    pub is_stuck: bool,
}
