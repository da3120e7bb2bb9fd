//! Clients and upstreams that leave, stall or lie.

use super::support::{ONE_AT_A_TIME, Proxy, Upstream, get, post};

/// Work of a client that has left is not done: it leaves the queue, and no upstream sees it.
#[test]
fn a_client_that_leaves_the_queue_is_forgotten() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let (mut first, mut gone) = (proxy.client(), proxy.client());
    first.send(get("/first"));
    let (mut at_upstream, _) = upstream.request();
    gone.send(get("/gone"));
    proxy.until_counts(1, 1);
    drop(gone);
    proxy.until_counts(0, 1);
    let mut last = proxy.client();
    last.send(get("/last"));
    proxy.until_counts(1, 1);
    at_upstream.ok("");
    assert_eq!(first.answer().status, 200);
    assert_eq!(at_upstream.head().target(), "/last");
    at_upstream.ok("");
    assert_eq!(last.answer().status, 200);
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["requests"]["abandoned"], 1);
    assert_eq!(status["routes"][0]["requests"]["completed"], 2);
    assert!(upstream.is_left_alone());
}

/// The upstream hears at once that nobody waits, and its place is for the next.
#[test]
fn a_client_that_leaves_while_the_upstream_works_frees_it() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    for reset in [false, true] {
        let mut gone = proxy.client();
        gone.send(get("/gone"));
        let (mut at_upstream, _) = upstream.request();
        if reset {
            gone.reset()
        } else {
            drop(gone)
        }
        at_upstream.closed();
        proxy.until_counts(0, 0);
        let mut next = proxy.client();
        next.send(get("/next"));
        let (mut at_upstream, head) = upstream.request();
        assert_eq!(head.target(), "/next");
        at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        assert_eq!(next.answer().status, 200);
    }
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["requests"]["abandoned"], 2);
    assert_eq!(status["routes"][0]["upstreams"][0]["failed"], 0);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_upload_frees_the_upstream() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    for length in ["content-length: 100", "transfer-encoding: chunked"] {
        let mut gone = proxy.client();
        gone.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\n3\r\nabc\r\n"));
        let (mut at_upstream, head) = upstream.request();
        drop(gone);
        assert!(!at_upstream.body(&head, false).is_complete, "the upstream takes a part for the whole");
        at_upstream.closed();
        let status = proxy.until_counts(0, 0);
        assert_eq!(status["routes"][0]["upstreams"][0]["failed"], 0);
    }
}

#[test]
fn a_client_that_leaves_while_the_answer_streams_frees_the_upstream() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let mut gone = proxy.client();
    gone.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    gone.head();
    assert_eq!(gone.bytes(8), b"3\r\nabc\r\n");
    proxy.until_counts(0, 1);
    drop(gone);
    at_upstream.closed();
    proxy.until_counts(0, 0);
}

/// There is no telling a client that only has no more to ask from one that has gone, and most have gone.
#[test]
fn a_client_that_closes_its_half_has_left() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(post("/", "", "the last"));
    let (mut at_upstream, head) = upstream.request();
    client.finish();
    assert_eq!(at_upstream.body(&head, false).bytes, b"the last");
    at_upstream.closed();
    client.closed();
}

/// A part is never taken for the whole.
#[test]
fn an_upstream_that_breaks_off_does_so_for_the_client_too() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "circuit-breaker.enabled = off");
    for (head, part) in [("content-length: 10", "abc"), ("transfer-encoding: chunked", "3\r\nabc\r\n")] {
        for reset in [false, true] {
            let mut client = proxy.client();
            client.send(get("/"));
            let (mut at_upstream, _) = upstream.request();
            at_upstream.send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{part}"));
            let head = client.head();
            assert_eq!(client.bytes(part.len()), part.as_bytes());
            if reset {
                at_upstream.reset()
            } else {
                drop(at_upstream)
            }
            let body = client.body(&head, true);
            assert!(!body.is_complete, "{head:?}, reset: {reset}: {body:?}");
            assert_eq!(body.bytes, b"");
        }
    }
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["upstreams"][0]["failed"], 4);
}

#[test]
fn an_upstream_that_stalls_in_the_body_is_given_up() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "upstream.body-idle-timeout = 80ms", ONE_AT_A_TIME);
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text(), answer.is_complete), (200, "abc", false));
    at_upstream.closed();
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["upstreams"][0]["timed_out"], 1);
}

