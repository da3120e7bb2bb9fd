//! Iterators, which run on threads of their own: here with real threads, and so in real time.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use kanaloa::{ItemResult, PullingDispatcher, RunEnd, handler_fn};
use tokio::sync::Notify;

use crate::support::*;

fn in_real_time<F: Future>(test: F) -> F::Output {
    actix::System::new().block_on(test)
}

/// Items that count how many have been taken.
fn counted(items: impl Iterator<Item = u64> + Send + 'static) -> (Arc<AtomicU64>, impl Iterator<Item = u64> + Send) {
    let taken = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&taken);
    (
        taken,
        items.inspect(move |_| {
            counts.fetch_add(1, Ordering::SeqCst);
        }),
    )
}

#[test]
fn all_items_are_served_in_their_order() {
    in_real_time(async {
        let (results, keep) = kept();
        let ready = handler_fn("ready", |n: u64| async move { Ok::<_, Infallible>(n) });
        let run =
            PullingDispatcher::from_iterator("test", 0..20_000_u64).handler(ready).in_input_order().for_each(keep);
        let summary = run.start().unwrap().summary().await;
        assert_eq!((summary.taken, summary.succeeded, summary.end), (20_000, 20_000, RunEnd::Exhausted));
        let results = results.lock().unwrap();
        assert!(results.iter().enumerate().all(|(n, item)| item.index == n as u64 && item.result == Ok(item.index)));
    });
}

#[test]
fn it_is_asked_for_no_more_than_workers_are_free() {
    in_real_time(async {
        let (taken, items) = counted(0..);
        let hangs = handler_fn("hangs", |_: u64| std::future::pending::<Result<u64, Infallible>>());
        let run = PullingDispatcher::from_iterator("test", items).settings(pulls(5)).handler(hangs).start().unwrap();
        while run.progress().in_flight < 5 {
            sleep_ms(1).await;
        }
        sleep_ms(20).await;
        assert_eq!(taken.load(Ordering::SeqCst), 5);
        let summary = run.shutdown_within(ms(0)).await;
        assert_eq!((summary.taken, summary.failed.cut_off), (5, 5));
    });
}

#[test]
fn one_that_panics_has_ended() {
    in_real_time(async {
        let items = (0..).inspect(|n: &u64| assert!(*n < 100, "no hundred"));
        let run = PullingDispatcher::from_iterator("test", items).settings(pulls(3)).handler(sleeper_handler("s"));
        let summary = run.start().unwrap().summary().await;
        assert_eq!((summary.taken, summary.succeeded), (100, 100));
        assert_eq!(summary.end, RunEnd::SourcePanicked("no hundred".into()));
    });
}

#[test]
fn one_that_blocks_holds_up_neither_what_was_taken_nor_the_end() {
    in_real_time(async {
        let (unblock, blocked) = mpsc::channel::<u64>();
        let items = (0..3).chain(std::iter::from_fn(move || blocked.recv().ok()));
        let run = PullingDispatcher::from_iterator("test", items).settings(pulls(10)).handler(sleeper_handler("s"));
        let run = run.start().unwrap();
        while run.progress().succeeded < 3 {
            sleep_ms(1).await;
        }
        let summary = run.shutdown().await;
        assert_eq!((summary.succeeded, summary.end, summary.left_behind), (3, RunEnd::ShutDown, true));
        // The thread ends when it can: nobody is there to receive any more.
        let _ = unblock.send(7);
        while unblock.send(7).is_ok() {
            sleep_ms(1).await;
        }
    });
}

#[test]
fn one_that_is_slow_is_waited_for() {
    in_real_time(async {
        let items = (0..20_u64).inspect(|_| std::thread::sleep(ms(2)));
        let run = PullingDispatcher::from_iterator("test", items).settings(pulls(10)).handler(sleeper_handler("s"));
        let summary = run.start().unwrap().summary().await;
        assert_eq!((summary.succeeded, summary.end), (20, RunEnd::Exhausted));
    });
}

#[test]
fn one_without_end_ends_with_a_shutdown_and_nothing_is_lost() {
    in_real_time(async {
        let (taken, items) = counted(0..);
        let (enough, many) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let signal = Arc::clone(&many);
        drop(enough);
        let (results, mut keep) = kept();
        let ready = handler_fn("ready", |n: u64| async move { Ok::<_, Infallible>(n) });
        let run = PullingDispatcher::from_iterator("test", items)
            .handler(ready)
            .for_each(move |item: ItemResult<u64, Infallible>| {
                if item.index == 5_000 {
                    signal.notify_one();
                }
                keep(item);
            })
            .start()
            .unwrap();
        many.notified().await;
        let summary = run.shutdown().await;
        assert_eq!((summary.succeeded, summary.end), (summary.taken, RunEnd::ShutDown));
        let mut seen = indices(&results);
        seen.sort_unstable();
        assert_eq!(seen, (0..summary.taken).collect::<Vec<_>>());
        // All that the iterator gave was served, but for one that was not there yet when it ended.
        if !summary.left_behind {
            assert_eq!(taken.load(Ordering::SeqCst), summary.taken);
        }
    });
}

#[test]
fn an_item_that_is_being_taken_when_the_end_comes_is_served() {
    in_real_time(async {
        let (asked, is_asked) = mpsc::channel();
        let (unblock, blocked) = mpsc::channel::<u64>();
        let items = std::iter::from_fn(move || {
            asked.send(()).ok()?;
            blocked.recv().ok()
        });
        let run = PullingDispatcher::from_iterator("test", items).settings(pulls(2)).handler(sleeper_handler("s"));
        let run = run.start().unwrap();
        while is_asked.try_recv().is_err() {
            sleep_ms(1).await;
        }
        let ending = run.clone();
        let ending = actix::spawn(async move { ending.shutdown().await });
        settle().await;
        assert_eq!(run.progress().taken, 0);
        unblock.send(1).unwrap();
        let summary = ending.await.unwrap();
        assert_eq!((summary.taken, summary.succeeded, summary.left_behind), (1, 1, false));
    });
}

#[test]
fn its_thread_ends_with_the_run() {
    in_real_time(async {
        let guard = Arc::new(());
        let held = Arc::clone(&guard);
        let items = (0..).inspect(move |_: &u64| {
            let _ = &held;
        });
        let run = PullingDispatcher::from_iterator("test", items).settings(pulls(2)).handler(sleeper_handler("s"));
        run.start().unwrap().shutdown().await;
        while Arc::strong_count(&guard) > 1 {
            sleep_ms(1).await;
        }
    });
}
