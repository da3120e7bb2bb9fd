//! How work is shared among handlers.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use futures::future::join_all;
use kanaloa::{DispatcherHandle, PushingDispatcher, handler_fn};

use crate::support::*;

/// How often each handler was called.
#[derive(Clone, Default)]
struct Calls(Arc<Vec<AtomicU32>>);

impl Calls {
    fn of(handlers: usize) -> Self {
        Calls(Arc::new((0..handlers).map(|_| AtomicU32::new(0)).collect()))
    }

    fn count(&self, handler: usize) {
        self.0[handler].fetch_add(1, Ordering::Relaxed);
    }

    /// Since the last time.
    fn take(&self) -> Vec<u32> {
        self.0.iter().map(|calls| calls.swap(0, Ordering::Relaxed)).collect()
    }
}

type Crowd = DispatcherHandle<u64, (), Infallible>;

/// Handlers that take as many milliseconds as they are asked for, and answer at once if that is none.
async fn crowd(handlers: usize, limit: usize) -> (Crowd, Calls) {
    let calls = Calls::of(handlers);
    let mut settings = fixed_and_open(limit);
    settings.queue.capacity = usize::MAX;
    let mut builder = PushingDispatcher::builder("crowd").settings(settings);
    for number in 0..handlers {
        let calls = calls.clone();
        builder = builder.handler(handler_fn(format!("h{number}"), move |n: u64| {
            calls.count(number);
            async move {
                if n > 0 {
                    sleep_ms(n).await;
                }
                Ok(())
            }
        }));
    }
    let handle = builder.start().unwrap();
    // Until all are there and idle.
    sleep_ms(1).await;
    (handle, calls)
}

#[test]
fn one_work_at_a_time_goes_around_all_handlers() {
    for limit in [1, 10] {
        virtual_time(async {
            let (handle, calls) = crowd(1_000, limit).await;
            for _ in 0..3_000 {
                handle.call(1).await.unwrap();
            }
            assert_eq!(calls.take(), [3; 1_000]);
        });
    }
}

#[test]
fn a_light_load_goes_around_all_handlers() {
    for limit in [1, 10] {
        virtual_time(async {
            let (handle, calls) = crowd(1_000, limit).await;
            // A tenth of the handlers would do.
            let mut answers = Vec::new();
            for _ in 0..10_000 {
                answers.push(handle.call(100));
                sleep_ms(1).await;
            }
            join_all(answers).await;
            assert_eq!(calls.take(), [10; 1_000]);
        });
    }
}

#[test]
fn bursts_go_around_all_handlers() {
    virtual_time(async {
        let (handle, calls) = crowd(1_000, 10).await;
        for _ in 0..20 {
            join_all((0..250).map(|_| handle.call(100))).await;
        }
        assert_eq!(calls.take(), [5; 1_000]);
    });
}

#[test]
fn under_a_heavy_load_each_handler_does_the_same() {
    for limit in [1, 10] {
        virtual_time(async {
            let (handle, calls) = crowd(1_000, limit).await;
            // All at once, and no slot is idle before the last.
            join_all((0..20_000).map(|_| handle.call(10))).await;
            assert_eq!(calls.take(), [20; 1_000]);
        });
    }
}

#[test]
fn handlers_that_answer_at_once_take_turns_too() {
    virtual_time(async {
        const HANDLERS: usize = 100;
        const WORKS: u32 = 100_000;
        let (handle, calls) = crowd(HANDLERS, 1).await;
        for _ in 0..WORKS {
            handle.tell(0).unwrap();
        }
        while handle.totals().completed < u64::from(WORKS) {
            tokio::task::yield_now().await;
        }
        // A turn is 64 works.
        let calls = calls.take();
        let (least, most) = (calls.iter().min().unwrap(), calls.iter().max().unwrap());
        assert!(most - least <= 64, "{least} to {most}");
    });
}

// ## One that degrades

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ill {
    Fails,
    Panics,
    Hangs,
    Slow(u64),
}

const WELL_MS: u64 = 10;
const LIMIT: usize = 5;

/// Sends 400 works a second to four handlers, each of which can do 500, for so long, and returns how many each got.
async fn second(handle: &DispatcherHandle<(), (), &'static str>, calls: &Calls, seconds: u64) -> Vec<u32> {
    calls.take();
    for _ in 0..seconds * 400 {
        let _ = handle.tell(());
        tokio::time::sleep(std::time::Duration::from_micros(2_500)).await;
    }
    calls.take()
}

/// What the first of four handlers got, per second: while it was ill, and in each second afterwards.
fn ill_then_well(ill: Ill) -> (u32, Vec<Vec<u32>>) {
    virtual_time(async {
        let (calls, state) = (Calls::of(4), Arc::new(AtomicUsize::new(0)));
        let mut builder = PushingDispatcher::builder("ill").settings(fixed_and_open(LIMIT));
        for number in 0..4 {
            let (calls, state) = (calls.clone(), Arc::clone(&state));
            builder = builder.handler(handler_fn(format!("h{number}"), move |()| {
                calls.count(number);
                let is_ill = number == 0 && state.load(Ordering::Relaxed) == 1;
                assert!(!(is_ill && ill == Ill::Panics), "as planned");
                async move {
                    match ill {
                        Ill::Fails if is_ill => return Err("ill"),
                        Ill::Hangs if is_ill => pending().await,
                        Ill::Slow(ms) if is_ill => sleep_ms(ms).await,
                        _ => sleep_ms(WELL_MS).await,
                    }
                    Ok(())
                }
            }));
        }
        let handle = builder.start().unwrap();
        settle().await;
        assert_eq!(second(&handle, &calls, 20).await, [2_000; 4]);
        state.store(1, Ordering::Relaxed);
        // It takes a while to be sure that half of what it gets within ten seconds fails.
        second(&handle, &calls, 10).await;
        let while_ill = second(&handle, &calls, 30).await;
        assert_eq!(while_ill.iter().sum::<u32>(), 30 * 400);
        state.store(0, Ordering::Relaxed);
        let mut after = Vec::new();
        for _ in 0..10 {
            after.push(second(&handle, &calls, 1).await);
        }
        assert_adds_up(handle.totals());
        (while_ill[0], after)
    })
}

#[test]
fn a_handler_that_is_of_no_use_gets_the_least_and_its_share_again_soon_after_it_is_well() {
    for ill in [Ill::Fails, Ill::Panics, Ill::Hangs, Ill::Slow(2_000)] {
        let (while_ill, after) = ill_then_well(ill);
        // The circuit is open for 1, 2, and from then on 3 seconds, and each time one probe goes out.
        let probes = 2 + 30 / 3;
        let most = match ill {
            Ill::Slow(ms) => probes + LIMIT as u64 * (30_000 / ms + 1),
            _ => probes,
        };
        assert!(u64::from(while_ill) <= most, "{ill:?}: {while_ill}");
        assert!(after[..3].iter().any(|second| second[0] > 0), "{ill:?}: {after:?}");
        assert!(after[4..].iter().all(|second| *second == [100; 4]), "{ill:?}: {after:?}");
    }
}
