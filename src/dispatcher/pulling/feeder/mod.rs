//! The task that takes items from the source while workers are free, and does with each what its answer calls for.

mod phase;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use log::{debug, warn};
use phase::Phase;
use slab::Slab;
use tokio::sync::{oneshot, watch};

use super::answers::{Answers, Keyed};
use super::board::{Board, Counts};
use super::control::{Asked, Control};
use super::delivery::Delivery;
use super::feed::{Feed, Next};
use super::outlet::ItemResult;
use super::source::HandBack;
use super::summary::{RunEnd, Summary};
use crate::dispatcher::builder::Started;
use crate::dispatcher::shared::Gate;
use crate::dispatcher::ticket::ReplyTo;
use crate::dispatcher::{CallError, Failure, Work};
use crate::panics::drop_quietly;
use crate::time::Instant;

/// How many items are taken before others of this thread run.
const BUDGET: usize = 1024;

/// How long a shutdown waits for an iterator that is being asked for the next item.
const LAST_NEXT: Duration = Duration::from_millis(100);

/// After the time of a shutdown is over, those who take results, and a source that is told what became of its items, are
/// given this long.
const LAST_CALL: Duration = Duration::from_secs(1);

/// What a feeder is made of beside its source.
pub(super) struct Parts<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(super) name: String,
    pub(super) started: Started<Req, Res, Err>,
    pub(super) delivery: Delivery<Res, Err>,
    /// Most items that may wait for a worker at once.
    pub(super) capacity: usize,
    pub(super) default_shutdown_timeout: Duration,
    pub(super) control: Arc<Control>,
    pub(super) board: Arc<Board>,
    pub(super) summary_to: watch::Sender<Option<Summary>>,
    /// Closed by being dropped with the feeder.
    pub(super) _over: oneshot::Sender<()>,
}

/// The task that takes items from the source while workers are free, and does with each what its answer calls for.
pub(super) struct Feeder<F: Feed, Res, Err>
where
    Res: Send + 'static,
    Err: Send + 'static,
{
    feed: F,
    parts: Parts<F::Item, Res, Err>,
    answers: Arc<Answers<Res, Err>>,
    arrived: Vec<Keyed<Res, Err>>,
    /// What has been taken and has no result yet.
    taken: Slab<Taken<F::Token>>,
    counts: Counts,
    /// Whether the source had nothing to give when it was last asked.
    is_dry: bool,
    is_exhausted: bool,
    phase: Phase,
    /// What it ends with, unless the source is simply exhausted.
    end: Option<RunEnd>,
    left_behind: bool,
    /// Whether the source may be working on what it was told of its items.
    is_unsettled: bool,
    /// The shutdown that the dispatcher was told of.
    told: Option<Asked>,
    /// When nothing more is waited for after a shutdown.
    last_call: Option<(Asked, LocalBoxFuture<'static, ()>)>,
}

struct Taken<Token> {
    index: u64,
    token: Token,
}

/// Nothing in it is pinned where it lies.
impl<F: Feed, Res: Send + 'static, Err: Send + 'static> Unpin for Feeder<F, Res, Err> {}

impl<F, Res, Err> Feeder<F, Res, Err>
where
    F: Feed,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(super) fn new(feed: F, parts: Parts<F::Item, Res, Err>) -> Self {
        parts.board.expect(feed.total());
        Feeder {
            feed,
            parts,
            answers: Arc::new(Answers::new()),
            arrived: Vec::new(),
            taken: Slab::new(),
            counts: Counts::default(),
            is_dry: false,
            is_exhausted: false,
            phase: Phase::Pulling,
            end: None,
            left_behind: false,
            is_unsettled: false,
            told: None,
            last_call: None,
        }
    }

    /// Takes the answers that have arrived.
    fn collect(&mut self) {
        let mut arrived = std::mem::take(&mut self.arrived);
        self.answers.take(&mut arrived);
        for (key, answer) in arrived.drain(..) {
            self.settle(key, answer);
        }
        self.arrived = arrived;
    }

    /// Does with an item what its answer calls for.
    fn settle(&mut self, key: u32, result: Result<Res, CallError<Err>>) {
        // Each key has one answer: that of its ticket, or the one that was given in its place when time was over.
        if let Some(taken) = self.taken.try_remove(key as usize) {
            self.settle_taken(taken, result);
        }
    }

    fn settle_taken(&mut self, Taken { index, token }: Taken<F::Token>, result: Result<Res, CallError<Err>>) {
        let told = match &result {
            Ok(_) => {
                self.counts.succeeded += 1;
                self.counts.acked += u64::from(F::WANTS_TO_KNOW);
                self.feed.ack(token)
            }
            Err(error) => {
                self.counts.failed.count(error);
                self.counts.handed_back += u64::from(F::WANTS_TO_KNOW);
                self.feed.hand_back(token, why(error))
            }
        };
        self.is_unsettled |= F::WANTS_TO_KNOW;
        if let Err(message) = told {
            self.source_panicked(message);
        }
        self.parts.delivery.push(ItemResult { index, result });
    }

    fn source_panicked(&mut self, message: String) {
        warn!("dispatcher {}: its source panicked, so its run ends", self.parts.name);
        // It may say what is in an item.
        debug!("dispatcher {}: the panic of its source: {message}", self.parts.name);
        self.is_exhausted = true;
        self.end.get_or_insert(RunEnd::SourcePanicked(message));
    }

    /// How many items may be taken now.
    fn room(&self) -> usize {
        let Started { shared, intake, backlog, .. } = &self.parts.started;
        if shared.gate() != Gate::Open {
            return 0;
        }
        let arriving = intake.len();
        let (waiting, free) = backlog.room(!self.is_dry && !self.is_exhausted);
        let places = self.parts.capacity.saturating_sub(waiting + arriving);
        free.saturating_sub(arriving).min(places).min(self.parts.delivery.room(self.counts.taken))
    }

    fn pull(&mut self, cx: &mut Context<'_>) {
        if self.is_exhausted {
            return;
        }
        let mut room = self.room();
        // Those that have made room are done with before others are taken in their place.
        self.collect();
        if room == 0 {
            return self.feed.pause();
        }
        for _ in 0..BUDGET {
            if room == 0 {
                return;
            }
            let next = self.feed.poll_next(room, cx);
            self.is_dry = next.is_pending();
            match next {
                Poll::Pending => return,
                Poll::Ready(Next::Item(item, token)) => {
                    room -= 1;
                    if !self.submit(item, token) {
                        cx.waker().wake_by_ref();
                    }
                }
                Poll::Ready(Next::Exhausted) => return self.is_exhausted = true,
                Poll::Ready(Next::Panicked(message)) => return self.source_panicked(message),
            }
        }
        cx.waker().wake_by_ref();
    }

    /// Has an item served; returns whether it was let in.
    fn submit(&mut self, item: F::Item, token: F::Token) -> bool {
        let index = self.counts.taken;
        self.counts.taken += 1;
        // There are never more than all limits together, of which each is a million at most.
        let key = self.taken.insert(Taken { index, token }) as u32;
        let (door, work) = (&self.parts.started.door, Work::new(item));
        match door.admit(&work) {
            Ok(admitted) => {
                let answers = Arc::clone(&self.answers);
                door.enqueue(work, admitted, Some(ReplyTo::Taker { answers, key }));
                true
            }
            Err(reason) => {
                drop_quietly(work);
                self.settle(key, Err(CallError::Rejected(reason)));
                false
            }
        }
    }

    /// Takes over what the source has taken and not given yet.
    fn submit_taken(&mut self) {
        while let Some((item, token)) = self.feed.taken() {
            self.submit(item, token);
        }
    }

    fn send_results(&mut self, cx: &mut Context<'_>) {
        if let Err(gone) = self.parts.delivery.poll_send(cx) {
            self.results_gone(gone);
        }
    }

    fn results_gone(&mut self, gone: String) {
        warn!("dispatcher {}: nobody takes its results any more, so its run ends", self.parts.name);
        // It may say what is in a result.
        debug!("dispatcher {}: why nobody takes its results: {gone}", self.parts.name);
        self.end.get_or_insert(RunEnd::ResultsGone(gone));
        self.parts.control.shut_down(self.parts.default_shutdown_timeout);
    }

    /// Answers what nobody else will.
    fn answer_rest(&mut self, error: impl Fn() -> CallError<Err>) {
        for taken in self.rest() {
            self.settle_taken(taken, Err(error()));
        }
    }

    /// What has no result yet, in the order in which it was taken.
    fn rest(&mut self) -> Vec<Taken<F::Token>> {
        let mut rest: Vec<_> = std::mem::take(&mut self.taken).into_iter().map(|(_, taken)| taken).collect();
        rest.sort_unstable_by_key(|taken| taken.index);
        rest
    }

    fn publish(&mut self) {
        let delivery = &self.parts.delivery;
        (self.counts.delivered, self.counts.undelivered) = (delivery.delivered(), delivery.undelivered());
        self.parts.board.show(self.counts, Instant::now());
    }
}

