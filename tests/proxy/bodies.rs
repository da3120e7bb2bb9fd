//! Bodies, both ways.

use std::thread;

use super::support::{Body, ONE_AT_A_TIME, Proxy, Upstream, Wire, get, ok, post};

const SIZE: usize = 50 << 20;

/// Every block differs from its neighbours, so that one that is lost, doubled or moved is seen.
fn block(number: usize) -> Vec<u8> {
    (0..64 << 10).map(|place| ((number * 31 + place * 7) >> 3) as u8).collect()
}

fn send_blocks(wire: &mut Wire, chunked: bool) {
    for number in 0..SIZE / (64 << 10) {
        if chunked {
            wire.send(format!("{:x}\r\n", 64 << 10));
        }
        wire.send(block(number));
        if chunked {
            wire.send("\r\n");
        }
    }
    if chunked {
        wire.send("0\r\n\r\n");
    }
}

fn read_blocks(wire: &mut Wire) {
    for number in 0..SIZE / (64 << 10) {
        assert!(wire.bytes(64 << 10) == block(number), "block {number} is another");
    }
}

#[test]
fn a_body_with_a_length_keeps_it_both_ways() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(post("/", "", "what is sent"));
    let (mut at_upstream, head) = upstream.request();
    assert_eq!((head.get("content-length"), head.get("transfer-encoding")), (Some("12"), None));
    assert_eq!(at_upstream.body(&head, false).bytes, b"what is sent");
    at_upstream.ok("what comes back");
    let answer = client.answer();
    assert_eq!((answer.get("content-length"), answer.get("transfer-encoding")), (Some("15"), None));
    assert_eq!(answer.text(), "what comes back");
}

/// Each chunk goes on as it comes: nobody waits for the end.
#[test]
fn chunks_stream_both_ways() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    let (mut at_upstream, head) = upstream.request();
    assert_eq!((head.get("content-length"), head.get("transfer-encoding")), (None, Some("chunked")));
    assert_eq!(at_upstream.bytes(8), b"3\r\nabc\r\n");
    client.send("2\r\nde\r\n");
    assert_eq!(at_upstream.bytes(7), b"2\r\nde\r\n");
    at_upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nuvw\r\n");
    let head = client.head();
    assert_eq!((head.get("content-length"), head.get("transfer-encoding")), (None, Some("chunked")));
    assert_eq!(client.bytes(8), b"3\r\nuvw\r\n");
    client.send("0\r\n\r\n");
    assert_eq!(at_upstream.bytes(5), b"0\r\n\r\n");
    at_upstream.send("3\r\nxyz\r\n0\r\n\r\n");
    assert_eq!(client.bytes(13), b"3\r\nxyz\r\n0\r\n\r\n");
}

/// A body that ends with the connection has an end towards the client nevertheless.
#[test]
fn an_answer_that_ends_with_its_connection_is_complete() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\n\r\nto the end");
    at_upstream.finish();
    let answer = client.answer();
    assert_eq!((answer.text(), answer.is_complete), ("to the end", true));
    assert_eq!(answer.get("transfer-encoding"), Some("chunked"));
    client.send(get("/again"));
    assert_eq!(upstream.request().1.target(), "/again");
}

#[test]
fn fifty_megabytes_arrive_as_they_were_sent() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    for chunked in [false, true] {
        let length = if chunked { "transfer-encoding: chunked".to_owned() } else { format!("content-length: {SIZE}") };
        let mut client = proxy.client();
        client.send(format!("PUT / HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\n"));
        let mut sender = client.twin();
        let sending = thread::spawn(move || send_blocks(&mut sender, chunked));
        let (mut at_upstream, head) = upstream.request();
        if chunked {
            let Body { bytes, is_complete, .. } = at_upstream.body(&head, false);
            assert!(is_complete);
            assert_eq!(bytes.len(), SIZE);
            assert!(bytes.chunks(64 << 10).enumerate().all(|(number, part)| part == block(number)));
        } else {
            read_blocks(&mut at_upstream);
        }
        sending.join().expect("all is taken");
        // The reader is slow at first: it takes nothing until the writer can write no more.
        at_upstream.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\nconnection: close\r\n\r\n"));
        let sending = thread::spawn(move || send_blocks(&mut at_upstream, false));
        assert_eq!(client.head().get("content-length"), Some(SIZE.to_string().as_str()));
        assert!(!sending.is_finished());
        read_blocks(&mut client);
        sending.join().expect("all is taken");
    }
}

