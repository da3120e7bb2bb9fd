//! What a worker does with a work that has come to nothing, or that goes to several handlers: it puts it where others
//! take it from.

use crate::time::Instant;

use super::{Carried, ClaimFor, Duty, QueuedFor};
use crate::dispatcher::{CallError, Claim, History, Queued};
use crate::handler::{Handler, OnCancel};
use crate::panics::drop_quietly;
use crate::queue::{ExpireAt, Waiting};

/// How a work goes out again.
struct Again<H: Handler> {
    request: H::Request,
    /// How often it has been tried again then.
    retries: u32,
    /// How many copies are still to go out then.
    copies: usize,
}

impl<H: Handler> Carried<'_, H> {
    /// Tells the caller, or has the work go out again.
    #[cold]
    pub(super) fn fail(&mut self, error: CallError<H::Error>, now: Instant) {
        let Some(mut claim) = self.claim.take() else { return };
        match self.goes_out_again(&error) {
            Some(again) => {
                claim.return_to_queue();
                self.put_back(claim, again, error, now);
            }
            None => self.duty.discard(&claim.end(Err(error)), now),
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
        let Some(again) = self.goes_out_again(&error) else {
            self.duty.discard(&late.end(Err(error)), now);
            return None;
        };
        self.put_back(late.fork(), again, error, now);
        Some(late)
    }

    /// How a work whose attempt came to this error goes out again, if it does: as the next copy, or once more.
    fn goes_out_again(&mut self, error: &CallError<H::Error>) -> Option<Again<H>> {
        let station = &self.duty.station;
        let retried = self.history.as_ref().map_or(0, |history| history.retries);
        let spare = self.spare.take();
        let again = match (&station.redelivery, self.copies) {
            (None, _) => None,
            // The next copy need not wait for its time when this one has come to nothing.
            (Some(redelivery), copies @ 1..) if redelivery.is_worth_another(error) => Some((retried, copies - 1)),
            (Some(redelivery), _) => redelivery.again(error, retried).map(|retries| (retries, 0)),
        };
        station.log(error, again.is_some() && spare.is_some(), self.shown.take());
        match (spare, again) {
            (Some(request), Some((retries, copies))) => Some(Again { request, retries, copies }),
            (spare, _) => {
                drop_quietly(spare);
                None
            }
        }
    }

    /// When the next copy of a work goes out, if one does.
    pub(super) fn copy_due(&self, started: Instant) -> Option<Instant> {
        let redelivery = self.duty.station.redelivery.as_ref().filter(|_| self.copies > 0)?;
        started.checked_add(redelivery.copy_delay())
    }

    /// Puts the next copy of a work, which will care for those after it, where other workers take it from.
    pub(super) fn send_copy(&mut self, now: Instant) {
        let copies = std::mem::take(&mut self.copies);
        let Some(redelivery) = &self.duty.station.redelivery else { return };
        let Some(request) = self.spare.as_ref().and_then(|spare| redelivery.copy(spare)) else { return };
        let Some(claim) = self.claim.as_mut().map(Claim::fork) else { return };
        let history = self.history.as_ref();
        let retries = history.map_or(0, |history| history.retries);
        let excluded = history.map(|history| history.excluded.clone()).unwrap_or_default();
        let history = Some(Box::new(History { retries, excluded, copies: copies - 1, last: None }));
        self.duty.queue(Queued { request, claim, priority: self.priority, times: *self.times, history }, now);
    }

    /// Puts the work where the workers of other handlers, if there are any, take it from.
    fn put_back(&mut self, claim: ClaimFor<H>, again: Again<H>, error: CallError<H::Error>, now: Instant) {
        let Again { request, retries, copies } = again;
        let excluded = self.history.take().map(|history| history.excluded).unwrap_or_default();
        let history = Some(Box::new(History { retries, excluded, copies, last: Some(error) }));
        self.duty.queue(Queued { request, claim, priority: self.priority, times: *self.times, history }, now);
    }
}

impl<H: Handler> Duty<H> {
    fn queue(&self, work: QueuedFor<H>, now: Instant) {
        let ends_at = work.times.ends_at(self.station.request_timeout);
        match self.seat.put_back(work, ends_at, now) {
            Ok(()) => {
                if let Some(at) = ends_at {
                    self.station.expirer.do_send(ExpireAt(at));
                }
            }
            Err((work, reason)) => work.refuse(reason),
        }
    }
}
