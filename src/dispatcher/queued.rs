//! A work that was let in.

use std::time::Duration;

use tokio::time::Instant;

use super::error::{CallError, Rejection, Timeout};
use super::ticket::Ticket;
use crate::panics::drop_quietly;
use crate::queue::{Patience, Waiting};

/// A work that was let in, with all that is needed to serve or to refuse it.
pub(crate) struct Queued<Req, Res, Err> {
    pub(crate) request: Req,
    pub(crate) ticket: Ticket<Res, Err>,
    pub(crate) class: u8,
    /// When it was let in; until it reaches the backlog only work that brings a time limit knows.
    pub(crate) since: Option<Instant>,
    /// The caller's own.
    pub(crate) deadline: Option<Instant>,
    /// For work with a deadline of its own: when it is no longer worth waiting for a worker.
    pub(crate) sheds_at: Option<Instant>,
}

impl<Req, Res, Err> std::fmt::Debug for Queued<Req, Res, Err> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queued").field("class", &self.class).field("since", &self.since).finish_non_exhaustive()
    }
}

impl<Req, Res, Err> Queued<Req, Res, Err> {
    /// Ends a work whose caller has left.
    pub(crate) fn abandon(self) {
        self.fail(CallError::Rejected(Rejection::ShuttingDown));
    }

    fn fail(self, error: CallError<Err>) {
        let Queued { request, ticket, .. } = self;
        ticket.end(Err(error));
        drop_quietly(request);
    }
}

impl<Req, Res, Err> Waiting for Queued<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn class(&self) -> usize {
        usize::from(self.class)
    }

    fn arrived(&mut self, at: Instant) {
        self.since.get_or_insert(at);
    }

    fn sheds_at(&self) -> Option<Instant> {
        self.sheds_at
    }

    fn expires_at(&self, patience: Patience) -> Option<Instant> {
        self.sheds_at.or_else(|| self.since?.checked_add(patience.in_queue()?))
    }

    fn expire(self, now: Instant, patience: Patience, drop_rate: f64) {
        let waited = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let error = if self.deadline.is_some_and(|deadline| deadline <= now) {
            CallError::TimedOut(Timeout::Deadline)
        } else if let Some(timeout) = patience.request_timeout.filter(|timeout| *timeout <= waited) {
            CallError::TimedOut(Timeout::Request(timeout))
        } else {
            CallError::Rejected(Rejection::WaitedTooLong { waited, drop_rate })
        };
        self.fail(error);
    }

    fn refuse(self, reason: Rejection) {
        self.fail(CallError::Rejected(reason));
    }
}