/// One that says something now and then is not given up, however long it takes.
#[test]
fn an_upstream_that_is_slow_but_steady_is_not_given_up() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "upstream.body-idle-timeout = 400ms", ONE_AT_A_TIME);
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n");
    for byte in b"0123456789" {
        std::thread::sleep(std::time::Duration::from_millis(50));
        at_upstream.send([*byte]);
    }
    let answer = client.answer();
    assert_eq!((answer.text(), answer.is_complete), ("0123456789", true));
}

#[test]
fn a_client_that_stalls_in_its_upload_is_a_408() {
    let upstream = Upstream::new();
    let text = format!(
        "proxy {{ request-body-idle-timeout = 80ms, routes = [{{ upstreams = [\"http://{}\"] }}] }}",
        upstream.address
    );
    let proxy = Proxy::start(&text);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc");
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(client.answer().said(), (408, "request-too-slow"));
    assert!(!at_upstream.body(&head, false).is_complete);
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["upstreams"][0]["failed"], 0);
    assert_eq!(status["routes"][0]["upstreams"][0]["timed_out"], 0);
}

/// More than was announced belongs to no answer, and is passed to nobody.
#[test]
fn an_upstream_that_sends_more_than_it_says() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(get("/1"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    assert_eq!(client.answer().text(), "abc");
    // The connection is used no more: what else comes on it cannot be told from an answer.
    at_upstream.closed();
    client.send(get("/2"));
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(head.target(), "/2");
    at_upstream.ok("good");
    assert_eq!(client.answer().text(), "good");
}

#[test]
fn an_upstream_that_sends_less_than_it_says() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
    let head = client.head();
    assert_eq!(head.get("content-length"), Some("10"));
    assert_eq!(client.bytes(3), b"abc");
    at_upstream.finish();
    let body = client.body(&head, true);
    assert_eq!((body.bytes, body.is_complete), (Vec::new(), false));
}

/// Where all of it comes at once, the client may not even see the head, but never an answer that is whole.
#[test]
fn an_upstream_that_sends_less_than_it_says_all_at_once() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "circuit-breaker.enabled = off");
    for _ in 0..20 {
        let mut client = proxy.client();
        client.send(get("/"));
        let (mut at_upstream, _) = upstream.request();
        at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
        at_upstream.finish();
        if let Some(head) = client.try_head() {
            assert_eq!(head.status(), 200);
            assert!(!client.body(&head, true).is_complete);
        }
    }
}

/// Two lengths in one answer: the chunks are what counts (RFC 9112, 6.3), and the client sees one length only.
#[test]
fn an_upstream_with_two_lengths_smuggles_nothing() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    for headers in
        ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 3"]
    {
        let mut client = proxy.client();
        client.send(get("/"));
        let (mut at_upstream, _) = upstream.request();
        at_upstream.send(format!("HTTP/1.1 200 OK\r\n{headers}\r\nconnection: close\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"));
        let answer = client.answer();
        assert_eq!((answer.get("content-length"), answer.text(), answer.is_complete), (None, "abcde", true));
    }
}

#[test]
fn an_upstream_that_contradicts_itself_is_a_502() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "circuit-breaker.enabled = off");
    for headers in ["content-length: 3\r\ncontent-length: 4", "content-length: -3", "content-length: 3, 4"] {
        let mut client = proxy.client();
        client.send(get("/"));
        let (mut at_upstream, _) = upstream.request();
        let _ = at_upstream.try_send(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nabcd"));
        assert_eq!(client.answer().said(), (502, "upstream-failed"), "{headers}");
    }
}

#[test]
fn an_upstream_with_too_long_a_head_is_a_502() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    let line = format!("x-long: {}\r\n", "a".repeat(1000));
    // It may be refused before its end.
    let _ = at_upstream.try_send(format!("HTTP/1.1 200 OK\r\n{}\r\n", line.repeat(1000)));
    assert_eq!(client.answer().said(), (502, "upstream-failed"));
}

/// A kept connection that the upstream has closed is not the client's concern.
#[test]
fn an_upstream_that_has_closed_an_idle_connection_is_asked_on_another() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    for number in 0..20 {
        client.send(get("/"));
        let (mut at_upstream, _) = upstream.request();
        at_upstream.ok(&number.to_string());
        assert_eq!(client.answer().text(), number.to_string());
        at_upstream.finish();
        at_upstream.closed();
    }
    assert_eq!(proxy.until_counts(0, 0)["routes"][0]["upstreams"][0]["failed"], 0);
}

