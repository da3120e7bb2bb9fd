//! A work whose request is at the handler.

use crate::time::Instant;

use super::{AnswerOf, ClaimFor, Duty};
use crate::dispatcher::{CallError, Course, Failure, Priority, Times};
use crate::handler::Handler;
use crate::panics::drop_quietly;

/// What is left of a work while its request is at the handler. Dropping it means that its worker is lost, and so is the
/// handler as far as the work is concerned: it may go out again.
pub(super) struct Carried<'a, H: Handler> {
    pub(super) duty: &'a Duty<H>,
    /// Until it has ended, or goes out again.
    pub(super) claim: Option<ClaimFor<H>>,
    pub(super) priority: Priority,
    pub(super) times: &'a Times,
    pub(super) course: Option<Box<Course<H::Request, H::Error>>>,
    /// How many copies are still to go out.
    pub(super) copies: usize,
    /// The request once more, if it may have to go out again.
    pub(super) spare: Option<H::Request>,
    /// The request as the log shows it.
    pub(super) shown: Option<String>,
}

impl<H: Handler> Carried<'_, H> {
    /// Ends the work with this answer.
    pub(super) fn end(&mut self, answer: AnswerOf<H>, now: Instant) {
        if let Some(claim) = self.claim.take() {
            self.duty.discard(&claim.end(answer), now);
        }
        self.drop_spare();
    }

    /// Ends a work whose answer is of no use any more.
    pub(super) fn abandon(&mut self, now: Instant) {
        if let Some(claim) = self.claim.take() {
            self.duty.discard(&claim.abandon(), now);
        }
        self.drop_spare();
    }

    fn drop_spare(&mut self) {
        if self.spare.is_some() {
            drop_quietly(self.spare.take());
        }
    }
}

impl<H: Handler> Drop for Carried<'_, H> {
    fn drop(&mut self) {
        if self.claim.is_some() {
            let is_cut_off = self.duty.station.shared.is_cut_off();
            let failure = if is_cut_off { Failure::CutOff } else { Failure::HandlerGone };
            self.fail(CallError::Failed(failure), Instant::now());
        }
    }
}
