//! Requests that go out more than once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::support::{Head, Proxy, Upstream, get, nobody, number, ok, post};

/// A second attempt where the first fails, whatever budgets and circuit breakers would say of it.
const ONCE_MORE: &str = "work-settings { work-retry = 1, retry-budget.enabled = off }, circuit-breaker.enabled = off";

/// The client gets what the second upstream says, or the 503 of the first.
fn is_sent_again(request: &str, route: &str, dispatcher: &str) -> bool {
    let (bad, good) = (Upstream::answering(failing), Upstream::answering(failing));
    let proxy = Proxy::over(&[bad.address, good.address], route, dispatcher);
    let answer = proxy.ask(request);
    assert_eq!((answer.status, answer.text()), (503, "failed"), "the client has the upstream's own words");
    let status = proxy.until_counts(0, 0);
    let upstreams = status["routes"][0]["upstreams"].as_array().expect("a list");
    let failed: u64 = upstreams.iter().map(|upstream| number(&upstream["failed"])).sum();
    assert_eq!(status["routes"][0]["requests"]["failed"], 1);
    failed == 2
}

fn failing(_: &Head, _: &[u8]) -> String {
    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 6\r\n\r\nfailed".to_owned()
}

#[test]
fn only_idempotent_requests_are_sent_again() {
    let keyed = post("/", "idempotency-key: 7\r\n", "body");
    let plain = post("/", "", "body");
    let put = "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody".to_owned();
    let patch = "PATCH / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody".to_owned();
    for (request, route, expected) in [
        (&get("/"), "", true),
        (&put, "", true),
        (&plain, "", false),
        (&patch, "", false),
        (&keyed, "", true),
        (&plain, "retry-others = on", true),
        (&get("/"), "retry-idempotent = off", false),
        (&keyed, "retry-idempotent = off", false),
    ] {
        let again = is_sent_again(request, route, ONCE_MORE);
        assert_eq!(again, expected, "{request:?} with {route:?}");
    }
}

#[test]
fn nothing_is_sent_again_unless_the_dispatcher_does() {
    assert!(!is_sent_again(&get("/"), "", ""));
}

/// What was buffered goes out whole.
#[test]
fn what_is_sent_again_is_the_same() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONCE_MORE);
    let mut client = proxy.client();
    client.send("PUT /x?y=z HTTP/1.1\r\nhost: a\r\nx-more: 1\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    let (mut first, head) = upstream.request();
    assert_eq!(head.first, "PUT /x?y=z HTTP/1.1");
    assert_eq!(first.body(&head, false).bytes, b"abcde");
    drop(first);
    let (mut second, again) = upstream.request();
    assert_eq!(again, head);
    assert_eq!(second.body(&again, false).bytes, b"abcde");
    second.ok("at last");
    assert_eq!(client.answer().text(), "at last");
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["requests"]["completed"], 1);
    assert_eq!(status["routes"][0]["upstreams"][0]["failed"], 1);
}

/// Whichever comes first, one of two upstreams is dead: no request is lost to it.
#[test]
fn a_dead_upstream_costs_no_request() {
    let good = Upstream::answering(|_, _| ok("good"));
    let proxy = Proxy::over(&[nobody(), good.address], "", ONCE_MORE);
    for _ in 0..20 {
        assert_eq!(proxy.ask(&get("/")).text(), "good");
    }
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["requests"]["completed"], 20);
}

