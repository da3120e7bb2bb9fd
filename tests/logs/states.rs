//! What is said when a state changes.

use std::convert::Infallible;
use std::future::{pending, ready};

use kanaloa::{HandlerSource, PullingDispatcher, PushingDispatcher, Reply, handler_fn};
use log::Level;

use crate::memory::{lines, listen, owned, told};
use crate::support::*;

#[test]
fn the_breaker_and_the_shutdown_say_what_they_do() {
    listen();
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.work.service_timeout = ms(100);
        let service = handler_fn("hanging", |hangs: bool| async move {
            if hangs { pending().await } else { Ok::<(), Infallible>(()) }
        });
        let handle = PushingDispatcher::builder("talks").settings(settings).handler(service).start().unwrap();
        for _ in 0..4 {
            assert!(handle.call(true).await.is_err());
        }
        for _ in 0..4 {
            assert!(handle.call(false).await.is_ok());
        }
        let call = handle.call(true);
        settle().await;
        handle.shutdown_within(ms(10)).await;
        assert!(call.await.is_err());
    });
    let expected = [
        (Level::Info, "started"),
        (Level::Info, "handler hanging: joined, concurrency limit 1"),
        (Level::Warn, "handler hanging: circuit breaker open for 1s: too many timeouts in a row"),
        (Level::Info, "handler hanging: circuit breaker half-open"),
        (Level::Info, "handler hanging: circuit breaker closed"),
        (Level::Info, "shutting down: 0 works wait, 1 in flight"),
        (Level::Warn, "time is over: 0 works refused, 1 cut off"),
        (Level::Warn, "handler hanging: time is over: 1 cut off"),
        (Level::Info, "stopped"),
    ];
    assert_eq!(told("dispatcher talks: "), owned(&expected));
}

#[test]
fn failures_to_make_a_handler_are_written_unless_that_is_off() {
    listen();
    for (is_on, name) in [(true, "told"), (false, "untold")] {
        virtual_time(async {
            let mut settings = fixed(1);
            settings.worker_pool.log_routee_retrieval_error = is_on;
            let builder = PushingDispatcher::<u64, u64, Infallible>::builder(name).settings(settings);
            let source = HandlerSource::factory("never", || {
                std::future::ready(Err::<
                    kanaloa::HandlerFn<fn(u64) -> std::future::Pending<Result<u64, Infallible>>, u64>,
                    _,
                >("out of reach"))
            });
            let _handle = builder.handler_from(source).start().unwrap();
            sleep_ms(50).await;
        });
        let lines = lines(&format!("dispatcher {name}: handler never: out of reach"));
        assert_eq!(lines.len(), usize::from(is_on), "{lines:?}");
        assert!(lines.iter().all(|(level, _)| *level == Level::Warn));
    }
}

#[test]
fn a_run_that_ends_for_want_of_handlers_warns_and_says_what_to_do() {
    listen();
    virtual_time(async {
        let run = PullingDispatcher::from_stream::<_, u64, Infallible>("unmanned", futures::stream::iter([1_u64]));
        run.start().unwrap().summary().await;
    });
    let lines = lines("dispatcher unmanned: there is no handler");
    assert_eq!(lines.len(), 1);
    let (level, line) = &lines[0];
    assert_eq!(*level, Level::Warn);
    assert!(line.contains("handler or a provider") && line.contains("shutdown-on-all-worker-death off"), "{line}");
}

fn answering(name: &'static str) -> HandlerSource<u64, u64, Infallible> {
    HandlerSource::new(handler_fn(name, |n: u64| async move {
        sleep_ms(n).await;
        Ok(n)
    }))
}

#[test]
fn handlers_say_when_they_come_and_go_and_the_dispatcher_when_there_is_none() {
    listen();
    virtual_time(async {
        let mut settings = fixed(2);
        settings.initial_grace_period = ms(1_000);
        let builder = PushingDispatcher::builder("comings").settings(settings);
        let handle = builder.handler_from(answering("a")).start().unwrap();
        settle().await;
        assert_eq!(handle.add_handler(answering("b")).await, Ok(()));
        settle().await;
        assert!(handle.add_handler(answering("b")).await.is_err());
        handle.remove_handler("b").await.unwrap();
        let call = handle.call(100);
        settle().await;
        handle.remove_handler("a").await.unwrap();
        assert_eq!(call.await, Ok(100));
        sleep_ms(2_000).await;
        assert_eq!(handle.add_handler(answering("c")).await, Ok(()));
        settle().await;
        handle.shutdown().await;
        settle().await;
    });
    let expected = [
        (Level::Info, "started"),
        (Level::Info, "handler a: joined, concurrency limit 2"),
        (Level::Info, "handler b: joined, concurrency limit 2"),
        (Level::Warn, "handler b: a second of this name: it gets no work"),
        (Level::Info, "handler b: leaves: it gets no more work, and has 0 in flight"),
        (Level::Info, "handler a: leaves: it gets no more work, and has 1 in flight"),
        (Level::Warn, "there is no handler: works are refused until one comes"),
        (Level::Info, "handler c: joined, concurrency limit 2"),
        (Level::Info, "there is a handler again"),
        (Level::Info, "shutting down: 0 works wait, 0 in flight"),
        (Level::Info, "stopped"),
    ];
    assert_eq!(told("dispatcher comings: "), owned(&expected));
    for name in ["a", "b", "c"] {
        let line = format!("dispatcher comings: handler {name}: left");
        assert_eq!(lines(&line), [(Level::Debug, line)]);
    }
}

#[test]
fn a_handler_that_is_made_again_says_so() {
    listen();
    virtual_time(async {
        let source = HandlerSource::factory("phoenix", {
            let mut made = 0;
            move || {
                made += 1;
                let service = |lasts: bool| async move {
                    if lasts { Reply::<_, Infallible>::success(()) } else { Reply::gone() }
                };
                ready(if made == 2 { Err("out of reach") } else { Ok(handler_fn("phoenix", service)) })
            }
        });
        let builder = PushingDispatcher::builder("ashes").settings(fixed(1));
        let handle = builder.handler_from(source).start().unwrap();
        assert_eq!(handle.call(true).await, Ok(()));
        assert!(handle.call(false).await.is_err());
        sleep_ms(1_000).await;
        assert_eq!(handle.call(true).await, Ok(()));
    });
    let expected = [
        (Level::Info, "joined, concurrency limit 1"),
        (Level::Warn, "gone (failure 1, made again in 0ns)"),
        (Level::Warn, "out of reach (failure 2, made again in 200ms)"),
        (Level::Info, "is back, concurrency limit 1"),
    ];
    assert_eq!(told("dispatcher ashes: handler phoenix: "), owned(&expected));
}
