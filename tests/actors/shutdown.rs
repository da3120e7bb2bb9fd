//! How a dispatcher ends when it is told to.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::Arbiter;
use futures::future::{join, join_all};
use kanaloa::{
    CallContext, CallError, DispatcherState, Failure, Handler, OnCancel, PushingDispatcher, Rejection, Reply, Shutdown,
    Stopped, handler_fn,
};
use tokio::time::Instant;

use crate::support::*;

const SHUTTING_DOWN: CallError<Infallible> = CallError::Rejected(Rejection::ShuttingDown);
const CUT_OFF: CallError<Infallible> = CallError::Failed(Failure::CutOff);

#[test]
fn what_there_is_gets_done_and_nothing_new_is_taken() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(1)).start().unwrap();
        let start = Instant::now();
        let calls = [50, 60, 70].map(|n| timed(handle.call(n), start));
        handle.tell(20).unwrap();
        settle().await;
        let shutdown = timed(handle.shutdown(), start);
        let watch = async {
            sleep_ms(10).await;
            (handle.call(1).await, handle.tell(1), status(&handle).await.state)
        };
        let (answers, (result, meanwhile)) = join(join_all(calls), join(shutdown, watch)).await;
        assert_eq!(answers, [(Ok(50), 50), (Ok(60), 110), (Ok(70), 180)]);
        assert_eq!(result, (Shutdown::Finished, 200));
        assert_eq!(meanwhile, (Err(SHUTTING_DOWN), Err(Rejection::ShuttingDown), DispatcherState::ShuttingDown));
        settle().await;
        assert_eq!(handle.status().await, Err(Stopped));
        assert_eq!(handle.call(1).await, Err(SHUTTING_DOWN));
        assert_adds_up(handle.totals());
    });
}

#[test]
fn what_is_left_when_the_time_is_over_is_refused_or_cut_off() {
    virtual_time(async {
        let handle = sleeper(fixed_and_open(2)).start().unwrap();
        let start = Instant::now();
        let calls = join_all([50, 500, 600, 700, 800].map(|n| timed(handle.call(n), start)));
        settle().await;
        let (answers, result) = join(calls, timed(handle.shutdown_within(ms(100)), start)).await;
        let refused = || (Err(SHUTTING_DOWN), 100);
        assert_eq!(answers, [(Ok(50), 50), (Err(CUT_OFF), 100), (Err(CUT_OFF), 100), refused(), refused()]);
        assert_eq!(result, (Shutdown::CutOff { queued: 2, in_flight: 2 }, 100));
        let totals = handle.totals();
        assert_eq!((totals.completed, totals.failed, totals.rejected), (1, 2, 2));
        assert_adds_up(totals);
    });
}

#[test]
fn the_time_is_a_setting_unless_said() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.worker_pool.default_shutdown_timeout = ms(300);
        let handle = sleeper(settings).start().unwrap();
        let start = Instant::now();
        let call = timed(handle.call(1_000), start);
        settle().await;
        let (answer, result) = join(call, handle.shutdown()).await;
        assert_eq!((answer, result), ((Err(CUT_OFF), 300), Shutdown::CutOff { queued: 0, in_flight: 1 }));
    });
}

/// A service that works on after its caller has left, and counts what it works on.
struct RunsOn(Arc<()>);

impl Handler for RunsOn {
    type Request = u64;
    type Response = u64;
    type Error = Infallible;

    fn name(&self) -> &str {
        "runs on"
    }

    async fn handle(&self, n: u64, _: CallContext) -> Reply<u64, Infallible> {
        let _working = Arc::clone(&self.0);
        sleep_ms(n).await;
        Reply::success(n)
    }

    fn on_cancel(&self) -> OnCancel {
        OnCancel::RunOn
    }
}

#[test]
fn what_runs_on_is_cut_off_too() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.worker_pool.default_shutdown_timeout = ms(300);
        let working = Arc::new(());
        let service = RunsOn(Arc::clone(&working));
        let handle = PushingDispatcher::builder("on").settings(settings).handler(service).start().unwrap();
        let call = handle.call(1_000_000);
        sleep_ms(1).await;
        drop(call);
        settle().await;
        // No caller is left, so the dispatcher is done; its pool has its time.
        let addr = handle.addr().downgrade();
        assert_eq!(handle.shutdown().await, Shutdown::Finished);
        sleep_ms(299).await;
        assert_eq!(Arc::strong_count(&working), 3);
        sleep_ms(1).await;
        settle().await;
        assert_eq!(Arc::strong_count(&working), 1);
        assert!(addr.upgrade().is_none_or(|addr| !addr.connected()));
    });
}

#[test]
fn asked_twice_the_sooner_time_holds_and_both_are_told() {
    virtual_time(async {
        for (first, second) in [(1_000, 100), (100, 1_000)] {
            let handle = sleeper(fixed_and_open(1)).start().unwrap();
            let start = Instant::now();
            let call = handle.call(10_000);
            settle().await;
            let results =
                join(timed(handle.shutdown_within(ms(first)), start), timed(handle.shutdown_within(ms(second)), start));
            let cut_off = (Shutdown::CutOff { queued: 0, in_flight: 1 }, 100);
            assert_eq!(join(call, results).await, (Err(CUT_OFF), (cut_off, cut_off)));
            assert_eq!(handle.shutdown().await, Shutdown::Stopped);
        }
    });
}