#[test]
fn a_body_beyond_the_retry_buffer_goes_out_once() {
    let body = "x".repeat(101);
    let put = format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 101\r\n\r\n{body}");
    let chunked = format!("PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n65\r\n{body}\r\n0\r\n\r\n");
    let fits = format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{}", &body[..100]);
    assert!(!is_sent_again(&put, "retry-buffer = 100", ONCE_MORE));
    assert!(!is_sent_again(&chunked, "retry-buffer = 100", ONCE_MORE));
    assert!(is_sent_again(&fits, "retry-buffer = 100", ONCE_MORE));

    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "retry-buffer = 100", ONCE_MORE);
    for request in [&put, &chunked] {
        let mut client = proxy.client();
        client.send(request);
        let (mut at_upstream, head) = upstream.request();
        assert_eq!(at_upstream.body(&head, false).bytes, body.as_bytes());
        at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        assert_eq!(client.answer().status, 200);
    }
    let proxy = Proxy::to(&upstream, "retry-buffer = 100, beyond-retry-buffer = refuse", ONCE_MORE);
    for request in [&put, &chunked] {
        assert_eq!(proxy.ask(request).said(), (413, "body-too-large"));
    }
    // One that would go out once anyway is not kept at all.
    let mut client = proxy.client();
    client.send(post("/", "", &body));
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(at_upstream.body(&head, false).bytes, body.as_bytes());
    at_upstream.ok("");
    assert_eq!(client.answer().status, 200);
    assert!(upstream.is_left_alone());
}

fn two() -> (Upstream, Upstream, Vec<SocketAddr>) {
    let (one, other) = (Upstream::new(), Upstream::new());
    let addresses = vec![one.address, other.address];
    (one, other, addresses)
}

const TWO_CALLS: &str = "work-settings { concurrent-calls = 2, concurrent-budget.enabled = off }";

/// The first success is the answer, and the other upstream hears at once that it need not go on.
#[test]
fn of_concurrent_calls_the_first_success_wins() {
    for fails_first in [false, true] {
        let (one, other, addresses) = two();
        let proxy = Proxy::over(&addresses, "", TWO_CALLS);
        let mut client = proxy.client();
        client.send(get("/"));
        let (mut at_one, _) = one.request();
        let (mut at_other, _) = other.request();
        if fails_first {
            at_one.send(failing(&Head { first: String::new(), headers: Vec::new() }, b""));
            at_other.ok("the other");
            assert_eq!(client.answer().text(), "the other");
        } else {
            at_one.ok("the one");
            assert_eq!(client.answer().text(), "the one");
            at_other.closed();
        }
        let status = proxy.until_counts(0, 0);
        assert_eq!(status["routes"][0]["requests"]["received"], 1);
        assert_eq!(status["routes"][0]["requests"]["completed"], 1);
    }
}

/// The end of the other call is not the end of the answer.
#[test]
fn the_winners_body_streams_on() {
    let (one, other, addresses) = two();
    let proxy = Proxy::over(&addresses, "", TWO_CALLS);
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_one, _) = one.request();
    let (mut at_other, _) = other.request();
    at_one.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc");
    let head = client.head();
    at_other.closed();
    proxy.until_counts(0, 1);
    at_one.send("def");
    assert_eq!(client.body(&head, true).bytes, b"abcdef");
    proxy.until_counts(0, 0);
}

#[test]
fn if_all_concurrent_calls_fail_the_client_hears_what_an_upstream_said() {
    let (one, other, addresses) = two();
    let proxy = Proxy::over(&addresses, "", TWO_CALLS);
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_one, _) = one.request();
    let (at_other, _) = other.request();
    at_one.send("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 3\r\n\r\nbad");
    proxy.until_counts(0, 1);
    drop(at_other);
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (500, "bad"));
}

#[test]
fn a_request_that_may_go_out_once_has_one_call() {
    for body in ["body", ""] {
        has_one_call(body);
    }
}

fn has_one_call(body: &str) {
    let (one, other, addresses) = two();
    let proxy = Proxy::over(&addresses, "", TWO_CALLS);
    let mut client = proxy.client();
    client.send(post("/", "", body));
    // Another call would be counted by now.
    proxy.until_counts(0, 1);
    let mut seen = None;
    proxy.until("it is at one of them", |_| {
        seen = seen.take().or_else(|| one.try_accept()).or_else(|| other.try_accept());
        seen.is_some()
    });
    let mut at_upstream = seen.expect("it was seen");
    let head = at_upstream.head();
    assert_eq!(at_upstream.body(&head, false).bytes, body.as_bytes());
    at_upstream.ok("once");
    assert_eq!(client.answer().text(), "once");
    assert!(one.is_left_alone() && other.is_left_alone());
    let status = proxy.until_counts(0, 0);
    let upstreams = status["routes"][0]["upstreams"].as_array().expect("a list");
    assert_eq!(upstreams.iter().map(|upstream| number(&upstream["succeeded"])).sum::<u64>(), 1);
}

