//! What goes out more than once, and how much of it there may be.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::join_all;
use kanaloa::config::{BackPressureAlgorithm, ConcurrentDelay, DispatcherSettings};
use kanaloa::{CallError, DispatcherHandle, Failure, Priority, PushingDispatcher, Work, handler_fn};
use tokio::time::Instant;

use crate::support::*;

type Dispatcher = DispatcherHandle<u64, (), u64>;

/// Is worked on for 10 ms and fails then.
const FAILS_LATE: u64 = 9_999;

/// A service that counts its calls. A request says for how many milliseconds it is worked on; one that says 0 fails after
/// one.
fn counting(settings: DispatcherSettings) -> (Dispatcher, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    let service = handler_fn("counting", move |takes: u64| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            sleep_ms(if takes == FAILS_LATE { 10 } else { takes.max(1) }).await;
            if takes == 0 || takes == FAILS_LATE { Err(takes) } else { Ok(()) }
        }
    });
    let builder = PushingDispatcher::builder("budget").settings(settings).clone_requests();
    (builder.handler(service).start().unwrap(), calls)
}

fn plain() -> DispatcherSettings {
    let mut settings = fixed_and_open(1_000);
    settings.circuit_breaker = None;
    settings
}

async fn call_all(handle: &Dispatcher, count: usize, takes: u64) {
    join_all((0..count).map(|_| handle.call(takes))).await;
}

// ## Retries

fn retrying(ratio: f64, per_second: f64) -> DispatcherSettings {
    let mut settings = plain();
    settings.work.work_retry = 3;
    let budget = settings.work.retry_budget.as_mut().unwrap();
    (budget.ratio, budget.per_second) = (ratio, per_second);
    settings
}

#[test]
fn retries_add_no_more_than_their_budget_to_the_load() {
    virtual_time(async {
        let (handle, calls) = counting(retrying(0.2, 0.0));
        call_all(&handle, 1_000, 0).await;
        assert_eq!(calls.load(Ordering::Relaxed), 1_200);
        assert_eq!(handle.totals().failed, 1_000);
        assert_adds_up(handle.totals());
        // What succeeds pays for retries too.
        let (handle, calls) = counting(retrying(0.2, 0.0));
        call_all(&handle, 900, 1).await;
        call_all(&handle, 100, 0).await;
        assert_eq!(calls.load(Ordering::Relaxed), 900 + 100 + 200);
    });
}

#[test]
fn a_few_retries_a_second_are_free() {
    virtual_time(async {
        let (handle, calls) = counting(retrying(0.0, 2.0));
        call_all(&handle, 50, 0).await;
        assert_eq!(calls.load(Ordering::Relaxed), 50 + 20);
        // They come back as the window moves on.
        sleep_ms(10_000).await;
        call_all(&handle, 50, 0).await;
        assert_eq!(calls.load(Ordering::Relaxed), 100 + 40);
    });
}

#[test]
fn without_a_budget_all_are_tried_again() {
    virtual_time(async {
        let mut settings = retrying(0.2, 0.0);
        settings.work.retry_budget = None;
        let (handle, calls) = counting(settings);
        call_all(&handle, 100, 0).await;
        assert_eq!(calls.load(Ordering::Relaxed), 400);
    });
}

#[test]
fn the_budget_is_counted_for_all_handlers_together() {
    virtual_time(async {
        let mut builder = PushingDispatcher::builder("budget").settings(retrying(0.2, 0.0)).clone_requests();
        for name in ["a", "b", "c"] {
            builder = builder.handler(handler_fn(name, |_: u64| async {
                sleep_ms(1).await;
                Err::<u32, u32>(1)
            }));
        }
        let handle = builder.start().unwrap();
        assert!(join_all((0..1_000).map(|_| handle.call(0))).await.iter().all(Result::is_err));
        let pools = status(&handle).await.pools;
        assert_eq!(pools.iter().map(|pool| pool.failed).sum::<u64>(), 1_200);
    });
}