/// Who is let in is asked for the body, and nobody else.
#[test]
fn only_a_request_that_is_let_in_is_asked_for_its_body() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "max-request-body = 100", ONE_AT_A_TIME);
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n";
    let mut first = proxy.client();
    first.send(head);
    let (mut at_upstream, seen) = upstream.request();
    assert_eq!(seen.get("expect"), None);
    assert_eq!(first.head().first, "HTTP/1.1 100 Continue");
    let mut second = proxy.client();
    second.send(head);
    proxy.until_counts(1, 1);
    let mut third = proxy.client();
    third.send(head);
    assert_eq!(third.answer().said(), (503, "queue-full"));
    // It waits for its turn, and has heard nothing so far.
    assert!(second.is_silent());

    first.send("body");
    assert_eq!(at_upstream.body(&seen, false).bytes, b"body");
    at_upstream.ok("1");
    assert_eq!(first.answer().text(), "1");
    let seen = at_upstream.head();
    assert_eq!(second.head().first, "HTTP/1.1 100 Continue");
    second.send("next");
    assert_eq!(at_upstream.body(&seen, false).bytes, b"next");
    at_upstream.ok("2");
    assert_eq!(second.answer().text(), "2");

    let too_long = proxy.ask("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 101\r\nexpect: 100-continue\r\n\r\n");
    assert_eq!(too_long.said(), (413, "body-too-large"));
}

/// An upstream that has heard enough says so, and the client hears it while it still sends.
#[test]
fn an_early_answer_arrives_while_the_upload_runs() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nbegin");
    let (mut at_upstream, _) = upstream.request();
    assert_eq!(at_upstream.bytes(5), b"begin");
    at_upstream.send("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (401, "no"));
    // Nobody wants the rest: the place is free.
    let mut next = proxy.client();
    next.send(get("/next"));
    let (mut for_next, head) = upstream.request();
    assert_eq!(head.target(), "/next");
    for_next.ok("next");
    assert_eq!(next.answer().text(), "next");
}

/// The answer may even end long before the request does, as with services that stream both ways.
#[test]
fn an_answer_may_stream_while_the_upload_runs() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    let (mut at_upstream, head) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    for word in ["one", "two"] {
        let chunk = format!("3\r\n{word}\r\n");
        client.send(&chunk);
        assert_eq!(at_upstream.bytes(8), chunk.as_bytes());
        at_upstream.send(&chunk);
        assert_eq!(client.bytes(8), chunk.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert!(at_upstream.body(&head, false).is_complete);
    at_upstream.send("0\r\n\r\n");
    assert_eq!(client.bytes(5), b"0\r\n\r\n");
}

#[test]
fn trailers_go_both_ways() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(
        "POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntrailer: sum\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\nab\r\n0\r\nsum: 3\r\n\r\n",
    );
    let (mut at_upstream, head) = upstream.request();
    assert_eq!((head.get("te"), head.get("trailer")), (Some("trailers"), Some("sum")));
    let body = at_upstream.body(&head, false);
    assert_eq!((body.bytes, body.trailers), (b"ab".to_vec(), vec![("sum".to_owned(), "3".to_owned())]));
    at_upstream.send(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: check\r\n\r\n2\r\ncd\r\n0\r\ncheck: 7\r\n\r\n",
    );
    let head = client.head();
    assert_eq!(head.get("trailer"), Some("check"));
    let body = client.body(&head, true);
    assert_eq!((body.bytes, body.trailers), (b"cd".to_vec(), vec![("check".to_owned(), "7".to_owned())]));
}

