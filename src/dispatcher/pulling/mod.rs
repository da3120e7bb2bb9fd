//! Dispatchers that take their work from a source, as fast as it is done and no faster.
//!
//! A [`PullingDispatcher`] starts a [`PushingDispatcher`](crate::PushingDispatcher) and, on the same arbiter, a
//! [`Feeder`](feeder::Feeder). That takes as many items as there are workers to start with them, submits them like works,
//! and is told when more could start: the backlog counts [its room](crate::queue::Backlog::room). Throttle, breaker,
//! retries and copies are those of any dispatcher. What differs is where answers go: they come back to the feeder in
//! batches, over one [channel](answers::Answers) for all items.

mod answers;
mod board;
mod control;
mod delivery;
mod description;
mod feed;
mod feeder;
mod handle;
mod iterator;
mod outlet;
mod source;
mod summary;

use futures::Stream;

pub(crate) use answers::Answers;
pub use board::Progress;
pub use description::{Pull, PullingBuilder};
pub use handle::PullingHandle;
pub use outlet::ItemResult;
pub use source::{HandBack, Source};
pub use summary::{FailureCounts, RunEnd, Summary};

use feed::{FromSource, FromStream};
use iterator::FromIterator;

/// Sends everything that a source has through its handlers, at their best speed: an item is taken only while a worker is
/// free for it. It ends by itself when the source is exhausted.
///
/// # Settings
///
/// Unless [told otherwise](crate::DispatcherBuilder::settings), it follows the settings of `default-pulling-dispatcher`.
/// Those of a name are [`Settings::pulling_dispatcher`](crate::config::Settings::pulling_dispatcher); those of
/// [`Settings::dispatcher`](crate::config::Settings::dispatcher) are for one that is pushed to, which refuses work and does
/// not end with its last handler.
///
/// All items are of class 3, the default of a [`Work`](crate::Work).
///
/// # When it slows down
///
/// Each handler has a circuit breaker. Where more than half of 20 or more items fail, or several time out in a row, it
/// opens: nothing is taken for a second or more, and then a few at a time, as probes, so that the run all but
/// stands still. [`PoolStatus::circuit`](crate::PoolStatus::circuit) in [`PullingHandle::status`] shows that, as
/// [`circuit_opened`](crate::PoolStatus::circuit_opened) shows how often, and the log warns.
///
/// If it is the items that are bad rather than the service, have the handler succeed with a response that says so, and give
/// the builder a [`check`](crate::DispatcherBuilder::check) that makes an error of those responses only that tell of a sick
/// service; such an item counts as succeeded. Or turn the breaker off, with `circuit-breaker.enabled = off` or
/// `settings.circuit_breaker = None`.
///
/// # Examples
///
/// ```
/// use kanaloa::{PullingDispatcher, handler_fn};
///
/// # actix::System::new().block_on(async {
/// let service = handler_fn("doubler", |n: u32| async move { n.checked_mul(2).ok_or("too large") });
/// let (results, mut doubled) = tokio::sync::mpsc::channel(100);
/// let run = PullingDispatcher::from_iterator("doubler", 0..1_000)
///     .handler(service)
///     .in_input_order()
///     .into_channel(results)
///     .start()
///     .unwrap();
/// let mut sum = 0;
/// while let Some(item) = doubled.recv().await {
///     sum += item.result.unwrap();
/// }
/// assert_eq!(sum, 999_000);
/// let summary = run.summary().await;
/// assert_eq!((summary.taken, summary.succeeded), (1_000, 1_000));
/// # });
/// ```
#[derive(Debug)]
pub enum PullingDispatcher {}

impl PullingDispatcher {
    /// Takes items from an iterator, which may block: it runs on a thread of its own. One that panics has ended.
    ///
    /// An iterator that is asked for an item when the run ends is given 100 ms; then its thread is left behind, which ends
    /// when `next` returns. That last item is dropped.
    ///
    /// What is in memory already goes faster as a stream, `futures::stream::iter(items)`: no threads meet then.
    pub fn from_iterator<I, Res, Err>(name: impl Into<String>, iterator: I) -> PullingBuilder<I::Item, Res, Err>
    where
        I: Iterator + Send + 'static,
        I::Item: Send + 'static,
        Res: Send + 'static,
        Err: Send + 'static,
    {
        description::describe(name.into(), |name| FromIterator::start(name, iterator))
    }

    /// Takes items from a stream, which is polled on the dispatcher's arbiter and must not block. One that panics has
    /// ended.
    pub fn from_stream<S, Res, Err>(name: impl Into<String>, stream: S) -> PullingBuilder<S::Item, Res, Err>
    where
        S: Stream + Send + 'static,
        S::Item: Send + 'static,
        Res: Send + 'static,
        Err: Send + 'static,
    {
        description::describe(name.into(), |_| Ok(FromStream::new(stream)))
    }

    /// Takes items from a source that wants to know what becomes of each.
    pub fn from_source<S, Res, Err>(name: impl Into<String>, source: S) -> PullingBuilder<S::Item, Res, Err>
    where
        S: Source + Send,
        Res: Send + 'static,
        Err: Send + 'static,
    {
        description::describe(name.into(), |_| Ok(FromSource::new(source)))
    }
}
