//! Handlers that come and go while the dispatcher runs.

use std::convert::Infallible;

use actix::Arbiter;
use futures::future::{join, join_all};
use kanaloa::{
    AddHandlerError, CallError, DispatcherState, Failure, Handler, HandlerSource, IntoHandler, PoolState,
    PushingDispatcher, Rejection, RemoveHandlerError, StartError, handler_fn,
};
use tokio::time::Instant;

use crate::support::*;

type Source = HandlerSource<u64, &'static str, Infallible>;
type Dispatcher = kanaloa::DispatcherHandle<u64, &'static str, Infallible>;

/// A handler that answers with its name after as many milliseconds as it is asked for.
fn named(name: &'static str) -> impl Handler<Request = u64, Response = &'static str, Error = Infallible> + Send {
    handler_fn(name, move |n: u64| async move {
        sleep_ms(n).await;
        Ok::<_, Infallible>(name)
    })
}

fn source(name: &'static str) -> Source {
    HandlerSource::new(named(name))
}

fn start(names: &[&'static str]) -> Dispatcher {
    let builder = PushingDispatcher::builder("open").settings(fixed_and_open(1));
    let builder = names.iter().fold(builder, |builder, name| builder.handler(named(name)));
    builder.start().unwrap()
}

async fn handlers(handle: &Dispatcher) -> Vec<(String, PoolState)> {
    status(handle).await.pools.into_iter().map(|pool| (pool.handler, pool.state)).collect()
}

fn duplicate(name: &str) -> Result<(), AddHandlerError> {
    Err(AddHandlerError::Duplicate { name: name.to_string() })
}

#[test]
fn a_handler_that_comes_takes_work_that_waits() {
    virtual_time(async {
        let handle = start(&["a"]);
        let begin = Instant::now();
        let calls = join_all([100, 100].map(|n| timed(handle.call(n), begin)));
        settle().await;
        let adding = async {
            sleep_ms(30).await;
            handle.add_handler(source("b")).await
        };
        let (answers, added) = join(calls, adding).await;
        assert_eq!(added, Ok(()));
        assert_eq!(answers, [(Ok("a"), 100), (Ok("b"), 130)]);
    });
}

#[test]
fn a_dispatcher_may_start_without_handlers() {
    virtual_time(async {
        let handle = start(&[]);
        let begin = Instant::now();
        let call = timed(handle.call(1), begin);
        let adding = async {
            sleep_ms(500).await;
            let before = status(&handle).await.state;
            (before, handle.add_handler(source("late")).await)
        };
        assert_eq!(join(call, adding).await, ((Ok("late"), 501), (DispatcherState::Starting, Ok(()))));
        // One that comes after the grace period is as welcome.
        let handle = start(&[]);
        sleep_ms(2_000).await;
        assert_eq!(handle.call(1).await, Err(CallError::Rejected(Rejection::NoHandlers)));
        handle.add_handler(source("later")).await.unwrap();
        settle().await;
        assert_eq!(handle.call(1).await, Ok("later"));
    });
}

#[test]
fn a_handler_that_goes_finishes_what_it_has() {
    virtual_time(async {
        let handle = start(&["a", "b"]);
        let begin = Instant::now();
        let calls = join_all([100, 100, 10, 10].map(|n| timed(handle.call(n), begin)));
        settle().await;
        let (answers, removed) = join(calls, timed(handle.remove_handler("a"), begin)).await;
        assert_eq!(removed, (Ok(()), 100));
        // What waits goes to the other.
        assert_eq!(answers, [(Ok("a"), 100), (Ok("b"), 100), (Ok("b"), 110), (Ok("b"), 120)]);
        assert_eq!(handlers(&handle).await, [("b".to_string(), PoolState::Running)]);
        assert_adds_up(handle.totals());
    });
}

#[test]
fn what_a_handler_that_goes_does_not_finish_in_time_is_cut_off() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.worker_pool.default_shutdown_timeout = ms(300);
        let handle = PushingDispatcher::builder("open").settings(settings).handler(named("a")).start().unwrap();
        let begin = Instant::now();
        let call = timed(handle.call(1_000), begin);
        settle().await;
        let (answer, removed) = join(call, timed(handle.remove_handler("a"), begin)).await;
        assert_eq!(answer, (Err(CallError::Failed(Failure::CutOff)), 300));
        assert_eq!(removed, (Ok(()), 300));
    });
}

#[test]
fn work_waits_for_the_successor_of_the_last_handler() {
    virtual_time(async {
        let handle = start(&["old"]);
        assert_eq!(handle.call(1).await, Ok("old"));
        sleep_ms(10_000).await;
        assert_eq!(handle.remove_handler("old").await, Ok(()));
        let begin = Instant::now();
        let call = timed(handle.call(1), begin);
        sleep_ms(900).await;
        handle.add_handler(source("new")).await.unwrap();
        assert_eq!(call.await, (Ok("new"), 901));
        // None comes.
        assert_eq!(handle.remove_handler("new").await, Ok(()));
        let begin = Instant::now();
        assert_eq!(timed(handle.call(1), begin).await, (Err(CallError::Rejected(Rejection::NoHandlers)), 1_000));
    });
}

#[test]
fn a_handler_that_is_not_there_cannot_be_removed() {
    virtual_time(async {
        let handle = start(&["a"]);
        let unknown = RemoveHandlerError::Unknown { name: "b".to_string() };
        assert_eq!(handle.remove_handler("b").await, Err(unknown));
        // Two who remove the same are told the same.
        let call = handle.call(50);
        settle().await;
        assert_eq!(join(handle.remove_handler("a"), handle.remove_handler("a")).await, (Ok(()), Ok(())));
        assert_eq!(call.await, Ok("a"));
        handle.shutdown().await;
        assert_eq!(handle.remove_handler("a").await, Err(RemoveHandlerError::Stopped));
        assert_eq!(handle.add_handler(source("a")).await, Err(AddHandlerError::ShuttingDown));
    });
}

