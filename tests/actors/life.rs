//! How dispatchers and pools begin and end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use actix::prelude::*;
use futures::future::{join, join_all};
use kanaloa::{
    CallContext, CallError, DispatcherState, Failure, Handler, IntoHandler, PoolState, PushingDispatcher, Rejection,
    Reply, StartError, Stopped, Work, handler_fn,
};
use tokio::time::Instant;

use crate::support::*;

const NO_HANDLERS: CallError<Infallible> = CallError::Rejected(Rejection::NoHandlers);
const SHUTTING_DOWN: CallError<Infallible> = CallError::Rejected(Rejection::ShuttingDown);

/// A dispatcher whose handler can be made only once `ready` is true; the others say how it fails before.
fn starts_when(ready: &Arc<AtomicBool>, tries: &Arc<AtomicU32>) -> kanaloa::DispatcherBuilder<u64, u64, Infallible> {
    let (ready, tries) = (Arc::clone(ready), Arc::clone(tries));
    PushingDispatcher::builder("late").settings(fixed_and_open(1)).handler_factory("late", move || {
        let tried = tries.fetch_add(1, Ordering::Relaxed);
        assert!(ready.load(Ordering::Relaxed) || tried % 2 == 0, "not now");
        let ready = Arc::clone(&ready);
        async move {
            if ready.load(Ordering::Relaxed) {
                Ok(handler_fn("early", |n: u64| async move { Ok::<_, Infallible>(n) }))
            } else {
                Err("not yet")
            }
        }
    })
}

// ## Starting

#[test]
fn work_waits_for_a_handler_during_the_grace_period() {
    virtual_time(async {
        let (ready, tries) = (Arc::default(), Arc::default());
        let handle = starts_when(&ready, &tries).start().unwrap();
        let start = Instant::now();
        let calls = join_all((0..3).map(|n| timed(handle.call(n), start)));
        let watch = async {
            sleep_ms(250).await;
            ready.store(true, Ordering::Relaxed);
            status(&handle).await
        };
        let (answers, before) = join(calls, watch).await;
        // Tried at 0, 100 and 300 ms: the wait doubles.
        assert_eq!(answers, [(Ok(0), 300), (Ok(1), 300), (Ok(2), 300)]);
        assert_eq!(before.state, DispatcherState::Starting);
        let last_error = Some("panicked: not now".to_string());
        assert_eq!(before.pools[0].state, PoolState::Starting { failures: 2, last_error });
        let after = status(&handle).await;
        assert_eq!((after.state, after.pools[0].handler.as_str()), (DispatcherState::Running, "late"));
    });
}

