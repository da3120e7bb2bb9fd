//! What handlers can do, and have done to them.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use actix::prelude::*;
use futures::future::{join, join_all};
use kanaloa::{
    CallContext, CallError, DispatcherState, Failure, Handler, IntoHandler, OnCancel, PoolState, PushingDispatcher,
    Rejection, Reply, Timeout, Work, actor_handler, blocking_fn, handler_fn, handler_fn_with_context,
};
use tokio::time::Instant;

use crate::support::*;

// ## Not Send

/// Lives where it is used: neither it nor its futures could be sent to another thread.
struct Local {
    calls: Rc<Cell<u32>>,
}

impl Handler for Local {
    type Request = ();
    type Response = u32;
    type Error = Infallible;

    fn name(&self) -> &str {
        "local"
    }

    async fn handle(&self, (): (), _: CallContext) -> Reply<u32, Infallible> {
        let calls = Rc::clone(&self.calls);
        tokio::task::yield_now().await;
        calls.set(calls.get() + 1);
        Reply::success(calls.get())
    }
}

struct MakesLocal;

impl IntoHandler for MakesLocal {
    type Handler = Local;

    fn into_handler(self) -> Local {
        Local { calls: Rc::new(Cell::new(0)) }
    }
}

#[test]
fn handlers_and_their_futures_need_not_be_send() {
    virtual_time(async {
        let handle = PushingDispatcher::builder("local").handler(MakesLocal).start().unwrap();
        assert_eq!(handle.call(()).await, Ok(1));
        assert_eq!(handle.call(()).await, Ok(2));
        assert_eq!(status(&handle).await.pools[0].handler, "local");
    });
}

// ## Terminate

#[test]
fn a_handler_that_terminates_gets_no_more_and_finishes_what_it_has() {
    virtual_time(async {
        let handle = PushingDispatcher::builder("quitter")
            .settings(fixed_and_open(2))
            .handler(handler_fn("quitter", |n: u64| async move {
                sleep_ms(n).await;
                if n == 10 { Reply::<_, Infallible>::success(n).terminate() } else { Reply::success(n) }
            }))
            .start()
            .unwrap();
        let start = Instant::now();
        let calls = [10, 50, 1, 1].map(|n| timed(handle.call(n), start));
        let no_handlers = Err(CallError::Rejected(Rejection::NoHandlers));
        assert_eq!(
            join_all(calls).await,
            [(Ok(10), 10), (Ok(50), 50), (no_handlers.clone(), 10), (no_handlers.clone(), 10)]
        );
        settle().await;
        assert_eq!(handle.call(1).await, no_handlers);
        let status = status(&handle).await;
        assert_eq!(status.state, DispatcherState::NoHandlers);
        assert_eq!((&status.pools[0].state, status.pools[0].workers), (&PoolState::Ended, 0));
        assert_adds_up(handle.totals());
    });
}

#[test]
fn others_go_on_when_one_terminates() {
    virtual_time(async {
        let quitter = handler_fn("quitter", |n: u64| async move { Reply::<_, Infallible>::success(n).terminate() });
        let handle = sleeper(fixed_and_open(1)).handler(quitter).start().unwrap();
        let answers = join_all((0..20).map(|_| handle.call(1))).await;
        assert_eq!(answers, vec![Ok(1); 20]);
        let states: Vec<_> = status(&handle).await.pools.into_iter().map(|pool| pool.state).collect();
        assert_eq!(states, [PoolState::Running, PoolState::Ended]);
    });
}

// ## Hold

#[test]
fn a_held_handler_gets_no_work_until_the_hold_is_over() {
    virtual_time(async {
        let handle = PushingDispatcher::builder("holder")
            .settings(fixed_and_open(2))
            .handler(handler_fn("holder", |n: u64| async move {
                sleep_ms(n).await;
                match n {
                    10 => Reply::<_, Infallible>::success(n).hold(ms(100)),
                    20 => Reply::success(n).hold(ms(30)),
                    n => Reply::success(n),
                }
            }))
            .start()
            .unwrap();
        let start = Instant::now();
        let calls = [10, 20, 1].map(|n| timed(handle.call(n), start));
        let watch = async {
            sleep_ms(60).await;
            status(&handle).await.pools[0].state.clone()
        };
        // The shorter hold does not cut the longer one short.
        let (answers, state) = join(join_all(calls), watch).await;
        assert_eq!(answers, [(Ok(10), 10), (Ok(20), 20), (Ok(1), 111)]);
        assert_eq!(state, PoolState::Held);
        assert_eq!(status(&handle).await.pools[0].state, PoolState::Running);
    });
}

// ## Running on

/// Cannot be stopped.
struct Stubborn {
    running: Arc<AtomicU32>,
}

impl Handler for Stubborn {
    type Request = u64;
    type Response = u64;
    type Error = Infallible;

    fn name(&self) -> &str {
        "stubborn"
    }

    async fn handle(&self, n: u64, _: CallContext) -> Reply<u64, Infallible> {
        self.running.fetch_add(1, Ordering::Relaxed);
        sleep_ms(n).await;
        self.running.fetch_sub(1, Ordering::Relaxed);
        Reply::success(n)
    }

    fn on_cancel(&self) -> OnCancel {
        OnCancel::RunOn
    }
}

