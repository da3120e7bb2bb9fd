//! What can be seen of a dispatcher.

use std::time::Duration;

use super::totals::Totals;
use crate::pool::PoolStatus;

/// What can be seen of a dispatcher at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DispatcherStatus {
    /// The dispatcher's name.
    pub name: String,
    /// What it is doing.
    pub state: DispatcherState,
    /// How many works there were of each kind since the start.
    pub totals: Totals,
    /// The share of works refused lately: 0 to 1.
    pub drop_rate: f64,
    /// How long a work that came now would wait; `None` while that is not known.
    pub expected_wait: Option<Duration>,
    /// How many of its [providers](crate::HandlerProvider) may still announce handlers.
    pub providers: usize,
    /// Its pools, in the order in which the handlers were given.
    pub pools: Vec<PoolStatus>,
}

/// What a dispatcher is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DispatcherState {
    /// It has no handler yet, and queues work in the hope of one.
    Starting,
    /// It has a handler.
    Running,
    /// It has no handler, and refuses work.
    NoHandlers,
    /// It takes no more work, and finishes what it has.
    ShuttingDown,
}
