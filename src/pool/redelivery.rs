//! Which works go to a handler again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use log::error;

use crate::config::WorkSettings;
use crate::dispatcher::{CallError, Failure, Timeout};
use crate::panics::message_of;

/// Copies a request.
pub(crate) type CloneRequest<Req> = fn(&Req) -> Req;

/// Which works go to a handler more than once, as the settings ask for.
#[derive(Debug)]
pub(crate) struct Redelivery<Req> {
    clone: CloneRequest<Req>,
    /// How many copies of a work there are.
    copies: usize,
    /// How long after one copy the next goes out.
    copy_delay: Duration,
    /// How often a failed work is tried again.
    retries: u32,
    /// Whether works that nobody answered go out again, however often.
    at_least_once: bool,
}

impl<Req> Redelivery<Req> {
    /// `None` if no work ever goes out again.
    pub(crate) fn new(clone: Option<CloneRequest<Req>>, work: &WorkSettings) -> Option<Self> {
        let clone = clone.filter(|_| work.work_retry > 0 || work.at_least_once || work.concurrent_calls > 1)?;
        Some(Redelivery {
            clone,
            copies: work.concurrent_calls,
            copy_delay: work.concurrent_delay,
            retries: work.work_retry,
            at_least_once: work.at_least_once,
        })
    }

    /// How many copies of a new work are still to go out when its first does.
    pub(crate) fn further_copies(&self) -> usize {
        self.copies - 1
    }

    pub(crate) fn copy_delay(&self) -> Duration {
        self.copy_delay
    }

    /// A copy of a request that may have to go out again after it has been tried again `retried` times.
    pub(crate) fn spare(&self, request: &Req, retried: u32, further_copies: usize) -> Option<Req> {
        if self.at_least_once || retried < self.retries || further_copies > 0 { self.copy(request) } else { None }
    }

    pub(crate) fn copy(&self, request: &Req) -> Option<Req> {
        let cloned = catch_unwind(AssertUnwindSafe(|| (self.clone)(request)));
        cloned
            .map_err(|panic| error!("a request cannot be copied and will not go out again: {}", message_of(panic)))
            .ok()
    }

    /// Whether a copy that has come to this leaves something to hope for from the next.
    pub(crate) fn is_worth_another<E>(&self, error: &CallError<E>) -> bool {
        matches!(error, CallError::Failed(_) | CallError::TimedOut(Timeout::Service(_)))
    }

    /// Whether a work whose attempt has come to this goes out again, and how often it has been tried again then.
    pub(crate) fn again<E>(&self, error: &CallError<E>, retried: u32) -> Option<u32> {
        match error {
            // The caller's own limits have passed.
            CallError::Rejected(_) | CallError::TimedOut(Timeout::Request(_) | Timeout::Deadline) => None,
            CallError::TimedOut(Timeout::Service(_)) => self.at_least_once.then_some(retried),
            CallError::Failed(Failure::HandlerGone | Failure::CutOff) if self.at_least_once => Some(retried),
            CallError::Failed(_) => (retried < self.retries).then(|| retried + 1),
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

    fn redelivery(retries: u32, at_least_once: bool) -> Redelivery<u32> {
        let mut work = DispatcherSettings::default().work;
        (work.work_retry, work.at_least_once) = (retries, at_least_once);
        Redelivery::new(Some(u32::clone), &work).unwrap()
    }

    #[test]
    fn nothing_is_copied_where_nothing_goes_out_again() {
        assert!(Redelivery::new(Some(u32::clone), &DispatcherSettings::default().work).is_none());
        let twice = redelivery(2, false);
        assert_eq!((twice.spare(&7, 1, 0), twice.spare(&7, 2, 0), twice.spare(&7, 2, 1)), (Some(7), None, Some(7)));
        assert_eq!(redelivery(0, true).spare(&7, 100, 0), Some(7));
    }

    #[test]
    fn failures_are_tried_again_so_often() {
        let twice = redelivery(2, false);
        for error in [FAILED, GONE, CallError::Failed(Failure::Unanswered)] {
            assert_eq!([0, 1, 2].map(|retried| twice.again(&error, retried)), [Some(1), Some(2), None]);
        }
        assert_eq!(twice.again(&SERVICE, 0), None);
    }

    #[test]
    fn what_nobody_answered_goes_out_again_for_ever() {
        let always = redelivery(0, true);
        assert_eq!((always.again(&SERVICE, 0), always.again(&GONE, 0)), (Some(0), Some(0)));
        // A failure is an answer.
        assert_eq!(always.again(&FAILED, 0), None);
    }

    #[test]
    fn the_callers_limits_are_final() {
        let both = redelivery(1, true);
        for error in [CallError::TimedOut(Timeout::Deadline), CallError::TimedOut(Timeout::Request(Duration::ZERO))] {
            assert_eq!(both.again::<()>(&error, 0), None);
        }
    }
}
