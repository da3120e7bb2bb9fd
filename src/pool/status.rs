//! What can be seen of a pool.

use std::time::Duration;

use super::PoolStats;
use crate::control::Outcome;
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
    /// Workers there are: as many as the limit, and those that a higher limit left behind.
    pub workers: usize,
    /// Mean process time of successes; `None` before the first.
    pub process_time: Option<Duration>,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that were not answered in time.
    pub timed_out: u64,
    /// Attempts whose caller left.
    pub cancelled: u64,
}

impl PoolStatus {
    pub(crate) fn new(handler: String, state: PoolState, view: GateView, stats: Option<&PoolStats>) -> Self {
        let attempts = |outcome| stats.map_or(0, |stats| stats.attempts(outcome));
        PoolStatus {
            handler,
            state,
            limit: stats.map_or(0, PoolStats::limit),
            busy: view.busy,
            workers: view.workers,
            process_time: stats.and_then(PoolStats::process_time),
            succeeded: attempts(Outcome::Success),
            failed: attempts(Outcome::Failure),
            timed_out: attempts(Outcome::Timeout),
            cancelled: attempts(Outcome::Cancelled),
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
