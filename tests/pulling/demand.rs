//! It takes an item only while a worker is free, and keeps throttle and breaker.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, stream};
use kanaloa::{AddHandlerError, CircuitState, HandlerSource, PullingDispatcher, Reply, RunEnd, handler_fn};
use tokio::time::Instant;

use crate::support::*;

#[test]
fn no_more_are_out_than_the_limit_and_as_many_as_that() {
    virtual_time(async {
        for limit in [1, 2, 7, 100] {
            let (jobs, ledger) = Jobs::new((0..500).map(|n| n * 7 % 20));
            let run = PullingDispatcher::from_source("test", jobs)
                .settings(pulls(limit))
                .handler(sleeper_handler("sleeper"))
                .start()
                .unwrap();
            assert_eq!(run.summary().await.succeeded, 500);
            assert_eq!(ledger.lock().unwrap().most_out, limit);
        }
    });
}

#[test]
fn the_limits_of_all_handlers_add_up() {
    virtual_time(async {
        let (jobs, ledger) = Jobs::new((0..500).map(|n| n * 7 % 20));
        let run = PullingDispatcher::from_source("test", jobs)
            .settings(pulls(3))
            .handler(sleeper_handler("one"))
            .handler(sleeper_handler("other"))
            .start()
            .unwrap();
        run.summary().await;
        assert_eq!(ledger.lock().unwrap().most_out, 6);
    });
}

#[test]
fn the_service_is_kept_busy() {
    virtual_time(async {
        let start = Instant::now();
        let run = sleeps(4, [10; 400]).start().unwrap();
        run.summary().await;
        assert_eq!(elapsed_ms(start), 1_000);
    });
}

#[test]
fn an_item_that_goes_out_again_takes_the_place_of_a_new_one() {
    virtual_time(async {
        let mut settings = pulls(3);
        settings.work.work_retry = 2;
        let (jobs, ledger) = Jobs::new(0..100_u64);
        let fails = |name: &str| {
            handler_fn(name, |n: u64| async move {
                sleep_ms(1 + n % 5).await;
                Err::<u64, _>("no")
            })
        };
        let run = PullingDispatcher::from_source("test", jobs)
            .settings(settings)
            .clone_requests()
            .handler(fails("one"))
            .handler(fails("other"))
            .start()
            .unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.failed.service, summary.handed_back), (100, 100));
        assert_eq!(ledger.lock().unwrap().most_out, 6);
    });
}

#[test]
fn a_queue_of_one_is_enough() {
    virtual_time(async {
        let mut settings = pulls(10);
        settings.queue.capacity = 1;
        let run = sleeps(10, [10; 100]).settings(settings).start().unwrap();
        let start = Instant::now();
        assert_eq!(run.summary().await.succeeded, 100);
        assert_eq!(elapsed_ms(start), 100);
    });
}

#[test]
fn nothing_is_taken_before_there_is_a_handler() {
    virtual_time(async {
        let (jobs, ledger) = Jobs::new([5_u64; 3]);
        let run = PullingDispatcher::from_source("test", jobs).settings(pulls(1)).start().unwrap();
        sleep_ms(500).await;
        assert_eq!(ledger.lock().unwrap().taken.len(), 0);
        run.add_handler(HandlerSource::new(sleeper_handler("late"))).await.unwrap();
        let summary = run.summary().await;
        assert_eq!((summary.succeeded, summary.end), (3, RunEnd::Exhausted));
        let again = run.add_handler(HandlerSource::new(sleeper_handler("later"))).await;
        assert_eq!(again, Err(AddHandlerError::ShuttingDown));
    });
}

#[test]
fn nothing_is_taken_while_the_handler_is_held() {
    virtual_time(async {
        let (jobs, ledger) = Jobs::new(0..10_u64);
        let holds = handler_fn("holds", |n: u64| async move { Reply::<_, Infallible>::success(n).hold(ms(100)) });
        let run = PullingDispatcher::from_source("test", jobs).settings(pulls(1)).handler(holds).start().unwrap();
        for taken in 1..=10 {
            sleep_ms(50).await;
            assert_eq!(ledger.lock().unwrap().taken.len(), taken);
            sleep_ms(50).await;
        }
        assert_eq!(run.summary().await.succeeded, 10);
    });
}

#[test]
fn an_open_circuit_stops_the_source() {
    virtual_time(async {
        let mut settings = pulls(4);
        settings.work.service_timeout = ms(10);
        settings.circuit_breaker.as_mut().unwrap().open_duration_base = ms(10_000);
        let hangs = handler_fn("hangs", |_: u64| std::future::pending::<Result<u64, Infallible>>());
        let (jobs, ledger) = Jobs::new(0..1_000_000_u64);
        let run = PullingDispatcher::from_source("test", jobs).settings(settings).handler(hangs).start().unwrap();
        sleep_ms(1_000).await;
        let opened = ledger.lock().unwrap().taken.len();
        assert_eq!(run.status().await.unwrap().pools[0].circuit, CircuitState::Open);
        // It does not even probe before its time.
        sleep_ms(8_000).await;
        assert_eq!(ledger.lock().unwrap().taken.len(), opened);
        let summary = run.shutdown_within(ms(0)).await;
        assert_eq!(summary.handed_back, summary.taken);
    });
}

#[test]
fn the_throttle_finds_the_limit_of_the_service() {
    virtual_time(async {
        // Ten slots: more at once only wait for each other.
        let slots = Arc::new(tokio::sync::Semaphore::new(10));
        let most = Arc::new(AtomicUsize::new(0));
        let (waiting, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
        let service = handler_fn("slots", move |n: u64| {
            let (slots, waiting, seen) = (Arc::clone(&slots), Arc::clone(&waiting), Arc::clone(&seen));
            async move {
                seen.fetch_max(waiting.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                let slot = slots.acquire().await;
                sleep_ms(20).await;
                waiting.fetch_sub(1, Ordering::Relaxed);
                drop(slot);
                Ok::<_, Infallible>(n)
            }
        });
        let start = Instant::now();
        let items = stream::iter(0..30_000_u64).boxed();
        let run = PullingDispatcher::from_stream("test", items).seed(1).clock(ms(0)).handler(service).start().unwrap();
        sleep_ms(30_000).await;
        let limit = run.status().await.unwrap().pools[0].limit;
        assert!((10..=13).contains(&limit), "{limit}");
        run.summary().await;
        // 500 a second; a tenth more for the start.
        assert!(elapsed_ms(start) <= 66_000, "{} ms", elapsed_ms(start));
    });
}