#[test]
fn work_is_refused_when_the_grace_period_ends_and_taken_when_a_handler_comes() {
    virtual_time(async {
        let (ready, tries) = (Arc::default(), Arc::<AtomicU32>::default());
        let handle = starts_when(&ready, &tries).start().unwrap();
        let start = Instant::now();
        assert_eq!(timed(handle.call(1), start).await, (Err(NO_HANDLERS), 1000));
        assert_eq!(timed(handle.call(1), start).await, (Err(NO_HANDLERS), 1000));
        assert_eq!(status(&handle).await.state, DispatcherState::NoHandlers);
        // Tried at 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 12.7, 22.7, 32.7 s: the wait stays at ten seconds.
        sleep_ms(31_701).await;
        assert_eq!(tries.load(Ordering::Relaxed), 10);
        ready.store(true, Ordering::Relaxed);
        sleep_ms(10_000).await;
        assert_eq!(handle.call(1).await, Ok(1));
        assert_eq!(status(&handle).await.state, DispatcherState::Running);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn without_any_handler_work_is_refused_after_the_grace_period() {
    virtual_time(async {
        let mut settings = fixed(1);
        settings.initial_grace_period = ms(200);
        let handle = PushingDispatcher::<u64, u64, Infallible>::builder("none").settings(settings).start().unwrap();
        let start = Instant::now();
        assert_eq!(timed(handle.call(1), start).await, (Err(NO_HANDLERS), 200));
    });
}

/// Becomes no handler.
struct Broken;

impl IntoHandler for Broken {
    type Handler = Never;

    fn into_handler(self) -> Never {
        panic!("broken")
    }
}

struct Never;

impl Handler for Never {
    type Request = u64;
    type Response = u64;
    type Error = Infallible;

    fn name(&self) -> &str {
        "never"
    }

    async fn handle(&self, _: u64, _: CallContext) -> Reply<u64, Infallible> {
        std::future::pending().await
    }
}

#[test]
fn a_handler_that_cannot_be_made_leaves_the_others_alone() {
    virtual_time(async {
        let handle = sleeper(fixed(1)).handler(Broken).start().unwrap();
        assert_eq!(handle.call(1).await, Ok(1));
        assert_eq!(status(&handle).await.pools[1].state, PoolState::Ended);
        // Where there is no other, nobody waits for the end of the grace period.
        let handle = PushingDispatcher::builder("broken").handler(Broken).start().unwrap();
        let start = Instant::now();
        assert_eq!(timed(handle.call(1), start).await, (Err(NO_HANDLERS), 0));
    });
}

#[test]
fn a_start_that_cannot_be_is_an_error() {
    assert!(matches!(sleeper(fixed(1)).start(), Err(StartError::NoSystem)));
    virtual_time(async {
        let mut settings = fixed(1);
        settings.worker_pool.min_pool_size = 10_001;
        let error = sleeper(settings).start().unwrap_err();
        assert!(matches!(&error, StartError::Settings { dispatcher, .. } if dispatcher == "sleeper"), "{error}");
        assert!(error.to_string().contains("min-pool-size <= max-pool-size"), "{error}");
    });
}

/// Quits after its first answer.
fn quitter() -> impl Handler<Request = u64, Response = u64, Error = Infallible> {
    handler_fn("quitter", |n: u64| async move { Reply::<_, Infallible>::success(n).terminate() })
}

#[test]
fn one_that_ends_within_the_grace_period_does_not_end_it_for_those_that_are_to_come() {
    virtual_time(async {
        let handle = PushingDispatcher::builder("mixed")
            .settings(fixed_and_open(1))
            .handler(quitter())
            .handler_factory("late", || async {
                sleep_ms(500).await;
                Ok::<_, &str>(handler_fn("late", |n: u64| async move { Ok::<_, Infallible>(n) }))
            })
            .start()
            .unwrap();
        let start = Instant::now();
        let calls = [1, 2].map(|n| timed(handle.call(n), start));
        assert_eq!(join_all(calls).await, [(Ok(1), 0), (Ok(2), 500)]);
    });
}

#[test]
fn works_of_the_grace_period_are_shed_when_their_time_is_over() {
    virtual_time(async {
        let handle = sleeper(fixed(1)).start().unwrap();
        // Nothing is known of the service yet, nor when a work has waited too long.
        let start = Instant::now();
        let calls = [30_000, 1, 1].map(|n| timed(handle.call(n), start));
        let answers = join_all(calls).await;
        assert_eq!(answers[0], (Ok(30_000), 30_000));
        for (answer, at) in &answers[1..] {
            assert!(matches!(answer, Err(CallError::Rejected(Rejection::WaitedTooLong { .. }))), "{answer:?}");
            assert_eq!(*at, 600);
        }
    });
}

// ## Ending

#[test]
fn dropping_the_last_handle_drains_then_stops() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(1)).start().unwrap();
        let other = handle.clone();
        let addr = handle.addr().downgrade();
        let start = Instant::now();
        let calls = [50, 60, 70].map(|n| timed(handle.call(n), start));
        other.tell(20).unwrap();
        drop(handle);
        settle().await;
        assert_eq!(other.totals().queued + other.totals().in_flight, 4);
        drop(other);
        assert_eq!(join_all(calls).await, [(Ok(50), 50), (Ok(60), 110), (Ok(70), 180)]);
        // What nobody waits for is finished too.
        sleep_ms(19).await;
        assert!(addr.upgrade().is_some());
        sleep_ms(2).await;
        assert!(addr.upgrade().is_none_or(|addr| !addr.connected()));
    });
}

#[test]
fn an_unused_dispatcher_stops_at_once() {
    virtual_time(async {
        let mut settings = fixed(1);
        settings.initial_grace_period = ms(3_600_000);
        let handle = PushingDispatcher::<u64, u64, Infallible>::builder("unused").settings(settings).start().unwrap();
        settle().await;
        let addr = handle.addr().downgrade();
        drop(handle);
        settle().await;
        assert!(addr.upgrade().is_none_or(|addr| !addr.connected()));
    });
}

/// Tells when it is dropped.
struct Tracked(Arc<AtomicU32>);

