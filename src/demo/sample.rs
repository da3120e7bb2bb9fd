//! How things stand at one moment of a run.

use std::time::Duration;

use super::slots::ServiceLoad;

/// How often samples are taken.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// One look at everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// From the start of the run.
    pub(crate) at: Duration,
    /// Requests whose clients wait.
    pub(crate) clients: usize,
    pub(crate) service: ServiceLoad,
    /// `None` when there is no dispatcher, or it did not say.
    pub(crate) dispatcher: Option<DispatcherSample>,
}

/// One look at the dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DispatcherSample {
    /// Requests that wait in its queue.
    pub(crate) queued: usize,
    /// Requests that it has handed to the service.
    pub(crate) in_flight: usize,
    /// Its concurrency limit.
    pub(crate) limit: usize,
}
