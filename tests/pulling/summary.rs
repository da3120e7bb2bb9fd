//! What a summary says of the run.

use std::convert::Infallible;

use futures::{StreamExt, stream};
use kanaloa::{PullingDispatcher, RunEnd, handler_fn};

use crate::support::*;

#[test]
fn a_run_that_did_all_there_was_is_complete() {
    virtual_time(async {
        let summary = sleeps(2, [10, 20, 30]).start().unwrap().summary().await;
        assert!(summary.is_complete());
        assert_eq!(summary.to_string(), "3 of 3 succeeded in 40.0ms; the source was exhausted");
        assert!(sleeps(1, []).start().unwrap().summary().await.is_complete());
    });
}

#[test]
fn a_run_with_failures_is_not_and_says_of_what_kinds() {
    virtual_time(async {
        let mut settings = pulls(1);
        (settings.work.service_timeout, settings.circuit_breaker) = (ms(50), None);
        let handler = handler_fn("varied", |n: u64| async move {
            match n {
                0 | 1 => Err("no"),
                2 => std::future::pending().await,
                n => Ok(n),
            }
        });
        let items = stream::iter(0..5_u64);
        let run = PullingDispatcher::from_stream("test", items).settings(settings).handler(handler).start().unwrap();
        let summary = run.summary().await;
        assert!(!summary.is_complete());
        let line = "2 of 5 succeeded in 50.0ms: 2 failed at the service, 1 timed out; the source was exhausted";
        assert_eq!(summary.to_string(), line);
    });
}

#[test]
fn a_run_that_ended_early_is_not_even_if_nothing_failed() {
    virtual_time(async {
        let items = stream::iter(0..10_u64).inspect(|n| assert!(*n < 5, "no five"));
        let run = PullingDispatcher::from_stream("test", items).settings(pulls(2)).handler(sleeper_handler("s"));
        let panicked = run.start().unwrap().summary().await;
        assert_eq!((panicked.failed.total(), panicked.is_complete()), (0, false));
        assert!(panicked.to_string().ends_with("; the source panicked: no five"), "{panicked}");

        let run = PullingDispatcher::from_stream::<_, u64, Infallible>("test", stream::iter(0..10_u64));
        let unmanned = run.settings(pulls(1)).start().unwrap().summary().await;
        assert_eq!(unmanned.to_string(), "0 of 0 succeeded in 1.0s; there was no handler");
        assert!(!unmanned.is_complete());

        let run = sleeps(1, [10; 10]).start().unwrap();
        sleep_ms(25).await;
        let shut_down = run.shutdown().await;
        assert_eq!(shut_down.to_string(), "3 of 3 succeeded in 30.0ms; it was shut down");
        assert!(!shut_down.is_complete());
    });
}

#[test]
fn a_run_whose_results_nobody_took_is_not_though_everything_succeeded() {
    virtual_time(async {
        let (results, receiver) = tokio::sync::mpsc::channel(1);
        drop(receiver);
        let summary = sleeps(1, [10]).into_channel(results).start().unwrap().summary().await;
        assert!(matches!(summary.end, RunEnd::ResultsGone(_)));
        assert_eq!((summary.succeeded, summary.undelivered, summary.is_complete()), (1, 1, false));
        assert!(summary.to_string().starts_with("1 of 1 succeeded in 10.0ms: 1 undelivered; "), "{summary}");
    });
}

#[test]
fn a_receiver_that_takes_nothing_holds_a_shutdown_up_for_its_time_and_a_second() {
    virtual_time(async {
        let (results, _receiver) = tokio::sync::mpsc::channel(1);
        let run = sleeps(2, [10; 10]).into_channel(results).start().unwrap();
        sleep_ms(1_000).await;
        let summary = run.shutdown().await;
        assert_eq!((summary.elapsed, summary.succeeded, summary.undelivered), (ms(32_000), 10, 9));
    });
}
