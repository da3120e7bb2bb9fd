//! Sources that want to know what became of their items.

use std::task::{Context, Poll};

use crate::dispatcher::{Rejection, Timeout};

/// A source of items, each of which is acknowledged when a handler has succeeded with it, and handed back when none has:
/// a message queue, a table of jobs.
///
/// For each item that was taken exactly one of [`ack`](Self::ack) and [`hand_back`](Self::hand_back) is called, and the
/// former only after a success. An item may be handed back and yet have been served: when the handler's answer came too
/// late, or when the dispatcher was dropped meanwhile. When the thread of the dispatcher is killed or never runs again,
/// neither is called, as a source must expect from any program that may crash.
///
/// The source lives on the dispatcher's arbiter, and all its functions are called there; they must not block. A source
/// that panics is asked for nothing more; what was taken from it is finished, and acknowledged or handed back.
///
/// What is given again after it was handed back counts as taken, and as failed, once more.
///
/// ```
/// use std::collections::{HashSet, VecDeque};
/// use std::sync::Mutex;
/// use std::task::{Context, Poll, Waker};
/// use kanaloa::{HandBack, PullingDispatcher, Source, handler_fn};
///
/// /// Jobs in memory. What fails goes to the end of the queue; where a job may fail for ever, count how often it has.
/// struct Jobs {
///     waiting: VecDeque<u32>,
///     out: usize,
///     /// Who waits for what is out to come back.
///     taker: Option<Waker>,
/// }
///
/// impl Jobs {
///     fn one_is_back(&mut self) {
///         self.out -= 1;
///         if let Some(taker) = self.taker.take() {
///             taker.wake();
///         }
///     }
/// }
///
/// impl Source for Jobs {
///     type Item = u32;
///     type Token = u32;
///
///     fn poll_next(&mut self, _: usize, cx: &mut Context<'_>) -> Poll<Option<(u32, u32)>> {
///         if let Some(job) = self.waiting.pop_front() {
///             self.out += 1;
///             // The token of a message queue would be the receipt.
///             return Poll::Ready(Some((job, job)));
///         }
///         if self.out == 0 {
///             return Poll::Ready(None);
///         }
///         // What is out may come back: it is too soon to say that there is none any more.
///         self.taker = Some(cx.waker().clone());
///         Poll::Pending
///     }
///
///     fn ack(&mut self, _: u32) {
///         self.one_is_back();
///     }
///
///     fn hand_back(&mut self, job: u32, _: HandBack) {
///         self.waiting.push_back(job);
///         self.one_is_back();
///     }
/// }
///
/// # actix::System::new().block_on(async {
/// let jobs = Jobs { waiting: (0..100).collect(), out: 0, taker: None };
/// let failed = Mutex::new(HashSet::new());
/// let handler = handler_fn("square", move |n: u32| {
///     let fails = n >= 95 && failed.lock().unwrap().insert(n);
///     async move { if fails { Err("not the first time") } else { Ok(n * n) } }
/// });
/// let run = PullingDispatcher::from_source("jobs", jobs).handler(handler).start().unwrap();
/// let summary = run.summary().await;
/// assert_eq!((summary.taken, summary.handed_back, summary.acked), (105, 5, 100));
/// # });
/// ```
pub trait Source: 'static {
    /// What the handlers get.
    type Item: Send + 'static;
    /// What names an item when it is acknowledged or handed back, such as a receipt or an offset.
    type Token: 'static;

    /// The next item, or `None` if there will be none any more: it is not asked again then, and what is handed back
    /// afterwards is given to nobody. A source that gives again what it gets back is therefore `Pending`, and keeps the
    /// waker for [`ack`](Self::ack) and [`hand_back`](Self::hand_back), while it has nothing but some items are out.
    ///
    /// It is asked for only while a worker is free, or about to be started. `room`, at least 1, is how many are: a
    /// source that fetches several at a time should fetch no more, since what it fetches beyond has to wait.
    fn poll_next(&mut self, room: usize, cx: &mut Context<'_>) -> Poll<Option<(Self::Item, Self::Token)>>;

    /// A handler has succeeded with the item. What takes time is begun here and done in
    /// [`poll_settled`](Self::poll_settled).
    fn ack(&mut self, token: Self::Token);

    /// No handler has succeeded with the item. A source that gives it again wakes the waker of the last
    /// [`poll_next`](Self::poll_next) that was `Pending`; after a shutdown has begun, or a `None`, it is not asked any more.
    fn hand_back(&mut self, token: Self::Token, why: HandBack);

    /// Works on what [`ack`](Self::ack) and [`hand_back`](Self::hand_back) have begun; ready when that is done. The
    /// summary comes afterwards. Polled after each of them, and until it is ready.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// How many items there are in all, if that is known at the start.
    fn total(&self) -> Option<u64> {
        None
    }
}

/// Why an item goes back to its source.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum HandBack {
    /// The handler failed, panicked, or was lost.
    Failed,
    /// Nobody answered in time.
    TimedOut(Timeout),
    /// The handler was removed or the dispatcher shut down, and its time was over before the handler answered.
    CutOff,
    /// It was not handed to a handler.
    Rejected(Rejection),
    /// The dispatcher was dropped, with its arbiter or its actix System: a handler may be working on it still.
    Dropped,
}
