//! Which works go to a handler again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use log::{Level, debug};

use super::extras::Extras;
use crate::config::{ConcurrentDelay, WorkSettings};
use crate::dispatcher::{CallError, Course, Failure, Timeout};
use crate::log_limit::LogLimit;
use crate::panics::message_of;
use crate::time::Instant;

/// Copies a request; `None` for one that must not go out more than once.
pub(crate) type CloneRequest<Req> = fn(&Req) -> Option<Req>;

/// Which works go to a handler more than once, as the settings ask for.
#[derive(Debug)]
pub(crate) struct Redelivery<Req> {
    /// `None` if no work goes out again, but for those that ask for copies themselves.
    clone: Option<CloneRequest<Req>>,
    /// How many copies of a work there are.
    copies: usize,
    /// How long after one copy the next goes out.
    copy_delay: ConcurrentDelay,
    /// How often a failed work is tried again.
    retries: u32,
    /// Whether works that nobody answered go out again, however often.
    at_least_once: bool,
    pub(super) extras: Arc<Extras>,
    /// The dispatcher's and the handler's names, for the log.
    title: String,
    log: LogLimit,
}

/// How a work goes out again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// As the next copy.
    Copy,
    /// Once more, as one that has been tried again so often.
    Retry { retries: u32 },
    /// Once more, since nobody has answered it.
    Redelivery,
}

impl<Req> Redelivery<Req> {
    /// `title`: the dispatcher's and the handler's names.
    pub(crate) fn new(
        title: String,
        clone: Option<CloneRequest<Req>>,
        work: &WorkSettings,
        extras: Arc<Extras>,
    ) -> Self {
        Redelivery {
            clone: clone.filter(|_| work.work_retry > 0 || work.at_least_once || work.concurrent_calls > 1),
            copies: work.concurrent_calls,
            copy_delay: work.concurrent_delay,
            retries: work.work_retry,
            at_least_once: work.at_least_once,
            extras,
            title,
            log: LogLimit::of_one(module_path!()),
        }
    }

    /// Whether a work of this course may go out again at all.
    #[inline]
    pub(crate) fn concerns<Err>(&self, course: Option<&Course<Req, Err>>) -> bool {
        self.clone.is_some() || course.is_some()
    }

    /// How many copies of a work are still to go out when it does, and its request once more if it may have to go out again.
    pub(crate) fn spare<Err>(&self, request: &Req, course: Option<&Course<Req, Err>>) -> (usize, Option<Req>) {
        let (copies, retried) = course.map_or((self.copies - 1, 0), |course| (course.copies, course.retries));
        let goes_again = self.clone.is_some() && (self.at_least_once || retried < self.retries);
        let spare = if copies > 0 || goes_again { self.copy(request, course) } else { None };
        (copies, spare)
    }

    pub(crate) fn copy<Err>(&self, request: &Req, course: Option<&Course<Req, Err>>) -> Option<Req> {
        let clone = course.and_then(|course| course.clone_request).or(self.clone)?;
        let cloned = catch_unwind(AssertUnwindSafe(|| clone(request)));
        cloned.map_err(|panic| self.cannot_be_copied(&message_of(panic))).ok().flatten()
    }

    #[cold]
    fn cannot_be_copied(&self, message: &str) {
        let text =
            format_args!("{}: a request cannot be copied, for that panicked: it will not go out again", self.title);
        self.log.say(Level::Error, text);
        // It may say what is in the request.
        debug!("{}: the panic in copying a request: {message}", self.title);
    }

    /// Whether all copies go out at once, so that they need no budget.
    pub(crate) fn copies_at_once(&self) -> bool {
        self.copy_delay == ConcurrentDelay::After(Duration::ZERO)
    }

    /// When the copy after one that started then goes out; `None` if that is not known.
    pub(crate) fn copy_due(&self, started: Instant) -> Option<Instant> {
        let delay = match self.copy_delay {
            ConcurrentDelay::After(delay) => delay,
            ConcurrentDelay::Percentile95 => self.extras.percentile_95()?,
        };
        started.checked_add(delay)
    }

    /// How a work goes out again whose attempt has come to this, after it has been tried again `retried` times and with so
    /// many copies still to go out, if it does.
    pub(crate) fn again<E>(&self, error: &CallError<E>, retried: u32, copies: usize) -> Option<Again> {
        // The next copy need not wait for its time when this one has come to nothing.
        let has_hope = matches!(error, CallError::Failed(_) | CallError::TimedOut(Timeout::Service(_)));
        if copies > 0 && has_hope { Some(Again::Copy) } else { self.once_more(error, retried) }
    }