#[test]
fn an_upstream_that_just_closes_an_idle_connection_is_asked_on_another() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    for number in 0..200 {
        client.send(get("/"));
        let (mut at_upstream, _) = upstream.request();
        at_upstream.ok(&number.to_string());
        drop(at_upstream);
        assert_eq!(client.answer().text(), number.to_string());
    }
    assert_eq!(proxy.until_counts(0, 0)["routes"][0]["upstreams"][0]["failed"], 0);
}

/// Where nothing may follow the head, what follows is no part of the answer, nor the next one.
#[test]
fn an_upstream_that_sends_a_body_where_none_may_be() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let head = "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned();
    for (request, status) in [(head, "200 OK"), (get("/"), "204 No Content"), (get("/"), "304 Not Modified")] {
        let mut client = proxy.client();
        client.send(&request);
        let (mut at_upstream, _) = upstream.request();
        at_upstream.send(format!("HTTP/1.1 {status}\r\ncontent-length: 4\r\n\r\nevil"));
        let answer = client.answer_to(&request);
        assert_eq!(answer.head.first, format!("HTTP/1.1 {status}"));
        at_upstream.closed();
        client.send(get("/next"));
        let (mut at_upstream, _) = upstream.request();
        at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngood");
        assert_eq!(client.answer().text(), "good");
    }
}

/// A request that is kept before it goes out goes nowhere if it does not arrive.
#[test]
fn a_request_that_is_kept_goes_out_whole_or_not_at_all() {
    let upstream = Upstream::new();
    let proxy = Proxy::start(&format!(
        "proxy {{ request-body-idle-timeout = 100ms, routes = [{{ upstreams = [\"http://{}\"] }}] }}\n\
         dispatchers.default.work-settings.work-retry = 1",
        upstream.address
    ));
    let part = "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc";
    let mut gone = proxy.client();
    gone.send(part);
    drop(gone);
    let mut slow = proxy.client();
    slow.send(part);
    assert_eq!(slow.answer().said(), (408, "request-too-slow"));
    proxy.until("both have left", |status| status["connections"] == 1 || status["connections"] == 0);
    assert_eq!(proxy.status()["routes"][0]["requests"]["received"], 0);
    assert!(upstream.is_left_alone());
}

/// An https upstream that never says a word is not waited for longer than a connection may take.
#[test]
fn an_upstream_that_stalls_in_its_handshake_is_a_502() {
    let upstream = Upstream::new();
    let proxy = Proxy::start(&format!(
        "proxy.routes = [{{ upstreams = [\"https://{}\"], upstream.connect-timeout = 150ms }}]",
        upstream.address
    ));
    let mut client = proxy.client();
    client.send(get("/"));
    let _at_upstream = upstream.accept();
    assert_eq!(client.answer().said(), (502, "no-connection"));
}

/// Requests that wait for the one connection of HTTP/2 do not try one after the other, each for as long as one may take.
#[test]
fn what_waits_for_the_same_connection_fails_with_it() {
    let upstream = Upstream::new();
    let proxy = Proxy::start(&format!(
        "proxy.routes = [{{ upstreams = [\"https://{}\"], upstream {{ http = http2, connect-timeout = 1s }} }}]\n\
         dispatchers.default {{ autothrottle.enabled = off, worker-pool.starting-pool-size = 5, circuit-breaker.enabled = off }}",
        upstream.address
    ));
    proxy.until("the upstream is there", |status| status["routes"][0]["upstreams"][0]["state"] == "running");
    let mut clients: Vec<_> = (0..5).map(|_| proxy.client()).collect();
    clients.iter_mut().for_each(|client| client.send(get("/")));
    let _at_upstream = upstream.accept();
    proxy.until_counts(0, 5);
    for mut client in clients {
        assert_eq!(client.answer().said(), (502, "no-connection"));
    }
    assert!(upstream.is_left_alone());
}

/// It is the client who was too slow, not the upstream.
#[test]
fn a_client_that_is_still_sending_when_the_time_is_over_is_a_408() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "work-settings.service-timeout = 300ms");
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc");
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(client.answer().said(), (408, "request-too-slow"));
    assert!(!at_upstream.body(&head, false).is_complete);
    let status = proxy.until_counts(0, 0);
    let upstream = &status["routes"][0]["upstreams"][0];
    assert_eq!((&upstream["timed_out"], &upstream["cancelled"]), (&0.into(), &1.into()));
}
