//! What is written to the log. The logger is the whole process's, so each test looks for its own dispatcher's name.

#[path = "actors/support.rs"]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

use std::convert::Infallible;
use std::future::pending;
use std::sync::{Mutex, Once};

use kanaloa::config::DispatcherSettings;
use kanaloa::{HandlerSource, PullingDispatcher, PushingDispatcher, handler_fn};
use log::{Level, LevelFilter, Log, Metadata, Record};
use support::*;

struct Memory(Mutex<Vec<(Level, String)>>);

static MEMORY: Memory = Memory(Mutex::new(Vec::new()));

impl Log for Memory {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        self.0.lock().unwrap().push((record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&MEMORY).unwrap();
        log::set_max_level(LevelFilter::Debug);
    });
}

/// What was written that has this in it.
fn lines(part: &str) -> Vec<(Level, String)> {
    let lines = MEMORY.0.lock().unwrap();
    lines.iter().filter(|(_, line)| line.contains(part)).cloned().collect()
}

fn fails_with(request: &'static str, name: &str, settings: DispatcherSettings) {
    virtual_time(async {
        let service = handler_fn("failing", |_: &'static str| async move { Err::<(), _>("no") });
        let builder = PushingDispatcher::builder(name).settings(settings).show_requests();
        let handle = builder.handler(service).start().unwrap();
        assert!(handle.call(request).await.is_err());
    });
}

#[test]
fn so_many_characters_of_a_request_are_shown() {
    listen();
    let mut settings = fixed(1);
    for (length, name, shown) in [
        (200, "whole", Some("; request: \"grüße und küsse\"")),
        (6, "start", Some("; request: \"grüße…")),
        (0, "none", None),
    ] {
        settings.work.length_of_display_for_message = length;
        fails_with("grüße und küsse", name, settings.clone());
        let lines = lines(&format!("dispatcher {name}: handler failing: a work failed at the service"));
        assert_eq!(lines.len(), 1);
        let (level, line) = &lines[0];
        assert_eq!(*level, Level::Debug);
        match shown {
            Some(shown) => assert!(line.ends_with(shown), "{line}"),
            None => assert!(!line.contains("request"), "{line}"),
        }
    }
}

#[test]
fn the_default_length_is_200() {
    listen();
    let long: &'static str = "x".repeat(1_000).leak();
    fails_with(long, "default length", fixed(1));
    let lines = lines("dispatcher default length: handler failing: a work failed");
    // The quote is one of them.
    assert!(lines[0].1.ends_with(&format!("request: \"{}…", "x".repeat(199))), "{lines:?}");
}

#[test]
fn requests_are_not_shown_unless_asked_for_and_never_above_debug() {
    listen();
    virtual_time(async {
        let service = handler_fn("failing", |_: &'static str| async move { Err::<(), _>("no") });
        let handle = PushingDispatcher::builder("silent").settings(fixed(1)).handler(service).start().unwrap();
        assert!(handle.call("secret-1").await.is_err());
    });
    assert_eq!(lines("secret-1"), []);
    fails_with("secret-2", "showing", fixed(1));
    assert!(!lines("secret-2").is_empty());
    assert!(lines("secret-2").iter().all(|(level, _)| *level >= Level::Debug));
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
    let told: Vec<_> = lines("dispatcher talks: ").into_iter().filter(|(level, _)| *level < Level::Debug).collect();
    let expected = [
        (Level::Info, "dispatcher talks: handler hanging: running, concurrency limit 1"),
        (Level::Warn, "dispatcher talks: handler hanging: circuit breaker open for 1s: too many timeouts in a row"),
        (Level::Info, "dispatcher talks: handler hanging: circuit breaker half-open"),
        (Level::Info, "dispatcher talks: handler hanging: circuit breaker closed"),
        (Level::Warn, "dispatcher talks: time is over: 0 works refused, 1 cut off"),
        (Level::Warn, "dispatcher talks: handler hanging: 1 workers are cut off"),
        (Level::Info, "dispatcher talks: stopped"),
    ];
    let told: Vec<_> = told.iter().map(|(level, line)| (*level, line.as_str())).collect();
    assert_eq!(told, expected);
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
