//! What a handler is told of a call beside the request.

use std::time::Duration;

use crate::dispatcher::Priority;
use crate::time::Instant;

/// What a handler may want to know of a call beside the request, so that it can pass it on to the services behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallContext {
    pub(crate) priority: Priority,
    pub(crate) gives_up_at: Option<Instant>,
}

impl CallContext {
    /// How important the request is. A copy, and a request that has failed and is tried again, is one class less so than
    /// what it was submitted with.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// When nobody waits for the answer any more, on tokio's clock: the earliest of the caller's deadline, the
    /// `request-timeout` and the `service-timeout`. `None` if that is beyond what the clock can hold.
    pub fn deadline(&self) -> Option<tokio::time::Instant> {
        self.gives_up_at.map(Instant::as_tokio)
    }

    /// How long there is until [`deadline`](Self::deadline): zero when it has passed.
    pub fn time_left(&self) -> Option<Duration> {
        self.gives_up_at.map(|at| at.saturating_duration_since(Instant::now()))
    }
}
