//! What clients get that get no answer of an upstream.

use super::support::{ONE_AT_A_TIME, Proxy, Upstream, get, nobody, ok, post};

/// With one request at the upstream and one that waits, the next is refused at once.
#[test]
fn a_refused_request_is_told_why_and_when_to_come_back() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let (mut first, mut second) = (proxy.client(), proxy.client());
    first.send(get("/1"));
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(head.first, "GET /1 HTTP/1.1");
    second.send(get("/2"));
    proxy.until_counts(1, 1);

    let refused = proxy.ask(&get("/3"));
    assert_eq!(refused.said(), (503, "queue-full"));
    assert_eq!(refused.get("retry-after"), Some("1"));
    assert_eq!(refused.get("cache-control"), Some("no-store"));
    assert_eq!(refused.text(), "503 queue-full: as many requests wait for the service as may; try again later\n");

    at_upstream.ok("one");
    assert_eq!(first.answer().text(), "one");
    assert_eq!(at_upstream.head().first, "GET /2 HTTP/1.1");
    at_upstream.ok("two");
    assert_eq!(second.answer().text(), "two");
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["requests"]["rejected"], 1);
}

#[test]
fn a_service_that_does_not_answer_in_time_is_a_504() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "work-settings.service-timeout = 300ms");
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    let answer = client.answer();
    assert_eq!(answer.said(), (504, "service-timeout"));
    assert_eq!(answer.text(), "504 service-timeout: the service has not answered in time\n");
    // It is not left to work for nobody.
    at_upstream.closed();
}

#[test]
fn a_request_that_is_not_answered_in_time_is_a_504() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(
        &upstream,
        "",
        "work-settings { service-timeout = 250ms, request-timeout = 400ms }\n\
         work-settings { at-least-once = on, retry-budget.enabled = off }",
    );
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut first, _) = upstream.request();
    let (mut second, _) = upstream.request();
    assert_eq!(client.answer().said(), (504, "request-timeout"));
    first.closed();
    second.closed();
    assert!(upstream.is_left_alone());
}

#[test]
fn an_upstream_that_refuses_connections_is_a_502() {
    let proxy = Proxy::over(&[nobody()], "", "");
    let answer = proxy.ask(&get("/"));
    assert_eq!(answer.said(), (502, "no-connection"));
    assert_eq!(answer.text(), "502 no-connection: no connection to the service could be made; try again later\n");
}

#[test]
fn an_upstream_that_closes_without_an_answer_is_a_502() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(get("/"));
    drop(upstream.request());
    let answer = client.answer();
    assert_eq!(answer.said(), (502, "upstream-failed"));
    assert_eq!(answer.text(), "502 upstream-failed: the service broke off, or its answer is not valid\n");
}

#[test]
fn an_upstream_that_resets_is_a_502() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(get("/"));
    upstream.request().0.reset();
    assert_eq!(client.answer().said(), (502, "upstream-failed"));
}

#[test]
fn an_upstream_that_answers_with_garbage_is_a_502() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    for garbage in
        ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 2OO OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"]
    {
        let mut client = proxy.client();
        client.send(get("/"));
        let (mut at_upstream, _) = upstream.request();
        at_upstream.send(garbage);
        assert_eq!(client.answer().said(), (502, "upstream-failed"), "{garbage:?}");
        at_upstream.closed();
    }
}

/// The client's connection goes on after each of these.
#[test]
fn a_connection_survives_what_the_proxy_answers_itself() {
    let upstream = Upstream::answering(|head, _| ok(head.target()));
    let proxy = Proxy::to(&upstream, "path-prefix = /a, methods = [GET], dispatcher = default", "");
    let mut client = proxy.client();
    client.send(get("/b"));
    assert_eq!(client.answer().said(), (404, "no-route"));
    client.send(get("/a"));
    assert_eq!(client.answer().text(), "/a");
    client.send(post("/a", "", "body"));
    assert_eq!(client.answer().said(), (405, "method-not-allowed"));
    client.send(get("/a/b"));
    assert_eq!(client.answer().text(), "/a/b");
}

#[test]
fn what_no_route_has_is_a_404() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "path-prefix = /a, host = example.com, dispatcher = default", "");
    for request in [get("/"), get("/ab"), "GET /a HTTP/1.1\r\nhost: example.org\r\n\r\n".to_owned()] {
        let answer = proxy.ask(&request);
        assert_eq!(answer.said(), (404, "no-route"), "{request:?}");
        assert_eq!(answer.text(), "404 no-route: nothing is served for this host and path\n");
    }
    assert!(upstream.is_left_alone());
}

#[test]
fn a_method_that_no_route_has_is_a_405_with_those_that_are_allowed() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "methods = [get, put]", "");
    let answer = proxy.ask(&post("/", "", ""));
    assert_eq!(answer.said(), (405, "method-not-allowed"));
    assert_eq!(answer.get("allow"), Some("GET, PUT"));
    for method in ["CONNECT example.com:80", "TRACE /"] {
        let answer = proxy.ask(&format!("{method} HTTP/1.1\r\nhost: example.com:80\r\n\r\n"));
        assert_eq!(answer.said(), (405, "method-not-allowed"), "{method}");
        assert_eq!(answer.get("allow"), Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    }
    assert!(upstream.is_left_alone());
}

