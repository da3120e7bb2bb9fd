//! What a proxy tells about itself.

use super::support::{Answer, ONE_AT_A_TIME, Proxy, Upstream, Wire, get, nobody, number, ok, post};
use kanaloa::http::Drained;
use serde_json::Value;

fn admin(proxy: &Proxy, request: &str) -> Answer {
    let mut client = Wire::connect(proxy.admin);
    client.send(request);
    client.answer_to(request)
}

#[test]
fn healthz_says_that_it_lives() {
    let proxy = Proxy::over(&[nobody()], "", "");
    let answer = admin(&proxy, &get("/healthz"));
    assert_eq!((answer.status, answer.text()), (200, "alive\n"));
    assert_eq!(answer.get("cache-control"), Some("no-store"));
    let answer = admin(&proxy, "HEAD /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((answer.status, answer.get("content-length")), (200, Some("6")));
    assert_eq!(admin(&proxy, &get("/other")).status, 404);
    let answer = admin(&proxy, &post("/healthz", "", ""));
    assert_eq!((answer.status, answer.get("allow")), (405, Some("GET, HEAD")));
}

/// Overload is no reason not to be ready, nor is an upstream that is held or broken: the proxy can tell clients so.
#[test]
fn readyz_in_its_states() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let ready = |proxy: &Proxy| {
        let answer = admin(proxy, &get("/readyz"));
        (answer.status, answer.text().to_owned())
    };
    assert_eq!(ready(&proxy), (200, "ready\n".to_owned()));

    let mut first = proxy.client();
    first.send(get("/1"));
    let (mut at_upstream, _) = upstream.request();
    let mut second = proxy.client();
    second.send(get("/2"));
    proxy.until_counts(1, 1);
    assert_eq!(proxy.ask(&get("/3")).status, 503);
    assert_eq!(ready(&proxy), (200, "ready\n".to_owned()));

    let drained = proxy.drain();
    proxy.until("it drains", |status| status["draining"] == true);
    assert_eq!(ready(&proxy), (503, "draining\n".to_owned()));
    // What it has is finished first.
    at_upstream.ok("one");
    let answer = first.answer();
    assert_eq!((answer.text(), answer.get("connection")), ("one", Some("close")));
    at_upstream.head();
    at_upstream.ok("two");
    assert_eq!(second.answer().text(), "two");
    drop((first, second));
    assert_eq!(drained.recv_timeout(super::support::PATIENCE), Ok(Drained::Finished));
    assert!(std::net::TcpStream::connect(proxy.address).is_err(), "nobody listens any more");
}

/// All that a request can come to is counted, and nothing twice.
#[test]
fn the_numbers_add_up() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", &format!("{ONE_AT_A_TIME}, circuit-breaker.enabled = off"));
    let mut first = proxy.client();
    first.send(get("/completed"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.ok("");
    first.answer();
    first.send(get("/failed"));
    at_upstream.head();
    at_upstream.send("HTTP/1.1 500 Bad\r\ncontent-length: 0\r\n\r\n");
    first.answer();
    first.send("GET /timed-out HTTP/1.1\r\nhost: a\r\nkanaloa-deadline-ms: 300\r\n\r\n");
    at_upstream.head();
    assert_eq!(first.answer().status, 504);
    at_upstream.closed();

    let mut gone = proxy.client();
    gone.send(get("/abandoned"));
    let (mut at_upstream, _) = upstream.request();
    drop(gone);
    at_upstream.closed();
    proxy.until_counts(0, 0);
    drop(at_upstream);

    let mut last = proxy.client();
    last.send(get("/in-flight"));
    let (mut at_upstream, _) = upstream.request();
    let mut waits = proxy.client();
    waits.send(get("/queued"));
    proxy.until_counts(1, 1);
    assert_eq!(proxy.ask(&get("/rejected")).status, 503);
    let status = proxy.status();
    let requests = &status["routes"][0]["requests"];
    let expected = serde_json::json!({
        "received": 7, "completed": 1, "failed": 1, "timed_out": 1, "rejected": 1, "shed": 0, "abandoned": 1,
        "queued": 1, "in_flight": 1,
    });
    assert_eq!(*requests, expected);
    let kinds = ["completed", "failed", "timed_out", "rejected", "abandoned", "queued", "in_flight"];
    assert_eq!(number(&requests["received"]), kinds.iter().map(|kind| number(&requests[*kind])).sum::<u64>());
    let upstream_status = &status["routes"][0]["upstreams"][0];
    let name = Value::from(upstream.address.to_string());
    assert_eq!(upstream_status["name"], name);
    for (kind, count) in
        [("succeeded", 1), ("failed", 1), ("timed_out", 1), ("cancelled", 1), ("in_flight", 1), ("limit", 1)]
    {
        assert_eq!(upstream_status[kind], count, "{kind}: {upstream_status:#}");
    }
    at_upstream.ok("");
    assert_eq!(last.answer().status, 200);
}

#[test]
fn status_describes_each_route() {
    let upstream = Upstream::answering(|_, _| ok(""));
    let proxy = Proxy::start(&format!(
        "proxy.routes = [\n\
         {{ path-prefix = /a, host = example.com, methods = [GET], upstreams = [\"http://{0}\"] }},\n\
         {{ path = \"/users/{{id}}\", dispatcher = users, upstreams = [\"http://{0}\"] }} ]",
        upstream.address
    ));
    assert_eq!(proxy.ask(&get("/a")).status, 200);
    let status = proxy.until("it has been counted", |status| status["routes"][0]["requests"]["completed"] == 1);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["draining"], false);
    assert!(status["uptime_seconds"].is_u64());
    let routes = status["routes"].as_array().expect("a list");
    let described: Vec<_> = routes
        .iter()
        .map(|route| ["dispatcher", "path", "host", "methods", "state"].map(|key| route[key].clone()))
        .collect();
    assert_eq!(
        serde_json::json!(described),
        serde_json::json!([
            ["a", "/a", "example.com", ["GET"], "running"],
            ["users", "/users/{id}", null, [], "running"],
        ])
    );
    assert_eq!(routes[1]["requests"]["received"], 0);
    let upstream = &routes[0]["upstreams"][0];
    assert_eq!((&upstream["state"], &upstream["circuit"]), (&"running".into(), &"closed".into()));
}

/// Connections of clients are counted, idle or not.
#[test]
fn connections_are_counted() {
    let upstream = Upstream::answering(|_, _| ok(""));
    let proxy = Proxy::to(&upstream, "", "");
    let mut clients: Vec<_> = (0..3).map(|_| proxy.client()).collect();
    for client in &mut clients {
        client.send(get("/"));
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!(proxy.status()["connections"], 3);
    clients.pop();
    proxy.until("two are left", |status| status["connections"] == 2);
}