#[test]
fn the_slot_of_a_call_that_cannot_be_stopped_stays_taken() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.work.service_timeout = ms(40);
        let running = Arc::new(AtomicU32::new(0));
        let handler = Stubborn { running: Arc::clone(&running) };
        let handle = PushingDispatcher::builder("stubborn").settings(settings).handler(handler).start().unwrap();
        let start = Instant::now();
        let calls = join(timed(handle.call(100), start), timed(handle.call(10), start));
        let busy = async {
            sleep_ms(60).await;
            (status(&handle).await.pools[0].busy, handle.totals().in_flight, running.load(Ordering::Relaxed))
        };
        let ((slow, next), busy) = join(calls, busy).await;
        // The caller is told in time, but the next starts only when the first has really ended.
        assert_eq!(slow, (Err(CallError::TimedOut(Timeout::Service(ms(40)))), 40));
        assert_eq!(next, (Ok(10), 110));
        assert_eq!(busy, (1, 0, 1));
    });
}

#[test]
fn a_blocking_function_answers_fails_and_panics() {
    // On a real clock: its threads do not stop for a virtual one.
    actix::System::new().block_on(async {
        let handle = PushingDispatcher::builder("blocking")
            .handler(blocking_fn("blocking", |n: u32| {
                assert!(n != 7, "seven");
                if n == 0 { Err("zero") } else { Ok(n) }
            }))
            .start()
            .unwrap();
        assert_eq!(handle.call(1).await, Ok(1));
        assert_eq!(handle.call(0).await, Err(CallError::Failed(Failure::Service("zero"))));
        assert_eq!(handle.call(7).await, Err(CallError::Failed(Failure::Panicked("seven".to_string()))));
    });
}

// ## Actors

#[derive(Default)]
struct Counter(u32);

#[derive(Message)]
#[rtype(result = "Result<u32, String>")]
enum Ask {
    Count,
    Fail,
    Drop,
    Stop,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl actix::Handler<Ask> for Counter {
    type Result = ResponseFuture<Result<u32, String>>;

    fn handle(&mut self, ask: Ask, ctx: &mut Self::Context) -> Self::Result {
        self.0 += 1;
        let count = self.0;
        match ask {
            Ask::Count => Box::pin(async move { Ok(count) }),
            Ask::Fail => Box::pin(async { Err("as asked".to_string()) }),
            // The answer is dropped with the future, the actor lives on.
            Ask::Drop => Box::pin(async { panic!("an actor's future") }),
            Ask::Stop => {
                ctx.stop();
                Box::pin(std::future::pending())
            }
        }
    }
}

#[test]
fn an_actor_serves_until_its_mailbox_closes() {
    virtual_time(async {
        let actor = Counter::default().start();
        let handle =
            PushingDispatcher::builder("actor").handler(actor_handler("counter", actor.clone())).start().unwrap();
        assert_eq!(handle.call(Ask::Count).await, Ok(1));
        assert_eq!(handle.call(Ask::Fail).await, Err(CallError::Failed(Failure::Service("as asked".to_string()))));
        assert_eq!(handle.call(Ask::Drop).await, Err(CallError::Failed(Failure::Unanswered)));
        assert_eq!(handle.call(Ask::Count).await, Ok(4));
        actor.do_send(Ask::Stop);
        settle().await;
        assert_eq!(handle.call(Ask::Count).await, Err(CallError::Failed(Failure::HandlerGone)));
        settle().await;
        assert_eq!(handle.call(Ask::Count).await, Err(CallError::Rejected(Rejection::NoHandlers)));
        assert_adds_up(handle.totals());
    });
}

#[test]
fn an_owned_actor_is_started_anew() {
    virtual_time(async {
        let started = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&started);
        let make = move || {
            count.fetch_add(1, Ordering::Relaxed);
            Counter::default()
        };
        let mut settings = fixed(3);
        settings.work.service_timeout = ms(100);
        let handle = PushingDispatcher::builder("actor").settings(settings).actor("counter", make).start().unwrap();
        assert_eq!(handle.call(Ask::Count).await, Ok(1));
        assert_eq!(handle.call(Ask::Count).await, Ok(2));
        // Its answer is never sent; the actor's end is noticed at the next.
        assert_eq!(handle.call(Ask::Stop).await, Err(CallError::TimedOut(Timeout::Service(ms(100)))));
        assert_eq!(handle.call(Ask::Count).await, Err(CallError::Failed(Failure::HandlerGone)));
        assert_eq!(handle.call(Ask::Count).await, Ok(1));
        assert_eq!(started.load(Ordering::Relaxed), 2);
        let status = status(&handle).await;
        assert_eq!((&status.pools[0].state, status.pools[0].workers), (&PoolState::Running, 3));
    });
}

// ## What they are told of a call

#[test]
fn a_handler_learns_the_class_and_when_its_caller_is_gone() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.work.service_timeout = ms(500);
        settings.work.request_timeout = Some(ms(800));
        let service = handler_fn_with_context("telling", |takes: u64, call: CallContext| async move {
            let told = (call.priority().class(), call.deadline().unwrap(), call.time_left().unwrap());
            sleep_ms(takes).await;
            Ok::<_, Infallible>((told, call.time_left().unwrap()))
        });
        let handle = PushingDispatcher::builder("telling").settings(settings).handler(service).start().unwrap();
        let start = Instant::now();
        let urgent = Work::new(100).priority(0.try_into().unwrap()).deadline(start + ms(300));
        let (urgent, first, second) = tokio::join!(handle.call(urgent), handle.call(450), handle.call(10));
        // Its own deadline.
        assert_eq!(urgent, Ok(((0, start + ms(300), ms(300)), ms(200))));
        // From 100 ms on, the service-timeout is over before the request-timeout; from 550 ms on the other way around.
        assert_eq!(first, Ok(((3, start + ms(600), ms(500)), ms(50))));
        assert_eq!(second, Ok(((3, start + ms(800), ms(250)), ms(240))));
    });
}
