//! Callers and handlers on several threads, on a real clock.

use std::convert::Infallible;
use std::thread;
use std::time::Duration;

use actix::Arbiter;
use kanaloa::{PushingDispatcher, Reply, handler_fn};

use crate::support::*;

const CALLERS: u64 = 8;
const CALLS: u64 = 500;

/// Calls in a loop; returns the sum of what was answered.
async fn caller(handle: Sleeper, caller: u64) -> u64 {
    let mut sum = 0;
    for n in 0..CALLS {
        sum += handle.call(caller * CALLS + n).await.expect("nothing is refused");
    }
    sum
}

fn assert_all_answered(handle: &Sleeper, sum: u64) {
    let calls = CALLERS * CALLS;
    assert_eq!(sum, calls * (calls - 1) / 2);
    let totals = handle.totals();
    assert_eq!((totals.received, totals.completed), (calls, calls));
    assert_adds_up(totals);
}

#[test]
fn a_plain_multi_thread_tokio_calls_a_dispatcher_on_a_thread_of_its_own() {
    let handler = handler_fn("echo", |n: u64| async move {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(n)
    });
    let handle =
        PushingDispatcher::builder("thread").settings(fixed_and_open(4)).handler(handler).start_on_thread().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let sum = runtime.block_on(async {
        let callers: Vec<_> = (0..CALLERS).map(|n| tokio::spawn(caller(handle.clone(), n))).collect();
        let mut sum = 0;
        for caller in callers {
            sum += caller.await.unwrap();
        }
        sum
    });
    assert_all_answered(&handle, sum);
}

#[test]
fn threads_without_a_runtime_call_handlers_on_several_arbiters() {
    let (handle_is, handle) = std::sync::mpsc::channel();
    let system = thread::spawn(move || {
        let system = actix::System::new();
        system.block_on(async {
            let arbiters = [Arbiter::new(), Arbiter::new()];
            let echo = |name: &str| {
                handler_fn(name, |n: u64| async move {
                    tokio::task::yield_now().await;
                    Ok::<_, Infallible>(n)
                })
            };
            let handle = PushingDispatcher::builder("arbiters")
                .settings(fixed_and_open(2))
                .handler_on(&arbiters[0].handle(), echo("a"))
                .handler_on(&arbiters[1].handle(), echo("b"))
                .handler(echo("c"))
                .start_on(&Arbiter::current())
                .unwrap();
            handle_is.send((handle, actix::System::current())).unwrap();
        });
        system.run().unwrap();
    });
    let (handle, end): (Sleeper, actix::System) = handle.recv().unwrap();
    let callers: Vec<_> = (0..CALLERS)
        .map(|n| {
            let handle = handle.clone();
            thread::spawn(move || futures::executor::block_on(caller(handle, n)))
        })
        .collect();
    let sum = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
    assert_all_answered(&handle, sum);
    let status = futures::executor::block_on(status(&handle));
    assert_eq!(status.pools.iter().map(|pool| pool.succeeded).sum::<u64>(), CALLERS * CALLS);
    for pool in &status.pools {
        assert!(pool.succeeded > 0, "{pool:?}");
    }
    end.stop();
    system.join().unwrap();
}

#[test]
fn a_pool_that_is_full_or_has_ended_swallows_no_wake_up_of_another_threads() {
    actix::System::new().block_on(async {
        let arbiters = [Arbiter::new(), Arbiter::new(), Arbiter::new()];
        let handler = |name: &str| {
            handler_fn(name, |n: u64| async move {
                if n == 0 {
                    std::future::pending::<()>().await;
                }
                let reply = Reply::<_, Infallible>::success(n);
                if n == 1 { reply.terminate() } else { reply }
            })
        };
        let handle = PushingDispatcher::builder("threads")
            .settings(fixed_and_open(1))
            .handler_on(&arbiters[0].handle(), handler("a"))
            .handler_on(&arbiters[1].handle(), handler("b"))
            .handler_on(&arbiters[2].handle(), handler("c"))
            .start()
            .unwrap();
        while status(&handle).await.pools.iter().any(|pool| pool.workers == 0) {
            tokio::task::yield_now().await;
        }
        // One of them ends, one is full; it is the third's turn each time. One call at a time: the next would help a lost
        // one along.
        assert_eq!(handle.call(1).await, Ok(1));
        let _full = handle.call(0);
        for n in 2..200 {
            assert_eq!(handle.call(n).await, Ok(n));
        }
    });
}

/// There, who asks tokio for more than its task may have at once is woken before the question returns.
#[test]
fn copies_of_a_handler_that_uses_its_thread_up_do_not_block_it() {
    let (done, answered) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let answer = actix::System::with_tokio_rt(runtime).block_on(async {
            let mut settings = fixed_and_open(4);
            settings.work.concurrent_calls = 2;
            let greedy = handler_fn("greedy", |n: u64| async move {
                for _ in 0..1_000 {
                    tokio::task::consume_budget().await;
                }
                Ok::<_, Infallible>(n)
            });
            let builder = PushingDispatcher::builder("greedy").settings(settings).clone_requests();
            let handle = builder.handler(greedy).start().unwrap();
            handle.call(7).await
        });
        done.send(answer).unwrap();
    });
    // A thread that blocks itself for ever can only be noticed by the clock.
    assert_eq!(answered.recv_timeout(Duration::from_secs(60)), Ok(Ok(7)));
}
