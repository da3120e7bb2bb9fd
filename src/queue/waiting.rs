//! What the queue must know of the works in it.

use std::fmt::Debug;
use std::time::Duration;

use crate::time::Instant;

use super::Excluded;
use crate::dispatcher::Rejection;

/// A work that waits to be served.
pub(crate) trait Waiting: Debug + Send + 'static {
    /// Its class of importance, as an index.
    fn class(&self) -> usize;

    /// Takes note of when it came, if it did not know that itself.
    fn arrived(&mut self, at: Instant);

    /// When it stops waiting, if it brought a deadline of its own.
    fn sheds_at(&self) -> Option<Instant>;

    /// When it stops waiting.
    fn expires_at(&self, patience: Patience) -> Option<Instant>;

    /// Whether it has stopped waiting at `now`.
    fn has_expired(&self, now: Instant, patience: Patience) -> bool {
        self.expires_at(patience).is_some_and(|at| at <= now)
    }

    /// Answers a work that has waited too long.
    fn expire(self, now: Instant, patience: Patience, drop_rate: f64);

    /// Answers a work that does not go to a handler.
    fn refuse(self, reason: Rejection);

    /// Takes note of its place among the works that go out again.
    fn waits_at(&mut self, place: u64);

    /// Whether its answer is of no use any more.
    fn is_over(&self) -> bool;

    /// Ends a work whose answer is of no use any more.
    fn discard(self);

    /// The handlers that should not get it; `None` for a work that has not been at one.
    fn excluded(&mut self) -> Option<&mut Excluded>;
}

/// How long works without a deadline of their own may wait, and how long any may take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Patience {
    /// `None`: as long as it takes.
    pub(crate) longest_wait: Option<Duration>,
    pub(crate) request_timeout: Option<Duration>,
}

impl Patience {
    /// How long a work without a deadline of its own may wait for a worker.
    pub(crate) fn in_queue(&self) -> Option<Duration> {
        match (self.longest_wait, self.request_timeout) {
            (Some(wait), Some(timeout)) => Some(wait.min(timeout)),
            (wait, timeout) => wait.or(timeout),
        }
    }
}
