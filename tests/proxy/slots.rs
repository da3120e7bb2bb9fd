//! What an upstream's concurrency limit counts, and what its process time is.

use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use super::support::{ONE_AT_A_TIME, Proxy, Upstream, get, number};

/// A service is busy until it has sent its last byte.
#[test]
fn a_slot_is_taken_until_the_last_byte() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let mut first = proxy.client();
    first.send(get("/1"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc");
    first.head();
    assert_eq!(first.bytes(3), b"abc");
    let mut second = proxy.client();
    second.send(get("/2"));
    let status = proxy.until_counts(1, 1);
    assert_eq!(status["routes"][0]["upstreams"][0]["limit"], 1);
    assert!(at_upstream.is_silent() && upstream.is_left_alone());
    at_upstream.send("def");
    assert_eq!(first.bytes(3), b"def");
    assert_eq!(at_upstream.head().target(), "/2");
    at_upstream.ok("two");
    assert_eq!(second.answer().text(), "two");
    proxy.until_counts(0, 0);
}

/// Nobody has to ask for an end that is known: the slot is free though the client reads nothing more.
#[test]
fn a_slot_is_free_when_the_last_byte_is_here_not_when_the_client_has_it() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    for ending in ["content-length: 3\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"] {
        let mut idle = proxy.client();
        idle.send(get("/1"));
        let (mut at_upstream, _) = upstream.request();
        at_upstream.send(format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{ending}"));
        proxy.until_counts(0, 0);
        drop(idle);
    }
}

/// The head is what the service-timeout is for; the body has its own.
#[test]
fn a_body_may_take_longer_than_the_service_timeout() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "work-settings { service-timeout = 300ms, request-timeout = 350ms }");
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc");
    thread::sleep(Duration::from_millis(600));
    at_upstream.send("def");
    let answer = client.answer();
    assert_eq!((answer.text(), answer.is_complete), ("abcdef", true));
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["upstreams"][0]["succeeded"], 1);
    assert_eq!(status["routes"][0]["upstreams"][0]["timed_out"], 0);
}

/// They go on for as long as somebody listens.
#[test]
fn server_sent_events_free_their_slot_at_once() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let mut listener = proxy.client();
    listener.send(get("/events"));
    let (mut events, _) = upstream.request();
    events.send(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    listener.head();
    proxy.until_counts(0, 0);
    let mut client = proxy.client();
    client.send(get("/other"));
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(head.target(), "/other");
    at_upstream.ok("other");
    assert_eq!(client.answer().text(), "other");
    events.send("9\r\ndata: 1\n\n\r\n");
    assert_eq!(listener.bytes(14), b"9\r\ndata: 1\n\n\r\n");
}

/// A client that is slow to take its answer does not make the service look slow.
#[test]
fn a_slow_client_is_not_a_slow_service() {
    // More than the system keeps for four sockets.
    const SIZE: usize = 128 << 20;
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    let sending = thread::spawn(move || {
        at_upstream.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n"));
        at_upstream.send(vec![b'x'; SIZE]);
    });
    client.head();
    // Far more than the rest takes.
    thread::sleep(Duration::from_millis(1500));
    assert!(!sending.is_finished(), "all of it fits into buffers");
    assert_eq!(client.bytes(SIZE).len(), SIZE);
    sending.join().expect("all is taken");
    let status = proxy.until_counts(0, 0);
    let upstream = &status["routes"][0]["upstreams"][0];
    assert_eq!(number(&upstream["succeeded"]), 1);
    let time = upstream["process_time_ms"].as_f64().expect("it has had one");
    assert!(time < 1000.0, "the client's 1500 ms are counted: {time} ms");
}

/// The same for one that is slow to send.
#[test]
fn a_slow_upload_is_not_a_slow_service() {
    const SLOW: Duration = Duration::from_millis(400);
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let (mut client, begun) = (proxy.client(), Instant::now());
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc");
    let (mut at_upstream, head) = upstream.request();
    thread::sleep(SLOW);
    client.send("def");
    assert_eq!(at_upstream.body(&head, false).bytes, b"abcdef");
    at_upstream.ok("");
    assert_eq!(client.answer().status, 200);
    let rest = begun.elapsed() - SLOW;
    let status = proxy.until_counts(0, 0);
    let time = status["routes"][0]["upstreams"][0]["process_time_ms"].as_f64().expect("it has had one");
    assert!(time <= rest.as_secs_f64() * 1e3, "the client's {SLOW:?} are counted: {time} ms, beside them {rest:?}");
}

/// How long a client takes for what is read before its request goes out is not taken off the upstream's time either.
#[test]
fn a_slow_beginning_of_an_upload_is_not_a_fast_service() {
    let upstream = Upstream::new();
    let once_more = "work-settings.work-retry = 1, ".to_owned() + ONE_AT_A_TIME;
    let proxy = Proxy::to(&upstream, "retry-buffer = 4", &once_more);
    let mut client = proxy.client();
    client.send("PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    thread::sleep(Duration::from_millis(600));
    client.send("3\r\ndef\r\n0\r\n\r\n");
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(at_upstream.body(&head, false).bytes, b"abcdef");
    thread::sleep(Duration::from_millis(300));
    at_upstream.ok("");
    assert_eq!(client.answer().status, 200);
    let status = proxy.until_counts(0, 0);
    let time = status["routes"][0]["upstreams"][0]["process_time_ms"].as_f64().expect("it has had one");
    assert!(time >= 300.0, "the upstream's 300 ms are not counted: {time} ms");
}

/// A failure is known by its head: what is still said of it takes nobody's place.
#[test]
fn a_failed_answer_frees_its_slot_at_once_and_arrives_whole() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 500 Bad\r\ncontent-length: 6\r\n\r\nabc");
    let head = client.head();
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["requests"]["failed"], 1);
    at_upstream.send("def");
    assert_eq!(client.body(&head, true).bytes, b"abcdef");
}

/// Connections to upstreams are kept, as many as may be.
#[test]
fn connections_to_upstreams_are_used_again() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut at_upstream = None;
    for number in 0..3 {
        let mut client = proxy.client();
        client.send(get(&format!("/{number}")));
        let at_upstream = at_upstream.get_or_insert_with(|| upstream.accept());
        assert_eq!(at_upstream.head().target(), format!("/{number}"));
        at_upstream.ok("");
        assert_eq!(client.answer().status, 200);
    }
    let proxy = Proxy::to(&upstream, "upstream.max-idle = 0", "");
    for _ in 0..3 {
        let mut client = proxy.client();
        client.send(get("/"));
        let (mut at_upstream, _) = upstream.request();
        at_upstream.ok("");
        assert_eq!(client.answer().status, 200);
        at_upstream.closed();
    }
    assert!(upstream.is_left_alone());
}
