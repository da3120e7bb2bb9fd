//! What a worker does with a work that has come to nothing, or that goes to several handlers: it puts it where others
//! take it from.

use std::time::Duration;

use crate::time::Instant;

use super::{Carried, ClaimFor, Duty, QueuedFor};
use crate::control::Outcome;
use crate::control::regulator::Applicant;
use crate::dispatcher::{CallError, Claim, CopyFailure, Course, Priority, Queued};
use crate::handler::{Handler, OnCancel};
use crate::panics::drop_quietly;
use crate::pool::redelivery::Again;
use crate::queue::{ExpireAt, RetryTimes, Waiting};

/// A work that goes out again.
struct Next<H: Handler> {
    request: H::Request,
    again: Again,
    not_before: Option<Instant>,
}

impl<H: Handler> Carried<'_, H> {
    /// Tells the caller, or has the work go out again.
    #[cold]
    pub(super) fn fail(&mut self, error: CallError<H::Error>, now: Instant) {
        let Some(mut claim) = self.claim.take() else { return };
        match self.goes_out_again(&error, now) {
            Some(next) => {
                claim.return_to_queue();
                self.put_back(claim, next, error, now);
            }
            None => self.end_with(claim, error, now),
        }
    }

    /// As [`Carried::fail`] for a work that nobody has answered in time. If its request runs on while it goes out again,
    /// returns the right to answer it late.
    pub(super) fn give_up(
        &mut self,
        error: CallError<H::Error>,
        on_cancel: OnCancel,
        now: Instant,
    ) -> Option<ClaimFor<H>> {
        if on_cancel == OnCancel::Stop {
            self.fail(error, now);
            return None;
        }
        let mut late = self.claim.take()?;
        let Some(next) = self.goes_out_again(&error, now) else {
            self.end_with(late, error, now);
            return None;
        };
        self.put_back(late.fork(), next, error, now);
        Some(late)
    }

    /// Ends the work, unless another copy may still do better.
    fn end_with(&mut self, claim: ClaimFor<H>, error: CallError<H::Error>, now: Instant) {
        let is_failure = matches!(error, CallError::Failed(_) | CallError::TimedOut(_));
        let places = if is_failure && !self.is_callers_limit(now) {
            let mut failures = self.course.take().map(|course| course.failures).unwrap_or_default();
            failures.push(self.failure(error));
            claim.fail(failures)
        } else {
            claim.end(Err(error))
        };
        self.duty.discard(&places, now);
    }

    fn is_callers_limit(&self, now: Instant) -> bool {
        self.times.passed(now, self.duty.station.request_timeout).is_some()
    }

    fn failure(&self, error: CallError<H::Error>) -> CopyFailure<H::Error> {
        CopyFailure { handler: self.duty.station.name.clone(), error }
    }

    /// How a work whose attempt came to this error goes out again, if it does: as the next copy, or once more.
    fn goes_out_again(&mut self, error: &CallError<H::Error>, now: Instant) -> Option<Next<H>> {
        let redelivery = &self.duty.station.redelivery;
        let retried = self.course.as_ref().map_or(0, |course| course.retries);
        let spare = self.spare.take();
        let again = redelivery.again(error, retried, self.copies).filter(|_| spare.is_some());
        // A copy that may not go out leaves it to be tried again.
        let again = match again.and_then(|again| Some((again, self.is_granted(again, now)?))) {
            None if again == Some(Again::Copy) => {
                let again = redelivery.once_more(error, retried);
                again.and_then(|again| Some((again, self.is_granted(again, now)?)))
            }
            granted => granted,
        };
        self.duty.station.log(error, again.is_some(), self.shown.take());
        match (spare, again) {
            (Some(request), Some((again, not_before))) => Some(Next { request, again, not_before }),
            (spare, _) => {
                drop_quietly(spare);
                None
            }
        }
    }

    /// Whether there is room for a work to go out again, and budget; the inner value says until when it is put off.
    fn is_granted(&self, again: Again, now: Instant) -> Option<Option<Instant>> {
        let extras = &self.duty.station.redelivery.extras;
        match again {
            Again::Copy => self.is_copy_granted(now).then_some(None),
            Again::Retry { .. } => (self.finds_room(now) && extras.takes_retry(now)).then_some(None),
            // It is promised, and so it waits until there is budget.
            Again::Redelivery if extras.takes_retry(now) => Some(None),
            Again::Redelivery => Some(Some(extras.next_retry(now))),
        }
    }

    fn is_copy_granted(&self, now: Instant) -> bool {
        let station = &self.duty.station;
        let redelivery = &station.redelivery;
        let needs_budget = !redelivery.copies_at_once();
        self.finds_room(now) && (!needs_budget || redelivery.extras.takes_copy(now, station.shared.refusals()))
    }

    /// Whether a new work of the class that this one has when it goes out again would be let in.
    fn finds_room(&self, now: Instant) -> bool {
        let station = &self.duty.station;
        let shared = &station.shared;
        let left = self.times.ends_at(station.request_timeout).map(|at| at.saturating_duration_since(now));
        let priority = self.next_priority();
        // There is no class below the lowest, whose new works come first all the same.
        let lean = if priority == Priority::LOWEST { 0.5 } else { 0.0 };
        let applicant = Applicant { queued: shared.queued(), class: priority.class(), lean, left };
        let admission = shared.admission();
        // A law that drops by chance leaves no work certain room while it does.
        admission.room(priority.class()) > 0 && admission.decide(applicant, || shared.draw()).is_ok()
    }

    /// What goes out again is a class less important than what was submitted.
    fn next_priority(&self) -> Priority {
        let has_been_lowered = self.course.as_ref().is_some_and(|course| course.has_been_out);
        if has_been_lowered { self.priority } else { self.priority.lowered() }
    }

    /// When the next copy of a work goes out, if one does.
    pub(super) fn copy_due(&self, started: Instant) -> Option<Instant> {
        if self.copies == 0 || self.spare.is_none() {
            return None;
        }
        self.duty.station.redelivery.copy_due(started)
    }

    /// Puts the next copy of a work, which will care for those after it, where other workers take it from, if it may go out.
    pub(super) fn send_copy(&mut self, now: Instant) {
        if !self.is_copy_granted(now) {
            return;
        }
        let redelivery = &self.duty.station.redelivery;
        let course = self.course.as_deref();
        let Some(request) = self.spare.as_ref().and_then(|spare| redelivery.copy(spare, course)) else { return };
        let Some(claim) = self.claim.as_mut().map(Claim::fork) else { return };
        let copies = std::mem::take(&mut self.copies) - 1;
        let course = Course {
            has_been_out: true,
            retries: course.map_or(0, |course| course.retries),
            excluded: course.map(|course| course.excluded.clone()).unwrap_or_default(),
            ..Course::with_copies(copies, course.and_then(|course| course.clone_request))
        };
        let (priority, times) = (self.next_priority(), *self.times);
        self.duty.queue(Queued { request, claim, priority, times, course: Some(Box::new(course)) }, None, now);
    }

    /// Puts the work where the workers of other handlers, if there are any, take it from.
    fn put_back(&mut self, claim: ClaimFor<H>, next: Next<H>, error: CallError<H::Error>, now: Instant) {
        let Next { request, again, not_before } = next;
        let (priority, times) = (self.next_priority(), *self.times);
        let failure = self.failure(error);
        let mut course = self.course.take().unwrap_or_else(|| Box::new(Course::with_copies(0, None)));
        course.has_been_out = true;
        course.last = None;
        course.copies = self.copies;
        match again {
            Again::Copy => {
                course.copies -= 1;
                course.failures.push(failure);
            }
            Again::Retry { retries } => (course.retries, course.last) = (retries, Some(failure)),
            Again::Redelivery => course.last = Some(failure),
        }
        self.duty.queue(Queued { request, claim, priority, times, course: Some(course) }, not_before, now);
    }

    /// Takes note of how long a work took that may have copies, as far as that is known.
    pub(super) fn note_response_time(&self, outcome: Outcome, started: Instant, now: Instant) {
        let extras = &self.duty.station.redelivery.extras;
        let took: Duration = now.saturating_duration_since(started);
        let is_known = match outcome {
            Outcome::Success | Outcome::Timeout => true,
            Outcome::Failure => false,
            // Given up for another copy, or since the caller left: it would have taken longer. Where that is less than what
            // is sought, nobody knows whether it would have taken that long too.
            Outcome::Cancelled => extras.percentile_95().is_some_and(|sought| took >= sought),
        };
        if is_known {
            extras.took(now, took);
        }
    }
}

impl<H: Handler> Duty<H> {
    fn queue(&self, work: QueuedFor<H>, not_before: Option<Instant>, now: Instant) {
        let times = RetryTimes { ends_at: work.times.ends_at(self.station.request_timeout), not_before };
        match self.seat.put_back(work, times, now) {
            Ok(()) => {
                let dates = [times.ends_at, times.not_before];
                if let Some(at) = dates.into_iter().flatten().min() {
                    self.station.expirer.do_send(ExpireAt(at));
                }
            }
            Err((work, reason)) => work.refuse(reason),
        }
    }
}
