//! What the tests of pulling share, beside what those of all actors do.

#[path = "../actors/support.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod actors;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

pub(crate) use actors::*;
use futures::stream;
use kanaloa::config::{AutothrottleAlgorithm, DispatcherSettings, Settings};
use kanaloa::{HandBack, HandlerFn, ItemResult, PullingBuilder, PullingDispatcher, Source, Summary, handler_fn};

/// The default settings of a dispatcher that pulls, with a concurrency limit that stays at `limit`.
pub(crate) fn pulls(limit: usize) -> DispatcherSettings {
    let mut settings = Settings::reference().pulling_dispatcher("test");
    settings.worker_pool.starting_pool_size = limit;
    if let Some(autothrottle) = &mut settings.autothrottle {
        autothrottle.algorithm = AutothrottleAlgorithm::Fixed;
    }
    settings
}

/// Takes these numbers from a stream, each of which is answered after as many milliseconds.
pub(crate) fn sleeps(limit: usize, times: impl IntoIterator<Item = u64>) -> PullingBuilder<u64, u64, Infallible> {
    let times: Vec<u64> = times.into_iter().collect();
    PullingDispatcher::from_stream("test", stream::iter(times))
        .settings(pulls(limit))
        .handler(sleeper_handler("sleeper"))
}

pub(crate) fn sleeper_handler(
    name: &str,
) -> HandlerFn<impl Fn(u64) -> futures::future::BoxFuture<'static, Result<u64, Infallible>> + Send + use<>, u64> {
    handler_fn(name, |n: u64| -> futures::future::BoxFuture<'static, Result<u64, Infallible>> {
        Box::pin(async move {
            sleep_ms(n).await;
            Ok(n)
        })
    })
}

/// What a source has been told of each of its items, in the order in which that was.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) taken: Vec<u32>,
    pub(crate) acked: Vec<u32>,
    pub(crate) handed_back: Vec<(u32, HandBack)>,
    /// The most that were out at once.
    pub(crate) most_out: usize,
}

impl Ledger {
    pub(crate) fn out(&self) -> usize {
        self.taken.len() - self.acked.len() - self.handed_back.len()
    }
}

pub(crate) type Shared<T> = Arc<Mutex<T>>;

/// Gives items and writes down what becomes of them.
pub(crate) struct Jobs<T> {
    pub(crate) items: VecDeque<T>,
    pub(crate) ledger: Shared<Ledger>,
}

impl<T> Jobs<T> {
    pub(crate) fn new(items: impl IntoIterator<Item = T>) -> (Self, Shared<Ledger>) {
        let ledger = Shared::default();
        (Jobs { items: items.into_iter().collect(), ledger: Arc::clone(&ledger) }, ledger)
    }
}

impl<T: Send + 'static> Source for Jobs<T> {
    type Item = T;
    type Token = u32;

    fn poll_next(&mut self, room: usize, _: &mut Context<'_>) -> Poll<Option<(T, u32)>> {
        assert!(room > 0);
        let Some(item) = self.items.pop_front() else { return Poll::Ready(None) };
        let ledger = &mut *self.ledger.lock().unwrap();
        let token = ledger.taken.len() as u32;
        ledger.taken.push(token);
        ledger.most_out = ledger.most_out.max(ledger.out());
        Poll::Ready(Some((item, token)))
    }

    fn ack(&mut self, token: u32) {
        self.ledger.lock().unwrap().acked.push(token);
    }

    fn hand_back(&mut self, token: u32, why: HandBack) {
        self.ledger.lock().unwrap().handed_back.push((token, why));
    }

    fn total(&self) -> Option<u64> {
        Some(self.items.len() as u64)
    }
}

/// The results so far.
pub(crate) type Results<Res, Err> = Shared<Vec<ItemResult<Res, Err>>>;

/// Keeps the results.
pub(crate) fn kept<Res: Send, Err: Send>() -> (Results<Res, Err>, impl FnMut(ItemResult<Res, Err>) + Send) {
    let results: Results<Res, Err> = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&results);
    (results, move |result| keeps.lock().unwrap().push(result))
}

pub(crate) fn indices<Res, Err>(results: &Results<Res, Err>) -> Vec<u64> {
    results.lock().unwrap().iter().map(|item| item.index).collect()
}

pub(crate) fn assert_summary_adds_up(summary: &Summary) {
    assert_eq!(summary.taken, summary.succeeded + summary.failed.total(), "{summary:?}");
}