    /// As [`Redelivery::again`] where there is no other copy to be had.
    pub(crate) fn once_more<E>(&self, error: &CallError<E>, retried: u32) -> Option<Again> {
        self.clone?;
        match error {
            // The caller's own limits have passed.
            CallError::Rejected(_) | CallError::TimedOut(Timeout::Request(_) | Timeout::Deadline) => None,
            CallError::TimedOut(Timeout::Service(_)) => self.at_least_once.then_some(Again::Redelivery),
            CallError::Failed(Failure::HandlerGone | Failure::CutOff) if self.at_least_once => Some(Again::Redelivery),
            CallError::Failed(_) => (retried < self.retries).then(|| Again::Retry { retries: retried + 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DispatcherSettings;

    const SERVICE: CallError<()> = CallError::TimedOut(Timeout::Service(Duration::ZERO));
    const GONE: CallError<()> = CallError::Failed(Failure::HandlerGone);
    const FAILED: CallError<()> = CallError::Failed(Failure::Service(()));

    type Plain<'a> = Option<&'a Course<u32, ()>>;

    fn copy(request: &u32) -> Option<u32> {
        Some(*request)
    }

    fn redelivery(retries: u32, at_least_once: bool) -> Redelivery<u32> {
        let mut work = DispatcherSettings::default().work;
        (work.work_retry, work.at_least_once) = (retries, at_least_once);
        let extras = Arc::new(Extras::new(&work));
        Redelivery::new("test".to_string(), Some(copy), &work, extras)
    }

    fn tried_again(retries: u32, copies: usize) -> Course<u32, ()> {
        Course { retries, ..Course::with_copies(copies, None) }
    }

    #[test]
    fn nothing_is_copied_where_nothing_goes_out_again() {
        assert!(!redelivery(0, false).concerns(Plain::None));
        let spare =
            |redelivery: Redelivery<u32>, retries, copies| redelivery.spare(&7, Some(&tried_again(retries, copies)));
        assert_eq!(spare(redelivery(2, false), 1, 0), (0, Some(7)));
        assert_eq!(spare(redelivery(2, false), 2, 0), (0, None));
        assert_eq!(spare(redelivery(2, false), 2, 1), (1, Some(7)));
        assert_eq!(spare(redelivery(0, true), 100, 0), (0, Some(7)));
    }

    #[test]
    fn a_work_that_asks_for_copies_can_be_copied_where_others_cannot() {
        let none = redelivery(0, false);
        assert_eq!(none.spare(&7, Some(&tried_again(0, 1))), (1, None));
        let course = Course::<_, ()>::with_copies(1, Some(copy));
        assert!(none.concerns(Some(&course)));
        assert_eq!(none.spare(&7, Some(&course)), (1, Some(7)));
    }

    #[test]
    fn what_cannot_be_copied_goes_out_once() {
        let mut work = DispatcherSettings::default().work;
        (work.work_retry, work.concurrent_calls) = (2, 3);
        let even = |request: &u32| request.is_multiple_of(2).then_some(*request);
        let redelivery = Redelivery::new("test".to_string(), Some(even), &work, Arc::new(Extras::new(&work)));
        assert_eq!(redelivery.spare(&7, Plain::None), (2, None));
        assert_eq!(redelivery.spare(&8, Plain::None), (2, Some(8)));
    }

    #[test]
    fn failures_are_tried_again_so_often() {
        let twice = redelivery(2, false);
        for error in [FAILED, GONE, CallError::Failed(Failure::Unanswered)] {
            let again = |retries| Some(Again::Retry { retries });
            assert_eq!([0, 1, 2].map(|retried| twice.again(&error, retried, 0)), [again(1), again(2), None]);
        }
        assert_eq!(twice.again(&SERVICE, 0, 0), None);
    }

    #[test]
    fn the_next_copy_comes_before_a_retry() {
        let both = redelivery(2, true);
        for error in [FAILED, GONE, SERVICE] {
            assert_eq!(both.again(&error, 0, 1), Some(Again::Copy));
        }
    }

    #[test]
    fn what_nobody_answered_goes_out_again_for_ever() {
        let always = redelivery(0, true);
        let again = Some(Again::Redelivery);
        assert_eq!((always.again(&SERVICE, 0, 0), always.again(&GONE, 0, 0)), (again, again));
        // A failure is an answer.
        assert_eq!(always.again(&FAILED, 0, 0), None);
    }

    #[test]
    fn the_callers_limits_are_final() {
        let both = redelivery(1, true);
        for error in [CallError::TimedOut(Timeout::Deadline), CallError::TimedOut(Timeout::Request(Duration::ZERO))] {
            assert_eq!(both.again::<()>(&error, 0, 1), None);
        }
    }
}
