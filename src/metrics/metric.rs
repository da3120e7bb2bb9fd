//! What is reported, whoever it is reported to.

use std::sync::Arc;

use super::Distribution;
use crate::dispatcher::RejectionReason;

/// One thing that is known of a dispatcher, or of one of its handlers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// What it tells.
    pub name: MetricName,
    /// Of which handler; `None`: of the dispatcher. Beyond `metrics.max-handlers` handlers, the others are one that is
    /// called `other`.
    pub handler: Option<Arc<str>>,
    /// How much, or how often.
    pub value: Value,
}

/// See [`Metric`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// How often something has happened since the start of the dispatcher, or since the handler came. Only ever grows.
    Count(u64),
    /// How much of something there is now.
    Gauge(f64),
    /// How long something took, each time since the start. Only ever grows.
    Times(Distribution),
}

/// What is told of a dispatcher and its handlers: the vocabulary of all reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricName {
    /// Works submitted, refused ones included.
    Received,
    /// Works that the service answered with success.
    Completed,
    /// Works that failed at the service.
    Failed,
    /// Works that nobody answered in time.
    TimedOut,
    /// Works that were not handed to the service, shed ones included.
    Rejected,
    /// Of the rejected: those that were so for this reason.
    RejectedBecause(RejectionReason),
    /// Of the rejected: works that had been queued first.
    Shed,
    /// Works whose caller left before the end.
    Abandoned,
    /// Works waiting now.
    QueueLength,
    /// Works at a handler now.
    InFlight,
    /// The share of works refused lately: 0 to 1.
    DropRate,
    /// 1 while more than the capacity is let through for a moment, else 0.
    BurstMode,
    /// How long a work that came now would wait, in seconds; 0 while that is not known.
    ExpectedWait,
    /// From receipt to the first handler.
    WaitTime,
    /// Attempts at the handler that succeeded.
    HandlerCompleted,
    /// Attempts at the handler that failed, those included that were cut off at a shutdown.
    HandlerFailed,
    /// Attempts at the handler that it did not answer in time.
    HandlerTimedOut,
    /// Attempts at the handler that were given up since nobody wanted the answer any more.
    HandlerCancelled,
    /// Attempts at the handler, begun, of works that had failed or timed out before and were tried again.
    HandlerRetried,
    /// Attempts at the handler, begun, with copies of works that are at other handlers.
    HandlerHedged,
    /// How long the handler took for its successes.
    ProcessTime,
    /// The handler's concurrency limit.
    ConcurrencyLimit,
    /// Slots of the handler that are taken.
    Busy,
    /// What the handler's circuit breaker lets through: 0 all (closed), 1 a part (half-open), 2 nothing (open).
    Circuit,
    /// How often the handler's circuit breaker has opened.
    CircuitOpened,
}

/// How the gauges of several become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Together {
    Sum,
    Most,
}

impl MetricName {
    /// How gauges of this name become one, where several dispatchers are reported under the same name.
    pub(crate) fn together(self) -> Together {
        match self {
            Self::DropRate | Self::BurstMode | Self::ExpectedWait | Self::Circuit => Together::Most,
            _ => Together::Sum,
        }
    }
}

impl Together {
    pub(crate) fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Together::Sum => one + other,
            Together::Most => one.max(other),
        }
    }
}
