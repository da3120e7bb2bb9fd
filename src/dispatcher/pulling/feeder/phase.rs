//! The way of a run from its start to its summary.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use log::debug;
use tokio::sync::oneshot;

use super::{Feeder, LAST_CALL, LAST_NEXT};
use crate::dispatcher::pulling::feed::Feed;
use crate::dispatcher::pulling::summary::RunEnd;
use crate::dispatcher::shutdown::{ShutDown, Shutdown};
use crate::dispatcher::{CallError, Failure};
use crate::time::{Instant, sleep};

/// Where a run is.
pub(super) enum Phase {
    Pulling,
    /// Nothing more is to be taken. What is being taken is waited for until this timer ends.
    Pausing(LocalBoxFuture<'static, ()>),
    /// The dispatcher finishes what it has, and will say so.
    Finishing(oneshot::Receiver<Shutdown>),
    /// The dispatcher has ended. What has not been answered when the timer ends, if there is one, never will be.
    Answering(Option<LocalBoxFuture<'static, ()>>),
    /// All items have results, which are on their way.
    Closing,
    Over,
}

impl<F, Res, Err> Feeder<F, Res, Err>
where
    F: Feed,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Goes as far as it can; returns whether it should be asked once more.
    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> bool {
        self.send_results(cx);
        match &mut self.phase {
            Phase::Pulling => self.step_pulling(cx),
            Phase::Pausing(timer) => {
                let is_paused = self.feed.poll_paused(cx).is_ready();
                let is_over = is_paused || timer.as_mut().poll(cx).is_ready();
                if self.dispatcher_has_ended(cx) {
                    self.answer_without_dispatcher();
                } else if is_over {
                    self.left_behind = !is_paused;
                    self.submit_taken();
                    self.finish_what_there_is();
                } else {
                    return false;
                }
                true
            }
            Phase::Finishing(reply) => {
                if self.told != self.parts.control.asked() {
                    self.finish_what_there_is();
                    return true;
                }
                let Poll::Ready(reply) = Pin::new(reply).poll(cx) else { return false };
                self.collect();
                if reply != Ok(Shutdown::Finished) {
                    self.answer_rest(|| CallError::Failed(Failure::CutOff));
                }
                self.phase = Phase::Answering(None);
                true
            }
            Phase::Answering(timer) => {
                let is_over = timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
                self.collect();
                if is_over {
                    self.answer_rest(|| CallError::Failed(Failure::HandlerGone));
                }
                let all_have_results = self.taken.is_empty();
                if all_have_results {
                    self.phase = Phase::Closing;
                }
                all_have_results
            }
            Phase::Closing => self.step_closing(cx),
            Phase::Over => false,
        }
    }

    // ## Pulling => Pausing | Finishing | Answering

    fn step_pulling(&mut self, cx: &mut Context<'_>) -> bool {
        if self.parts.control.asked().is_some() {
            self.end.get_or_insert(RunEnd::ShutDown);
            self.feed.pause();
            self.phase = Phase::Pausing(sleep(LAST_NEXT).boxed_local());
            return true;
        }
        self.pull(cx);
        let is_fed = !self.is_dry && !self.is_exhausted && self.parts.delivery.room(self.counts.taken) > 0;
        self.parts.started.backlog.feed(is_fed);
        self.send_results(cx);
        if self.parts.control.asked().is_some() {
            return true;
        }
        if self.dispatcher_has_ended(cx) {
            self.answer_without_dispatcher();
            return true;
        }
        let is_done = self.is_exhausted && self.taken.is_empty();
        if is_done {
            self.finish_what_there_is();
        }
        is_done
    }

    /// In these phases only: it says so once.
    fn dispatcher_has_ended(&mut self, cx: &mut Context<'_>) -> bool {
        Pin::new(&mut self.parts.started.has_ended).poll(cx).is_ready()
    }

    /// Has the dispatcher finish what it has, in the time that is left.
    fn finish_what_there_is(&mut self) {
        let (reply_to, reply) = oneshot::channel();
        self.told = self.parts.control.asked();
        let within = self.told.map(|asked| match asked.ends_at() {
            Some(at) => at.saturating_duration_since(Instant::now()),
            None => asked.within,
        });
        self.parts.started.addr.do_send(ShutDown { within, reply_to });
        self.phase = Phase::Finishing(reply);
    }

    /// Its last handler has ended, and so has the dispatcher. Handlers on other arbiters may still have their time.
    fn answer_without_dispatcher(&mut self) {
        self.end.get_or_insert(RunEnd::NoHandlers);
        // They are rejected.
        self.submit_taken();
        let longest = self.parts.default_shutdown_timeout.saturating_add(LAST_CALL);
        self.phase = Phase::Answering(Some(sleep(longest).boxed_local()));
    }

    // ## Closing => Over

    fn step_closing(&mut self, cx: &mut Context<'_>) -> bool {
        let closed = self.parts.delivery.poll_close(cx);
        if let Poll::Ready(Err(gone)) = closed {
            self.results_gone(gone);
        } else if closed.is_ready() && self.feed.poll_settled(cx).is_ready() || self.is_time_over(cx) {
            let end = self.end.take().unwrap_or(RunEnd::Exhausted);
            self.finish(end);
            return false;
        } else {
            return false;
        }
        // Nobody is there any more; the source still is.
        true
    }

    /// Whether the time of a shutdown is over, and that of the last call too.
    fn is_time_over(&mut self, cx: &mut Context<'_>) -> bool {
        let asked = self.parts.control.asked();
        let Some((asked, at)) = asked.and_then(|asked| Some((asked, asked.ends_at()?.checked_add(LAST_CALL)?))) else {
            return false;
        };
        if self.last_call.as_ref().is_none_or(|(set_for, _)| *set_for != asked) {
            let timer = sleep(at.saturating_duration_since(Instant::now()));
            self.last_call = Some((asked, timer.boxed_local()));
        }
        self.last_call.as_mut().is_some_and(|(_, timer)| timer.as_mut().poll(cx).is_ready())
    }

    /// Tells everybody who waits for it.
    pub(super) fn finish(&mut self, end: RunEnd) {
        self.phase = Phase::Over;
        self.parts.delivery.give_up();
        self.publish();
        let summary = self.parts.board.end(end, self.left_behind);
        debug!("dispatcher {}: its run has ended: {summary:?}", self.parts.name);
        self.parts.summary_to.send_replace(Some(summary));
    }
}