#[test]
fn before_anything_has_started_there_is_nothing_to_finish() {
    virtual_time(async {
        let handle = sleeper(fixed(1)).start().unwrap();
        let start = Instant::now();
        assert_eq!(timed(handle.shutdown(), start).await, (Shutdown::Finished, 0));
        // Work that was let in before that is served.
        let handle = sleeper(fixed(1)).start().unwrap();
        let call = handle.call(5);
        assert_eq!(join(handle.shutdown(), call).await, (Shutdown::Finished, Ok(5)));
    });
}

/// A dispatcher whose handler can be made only once `ready` is true.
fn starts_when(ready: &Arc<AtomicBool>) -> Sleeper {
    let ready = Arc::clone(ready);
    let builder = PushingDispatcher::builder("late").settings(fixed_and_open(1)).handler_factory("late", move || {
        let made = if ready.load(Ordering::Relaxed) {
            Ok(handler_fn("late", |n: u64| async move { Ok::<_, Infallible>(n) }))
        } else {
            Err("not yet")
        };
        std::future::ready(made)
    });
    builder.start().unwrap()
}

#[test]
fn while_the_handler_is_being_made_work_waits_for_it() {
    virtual_time(async {
        let ready = Arc::default();
        let handle = starts_when(&ready);
        let start = Instant::now();
        let call = timed(handle.call(1), start);
        sleep_ms(200).await;
        ready.store(true, Ordering::Relaxed);
        let result = timed(handle.shutdown(), start);
        // Tried at 0, 100 and 300 ms.
        assert_eq!(join(call, result).await, ((Ok(1), 300), (Shutdown::Finished, 300)));
    });
}

#[test]
fn when_no_handler_comes_work_is_refused_with_the_grace_period() {
    virtual_time(async {
        let handle = starts_when(&Arc::default());
        let start = Instant::now();
        let call = timed(handle.call(1), start);
        settle().await;
        let result = timed(handle.shutdown(), start);
        let refused = CallError::Rejected(Rejection::NoHandlers);
        assert_eq!(join(call, result).await, ((Err(refused), 1000), (Shutdown::Finished, 1000)));
    });
}

#[test]
fn without_handlers_none_is_waited_for() {
    virtual_time(async {
        let builder = PushingDispatcher::<u64, u64, Infallible>::builder("none").settings(fixed(1));
        let handle = builder.start().unwrap();
        let start = Instant::now();
        let call = timed(handle.call(1), start);
        settle().await;
        let (answer, result) = join(call, handle.shutdown()).await;
        assert_eq!((answer, result), ((Err(CallError::Rejected(Rejection::NoHandlers)), 0), Shutdown::Finished));
    });
}

#[test]
fn a_dispatcher_that_is_gone_says_so() {
    actix::System::new().block_on(async {
        let arbiter = Arbiter::new();
        let ended = arbiter.handle();
        arbiter.stop();
        arbiter.join().unwrap();
        let handle = sleeper(fixed(1)).start_on(&ended).unwrap();
        assert_eq!(handle.shutdown().await, Shutdown::Stopped);
    });
    // Its System ends while it finishes.
    let (handle, shutdown) = virtual_time(async {
        let handle = sleeper(fixed_and_open(1)).start().unwrap();
        let call = handle.call(1_000);
        settle().await;
        let asking = handle.clone();
        let (result, shutdown) = tokio::sync::oneshot::channel();
        actix::spawn(async move {
            let _ = result.send(asking.shutdown().await);
        });
        sleep_ms(10).await;
        drop(call);
        (handle, shutdown)
    });
    drop(shutdown);
    assert_eq!(futures::executor::block_on(handle.shutdown()), Shutdown::Stopped);
}

#[test]
fn it_ends_with_its_last_pool_if_the_settings_say_so() {
    virtual_time(async {
        for shuts_down in [true, false] {
            let mut settings = fixed_and_open(1);
            settings.worker_pool.shutdown_on_all_worker_death = shuts_down;
            let quitter =
                |name: &str| handler_fn(name, |n: u64| async move { Reply::<_, Infallible>::success(n).terminate() });
            let builder = PushingDispatcher::builder("mortal").settings(settings);
            let handle = builder.handler(quitter("a")).handler(quitter("b")).start().unwrap();
            assert_eq!(handle.call(1).await, Ok(1));
            settle().await;
            // The other is still there.
            assert_eq!(status(&handle).await.state, DispatcherState::Running);
            assert_eq!(handle.call(2).await, Ok(2));
            settle().await;
            let reason = if shuts_down { Rejection::ShuttingDown } else { Rejection::NoHandlers };
            assert_eq!(handle.call(3).await, Err(CallError::Rejected(reason)));
            assert_eq!(handle.status().await.is_err(), shuts_down);
        }
    });
}

#[test]
fn on_a_thread_of_its_own_it_ends_with_it() {
    let handle = sleeper(fixed_and_open(1)).start_on_thread().unwrap();
    assert_eq!(futures::executor::block_on(handle.call(1)), Ok(1));
    assert_eq!(futures::executor::block_on(handle.shutdown()), Shutdown::Finished);
    assert_eq!(futures::executor::block_on(handle.call(1)), Err(SHUTTING_DOWN));
}
