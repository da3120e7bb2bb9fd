//! What becomes of headers and paths.

use super::support::{Head, ONE_AT_A_TIME, Proxy, Upstream, get, ok};

/// The head that an upstream gets for this request.
fn seen(route: &str, request: &str) -> Head {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, route, "");
    let mut client = proxy.client();
    client.send(request);
    let (mut at_upstream, head) = upstream.request();
    at_upstream.ok("");
    assert_eq!(client.answer().status, 200);
    head
}

fn with(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: example.com\r\n{headers}\r\n")
}

fn names(head: &Head) -> Vec<&str> {
    let mut names: Vec<_> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_is_for_one_hop_goes_no_further() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "forwarded = remove", "");
    let mut client = proxy.client();
    client.send(with(
        "connection: keep-alive, x-mine\r\nx-mine: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\n\
         proxy-authorization: Basic eDp5\r\nproxy: evil\r\nte: gzip\r\nupgrade: websocket\r\nx-yours: 2\r\n\
         authorization: Bearer x\r\ncookie: a=b\r\ncookie: c=d\r\n",
    ));
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(names(&head), ["authorization", "cookie", "cookie", "host", "x-yours"]);
    assert_eq!(head.all("cookie"), ["a=b", "c=d"]);
    at_upstream.send(
        "HTTP/1.1 200 OK\r\nconnection: keep-alive, x-mine\r\nx-mine: 1\r\nkeep-alive: timeout=5\r\n\
         proxy-authenticate: Basic\r\ncontent-length: 0\r\nx-yours: 2\r\nset-cookie: a=b\r\nset-cookie: c=d\r\n\r\n",
    );
    let answer = client.answer();
    assert_eq!(names(&answer.head), ["content-length", "date", "set-cookie", "set-cookie", "x-yours"]);
    assert_eq!(answer.head.all("set-cookie"), ["a=b", "c=d"]);
}

#[test]
fn upstreams_are_told_of_the_client() {
    let request = with(
        "forwarded: for=6.6.6.6\r\nx-forwarded-for: 6.6.6.6\r\nx-forwarded-proto: https\r\nx-forwarded-port: 1\r\n",
    );
    let told = |policy: &str, request: &str| {
        let head = seen(&format!("forwarded = {policy}"), request);
        ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"]
            .map(|name| head.get(name).unwrap_or("none").to_owned())
    };
    let own = "for=127.0.0.1;proto=http;host=example.com";
    assert_eq!(told("replace", &request), [own, "127.0.0.1", "http", "example.com", "none"]);
    assert_eq!(told("replace", &get("/")), [own, "127.0.0.1", "http", "example.com", "none"]);
    let both = format!("for=6.6.6.6, {own}");
    assert_eq!(told("append", &request), [&both, "6.6.6.6, 127.0.0.1", "https", "example.com", "1"]);
    assert_eq!(told("keep", &request), ["for=6.6.6.6", "6.6.6.6", "https", "none", "1"]);
    assert_eq!(told("keep", &get("/")), ["none"; 5]);
    assert_eq!(told("remove", &request), ["none"; 5]);
}

#[test]
fn the_host_is_as_the_route_says() {
    let upstream = Upstream::new();
    let own = upstream.address.to_string();
    for (policy, expected) in
        [("preserve", "example.com"), ("upstream", own.as_str()), ("other.example", "other.example")]
    {
        let proxy = Proxy::to(&upstream, &format!("host-header = {policy}"), "");
        let mut client = proxy.client();
        client.send(get("/"));
        let (mut at_upstream, head) = upstream.request();
        assert_eq!(head.get("host"), Some(expected), "{policy}");
        assert_eq!(head.get("x-forwarded-host"), Some("example.com"), "{policy}");
        at_upstream.ok("");
        assert_eq!(client.answer().status, 200);
    }
}

/// A request in absolute form is for the host in it.
#[test]
fn a_target_with_a_host_says_whom_it_is_for() {
    let head = seen("", "GET http://example.com/a?b HTTP/1.1\r\nhost: example.com\r\n\r\n");
    assert_eq!((head.target(), head.get("host")), ("/a?b", Some("example.com")));
}

#[test]
fn a_deadline_is_passed_on_reduced() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(with("kanaloa-deadline-ms: 5000\r\ngrpc-timeout: 4S\r\n"));
    let (mut at_upstream, head) = upstream.request();
    let own: u64 = head.get("kanaloa-deadline-ms").and_then(|value| value.parse().ok()).expect("a number");
    assert!((1..4000).contains(&own), "the nearer deadline, less what was spent: {own}");
    let grpc = head.get("grpc-timeout").and_then(|value| value.strip_suffix('u')).expect("in microseconds");
    let grpc: u64 = grpc.parse().expect("a number");
    assert!((1..4_000_000).contains(&grpc), "{grpc}");
    at_upstream.ok("");
    assert_eq!(client.answer().status, 200);
    assert_eq!(seen("", &get("/")).get("kanaloa-deadline-ms"), None);
}

#[test]
fn a_request_past_its_deadline_is_not_worked_on() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    // Over before it began.
    let answer = proxy.ask(&with("kanaloa-deadline-ms: 0\r\n"));
    assert_eq!(answer.said(), (503, "deadline-cannot-be-met"));
    assert!(upstream.is_left_alone());
    // Over while the upstream works.
    let mut client = proxy.client();
    client.send(with("kanaloa-deadline-ms: 300\r\n"));
    let (mut at_upstream, _) = upstream.request();
    assert_eq!(client.answer().said(), (504, "deadline"));
    at_upstream.closed();
}