#[test]
fn a_body_that_says_it_is_too_long_is_a_413_before_it_is_read() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "max-request-body = 10", "");
    let answer = proxy.ask("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 11\r\n\r\n");
    assert_eq!(answer.said(), (413, "body-too-large"));
    assert!(upstream.is_left_alone());

    let mut client = proxy.client();
    client.send(post("/", "", "0123456789"));
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(at_upstream.body(&head, false).bytes, b"0123456789");
    at_upstream.ok("");
    assert_eq!(client.answer().status, 200);
}

#[test]
fn a_chunked_body_that_gets_too_long_is_a_413() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "max-request-body = 10", "");
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n");
    let (mut at_upstream, head) = upstream.request();
    client.send("6\r\n567890\r\n0\r\n\r\n");
    assert_eq!(client.answer().said(), (413, "body-too-large"));
    let body = at_upstream.body(&head, false);
    assert!(!body.is_complete, "the upstream takes a part for the whole");
    // It is the client's fault, and counts against nobody.
    let status = proxy.until_counts(0, 0);
    assert_eq!(status["routes"][0]["upstreams"][0]["failed"], 0);
}

#[test]
fn a_target_that_is_too_long_is_a_414() {
    let upstream = Upstream::answering(|_, _| ok(""));
    let route =
        format!("proxy.max-uri-length = 100\nproxy.routes = [{{ upstreams = [\"http://{}\"] }}]", upstream.address);
    let proxy = Proxy::start(&route);
    assert_eq!(proxy.ask(&get(&format!("/{}", "a".repeat(99)))).status, 200);
    assert_eq!(proxy.ask(&get(&format!("/{}", "a".repeat(100)))).said(), (414, "uri-too-long"));
    assert_eq!(proxy.ask(&get(&format!("/?{}", "a".repeat(99)))).said(), (414, "uri-too-long"));
    assert_eq!(proxy.ask(&get(&format!("/{}", "a".repeat(30_000)))).said(), (414, "uri-too-long"));
    // Where even the head as a whole is too large, its end is not waited for.
    assert_eq!(proxy.ask(&get(&format!("/{}", "a".repeat(70_000)))).status, 431);
}

#[test]
fn a_head_that_is_too_large_is_a_431() {
    let upstream = Upstream::answering(|_, _| ok(""));
    let route = format!(
        "proxy {{ max-header-size = 8192, max-headers = 10, routes = [{{ upstreams = [\"http://{}\"] }}] }}",
        upstream.address
    );
    let proxy = Proxy::start(&route);
    let with = |headers: &str| proxy.ask(&format!("GET / HTTP/1.1\r\nhost: a\r\n{headers}\r\n"));
    assert_eq!(with(&format!("x: {}\r\n", "a".repeat(8_000))).status, 200);
    assert_eq!(with(&format!("x: {}\r\n", "a".repeat(9_000))).status, 431);
    assert_eq!(with(&"x: a\r\n".repeat(9)).status, 200);
    assert_eq!(with(&"x: a\r\n".repeat(10)).status, 431);
}

#[test]
fn requests_that_can_be_understood_in_two_ways_are_a_400() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    for (request, reason) in [
        ("GET / HTTP/1.1\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "bad-host"),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", "bad-host"),
        ("GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n", "bad-host"),
        ("GET /a/../b HTTP/1.1\r\nhost: a\r\n\r\n", "bad-path"),
        ("GET /%2e%2e/b HTTP/1.1\r\nhost: a\r\n\r\n", "bad-path"),
        ("GET /%zz HTTP/1.1\r\nhost: a\r\n\r\n", "bad-path"),
        ("GET /%00 HTTP/1.1\r\nhost: a\r\n\r\n", "bad-path"),
        ("GET / HTTP/1.1\r\nhost: a\r\nconnection: authorization\r\n\r\n", "bad-connection"),
        ("GET / HTTP/1.1\r\nhost: a\r\nkanaloa-deadline-ms: soon\r\n\r\n", "bad-deadline"),
        ("GET / HTTP/1.1\r\nhost: a\r\ngrpc-timeout: 5\r\n\r\n", "bad-deadline"),
    ] {
        assert_eq!(proxy.ask(request).said(), (400, reason), "{request:?}");
    }
    // Some do not get as far as the proxy's own words.
    for request in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\na",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
        "hello\r\n\r\n",
    ] {
        assert_eq!(proxy.ask(request).status, 400, "{request:?}");
    }
    assert!(upstream.is_left_alone());
}

/// Two lengths in one request: the chunks are what counts (RFC 9112, 6.3), the upstream sees one length only, and what
/// follows on the connection is not taken for a request.
#[test]
fn a_request_with_two_lengths_smuggles_nothing() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    for headers in
        ["content-length: 44\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 44"]
    {
        let mut client = proxy.client();
        client.send(format!(
            "POST / HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nhost: a\r\n\r\n"
        ));
        let (mut at_upstream, head) = upstream.request();
        assert_eq!(head.get("content-length"), None);
        assert_eq!(head.get("transfer-encoding"), Some("chunked"));
        assert_eq!(at_upstream.body(&head, false).bytes, b"");
        at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        assert_eq!(client.answer().text(), "ok");
        client.closed();
        at_upstream.closed();
    }
    assert!(upstream.is_left_alone());
}

