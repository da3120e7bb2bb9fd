//! What becomes of handlers, responses and workers that are lost.

use std::convert::Infallible;

use futures::future::join_all;
use kanaloa::{
    CallContext, CallError, DispatcherState, Failure, Handler, OnCancel, PoolState, PushingDispatcher, Rejection,
    Reply, Work, handler_fn,
};
use tokio::time::Instant;

use crate::support::*;

const NO_HANDLERS: CallError<Infallible> = CallError::Rejected(Rejection::NoHandlers);

// ## Handlers are gone

/// Is gone when it is asked for 0; its destructor panics.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a destructor");
        }
    }
}

impl Handler for Bomb {
    type Request = u64;
    type Response = u32;
    type Error = Infallible;

    fn name(&self) -> &str {
        "bomb"
    }

    async fn handle(&self, n: u64, _: CallContext) -> Reply<u32, Infallible> {
        if n == 0 { Reply::gone() } else { Reply::success(self.0) }
    }
}

#[test]
fn a_handler_that_is_gone_is_made_anew_even_if_its_destructor_panics() {
    virtual_time(async {
        let mut made = 0;
        let make = move || {
            made += 1;
            std::future::ready(Ok::<_, &str>(Bomb(made)))
        };
        let handle = PushingDispatcher::builder("bombs")
            .settings(fixed_and_open(1))
            .handler_factory("bomb", make)
            .start()
            .unwrap();
        let gone = Err(CallError::Failed(Failure::HandlerGone));
        let start = Instant::now();
        assert_eq!(timed(handle.call(1), start).await, (Ok(1), 0));
        // One that has served is made again at once, ...
        assert_eq!(timed(handle.call(0), start).await, (gone.clone(), 0));
        assert_eq!(timed(handle.call(0), start).await, (gone.clone(), 0));
        // ... one that has not waits longer each time.
        settle().await;
        let state = status(&handle).await;
        assert_eq!(state.state, DispatcherState::Starting);
        let last_error = Some("gone before it had answered anything".to_string());
        assert_eq!(state.pools[0].state, PoolState::Starting { failures: 2, last_error });
        assert_eq!(timed(handle.call(0), start).await, (gone, 200));
        assert_eq!(timed(handle.call(1), start).await, (Ok(4), 600));
        assert_eq!(timed(handle.call(1), start).await, (Ok(4), 600));
    });
}

#[test]
fn a_handler_that_is_not_made_again_in_time_is_seen() {
    virtual_time(async {
        let mut made = 0;
        let make = move || {
            made += 1;
            let hangs = made > 1;
            async move {
                if hangs {
                    std::future::pending::<()>().await;
                }
                Ok::<_, &str>(handler_fn("fickle", |n: u64| async move {
                    if n == 0 { Reply::<_, Infallible>::gone() } else { Reply::success(n) }
                }))
            }
        };
        let handle = PushingDispatcher::builder("fickle")
            .settings(fixed_and_open(1))
            .handler_factory("fickle", make)
            .start()
            .unwrap();
        assert_eq!(handle.call(1).await, Ok(1));
        assert_eq!(handle.call(0).await, Err(CallError::Failed(Failure::HandlerGone)));
        let start = Instant::now();
        // There is a grace period again.
        assert_eq!(timed(handle.call(1), start).await, (Err(NO_HANDLERS), 1000));
        assert_eq!(timed(handle.call(1), start).await, (Err(NO_HANDLERS), 1000));
        assert_eq!(status(&handle).await.state, DispatcherState::NoHandlers);
    });
}

/// Panics when it is dropped.
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a destructor");
        }
    }
}

#[test]
fn an_unwanted_response_whose_destructor_panics_does_no_harm() {
    virtual_time(async {
        let handler = handler_fn("loud", |n: u64| async move {
            sleep_ms(10).await;
            if n == 1 { Reply::<_, Infallible>::success(Loud).terminate() } else { Reply::success(Loud) }
        });
        let handle = PushingDispatcher::builder("loud").settings(fixed_and_open(1)).handler(handler).start().unwrap();
        handle.tell(0).unwrap();
        sleep_ms(20).await;
        assert_eq!((handle.totals().completed, status(&handle).await.pools[0].workers), (1, 1));
        handle.tell(1).unwrap();
        sleep_ms(20).await;
        assert_eq!(status(&handle).await.pools[0].state, PoolState::Ended);
    });
}

// ## Workers are lost

/// Kills the worker that asks it whether it can be stopped.
struct Deadly;

impl Handler for Deadly {
    type Request = u64;
    type Response = u64;
    type Error = Infallible;

    fn name(&self) -> &str {
        "deadly"
    }

    async fn handle(&self, n: u64, _: CallContext) -> Reply<u64, Infallible> {
        sleep_ms(n).await;
        Reply::success(n)
    }

    fn on_cancel(&self) -> OnCancel {
        panic!("deadly")
    }
}

#[test]
fn lost_workers_are_replaced() {
    virtual_time(async {
        let mut settings = fixed_and_open(2);
        settings.worker_pool.replenish_speed = ms(250);
        let handle = PushingDispatcher::builder("deadly").settings(settings).handler(Deadly).start().unwrap();
        let start = Instant::now();
        for _ in 0..2 {
            let deadline = Instant::now() + ms(10);
            assert!(handle.call(Work::new(100).deadline(deadline)).await.is_err());
        }
        settle().await;
        let pool = &status(&handle).await.pools[0];
        assert_eq!((pool.workers, pool.busy), (0, 0));
        // The first was lost at 10 ms, and with it all that are missing then are replaced.
        assert_eq!(
            join_all([timed(handle.call(5), start), timed(handle.call(5), start)]).await,
            [(Ok(5), 265), (Ok(5), 265)]
        );
        assert_eq!(status(&handle).await.pools[0].workers, 2);
        assert_adds_up(handle.totals());
    });
}
