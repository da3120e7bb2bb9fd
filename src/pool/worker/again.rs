//! What a worker does with a work that has come to nothing, or that goes to several handlers: it puts it where others
//! take it from.

use tokio::time::Instant;

use super::{Carried, ClaimFor, Duty, QueuedFor};
use crate::dispatcher::{CallError, History, Queued};
use crate::handler::{Handler, OnCancel};
use crate::panics::drop_quietly;
use crate::queue::{Excluded, ExpireAt, Waiting};

/// How a work goes out again.
struct Again<H: Handler> {
    request: H::Request,
    /// How often it has been tried again then.
    retries: u32,
    /// How many copies are still to go out then.
    copies: usize,
}

impl<H: Handler> Duty<H> {
    /// Tells the caller, or has the work go out again.
    #[cold]
    pub(super) fn fail(&self, error: CallError<H::Error>, mut carried: Carried<H>, now: Instant) {
        match self.goes_out_again(&error, &mut carried) {
            Some(again) => {
                carried.claim.return_to_queue();
                self.put_back(again, Some(error), carried, now);
            }
            None => self.discard(&carried.claim.end(Err(error)), now),
        }
    }

    /// As [`Duty::fail`] for a work that nobody has answered in time. If its request runs on while it goes out again,
    /// returns the right to answer it late.
    pub(super) fn give_up(
        &self,
        error: CallError<H::Error>,
        mut carried: Carried<H>,
        on_cancel: OnCancel,
        now: Instant,
    ) -> Option<ClaimFor<H>> {
        if on_cancel == OnCancel::Stop {
            self.fail(error, carried, now);
            return None;
        }
        let Some(again) = self.goes_out_again(&error, &mut carried) else {
            self.discard(&carried.claim.end(Err(error)), now);
            return None;
        };
        let claim = carried.claim.fork();
        let late = std::mem::replace(&mut carried.claim, claim);
        self.put_back(again, Some(error), carried, now);
        Some(late)
    }

    /// How a work whose attempt came to this error goes out again, if it does: as the next copy, or once more.
    fn goes_out_again(&self, error: &CallError<H::Error>, carried: &mut Carried<H>) -> Option<Again<H>> {
        let retried = carried.history.as_ref().map_or(0, |history| history.retries);
        let spare = carried.spare.take();
        let again = match (&self.station.redelivery, carried.copies) {
            (None, _) => None,
            // The next copy need not wait for its time when this one has come to nothing.
            (Some(redelivery), copies @ 1..) if redelivery.is_worth_another(error) => Some((retried, copies - 1)),
            (Some(redelivery), _) => redelivery.again(error, retried).map(|retries| (retries, 0)),
        };
        self.station.log(error, again.is_some() && spare.is_some(), carried.shown.take());
        match (spare, again) {
            (Some(request), Some((retries, copies))) => Some(Again { request, retries, copies }),
            (spare, _) => {
                drop_quietly(spare);
                None
            }
        }
    }

    /// When the next copy of a work goes out, if one does.
    pub(super) fn copy_due(&self, started: Instant, carried: &Carried<H>) -> Option<Instant> {
        let redelivery = self.station.redelivery.as_ref().filter(|_| carried.copies > 0)?;
        started.checked_add(redelivery.copy_delay())
    }

    /// Puts the next copy of a work, which will care for those after it, where other workers take it from.
    pub(super) fn send_copy(&self, carried: &mut Carried<H>, now: Instant) {
        let copies = std::mem::take(&mut carried.copies);
        let Some(redelivery) = &self.station.redelivery else { return };
        let Some(request) = carried.spare.as_ref().and_then(|spare| redelivery.copy(spare)) else { return };
        let (claim, class, times) = (carried.claim.fork(), carried.class, carried.times);
        let history = carried.history.as_ref();
        let retries = history.map_or(0, |history| history.retries);
        let excluded = history.map(|history| history.excluded.clone()).unwrap_or_default();
        let history = Some(Box::new(History { retries, excluded, copies: copies - 1, last: None }));
        self.queue(Queued { request, claim, class, times, history }, now);
    }

    /// Puts a work where the workers of other handlers, if there are any, take it from.
    fn put_back(&self, again: Again<H>, last: Option<CallError<H::Error>>, carried: Carried<H>, now: Instant) {
        let Carried { claim, class, times, history, .. } = carried;
        let Again { request, retries, copies } = again;
        let excluded = history.map(|history| history.excluded).unwrap_or_else(Excluded::new);
        let history = Some(Box::new(History { retries, excluded, copies, last }));
        self.queue(Queued { request, claim, class, times, history }, now);
    }

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
