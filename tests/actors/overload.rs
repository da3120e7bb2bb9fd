//! What comes of more traffic than the service can handle, with the default settings.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use kanaloa::{CallError, DispatcherHandle, PushingDispatcher, Rejection, handler_fn};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::*;

type Handle = DispatcherHandle<u32, u32, String>;

/// A service that does `slots` things at a time, each in 100 ms, first come first served.
fn service(slots: &Arc<Semaphore>) -> Handle {
    let slots = Arc::clone(slots);
    let handler = handler_fn("service", move |n: u32| {
        let slots = Arc::clone(&slots);
        async move {
            let _slot = slots.acquire().await.map_err(|closed| closed.to_string())?;
            sleep_ms(100).await;
            Ok(n)
        }
    });
    PushingDispatcher::builder("overload").handler(handler).clock(ms(0)).start().unwrap()
}

/// What became of the requests of a span of time.
#[derive(Debug, Default)]
struct Seen {
    /// Milliseconds from call to answer, in order.
    answered: Vec<u64>,
    /// As many as were refused at once.
    refused: usize,
    /// Others.
    lost: usize,
}

/// Sends `count` requests, one every `gap_us`, and waits for their answers.
async fn send(handle: &Handle, count: u32, gap_us: u64) -> Seen {
    let start = Instant::now();
    let mut calls = Vec::new();
    for n in 0..count {
        tokio::time::sleep_until(start + std::time::Duration::from_micros(gap_us) * n).await;
        let sent = Instant::now();
        let call = handle.call(n);
        calls.push(actix::spawn(async move { timed(call, sent).await }));
    }
    let mut seen = Seen::default();
    for call in join_all(calls).await {
        match call.unwrap() {
            (Ok(_), after) => seen.answered.push(after),
            (Err(CallError::Rejected(Rejection::OverCapacity { .. })), 0) => seen.refused += 1,
            _ => seen.lost += 1,
        }
    }
    seen.answered.sort_unstable();
    seen
}

#[test]
fn at_twice_the_capacity_half_is_answered_soon_and_the_rest_refused_at_once() {
    virtual_time(async {
        let slots = Arc::new(Semaphore::new(20));
        let handle = service(&slots);
        // 400 requests a second on 200: five seconds to find that out, and then twenty.
        send(&handle, 2_000, 2_500).await;
        let seen = send(&handle, 8_000, 2_500).await;
        let (good, p99) = (seen.answered.len(), seen.answered[seen.answered.len() * 99 / 100]);
        // The demo's bars: 190 of the 200 that could be each second, and 400 ms.
        assert!(good >= 190 * 20, "{good} of the 4000 that could be");
        assert!(p99 <= 400, "99 of 100 within {p99} ms");
        assert_eq!((seen.lost, seen.answered.len() + seen.refused), (0, 8_000));
        assert_adds_up(handle.totals());
    });
}

#[test]
fn below_the_capacity_nothing_is_refused() {
    virtual_time(async {
        let slots = Arc::new(Semaphore::new(20));
        let handle = service(&slots);
        // It has to find out first what the service can do.
        send(&handle, 300, 7_000).await;
        let seen = send(&handle, 2_000, 7_000).await;
        assert_eq!((seen.answered.len(), seen.refused, seen.lost), (2_000, 0, 0));
        assert_eq!(seen.answered[1_980], 100);
    });
}

#[test]
fn it_follows_when_the_capacity_falls_and_rises() {
    virtual_time(async {
        let slots = Arc::new(Semaphore::new(20));
        let handle = service(&slots);
        send(&handle, 4_000, 2_500).await;
        // From 200 a second to 50.
        let taken = slots.acquire_many(15).await.unwrap();
        send(&handle, 4_000, 2_500).await;
        let seen = send(&handle, 4_000, 2_500).await;
        // 95 of 100 of what could be, as after every change of capacity.
        assert!(seen.answered.len() >= 475, "{} of 500", seen.answered.len());
        // And back.
        drop(taken);
        send(&handle, 2_000, 2_500).await;
        let seen = send(&handle, 4_000, 2_500).await;
        assert!(seen.answered.len() >= 1_900, "{} of 2000", seen.answered.len());
    });
}

#[test]
fn workers_that_no_limit_has_needed_for_long_go_home() {
    virtual_time(async {
        let slots = Arc::new(Semaphore::new(40));
        let handle = service(&slots);
        send(&handle, 8_000, 1_250).await;
        let before = status(&handle).await.pools[0].workers;
        assert!(before >= 38, "{before} workers for 40 slots");
        let _taken = slots.acquire_many(35).await.unwrap();
        send(&handle, 3_000, 10_000).await;
        assert!(status(&handle).await.pools[0].workers >= before, "they stay for a minute after the limit has fallen");
        send(&handle, 15_000, 10_000).await;
        let pool = &status(&handle).await.pools[0];
        assert!(pool.workers < 20, "{pool:?}");
        assert!(pool.workers >= pool.limit, "{pool:?}");
    });
}

/// How often a thread has nothing to do within an hour of virtual time: each time, a timer goes off.
fn parks_in_an_hour(is_there_a_dispatcher: bool) -> usize {
    let parks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&parks);
    let runtime = move || {
        let park = move || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).on_thread_park(park).build().unwrap()
    };
    actix::System::with_tokio_rt(runtime).block_on(async {
        let start = Instant::now();
        let handle = is_there_a_dispatcher.then(|| service(&Arc::new(Semaphore::new(20))));
        if let Some(handle) = &handle {
            send(handle, 10, 1_000).await;
        }
        // The timers of workers may still go off once, at the time-out of what they served.
        tokio::time::sleep_until(start + ms(61_000)).await;
        let before = parks.load(Ordering::Relaxed);
        sleep_ms(3_600_000).await;
        parks.load(Ordering::Relaxed) - before
    })
}

#[test]
fn a_dispatcher_without_traffic_sleeps() {
    assert_eq!(parks_in_an_hour(true), parks_in_an_hour(false));
}