#[test]
fn what_must_be_delivered_waits_for_budget() {
    virtual_time(async {
        let mut settings = retrying(0.0, 0.5);
        (settings.work.work_retry, settings.work.at_least_once) = (0, true);
        settings.work.service_timeout = ms(20);
        let start = Instant::now();
        let calls = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&calls);
        // Each request is answered the second time only.
        let seen = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
        let service = handler_fn("second", move |n: u64| {
            count.fetch_add(1, Ordering::Relaxed);
            let is_first = seen.lock().unwrap().insert(n);
            async move {
                if is_first {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(())
            }
        });
        let builder = PushingDispatcher::builder("put off").settings(settings).clone_requests();
        let handle = builder.handler(service).start().unwrap();
        let ends = join_all((0..12).map(|n| timed(handle.call(n), start))).await;
        assert!(ends.iter().all(|(answer, _)| answer.is_ok()), "{ends:?}");
        let mut at: Vec<u64> = ends.into_iter().map(|(_, at)| at).collect();
        at.sort_unstable();
        // Five of the budget of ten seconds at once, and five with each window that begins.
        assert_eq!(at, [[20; 5].as_slice(), &[10_000; 5], &[20_000; 2]].concat());
        assert_eq!(calls.load(Ordering::Relaxed), 24);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn what_waits_for_budget_is_answered_at_its_deadline_and_at_the_end() {
    virtual_time(async {
        let mut settings = retrying(0.0, 0.1);
        (settings.work.work_retry, settings.work.at_least_once) = (0, true);
        settings.work.service_timeout = ms(20);
        let service = handler_fn("never", |_: u64| std::future::pending::<Result<(), u64>>());
        let builder = PushingDispatcher::builder("put off").settings(settings).clone_requests();
        let handle = builder.handler(service).start().unwrap();
        let start = Instant::now();
        let calls = [50, 60, 70].map(|left| timed(handle.call(Work::new(1).deadline(start + ms(left))), start));
        let ends: Vec<u64> = join_all(calls).await.into_iter().map(|(_, at)| at).collect();
        assert_eq!(ends, [50, 60, 70]);
        let last = handle.call(1);
        sleep_ms(100).await;
        assert_eq!((handle.totals().queued, handle.totals().in_flight), (1, 0));
        let began = Instant::now();
        let (_, answer) = tokio::join!(handle.shutdown_within(ms(500)), last);
        assert!(answer.is_err() && elapsed_ms(began) <= 1_500, "{answer:?} after {}", elapsed_ms(began));
        assert_adds_up(handle.totals());
    });
}

/// One request of this class each millisecond, each of 10 ms, to four slots: 2.5 times what they can do. Returns how many
/// calls there were for how many works, of those that went to the service in the last two of four seconds.
async fn in_overload(mut settings: DispatcherSettings, request: u64, class: Priority) -> (u32, u64) {
    settings.worker_pool.starting_pool_size = 4;
    settings.back_pressure = settings.back_pressure.or(DispatcherSettings::default().back_pressure);
    let (handle, calls) = counting(settings);
    let begun = || {
        let totals = handle.totals();
        totals.completed + totals.failed + totals.in_flight
    };
    let (mut waiting, mut before) = (Vec::new(), (0, 0));
    for ms in 0..4_000 {
        if ms == 2_000 {
            before = (calls.load(Ordering::Relaxed), begun());
        }
        waiting.push(handle.call(Work::new(request).priority(class)));
        sleep_ms(1).await;
    }
    (calls.load(Ordering::Relaxed) - before.0, begun() - before.1)
}

#[test]
fn a_retry_goes_out_only_where_a_new_work_of_the_next_class_would() {
    virtual_time(async {
        let settings = || {
            let mut settings = plain();
            settings.work.work_retry = 1;
            settings.work.retry_budget = None;
            settings
        };
        let (handle, calls) = counting(settings());
        assert!(matches!(handle.call(FAILS_LATE).await, Err(CallError::Failed(Failure::Service(FAILS_LATE)))));
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        let (calls, works) = in_overload(settings(), FAILS_LATE, Priority::default()).await;
        assert!(works > 700 && u64::from(calls) == works, "{calls} calls for {works} works");
    });
}

// ## Copies

fn hedging(delay: ConcurrentDelay) -> DispatcherSettings {
    let mut settings = plain();
    (settings.work.concurrent_calls, settings.work.concurrent_delay) = (2, delay);
    let budget = settings.work.concurrent_budget.as_mut().unwrap();
    (budget.ratio, budget.per_second) = (0.1, 0.0);
    settings
}

fn after(delay: u64) -> ConcurrentDelay {
    ConcurrentDelay::After(ms(delay))
}

#[test]
fn late_copies_add_no_more_than_their_budget_to_the_load() {
    virtual_time(async {
        let (handle, calls) = counting(hedging(after(10)));
        call_all(&handle, 500, 50).await;
        assert_eq!(calls.load(Ordering::Relaxed), 550);
        // All at once need none.
        let (handle, calls) = counting(hedging(after(0)));
        call_all(&handle, 100, 50).await;
        assert_eq!(calls.load(Ordering::Relaxed), 200);
    });
}

#[test]
fn a_copy_for_one_that_failed_needs_budget_too() {
    virtual_time(async {
        let (handle, calls) = counting(hedging(after(10)));
        call_all(&handle, 500, 0).await;
        assert_eq!(calls.load(Ordering::Relaxed), 550);
    });
}

#[test]
fn a_request_now_and_then_may_have_its_copy() {
    virtual_time(async {
        let mut settings = hedging(after(10));
        settings.work.concurrent_budget.as_mut().unwrap().per_second = 1.0;
        let (handle, calls) = counting(settings);
        for _ in 0..5 {
            call_all(&handle, 1, 50).await;
            sleep_ms(60_000).await;
        }
        assert_eq!(calls.load(Ordering::Relaxed), 10);
    });
}

#[test]
fn from_a_refusal_on_no_late_copy_goes_out_for_ten_seconds() {
    virtual_time(async {
        let mut settings = hedging(after(10));
        settings.work.concurrent_budget.as_mut().unwrap().ratio = 1.0;
        settings.queue.capacity = 1_500;
        let (handle, calls) = counting(settings);
        call_all(&handle, 10, 50).await;
        assert_eq!(calls.swap(0, Ordering::Relaxed), 20);
        // More than the queue holds.
        call_all(&handle, 1_600, 5).await;
        assert_eq!(handle.totals().rejected, 100);
        let refused = Instant::now();
        calls.store(0, Ordering::Relaxed);
        call_all(&handle, 10, 50).await;
        assert_eq!(calls.load(Ordering::Relaxed), 10);
        tokio::time::sleep_until(refused + ms(9_900)).await;
        call_all(&handle, 10, 50).await;
        assert_eq!(calls.load(Ordering::Relaxed), 20);
        tokio::time::sleep_until(refused + ms(10_000)).await;
        call_all(&handle, 10, 50).await;
        assert_eq!(calls.load(Ordering::Relaxed), 40);
    });
}

#[test]
fn a_refusal_long_ago_does_not_keep_back_the_copy_of_one_that_asks_for_it() {
    virtual_time(async {
        let mut settings = fixed(1_000);
        settings.work.concurrent_delay = after(10);
        settings.queue.capacity = 1_500;
        let (handle, calls) = counting(settings);
        call_all(&handle, 1_600, 5).await;
        assert!(handle.totals().rejected > 0);
        sleep_ms(12_000).await;
        calls.store(0, Ordering::Relaxed);
        assert_eq!(handle.call(Work::new(50).concurrent_calls(2)).await, Ok(()));
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn copies_go_out_after_what_95_of_100_answers_take() {
    virtual_time(async {
        let (handle, calls) = counting(hedging(ConcurrentDelay::Percentile95));
        // Nothing is known of the first hundred.
        call_all(&handle, 99, 200).await;
        assert_eq!(calls.swap(0, Ordering::Relaxed), 99);
        for _ in 0..2_100 {
            call_all(&handle, 1, 20).await;
        }
        assert_eq!(calls.swap(0, Ordering::Relaxed), 2_100);
        let start = Instant::now();
        let slow = handle.call(500);
        tokio::time::sleep_until(start + ms(19)).await;
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        // A sixteenth above 20 ms at most, and timers have whole milliseconds.
        tokio::time::sleep_until(start + ms(23)).await;
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        assert!(slow.await.is_ok());
    });
}

#[test]
fn copies_all_at_once_go_out_only_where_there_is_room() {
    virtual_time(async {
        let (calls, works) = in_overload(hedging(after(0)), 10, Priority::default()).await;
        assert!(works > 700 && u64::from(calls) == works, "{calls} calls for {works} works");
    });
}

#[test]
fn nor_does_the_lowest_class_send_copies_in_an_overload() {
    virtual_time(async {
        let (calls, works) = in_overload(hedging(after(0)), 10, Priority::LOWEST).await;
        assert!(works > 700 && u64::from(calls) == works, "{calls} calls for {works} works");
    });
}

#[test]
fn nothing_is_sent_twice_while_a_law_drops_by_chance() {
    for algorithm in [BackPressureAlgorithm::Pie, BackPressureAlgorithm::Kanaloa] {
        virtual_time(async {
            let mut settings = hedging(after(0));
            settings.back_pressure = DispatcherSettings::default().back_pressure;
            settings.back_pressure.as_mut().unwrap().algorithm = algorithm;
            let (calls, works) = in_overload(settings, 10, Priority::default()).await;
            assert!(works > 700 && u64::from(calls) == works, "{algorithm:?}: {calls} calls for {works} works");
        });
    }
}