impl<F, Res, Err> Future for Feeder<F, Res, Err>
where
    F: Feed,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let feeder = self.get_mut();
        feeder.answers.watch(cx.waker());
        feeder.parts.started.backlog.watch_room(cx.waker());
        feeder.parts.control.watch(cx.waker());
        feeder.collect();
        while feeder.step(cx) {}
        if matches!(feeder.phase, Phase::Over) {
            return Poll::Ready(());
        }
        if feeder.is_unsettled && feeder.feed.poll_settled(cx).is_ready() {
            feeder.is_unsettled = false;
        }
        feeder.publish();
        Poll::Pending
    }
}

impl<F, Res, Err> Drop for Feeder<F, Res, Err>
where
    F: Feed,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Its arbiter ends. What has been answered is acknowledged, and the rest is handed back.
    fn drop(&mut self) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        for (key, answer) in self.answers.close() {
            self.settle(key, answer);
        }
        for Taken { index, token } in self.rest() {
            let error = CallError::Failed(Failure::HandlerGone);
            self.counts.failed.count(&error);
            self.counts.handed_back += u64::from(F::WANTS_TO_KNOW);
            // An error means that it panicked, and nobody is left to tell.
            let _ = self.feed.hand_back(token, HandBack::Dropped);
            self.parts.delivery.push(ItemResult { index, result: Err(error) });
        }
        self.finish(RunEnd::Stopped);
    }
}

/// Why the source gets an item back.
fn why<E>(error: &CallError<E>) -> HandBack {
    match error {
        CallError::Rejected(reason) => HandBack::Rejected(*reason),
        CallError::TimedOut(timeout) => HandBack::TimedOut(*timeout),
        CallError::Failed(Failure::CutOff) => HandBack::CutOff,
        CallError::Failed(_) => HandBack::Failed,
    }
}
