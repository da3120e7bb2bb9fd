//! Sources that are told what becomes of their items.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use kanaloa::{HandBack, PullingDispatcher, Rejection, RunEnd, Source, handler_fn};

use crate::support::*;

#[test]
fn what_succeeds_is_acknowledged_and_what_fails_goes_back() {
    virtual_time(async {
        let (jobs, ledger) = Jobs::new(0..6_u64);
        let odd = handler_fn("odd", |n: u64| async move { if n % 2 == 1 { Ok(n) } else { Err("even") } });
        let run = PullingDispatcher::from_source("test", jobs).settings(pulls(1)).handler(odd).start().unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.acked, summary.handed_back), (3, 3));
        let ledger = ledger.lock().unwrap();
        assert_eq!(ledger.acked, [1, 3, 5]);
        assert_eq!(ledger.handed_back, [0, 2, 4].map(|token| (token, HandBack::Failed)));
    });
}

#[test]
fn only_the_last_failure_of_what_is_tried_again_counts() {
    virtual_time(async {
        let mut settings = pulls(1);
        settings.work.work_retry = 1;
        let tried = Arc::new(Mutex::new(Vec::new()));
        let tries = Arc::clone(&tried);
        let second = handler_fn("second", move |n: u64| {
            let mut tries = tries.lock().unwrap();
            tries.push(n);
            let again = tries.iter().filter(|other| **other == n).count() > 1;
            std::future::ready(if again && n != 2 { Ok(n) } else { Err("not at first") })
        });
        let (jobs, ledger) = Jobs::new(0..4_u64);
        let builder = PullingDispatcher::from_source("test", jobs).settings(settings).clone_requests();
        let summary = builder.handler(second).start().unwrap().summary().await;
        assert_eq!((summary.acked, summary.handed_back), (3, 1));
        let ledger = ledger.lock().unwrap();
        assert_eq!((&ledger.acked[..], &ledger.handed_back[..]), (&[0, 1, 3][..], &[(2, HandBack::Failed)][..]));
    });
}

/// Acknowledging takes a while, as it does over a network.
struct Slow {
    items: std::ops::Range<u64>,
    acking: FuturesUnordered<BoxFuture<'static, u64>>,
    acked: Arc<Mutex<Vec<u64>>>,
}

impl Source for Slow {
    type Item = u64;
    type Token = u64;

    fn poll_next(&mut self, _: usize, _: &mut Context<'_>) -> Poll<Option<(u64, u64)>> {
        Poll::Ready(self.items.next().map(|n| (n, n)))
    }

    fn ack(&mut self, n: u64) {
        self.acking.push(sleep_ms(500).map(move |()| n).boxed());
    }

    fn hand_back(&mut self, _: u64, _: HandBack) {}

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(Some(n)) = self.acking.poll_next_unpin(cx) {
            self.acked.lock().unwrap().push(n);
        }
        if self.acking.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn slow(items: u64) -> (Slow, Arc<Mutex<Vec<u64>>>) {
    let acked = Arc::default();
    (Slow { items: 0..items, acking: FuturesUnordered::new(), acked: Arc::clone(&acked) }, acked)
}

#[test]
fn the_summary_waits_for_acknowledgements_and_the_next_item_does_not() {
    virtual_time(async {
        let (source, acked) = slow(3);
        let run = PullingDispatcher::from_source("test", source).settings(pulls(1)).handler(sleeper_handler("s"));
        let summary = run.start().unwrap().summary().await;
        // Served at 0, 1 and 3 ms.
        assert_eq!((summary.acked, summary.elapsed), (3, ms(503)));
        assert_eq!(*acked.lock().unwrap(), [0, 1, 2]);
    });
}

#[test]
fn acknowledgements_go_on_while_nothing_else_happens() {
    virtual_time(async {
        let (source, acked) = slow(2);
        let long = handler_fn("long", |n: u64| async move {
            sleep_ms(n * 10_000).await;
            Ok::<_, Infallible>(n)
        });
        let run = PullingDispatcher::from_source("test", source).settings(pulls(1)).handler(long).start().unwrap();
        sleep_ms(501).await;
        assert_eq!(*acked.lock().unwrap(), [0]);
        run.summary().await;
    });
}

/// Panics where it is told to.
struct Panics(Jobs<u64>, &'static str);

impl Source for Panics {
    type Item = u64;
    type Token = u32;

    fn poll_next(&mut self, room: usize, cx: &mut Context<'_>) -> Poll<Option<(u64, u32)>> {
        assert!(self.1 != "next" || self.0.items.len() > 5, "next");
        self.0.poll_next(room, cx)
    }

    fn ack(&mut self, token: u32) {
        self.0.ack(token);
        assert!(self.1 != "ack" || token != 4, "ack");
    }

    fn hand_back(&mut self, token: u32, why: HandBack) {
        self.0.hand_back(token, why);
        assert!(self.1 != "hand back", "hand back");
    }
}

#[test]
fn a_source_that_panics_is_told_of_what_it_gave() {
    virtual_time(async {
        for place in ["next", "ack", "hand back"] {
            let (jobs, ledger) = Jobs::new(0..10_u64);
            let handler = handler_fn("picky", |n: u64| async move {
                sleep_ms(1).await;
                if n == 3 { Err("three") } else { Ok(n) }
            });
            let run = PullingDispatcher::from_source("test", Panics(jobs, place)).settings(pulls(2)).handler(handler);
            let summary = run.start().unwrap().summary().await;
            assert_eq!(summary.end, RunEnd::SourcePanicked(place.into()));
            assert_summary_adds_up(&summary);
            let ledger = ledger.lock().unwrap();
            assert_eq!(ledger.out(), 0, "{place}: {ledger:?}");
            assert_eq!(ledger.acked.len() as u64, summary.acked);
        }
    });
}

#[test]
fn what_no_handler_took_goes_back_with_the_reason() {
    virtual_time(async {
        let mut settings = pulls(2);
        settings.work.request_timeout = None;
        let (jobs, ledger) = Jobs::new(0..10_u64);
        let gone = handler_fn("gone", |_: u64| async move { kanaloa::Reply::<u64, Infallible>::gone() });
        let run = PullingDispatcher::from_source("test", jobs).settings(settings).handler(gone).start().unwrap();
        let summary = run.summary().await;
        assert_eq!(summary.end, RunEnd::NoHandlers);
        let ledger = ledger.lock().unwrap();
        assert_eq!((ledger.taken.len(), ledger.out()), (2, 0));
        assert_eq!(ledger.handed_back[0], (0, HandBack::Failed));
        assert_eq!(ledger.handed_back[1], (1, HandBack::Rejected(Rejection::NoHandlers)));
    });
}
