//! What is shown of requests, and where.

use std::convert::Infallible;
use std::fmt;

use kanaloa::config::DispatcherSettings;
use kanaloa::{CallError, Failure, PullingDispatcher, PushingDispatcher, handler_fn};
use log::Level;

use crate::memory::{lines, listen};
use crate::support::*;

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

/// Whoever reads the log above `debug` sees nothing of a request, whatever panics with it.
fn is_at_debug_only(secret: &str) {
    let lines = lines(secret);
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|(level, _)| *level >= Level::Debug), "{lines:?}");
}

#[test]
fn what_a_handler_says_when_it_panics_is_for_debug() {
    listen();
    virtual_time(async {
        let service =
            handler_fn("panicking", |n: &'static str| async move { panic!("cannot do {n}") as Result<(), Infallible> });
        let handle = PushingDispatcher::builder("panics").settings(fixed(1)).handler(service).start().unwrap();
        let answer = handle.call("secret-3").await;
        assert!(matches!(answer, Err(CallError::Failed(Failure::Panicked(_)))), "{answer:?}");
    });
    is_at_debug_only("secret-3");
}

#[derive(PartialEq)]
struct Stubborn(&'static str);

impl Clone for Stubborn {
    fn clone(&self) -> Self {
        panic!("cannot copy {}", self.0)
    }
}

#[test]
fn what_a_request_says_that_cannot_be_copied_is_for_debug_and_the_error_is_not_repeated_without_end() {
    listen();
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.work.work_retry = 1;
        let service = handler_fn("single", |_: Stubborn| async { Ok::<_, Infallible>(()) });
        let builder = PushingDispatcher::builder("copies").settings(settings).clone_requests();
        let handle = builder.handler(service).start().unwrap();
        for _ in 0..100 {
            assert_eq!(handle.call(Stubborn("secret-4")).await, Ok(()));
        }
        sleep_ms(10_000).await;
    });
    is_at_debug_only("secret-4");
    let text =
        "dispatcher copies: handler single: a request cannot be copied, for that panicked: it will not go out again";
    let mut expected = vec![(Level::Error, text.to_string()); 5];
    expected.push((Level::Error, format!("{text}; 94 more like it were not logged")));
    assert_eq!(lines("dispatcher copies: handler single: a request"), expected);
}

struct Unspeakable;

impl fmt::Debug for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("cannot be said")
    }
}

#[test]
fn a_request_that_cannot_be_shown_is_done_all_the_same() {
    listen();
    virtual_time(async {
        let service = handler_fn("failing", |_: Unspeakable| async { Err::<(), _>("no") });
        let builder = PushingDispatcher::builder("unspeakable").settings(fixed(1)).show_requests();
        let handle = builder.handler(service).start().unwrap();
        assert_eq!(handle.call(Unspeakable).await, Err(CallError::Failed(Failure::Service("no"))));
    });
    let line = "dispatcher unspeakable: handler failing: a work failed at the service; request: cannot be shown";
    assert_eq!(lines("dispatcher unspeakable: handler failing: a work"), [(Level::Debug, line.to_string())]);
}

#[test]
fn what_a_source_says_when_it_panics_is_for_debug() {
    listen();
    virtual_time(async {
        let items = (0..3).map(|n| if n == 2 { panic!("cannot give secret-5") } else { n });
        let service = handler_fn("any", |_: i32| async { Ok::<_, Infallible>(()) });
        let run = PullingDispatcher::from_iterator("bad source", items).handler(service);
        run.start().unwrap().summary().await;
    });
    is_at_debug_only("secret-5");
    let told = lines("dispatcher bad source: its source panicked");
    assert_eq!(told, [(Level::Warn, "dispatcher bad source: its source panicked, so its run ends".to_string())]);
}