impl Tracked {
    fn new(alive: &Arc<AtomicU32>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Tracked(Arc::clone(alive))
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn nothing_is_left_of_dispatchers_that_have_stopped() {
    virtual_time(async {
        let alive = Arc::new(AtomicU32::new(0));
        for n in 0..300 {
            let (tracked, check) = (Tracked::new(&alive), Tracked::new(&alive));
            let handler = handler_fn("tracked", move |n: u64| {
                let _ = &tracked;
                async move {
                    sleep_ms(n).await;
                    Ok::<_, Infallible>(n)
                }
            });
            let checked = move |n| {
                let _ = &check;
                Ok(n)
            };
            let handle = PushingDispatcher::builder("tracked").handler(handler).check(checked).start().unwrap();
            if n % 2 == 0 {
                assert_eq!(handle.call(n % 5).await, Ok(n % 5));
            }
            if n % 3 == 0 {
                handle.tell(10).unwrap();
            }
        }
        sleep_ms(1_000).await;
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn work_that_comes_while_the_last_handler_ends_is_answered() {
    actix::System::new().block_on(async {
        for _ in 0..100 {
            let builder = PushingDispatcher::builder("quitter").settings(fixed_and_open(1)).handler(quitter());
            let handle = builder.start().unwrap();
            let caller = handle.clone();
            let caller = std::thread::spawn(move || while caller.tell(1) != Err(Rejection::NoHandlers) {});
            while !caller.is_finished() || handle.totals().queued + handle.totals().in_flight > 0 {
                tokio::task::yield_now().await;
            }
            caller.join().unwrap();
            assert_adds_up(handle.totals());
        }
    });
}

#[test]
fn an_address_keeps_the_dispatcher_going() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(1)).start().unwrap();
        let addr = handle.addr();
        drop(handle);
        sleep_ms(5_000).await;
        assert_eq!(addr.send(Work::new(1)).await, Ok(Ok(1)));
    });
}

/// Runs a dispatcher for a while and ends its System; returns what its callers were told.
fn end_system_after(duration: u64, calls: &[u64]) -> Vec<Result<u64, CallError<Infallible>>> {
    let (calls, handle) = virtual_time(async {
        let handle = sleeper(fixed_and_open(2)).start().unwrap();
        let calls: Vec<_> = calls.iter().map(|n| handle.call(*n)).collect();
        sleep_ms(duration).await;
        (calls, handle)
    });
    let answers = futures::executor::block_on(join_all(calls));
    assert_eq!(futures::executor::block_on(handle.call(1)), Err(SHUTTING_DOWN));
    assert_eq!(futures::executor::block_on(handle.status()), Err(Stopped));
    let totals = handle.totals();
    assert_eq!((totals.queued, totals.in_flight), (0, 0));
    assert_adds_up(totals);
    answers
}

#[test]
fn everybody_is_answered_when_the_system_ends() {
    let gone = || Err(CallError::Failed(Failure::HandlerGone));
    assert_eq!(end_system_after(30, &[20, 100, 90, 10]), [Ok(20), gone(), gone(), Err(SHUTTING_DOWN)]);
    // Even before anything has been started.
    assert_eq!(end_system_after(0, &[1, 1]), [Err(SHUTTING_DOWN), Err(SHUTTING_DOWN)]);
}

#[test]
fn a_dispatcher_on_an_arbiter_that_has_ended_refuses() {
    actix::System::new().block_on(async {
        let arbiter = Arbiter::new();
        let ended = arbiter.handle();
        arbiter.stop();
        arbiter.join().unwrap();
        let handle = sleeper(fixed(1)).start_on(&ended).unwrap();
        assert_eq!(handle.call(1).await, Err(SHUTTING_DOWN));
        assert_eq!(handle.tell(1), Err(Rejection::ShuttingDown));
    });
}

#[test]
fn a_pool_whose_arbiter_ends_answers_and_leaves() {
    actix::System::new().block_on(async {
        let arbiter = Arbiter::new();
        let handle = PushingDispatcher::builder("remote")
            .settings(fixed_and_open(1))
            .handler_on(&arbiter.handle(), Never)
            .start()
            .unwrap();
        let (running, waiting) = (handle.call(1), handle.call(2));
        while handle.totals().in_flight == 0 {
            tokio::task::yield_now().await;
        }
        arbiter.stop();
        assert_eq!(running.await, Err(CallError::Failed(Failure::HandlerGone)));
        assert_eq!(waiting.await, Err(NO_HANDLERS));
        // A pool that never was is noticed too.
        let ended = arbiter.handle();
        arbiter.join().unwrap();
        let handle = PushingDispatcher::builder("remote").handler_on(&ended, Never).start().unwrap();
        assert_eq!(handle.call(1).await, Err(NO_HANDLERS));
    });
}

#[test]
fn everybody_is_answered_when_only_the_dispatchers_arbiter_ends() {
    actix::System::new().block_on(async {
        let arbiter = Arbiter::new();
        let (open, gate) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
        let (service_open, service_gate) = (Arc::clone(&open), Arc::clone(&gate));
        let service = handler_fn("here", move |n: u64| {
            let (open, started) = (Arc::clone(&service_open), Arc::clone(&service_gate));
            async move {
                started.fetch_add(1, Ordering::Relaxed);
                let _turn = open.acquire().await;
                Ok::<_, Infallible>(n)
            }
        });
        let handle = PushingDispatcher::builder("there")
            .settings(fixed_and_open(1))
            .handler_on(&Arbiter::current(), service)
            .start_on(&arbiter.handle())
            .unwrap();
        let (running, waiting) = (handle.call(1), handle.call(2));
        while gate.load(Ordering::Relaxed) == 0 || handle.totals().queued != 1 {
            tokio::task::yield_now().await;
        }
        arbiter.stop();
        assert_eq!(waiting.await, Err(SHUTTING_DOWN));
        assert_eq!(handle.call(3).await, Err(SHUTTING_DOWN));
        // What is in service ends there.
        open.add_permits(1);
        assert_eq!(running.await, Ok(1));
        assert_adds_up(handle.totals());
    });
}