/// Each class has its share of what is served while others wait, and the better ones have more: 32 of class 0 for one
/// of class 5. Within one, who came first is first.
#[test]
fn a_priority_header_says_who_is_next() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(
        &upstream,
        "priority-header { name = x-tier, values { gold = 0, free = 5 } }",
        &ONE_AT_A_TIME.replace("queue.capacity = 1", "queue.capacity = 10"),
    );
    let mut first = proxy.client();
    first.send(get("/first"));
    let (mut at_upstream, _) = upstream.request();
    let mut waiting = Vec::new();
    for (number, tier) in ["free", "free", "gold", "0", "gold", "unknown"].into_iter().enumerate() {
        let mut client = proxy.client();
        client.send(format!("GET /{tier}{number} HTTP/1.1\r\nhost: a\r\nx-tier: {tier}\r\n\r\n"));
        waiting.push(client);
        proxy.until_counts(number as u64 + 1, 1);
    }
    at_upstream.ok("");
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(at_upstream.head().target().to_owned());
        at_upstream.ok("");
    }
    assert_eq!(order, ["/gold2", "/free0", "/03", "/gold4", "/unknown5", "/free1"]);
    for mut client in waiting {
        assert_eq!(client.answer().status, 200);
    }
}

#[test]
fn only_listed_headers_go_upstream() {
    let request = "POST / HTTP/1.1\r\nhost: example.com\r\ncontent-length: 2\r\ncontent-type: text/plain\r\nx-a: 1\r\n\
                   x-b: 2\r\nuser-agent: test\r\naccept-encoding: gzip\r\ncookie: a=b\r\n\r\nok";
    let all = seen("forwarded = remove", request);
    assert_eq!(
        names(&all),
        ["accept-encoding", "content-length", "content-type", "cookie", "host", "user-agent", "x-a", "x-b"]
    );
    let some = seen("forwarded = remove, request-headers = [X-A, User-Agent]", request);
    assert_eq!(names(&some), ["content-length", "content-type", "host", "user-agent", "x-a"]);
    let none = seen("request-headers = []", request);
    // What the proxy says itself is there anyway.
    assert_eq!(
        names(&none),
        [
            "content-length",
            "content-type",
            "forwarded",
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto"
        ]
    );
}

#[test]
fn only_listed_parameters_go_upstream() {
    let request = get("/a?x=1&y=2&x=3&%79=4&z");
    assert_eq!(seen("", &request).target(), "/a?x=1&y=2&x=3&%79=4&z");
    assert_eq!(seen("query-parameters = [x, z]", &request).target(), "/a?x=1&x=3&z");
    assert_eq!(seen("query-parameters = []", &request).target(), "/a");
}

#[test]
fn a_prefix_can_be_taken_off() {
    let route = "path-prefix = /api, dispatcher = default";
    let stripped = format!("{route}, strip-prefix = on");
    for (path, plain, short) in
        [("/api/orders?a=b", "/api/orders?a=b", "/orders?a=b"), ("/api", "/api", "/"), ("/api?a", "/api?a", "/?a")]
    {
        assert_eq!(seen(route, &get(path)).target(), plain);
        assert_eq!(seen(&stripped, &get(path)).target(), short);
    }
}

#[test]
fn a_path_can_be_rewritten() {
    let route = "path = \"/users/{id}/orders/{order}\", rewrite = \"/v2/{order}/of/{id}\", dispatcher = default";
    assert_eq!(seen(route, &get("/users/7/orders/a%2Fb?x=y")).target(), "/v2/a%2Fb/of/7?x=y");
}

/// Many and large headers of an answer are not the proxy's concern.
#[test]
fn a_rich_answer_arrives() {
    let headers: String = (0..90).map(|number| format!("set-cookie: c{number}={}\r\n", "x".repeat(500))).collect();
    let upstream =
        Upstream::answering(move |_, _| format!("HTTP/1.1 404 Nothing Here\r\n{headers}content-length: 0\r\n\r\n"));
    let proxy = Proxy::to(&upstream, "", "");
    let answer = proxy.ask(&get("/"));
    assert_eq!(answer.head.first, "HTTP/1.1 404 Nothing Here");
    assert_eq!(answer.head.all("set-cookie").len(), 90);
}

/// As many as hyper reads without an allocation for each answer.
#[test]
fn an_answer_may_have_a_hundred_headers() {
    for (count, status) in [(99, 200), (150, 502)] {
        let headers: String = (0..count).map(|number| format!("set-cookie: c{number}=x\r\n")).collect();
        let answer = move |_: &_, _: &_| format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n");
        let upstream = Upstream::answering(answer);
        let proxy = Proxy::to(&upstream, "", "");
        assert_eq!(proxy.ask(&get("/")).status, status, "{count}");
    }
}

/// Bytes that are no text are nobody's business but the two ends'.
#[test]
fn headers_are_bytes() {
    let upstream = Upstream::answering(|head, _| ok(head.get("x-name").unwrap_or("none")));
    let proxy = Proxy::to(&upstream, "", "");
    assert_eq!(proxy.ask(&with("x-name: ünï\r\n")).text(), "ünï");
}