#[test]
fn empty_bodies_are_empty() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    let mut at_upstream = None;
    for (request, length, encoding) in [
        (get("/"), None, None),
        (post("/", "", ""), Some("0"), None),
        ("POST / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), None, None),
        ("DELETE / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), None, None),
        ("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), None, Some("chunked")),
    ] {
        client.send(&request);
        let at_upstream = at_upstream.get_or_insert_with(|| upstream.accept());
        let head = at_upstream.head();
        assert_eq!((head.get("content-length"), head.get("transfer-encoding")), (length, encoding), "{request:?}");
        assert_eq!(at_upstream.body(&head, false).bytes, b"");
        at_upstream.ok("");
        let answer = client.answer();
        assert_eq!((answer.status, answer.get("content-length"), answer.text()), (200, Some("0"), ""));
    }
    assert!(upstream.is_left_alone());
}

#[test]
fn answers_without_a_body_have_none() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    let mut at_upstream = None;
    for (method, answer, length) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", Some("1000")),
        ("HEAD", "HTTP/1.1 404 Not Found\r\ncontent-length: 7\r\n\r\n", Some("7")),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
        // The length that the body would have may be left out (RFC 9110, 8.6), and hyper does.
        ("GET", "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\ncontent-length: 9\r\n\r\n", None),
        ("GET", "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\n\r\n", None),
    ] {
        let request = format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n");
        client.send(&request);
        let at_upstream = at_upstream.get_or_insert_with(|| upstream.accept());
        assert_eq!(at_upstream.head().first, format!("{method} / HTTP/1.1"));
        at_upstream.send(answer);
        let seen = client.answer_to(&request);
        assert_eq!(answer.split("\r\n").next(), Some(seen.head.first.as_str()));
        assert_eq!((seen.get("content-length"), seen.get("transfer-encoding")), (length, None), "{answer:?}");
    }
    client.send(get("/"));
    let mut at_upstream = at_upstream.expect("it was there");
    at_upstream.head();
    at_upstream.ok("and a body again");
    assert_eq!(client.answer().text(), "and a body again");
}

#[test]
fn clients_of_http_1_0_get_what_they_understand() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send("GET /old HTTP/1.0\r\n\r\n");
    let (mut at_upstream, head) = upstream.request();
    // One that does not say whom it is for gets the upstream's own.
    assert_eq!(head.first, "GET /old HTTP/1.1");
    assert_eq!(head.get("host"), Some(upstream.address.to_string().as_str()));
    at_upstream.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.get("transfer-encoding"), answer.text()), (None, "abc"));
    client.closed();

    let mut client = proxy.client();
    client.send("GET /old HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n");
    assert_eq!(at_upstream.head().get("host"), Some("a"));
    at_upstream.ok("kept");
    let answer = client.answer();
    assert_eq!((answer.get("connection"), answer.text()), (Some("keep-alive"), "kept"));
    client.send("GET /again HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n");
    assert_eq!(at_upstream.head().target(), "/again");
}

/// Requests that come at once are answered one after the other.
#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream =
        Upstream::answering(|head, body| ok(&format!("{} {}", head.target(), String::from_utf8_lossy(body))));
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send([get("/1"), post("/2", "", "two"), get("/3")].concat());
    assert_eq!(client.answer().text(), "/1 ");
    assert_eq!(client.answer().text(), "/2 two");
    assert_eq!(client.answer().text(), "/3 ");
}

#[test]
fn upstreams_of_http_1_0_will_do() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nold");
    drop(at_upstream);
    let answer = client.answer();
    assert_eq!((answer.head.first.as_str(), answer.text()), ("HTTP/1.1 200 OK", "old"));
    assert!(answer.is_complete);
}
