//! Results: in which order they come, where they go, and what becomes of the run when nobody takes them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::channel::mpsc as futures_mpsc;
use futures::task::AtomicWaker;
use futures::{Sink, StreamExt};
use kanaloa::{ItemResult, PullingDispatcher, RunEnd};
use tokio::sync::mpsc;

use crate::support::*;

type Result = ItemResult<u64, Infallible>;

#[test]
fn they_come_as_they_are_ready_unless_said() {
    virtual_time(async {
        let times = [50, 10, 30, 5];
        let (results, keep) = kept();
        sleeps(4, times).for_each(keep).start().unwrap().summary().await;
        assert_eq!(indices(&results), [3, 1, 2, 0]);
        let (results, keep) = kept();
        sleeps(4, times).in_input_order().for_each(keep).start().unwrap().summary().await;
        assert_eq!(indices(&results), [0, 1, 2, 3]);
        let values: Vec<_> = results.lock().unwrap().iter().map(|item| item.result.clone()).collect();
        assert_eq!(values, times.map(Ok));
    });
}

#[test]
fn in_input_order_no_more_are_taken_than_the_window_holds() {
    virtual_time(async {
        let (jobs, ledger) = Jobs::new([1_000_u64].into_iter().chain([10; 50]));
        let (results, keep) = kept();
        let run = PullingDispatcher::from_source("test", jobs)
            .settings(pulls(4))
            .handler(sleeper_handler("sleeper"))
            .in_input_order()
            .window(10)
            .for_each(keep)
            .start()
            .unwrap();
        // The first holds up the others.
        sleep_ms(999).await;
        assert_eq!((ledger.lock().unwrap().taken.len(), results.lock().unwrap().len()), (10, 0));
        run.summary().await;
        assert_eq!(indices(&results), (0..51).collect::<Vec<_>>());
    });
}

#[test]
fn a_channel_that_is_full_holds_up_the_source() {
    virtual_time(async {
        for in_order in [false, true] {
            let (sender, mut results) = mpsc::channel::<Result>(2);
            let (jobs, ledger) = Jobs::new([10_u64; 50]);
            let mut builder = PullingDispatcher::from_source("test", jobs)
                .settings(pulls(4))
                .handler(sleeper_handler("sleeper"))
                .window(5)
                .into_channel(sender);
            if in_order {
                builder = builder.in_input_order();
            }
            let run = builder.start().unwrap();
            sleep_ms(1_000).await;
            // Two in the channel; and then those that wait, of which only the window keeps count, or which were under way.
            let out = ledger.lock().unwrap().taken.len();
            assert_eq!(out, if in_order { 2 + 5 } else { 8 }, "{in_order}");
            let mut received = 0;
            while let Some(item) = results.recv().await {
                assert_eq!(item.index, received);
                received += 1;
            }
            let summary = run.summary().await;
            assert_eq!((received, summary.delivered, summary.undelivered), (50, 50, 0));
        }
    });
}

#[test]
fn a_receiver_that_is_dropped_ends_the_run() {
    virtual_time(async {
        let (sender, mut results) = mpsc::channel::<Result>(1);
        let (jobs, ledger) = Jobs::new([10_u64; 50]);
        let run = PullingDispatcher::from_source("test", jobs)
            .settings(pulls(2))
            .handler(sleeper_handler("sleeper"))
            .into_channel(sender)
            .start()
            .unwrap();
        assert_eq!(results.recv().await.unwrap().index, 0);
        drop(results);
        let summary = run.summary().await;
        assert_eq!(summary.end, RunEnd::ResultsGone("the receiver was dropped".into()));
        // What was taken is finished, and acknowledged.
        assert!(summary.taken <= 4 && summary.taken == summary.succeeded, "{summary:?}");
        assert_eq!(summary.taken, summary.delivered + summary.undelivered);
        assert_eq!(ledger.lock().unwrap().acked.len() as u64, summary.taken);
    });
}

#[test]
fn a_callback_that_panics_ends_the_run() {
    virtual_time(async {
        let run = sleeps(1, [10; 50]).for_each(|item| assert!(item.index < 2, "no more")).start().unwrap();
        let summary = run.summary().await;
        assert_eq!(summary.end, RunEnd::ResultsGone("panicked: no more".into()));
        assert_eq!((summary.taken, summary.delivered, summary.undelivered), (3, 2, 1));
    });
}

/// Takes results while it is open, and holds what it has until it is flushed.
#[derive(Default)]
struct Tap {
    is_open: AtomicBool,
    waker: AtomicWaker,
}

struct TapSink(Arc<Tap>, futures_mpsc::UnboundedSender<Result>, Vec<Result>);

impl Sink<Result> for TapSink {
    type Error = &'static str;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::result::Result<(), &'static str>> {
        self.0.waker.register(cx.waker());
        if self.0.is_open.load(Ordering::Relaxed) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(mut self: Pin<&mut Self>, item: Result) -> std::result::Result<(), &'static str> {
        if item.index == 40 {
            return Err("forty");
        }
        self.2.push(item);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::result::Result<(), &'static str>> {
        for item in std::mem::take(&mut self.2) {
            let _ = self.1.unbounded_send(item);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::result::Result<(), &'static str>> {
        self.poll_flush(cx)
    }
}

#[test]
fn a_sink_has_its_back_pressure() {
    virtual_time(async {
        let (tap, (sender, results)) = (Arc::new(Tap::default()), futures_mpsc::unbounded());
        let (jobs, ledger) = Jobs::new([10_u64; 30]);
        let run = PullingDispatcher::from_source("test", jobs)
            .settings(pulls(2))
            .handler(sleeper_handler("sleeper"))
            .window(6)
            .into_sink(TapSink(Arc::clone(&tap), sender, Vec::new()))
            .start()
            .unwrap();
        sleep_ms(500).await;
        assert_eq!(ledger.lock().unwrap().taken.len(), 6);
        tap.is_open.store(true, Ordering::Relaxed);
        tap.waker.wake();
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.delivered), (30, 30));
        assert_eq!(results.map(|item| item.index).collect::<Vec<_>>().await, (0..30).collect::<Vec<_>>());
    });
}

#[test]
fn a_sink_that_fails_ends_the_run() {
    virtual_time(async {
        let (tap, (sender, results)) = (Arc::new(Tap::default()), futures_mpsc::unbounded());
        tap.is_open.store(true, Ordering::Relaxed);
        let run = sleeps(1, [1; 100]).into_sink(TapSink(tap, sender, Vec::new())).start().unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.end, summary.delivered), (RunEnd::ResultsGone("forty".into()), 40));
        assert_eq!(results.count().await, 40);
    });
}

#[test]
fn a_sink_that_is_stuck_does_not_hold_up_a_shutdown() {
    virtual_time(async {
        let (tap, (sender, _results)) = (Arc::new(Tap::default()), futures_mpsc::unbounded());
        let run = sleeps(2, [10; 30]).window(6).into_sink(TapSink(tap, sender, Vec::new())).start().unwrap();
        sleep_ms(500).await;
        let summary = run.shutdown_within(ms(200)).await;
        // And one second to take the results.
        assert_eq!((summary.elapsed, summary.delivered, summary.undelivered), (ms(1_700), 0, 6));
        assert_eq!(summary.end, RunEnd::ShutDown);
    });
}