#[test]
fn nothing_is_shed_while_there_is_no_handler() {
    virtual_time(async {
        let handle = PushingDispatcher::builder("open").settings(fixed(1)).handler(named("old")).start().unwrap();
        assert_eq!(handle.call(1).await, Ok("old"));
        assert_eq!(handle.remove_handler("old").await, Ok(()));
        let calls: Vec<_> = (0..50).map(|_| handle.call(0)).collect();
        sleep_ms(900).await;
        handle.add_handler(source("new")).await.unwrap();
        assert!(join_all(calls).await.iter().all(|answer| *answer == Ok("new")));
    });
}

// ## Names

#[test]
fn a_second_handler_of_a_name_is_refused() {
    virtual_time(async {
        let builder = PushingDispatcher::builder("twins").handler(named("a"));
        let error = builder.handler(named("b")).handler(named("a")).start().unwrap_err();
        assert!(matches!(&error, StartError::DuplicateHandler { handler, .. } if handler == "a"), "{error}");

        let handle = start(&["a"]);
        assert_eq!(handle.add_handler(source("a")).await, duplicate("a"));
        let factory = HandlerSource::factory("a", || std::future::ready(Ok::<_, Infallible>(named("other"))));
        assert_eq!(handle.add_handler(factory).await, duplicate("a"));
        assert_eq!(handlers(&handle).await, [("a".to_string(), PoolState::Running)]);
        // A name is free as soon as its handler gets no more work, though it has some.
        let begin = Instant::now();
        let call = timed(handle.call(50), begin);
        settle().await;
        let removal = async {
            let removal = timed(handle.remove_handler("a"), begin);
            join(removal, handle.add_handler(source("a"))).await
        };
        assert_eq!(join(call, removal).await, ((Ok("a"), 50), ((Ok(()), 50), Ok(()))));
        assert_eq!(handle.call(1).await, Ok("a"));
        assert_eq!(handlers(&handle).await, [("a".to_string(), PoolState::Running)]);
    });
}

/// Becomes a handler whose name is not known before.
struct Secret(&'static str);

impl IntoHandler for Secret {
    type Handler = kanaloa::HandlerFn<fn(u64) -> std::future::Ready<Result<&'static str, Infallible>>, u64>;

    fn into_handler(self) -> Self::Handler {
        assert_ne!(self.0, "broken");
        handler_fn(self.0, |_| std::future::ready(Ok("secret")))
    }
}

#[test]
fn a_name_that_shows_only_when_the_handler_is_made_is_refused_then() {
    virtual_time(async {
        let handle = start(&["a"]);
        assert_eq!(handle.add_handler(HandlerSource::new(Secret("a"))).await, duplicate("a"));
        assert_eq!(handle.add_handler(HandlerSource::new(Secret("b"))).await, Ok(()));
        assert_eq!(handle.add_handler(HandlerSource::new(Secret("broken"))).await, Err(AddHandlerError::NotMade));
        settle().await;
        // Nothing went to the one that was refused.
        assert_eq!(handle.remove_handler("b").await, Ok(()));
        assert_eq!(handle.call(1).await, Ok("a"));
    });
}

#[test]
fn a_factory_s_handler_is_known_by_the_factory_s_name() {
    virtual_time(async {
        let factory = HandlerSource::factory("mine", || std::future::ready(Ok::<_, Infallible>(named("its own"))));
        let handle = start(&[]);
        handle.add_handler(factory).await.unwrap();
        settle().await;
        assert_eq!(handlers(&handle).await, [("mine".to_string(), PoolState::Running)]);
        assert_eq!(handle.remove_handler("mine").await, Ok(()));
    });
}

#[test]
fn only_some_of_those_that_have_ended_are_shown() {
    virtual_time(async {
        let handle = start(&["a"]);
        for _ in 0..100 {
            assert_eq!(handle.add_handler(HandlerSource::new(Secret("broken"))).await, Err(AddHandlerError::NotMade));
        }
        let ended = handlers(&handle).await.into_iter().filter(|(_, state)| *state == PoolState::Ended).count();
        assert_eq!(ended, 16);
    });
}

// ## Workers

#[test]
fn what_each_worker_does_can_be_seen() {
    virtual_time(async {
        let mut settings = fixed_and_open(2);
        settings.circuit_breaker = None;
        let handle = PushingDispatcher::builder("open").settings(settings).handler(named("a")).start().unwrap();
        let call = handle.call(100);
        settle().await;
        sleep_ms(40).await;
        let workers = handle.workers("a").await.unwrap().unwrap();
        let mut busy: Vec<_> = workers.iter().map(|worker| worker.busy_for).collect();
        busy.sort();
        assert_eq!(busy, [None, Some(ms(40))]);
        assert!(workers.iter().all(|worker| !worker.is_stuck));
        assert_eq!(handle.workers("b").await, Ok(None));
        assert_eq!(call.await, Ok("a"));
    });
}

#[test]
fn handlers_may_live_on_several_arbiters() {
    actix::System::new().block_on(async {
        let handle = start(&["here"]);
        let arbiter = Arbiter::new();
        handle.add_handler(source("there").on(&arbiter.handle())).await.unwrap();
        let answers = join_all([50, 50].map(|n| handle.call(n))).await;
        let mut answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        answers.sort_unstable();
        assert!(answers == ["here", "there"] || answers == ["here", "here"], "{answers:?}");
        handle.remove_handler("here").await.unwrap();
        while handle.call(0).await != Ok("there") {}
        handle.shutdown().await;
        arbiter.stop();
    });
}
