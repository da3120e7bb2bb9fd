//! Handlers that providers announce.

use std::convert::Infallible;
use std::future::Future;

use futures::future::{join, join_all};
use kanaloa::{
    CallError, DispatcherState, FixedProvider, Handler, HandlerChange, HandlerProvider, HandlerSource, IntoHandler,
    PoolState, ProviderControl, PushingDispatcher, Rejection, Reply, Stopped, controlled_provider, handler_fn,
};
use tokio::time::Instant;

use crate::support::*;

type Source = HandlerSource<u64, &'static str, Infallible>;
type Change = HandlerChange<u64, &'static str, Infallible>;
type Dispatcher = kanaloa::DispatcherHandle<u64, &'static str, Infallible>;
type Control = ProviderControl<u64, &'static str, Infallible>;

/// With this request a handler says that it wants no more.
const LAST: u64 = 0;

/// A handler that answers with its name after as many milliseconds as it is asked for.
fn named(name: &'static str) -> impl Handler<Request = u64, Response = &'static str, Error = Infallible> + Send {
    handler_fn(name, move |n: u64| async move {
        sleep_ms(n).await;
        let reply = Reply::success(name);
        if n == LAST { reply.terminate() } else { reply }
    })
}

fn source(name: &'static str) -> Source {
    HandlerSource::new(named(name))
}

fn start(provider: impl HandlerProvider<u64, &'static str, Infallible>) -> Dispatcher {
    PushingDispatcher::builder("open").settings(fixed_and_open(1)).provider(provider).start().unwrap()
}

/// With one handler, `a`.
fn start_controlled() -> (Control, Dispatcher) {
    let (control, provider) = controlled_provider();
    control.add(source("a")).unwrap();
    (control, start(provider))
}

async fn handlers(handle: &Dispatcher) -> Vec<(String, PoolState)> {
    status(handle).await.pools.into_iter().map(|pool| (pool.handler, pool.state)).collect()
}

async fn running(handle: &Dispatcher) -> Vec<String> {
    let handlers = handlers(handle).await.into_iter();
    handlers.filter(|(_, state)| *state == PoolState::Running).map(|(name, _)| name).collect()
}

/// Does what the function says for each step.
struct Scripted<F>(u32, F);

impl<F, Fut> HandlerProvider<u64, &'static str, Infallible> for Scripted<F>
where
    F: FnMut(u32) -> Fut + Send + 'static,
    Fut: Future<Output = Option<Change>>,
{
    async fn next(&mut self) -> Option<Change> {
        self.0 += 1;
        (self.1)(self.0).await
    }
}

const NO_HANDLERS: Result<&str, CallError<Infallible>> = Err(CallError::Rejected(Rejection::NoHandlers));

#[test]
fn a_fixed_set_is_there_and_stays() {
    virtual_time(async {
        let handle = start(FixedProvider::new(["a", "b", "c"].map(source)));
        let answers = join_all([10, 10, 10].map(|n| handle.call(n))).await;
        let mut answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        answers.sort_unstable();
        assert_eq!(answers, ["a", "b", "c"]);
        assert_eq!(status(&handle).await.providers, 0);
        assert_eq!(running(&handle).await, ["a", "b", "c"]);
    });
}

#[test]
fn several_providers_and_handlers_serve_together() {
    virtual_time(async {
        let (_control, controlled) = controlled_provider();
        let fixed = FixedProvider::new([source("b")]);
        let builder = PushingDispatcher::builder("open").settings(fixed_and_open(1)).handler(named("a"));
        let handle = builder.provider(fixed).provider(controlled).start().unwrap();
        settle().await;
        assert_eq!(running(&handle).await, ["a", "b"]);
        assert_eq!(status(&handle).await.providers, 1);
    });
}

#[test]
fn a_dispatcher_without_handlers_waits_for_one_then_refuses_and_serves_when_one_comes() {
    virtual_time(async {
        let (control, provider) = controlled_provider();
        let handle = start(provider);
        let begin = Instant::now();
        let call = timed(handle.call(1), begin);
        assert_eq!(status(&handle).await.state, DispatcherState::Starting);
        assert_eq!(call.await, (NO_HANDLERS, 1_000));
        assert_eq!(status(&handle).await.state, DispatcherState::NoHandlers);
        control.add(source("a")).unwrap();
        settle().await;
        assert_eq!(handle.call(1).await, Ok("a"));
        // As after a start.
        control.remove("a").unwrap();
        settle().await;
        let begin = Instant::now();
        let waiting = timed(handle.call(1), begin);
        let adding = async {
            sleep_ms(900).await;
            control.add(source("b")).unwrap();
        };
        assert_eq!(join(waiting, adding).await.0, (Ok("b"), 901));
    });
}

#[test]
fn a_handler_that_is_removed_finishes_what_it_has_and_gets_nothing_else() {
    virtual_time(async {
        let (control, handle) = start_controlled();
        control.add(source("b")).unwrap();
        settle().await;
        let begin = Instant::now();
        let calls = join_all([100, 100, 10, 10].map(|n| timed(handle.call(n), begin)));
        settle().await;
        control.remove("a").unwrap();
        assert_eq!(calls.await, [(Ok("a"), 100), (Ok("b"), 100), (Ok("b"), 110), (Ok("b"), 120)]);
        assert_eq!(handlers(&handle).await, [("b".to_string(), PoolState::Running)]);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn nothing_is_lost_while_handlers_take_turns() {
    virtual_time(async {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let (control, handle) = start_controlled();
        let turns = async {
            for turn in 1..200 {
                sleep_ms(7).await;
                control.add(source(NAMES[turn % 4])).unwrap();
                control.remove(NAMES[(turn - 1) % 4]).unwrap();
            }
        };
        let calls = async {
            let mut calls = Vec::new();
            for n in 0..700 {
                calls.push(handle.call(1 + n % 25));
                sleep_ms(2).await;
            }
            join_all(calls).await
        };
        let (answers, ()) = join(calls, turns).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 700);
        let totals = handle.totals();
        assert_eq!((totals.received, totals.completed), (700, 700));
        settle().await;
        assert_eq!(running(&handle).await, ["d"]);
    });
}

// ## Coming back

#[test]
fn one_that_comes_back_serves_while_its_former_pool_finishes() {
    virtual_time(async {
        let (control, handle) = start_controlled();
        settle().await;
        let begin = Instant::now();
        let old = timed(handle.call(100), begin);
        settle().await;
        control.remove("a").unwrap();
        control.add(source("a")).unwrap();
        settle().await;
        let name = || "a".to_string();
        assert_eq!(handlers(&handle).await, [(name(), PoolState::Ending), (name(), PoolState::Running)]);
        assert!(handle.workers("a").await.unwrap().unwrap().iter().all(|worker| worker.busy_for.is_none()));
        let (old, new) = join(old, timed(handle.call(10), begin)).await;
        assert_eq!((old, new), ((Ok("a"), 100), (Ok("a"), 10)));
        assert_eq!(handlers(&handle).await, [(name(), PoolState::Running)]);
        // Still there is one only.
        control.add(source("a")).unwrap();
        settle().await;
        assert_eq!(handlers(&handle).await, [(name(), PoolState::Running)]);
    });
}

#[test]
fn one_that_comes_back_is_the_one_that_is_removed_next() {
    virtual_time(async {
        let (control, handle) = start_controlled();
        settle().await;
        let begin = Instant::now();
        let mut calls = Vec::new();
        for n in [100, 200] {
            calls.push(timed(handle.call(n), begin));
            settle().await;
            control.remove("a").unwrap();
            control.add(source("a")).unwrap();
            settle().await;
        }
        let states: Vec<_> = handlers(&handle).await.into_iter().map(|(_, state)| state).collect();
        assert_eq!(states, [PoolState::Ending, PoolState::Ending, PoolState::Running]);
        assert_eq!(join_all(calls).await, [(Ok("a"), 100), (Ok("a"), 200)]);
        assert_eq!(handlers(&handle).await, [("a".to_string(), PoolState::Running)]);
        control.remove("a").unwrap();
        settle().await;
        assert_eq!(handlers(&handle).await, []);
    });
}

// ## The end of a provider

#[test]
fn the_handlers_of_a_provider_that_ends_stay() {
    virtual_time(async {
        let (control, handle) = start_controlled();
        settle().await;
        assert_eq!(status(&handle).await.providers, 1);
        drop(control);
        settle().await;
        assert_eq!(status(&handle).await.providers, 0);
        assert_eq!(handle.call(1).await, Ok("a"));
    });
}

#[test]
fn one_is_expected_as_long_as_a_provider_is_left() {
    virtual_time(async {
        let (control, handle) = start_controlled();
        assert_eq!(handle.call(LAST).await, Ok("a"));
        sleep_ms(100).await;
        let begin = Instant::now();
        let waiting = timed(handle.call(1), begin);
        sleep_ms(500).await;
        control.add(source("b")).unwrap();
        assert_eq!(waiting.await, (Ok("b"), 501));
        // None comes in time.
        assert_eq!(handle.call(LAST).await, Ok("b"));
        let begin = Instant::now();
        assert_eq!(timed(handle.call(1), begin).await, (NO_HANDLERS, 1_000));
        control.add(source("c")).unwrap();
        settle().await;
        assert_eq!(handle.call(1).await, Ok("c"));
        // None will.
        drop(control);
        assert_eq!(handle.call(LAST).await, Ok("c"));
        settle().await;
        let begin = Instant::now();
        assert_eq!(timed(handle.call(1), begin).await, (NO_HANDLERS, 0));
    });
}

#[test]
fn what_waits_is_refused_when_the_last_provider_ends() {
    virtual_time(async {
        let (control, handle) = start_controlled();
        assert_eq!(handle.call(LAST).await, Ok("a"));
        settle().await;
        let begin = Instant::now();
        let waiting = timed(handle.call(1), begin);
        sleep_ms(300).await;
        drop(control);
        assert_eq!(waiting.await, (NO_HANDLERS, 300));
    });
}

#[test]
fn a_provider_that_panics_leaves_its_handlers() {
    virtual_time(async {
        let handle = start(Scripted(0, |step| async move {
            assert_eq!(step, 1, "as planned");
            Some(HandlerChange::Add(source("a")))
        }));
        settle().await;
        assert_eq!(status(&handle).await.providers, 0);
        assert_eq!(handle.call(1).await, Ok("a"));
    });
}

#[test]
fn a_provider_does_not_keep_its_dispatcher() {
    virtual_time(async {
        let (control, handle) = start_controlled();
        let call = handle.call(50);
        settle().await;
        drop(handle);
        settle().await;
        assert_eq!(control.add(source("b")), Err(Stopped));
        assert_eq!(call.await, Ok("a"));
        // Nor does one that is shut down listen any more.
        let (control, handle) = start_controlled();
        assert_eq!(handle.call(1).await, Ok("a"));
        handle.shutdown().await;
        settle().await;
        assert_eq!(control.remove("a"), Err(Stopped));
    });
}

// ## What cannot be done

/// Becomes no handler.
struct Broken;

impl IntoHandler for Broken {
    type Handler = kanaloa::HandlerFn<fn(u64) -> std::future::Ready<Result<&'static str, Infallible>>, u64>;

    fn into_handler(self) -> Self::Handler {
        panic!("as planned")
    }
}

#[test]
fn what_cannot_be_done_does_not_hold_up_the_rest() {
    virtual_time(async {
        let (control, handle) = start_controlled();
        control.add(source("a")).unwrap();
        control.remove("nobody").unwrap();
        control.add(HandlerSource::new(Broken)).unwrap();
        control.add(source("b")).unwrap();
        settle().await;
        assert_eq!(running(&handle).await, ["a", "b"]);
        assert_eq!(status(&handle).await.providers, 1);
    });
}

#[test]
fn a_provider_that_never_waits_does_not_stop_the_others_of_its_thread() {
    virtual_time(async {
        let handle = start(Scripted(0, |step| async move {
            Some(if step == 1 { HandlerChange::Add(source("a")) } else { HandlerChange::Remove("nobody".to_string()) })
        }));
        assert_eq!(handle.call(LAST).await, Ok("a"));
    });
}

#[test]
fn a_handler_can_be_given_a_name() {
    virtual_time(async {
        let (control, handle) = start_controlled();
        control.add(source("a").named("b")).unwrap();
        settle().await;
        assert_eq!(running(&handle).await, ["a", "b"]);
        control.remove("b").unwrap();
        settle().await;
        assert_eq!(running(&handle).await, ["a"]);
    });
}
