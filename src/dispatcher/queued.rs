//! A work that was let in.

use std::time::Duration;

use crate::time::Instant;

use super::claim::{Claim, Places};
use super::error::{CallError, CopyFailure, Rejection, Timeout};
use super::work::Priority;
use crate::panics::drop_quietly;
use crate::pool::CloneRequest;
use crate::queue::{Excluded, Patience, Waiting};

/// A work that was let in, with all that is needed to serve or to refuse it.
pub(crate) struct Queued<Req, Res, Err> {
    pub(crate) request: Req,
    pub(crate) claim: Claim<Res, Err>,
    pub(crate) priority: Priority,
    pub(crate) times: Times,
    /// `None` for a work that has not been at a handler and is like all others.
    pub(crate) course: Option<Box<Course<Req, Err>>>,
}

/// The times of a work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// When it was let in; until it reaches the backlog only work that brings a time limit knows.
    pub(crate) since: Option<Instant>,
    /// The caller's own.
    pub(crate) deadline: Option<Instant>,
    /// For work with a deadline of its own: when it is no longer worth waiting for a worker.
    pub(crate) sheds_at: Option<Instant>,
}

/// What makes a work take another course than all others, or than once to one handler.
pub(crate) struct Course<Req, Err> {
    /// Whether it has been at a handler, or a copy of it has.
    pub(crate) has_been_out: bool,
    /// How often it has failed and was tried again for that.
    pub(crate) retries: u32,
    /// The handlers that should not get it again, while there are others.
    pub(crate) excluded: Excluded,
    /// How many copies of it are still to go out.
    pub(crate) copies: usize,
    /// How its request is copied, where it knows that itself.
    pub(crate) clone_request: Option<CloneRequest<Req>>,
    /// What copies before this one have come to.
    pub(crate) failures: Vec<CopyFailure<Err>>,
    /// What this one has come to, if it goes out again.
    pub(crate) last: Option<CopyFailure<Err>>,
}

impl<Req, Err> Course<Req, Err> {
    /// The course of a work that is to have so many copies beside the first.
    pub(crate) fn with_copies(copies: usize, clone_request: Option<CloneRequest<Req>>) -> Self {
        Course {
            has_been_out: false,
            retries: 0,
            excluded: Excluded::new(),
            copies,
            clone_request,
            failures: Vec::new(),
            last: None,
        }
    }
}

impl<Req, Res, Err> std::fmt::Debug for Queued<Req, Res, Err> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let retries = self.course.as_ref().map_or(0, |course| course.retries);
        f.debug_struct("Queued")
            .field("priority", &self.priority)
            .field("times", &self.times)
            .field("retries", &retries)
            .finish_non_exhaustive()
    }
}

impl Times {
    /// When the caller must have been answered.
    pub(crate) fn ends_at(&self, request_timeout: Option<Duration>) -> Option<Instant> {
        let by_request = request_timeout.and_then(|timeout| self.since?.checked_add(timeout));
        earlier(by_request, self.deadline)
    }

    /// Which of the caller's limits has passed at `now`.
    pub(crate) fn passed(&self, now: Instant, request_timeout: Option<Duration>) -> Option<Timeout> {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(Timeout::Deadline);
        }
        let waited = self.waited(now);
        request_timeout.filter(|timeout| *timeout <= waited).map(Timeout::Request)
    }

    pub(crate) fn waited(&self, now: Instant) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

/// The earlier of two times, of which there may be none.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl<Req, Res, Err> Queued<Req, Res, Err>
where
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Ends a work whose answer is of no use any more.
    pub(crate) fn abandon(self) -> Places {
        let Queued { request, claim, .. } = self;
        let places = claim.abandon();
        drop_quietly(request);
        places
    }

    fn fail(self, error: CallError<Err>) {
        let Queued { request, claim, .. } = self;
        // Other carriers that wait have the same limits.
        claim.end(Err(error));
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
        usize::from(self.priority.class())
    }

    fn arrived(&mut self, at: Instant) {
        self.times.since.get_or_insert(at);
    }

    fn sheds_at(&self) -> Option<Instant> {
        self.times.sheds_at
    }

    fn expires_at(&self, patience: Patience) -> Option<Instant> {
        if self.course.as_ref().is_some_and(|course| course.has_been_out) {
            return self.times.ends_at(patience.request_timeout);
        }
        self.times.sheds_at.or_else(|| self.times.since?.checked_add(patience.in_queue()?))
    }

    fn expire(self, now: Instant, patience: Patience, drop_rate: f64) {
        let error = match self.times.passed(now, patience.request_timeout) {
            Some(timeout) => CallError::TimedOut(timeout),
            None => CallError::Rejected(Rejection::WaitedTooLong { waited: self.times.waited(now), drop_rate }),
        };
        self.fail(error);
    }

    fn refuse(mut self, reason: Rejection) {
        // One that has been at a handler cannot be said not to have been.
        let failures =
            self.course.take().map(|course| course.failures.into_iter().chain(course.last).collect::<Vec<_>>());
        match failures.filter(|failures| !failures.is_empty()) {
            None => self.fail(CallError::Rejected(reason)),
            Some(failures) => {
                let Queued { request, claim, .. } = self;
                // Other carriers that wait are refused too.
                claim.fail(failures);
                drop_quietly(request);
            }
        }
    }

    fn waits_at(&mut self, place: u64) {
        self.claim.waits_at(place);
    }

    fn is_over(&self) -> bool {
        self.claim.is_over()
    }

    fn discard(self) {
        drop(self.abandon());
    }

    fn excluded(&mut self) -> Option<&mut Excluded> {
        self.course.as_mut().map(|course| &mut course.excluded)
    }
}