/// What is no chunk ends the request, for the upstream as well: nothing is made of the rest.
#[test]
fn chunks_that_are_none_are_a_400() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    for chunk in [
        "+5\r\nabcde\r\n",
        "0x5\r\nabcde\r\n",
        "-5\r\n",
        "5\nabcde\r\n",
        "\r\nabc",
        "fffffffffffffffff\r\na",
        "3\r\nabcde\r\n",
    ] {
        let mut client = proxy.client();
        client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
        let (mut at_upstream, head) = upstream.request();
        client.send(format!("{chunk}0\r\n\r\n"));
        assert!(!at_upstream.body(&head, false).is_complete, "{chunk:?}");
        assert_eq!(client.answer().said(), (400, "request-broken"), "{chunk:?}");
        client.closed();
    }
    assert!(upstream.is_left_alone());
}

/// JSON for those who ask for it, a status of gRPC for gRPC, text for all others.
#[test]
fn the_body_is_what_the_client_reads() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "path-prefix = /a, dispatcher = default", "");
    let with = |headers: &str| proxy.ask(&format!("GET / HTTP/1.1\r\nhost: a\r\n{headers}\r\n"));
    let text = "404 no-route: nothing is served for this host and path\n";
    for headers in ["", "accept: */*\r\n", "accept: text/html, application/json;q=0.5\r\n"] {
        let answer = with(headers);
        assert_eq!((answer.status, answer.text()), (404, text));
        assert_eq!(answer.get("content-type"), Some("text/plain; charset=utf-8"));
    }
    let answer = with("accept: application/json\r\n");
    assert_eq!((answer.status, answer.get("content-type")), (404, Some("application/json")));
    assert_eq!(
        answer.text(),
        "{\"error\":{\"status\":404,\"reason\":\"no-route\",\"message\":\"nothing is served for this host and path\"}}\n"
    );
    let answer = with("content-type: application/grpc+proto\r\n");
    assert_eq!((answer.status, answer.get("content-type")), (200, Some("application/grpc")));
    assert_eq!((answer.get("grpc-status"), answer.text()), (Some("12"), ""));
    assert_eq!(answer.get("grpc-message"), Some("nothing is served for this host and path"));
}

#[test]
fn an_answer_to_head_has_the_length_and_not_the_body() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "path-prefix = /a, dispatcher = default", "");
    let length = proxy.ask(&get("/")).body.len().to_string();
    let mut client = proxy.client();
    let head = "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n";
    client.send(head);
    let answer = client.answer_to(head);
    assert_eq!((answer.status, answer.get("content-length")), (404, Some(length.as_str())));
    // What follows is the next answer, and no body.
    client.send(get("/"));
    assert_eq!(client.answer().status, 404);
}

/// gRPC has its statuses in headers, and nothing but 200 in HTTP.
#[test]
fn grpc_hears_of_failures_in_its_own_words() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let call = "content-type: application/grpc\r\ngrpc-timeout: 300m\r\n";
    let mut client = proxy.client();
    client.send(post("/service/method", call, "message"));
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(at_upstream.body(&head, false).bytes, b"message");
    let answer = client.answer();
    assert_eq!((answer.said(), answer.get("grpc-status")), ((200, "deadline"), Some("4")));
    at_upstream.closed();
    let mut client = proxy.client();
    client.send(post("/service/method", call, "message"));
    drop(upstream.request());
    let answer = client.answer();
    assert_eq!((answer.said(), answer.get("grpc-status")), ((200, "upstream-failed"), Some("14")));
}

/// Who has sent all of a large request before reading gets the answer, and not a reset that takes it away.
#[test]
fn an_answer_arrives_though_the_body_was_on_its_way() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "max-request-body = 2M", ONE_AT_A_TIME);
    let large = "x".repeat(1 << 20);
    let mut first = proxy.client();
    first.send(get("/1"));
    let (mut at_upstream, _) = upstream.request();
    let mut second = proxy.client();
    second.send(post("/2", "", "x"));
    proxy.until_counts(1, 1);
    assert_eq!(proxy.ask(&post("/", "", &large)).said(), (503, "queue-full"));
    assert_eq!(proxy.ask(&post("/", "", &large.repeat(3))).said(), (413, "body-too-large"));
    at_upstream.ok("");
    at_upstream.head();
    // The upstream goes in the middle of a request, and the client is still told.
    drop(at_upstream);
    assert_eq!(second.answer().said(), (502, "upstream-failed"));
    let mut third = proxy.client();
    let mut writer = third.twin();
    let body = large.clone();
    let sending = std::thread::spawn(move || writer.try_send(post("/", "", &body)));
    upstream.request().0.reset();
    assert_eq!(third.answer().said(), (502, "upstream-failed"));
    sending.join().expect("no panic").expect("it was all taken");
}