/// Only what the settings list is a failure.
#[test]
fn which_statuses_are_failures_is_a_setting() {
    let upstream =
        Upstream::answering(|head, _| format!("HTTP/1.1 {} X\r\ncontent-length: 0\r\n\r\n", &head.target()[1..]));
    let proxy = Proxy::to(&upstream, "failure-statuses = [500, 429]", "circuit-breaker.enabled = off");
    for status in [200, 301, 404, 429, 500, 501, 503] {
        assert_eq!(proxy.ask(&get(&format!("/{status}"))).status, status);
    }
    let status = proxy.until_counts(0, 0);
    let upstream = &status["routes"][0]["upstreams"][0];
    assert_eq!((&upstream["succeeded"], &upstream["failed"]), (&5.into(), &2.into()));
    let requests = &status["routes"][0]["requests"];
    assert_eq!((&requests["completed"], &requests["failed"]), (&5.into(), &2.into()));
}

/// An upstream that asks to be left alone is.
#[test]
fn retry_after_holds_an_upstream() {
    for (route, pause, is_held) in
        [("", "30", true), ("max-hold = 0", "30", false), ("", "0", false), ("failure-statuses = [500]", "30", false)]
    {
        let answer = format!("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nretry-after: {pause}\r\n\r\n");
        let upstream = Upstream::answering(move |_, _| answer.clone());
        let proxy = Proxy::to(&upstream, route, "");
        let answer = proxy.ask(&get("/"));
        // The client sees it as well.
        assert_eq!((answer.status, answer.get("retry-after")), (503, Some(pause)));
        let status = proxy.until_counts(0, 0);
        let state = if is_held { "held" } else { "running" };
        assert_eq!(status["routes"][0]["upstreams"][0]["state"], state, "{route:?}, {pause:?}");
    }
}

/// While one upstream is left alone the others have all, and nobody notices.
#[test]
fn a_held_upstream_gets_nothing() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let busy = Upstream::answering(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nretry-after: 30\r\n\r\n".to_owned()
    });
    let good = Upstream::answering(|_, _| ok("good"));
    let proxy = Proxy::over(&[busy.address, good.address], "", ONCE_MORE);
    for _ in 0..20 {
        assert_eq!(proxy.ask(&get("/")).text(), "good");
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["requests"]["completed"], 20);
}

/// It asks for longer than it gets.
#[test]
fn a_hold_ends() {
    let busy = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nretry-after: 3600\r\n\r\n";
    let upstream = Upstream::answering(|_, _| busy.to_owned());
    let proxy = Proxy::to(&upstream, "max-hold = 150ms", "circuit-breaker.enabled = off");
    let begun = Instant::now();
    assert_eq!(proxy.ask(&get("/")).status, 503);
    // This one waits for the upstream.
    assert_eq!(proxy.ask(&get("/")).said(), (503, ""));
    assert!(begun.elapsed() >= Duration::from_millis(150), "it was not left alone");
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["upstreams"][0]["failed"], 2);
}

/// What met no connection has been nowhere: another upstream may have it, whatever it is and whatever the settings say of
/// retries.
#[test]
fn a_request_that_met_no_connection_goes_to_another_upstream() {
    let upstream = Upstream::answering(|head, _| ok(head.target()));
    let proxy = Proxy::over(&[nobody(), upstream.address], "", "circuit-breaker.enabled = off");
    let mut client = proxy.client();
    for number in 0..50 {
        client.send(post(&format!("/{number}"), "", "x"));
        assert_eq!(client.answer().text(), format!("/{number}"));
    }
}
