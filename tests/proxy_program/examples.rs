//! The examples of configuration run, and what their comments promise happens.

use std::path::Path;

use rustix::process::Signal;

use crate::support::{CALM, Files, Program, Reply, Upstream, Wire, run, soon};

/// An example with these upstreams in place of its own.
fn example(files: &Files, name: &str, upstreams: &[&Upstream]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/proxy").join(name);
    let mut text = std::fs::read_to_string(path).unwrap();
    for (port, upstream) in (9001..).zip(upstreams) {
        let own = format!("http://127.0.0.1:{port}");
        assert!(text.contains(&own), "{name} has no {own}");
        text = text.replace(&own, &upstream.url());
    }
    assert!(!text.contains("http://127.0.0.1:900"), "{name} has further upstreams");
    files.with(name, &text)
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: h\r\n{headers}\r\n")
}

/// A service that fails everything.
async fn broken() -> Upstream {
    Upstream::replying(|_| Reply::Now(503, "", "out of order".to_owned())).await
}

#[tokio::test]
async fn two_upstreams() {
    let files = Files::new("two-upstreams");
    let [a, b] = [Upstream::start("a").await, broken().await];
    let file = example(&files, "two-upstreams.conf", &[&a, &b]);
    let mut program = Program::start(&["--config", &file]).await;
    // Whatever one fails, the other answers.
    let mut wire = program.connect().await;
    soon("a request at each upstream", async {
        while a.count() == 0 || b.count() == 0 {
            let answer = wire.get("/orders").await;
            assert_eq!((answer.status(), answer.text()), (200, "a GET /orders"));
        }
    })
    .await;
    // What may not be sent twice is not, and the client has the upstream's own words.
    let posts = |upstream: &Upstream| upstream.seen().iter().filter(|seen| seen.line.starts_with("POST")).count();
    soon("a request that fails", async {
        for number in 1.. {
            wire.send("POST /orders HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\n1").await;
            let answer = wire.answer().await;
            assert_eq!(posts(&a) + posts(&b), number);
            if answer.status() != 200 {
                return assert_eq!((answer.status(), answer.text()), (503, "out of order"));
            }
            assert_eq!(answer.text(), "a POST /orders 1");
        }
    })
    .await;
    // Both are there to be seen, each with its own limit.
    let route = program.route().await;
    let limits = route["upstreams"].as_array().unwrap().iter().map(|upstream| upstream["limit"].as_u64().unwrap() > 0);
    assert_eq!(limits.collect::<Vec<_>>(), [true, true]);
    program.signal(Signal::TERM);
    drop(wire);
    assert_eq!(program.status().await, Some(0));
}

#[tokio::test]
async fn concurrent_calls() {
    let files = Files::new("concurrent-calls");
    let slow = Upstream::replying(|request| match request.line.starts_with("POST") {
        true => Reply::Now(200, "", "done".to_owned()),
        false => Reply::Held("slow".to_owned()),
    })
    .await;
    let other = Upstream::replying(|request| match request.line.starts_with("POST") {
        true => Reply::Now(200, "", "done".to_owned()),
        false => Reply::Held("fast".to_owned()),
    })
    .await;
    let file = example(&files, "concurrent-calls.conf", &[&slow, &other]);
    let program = Program::start(&["--config", &file]).await;

    program.wait_for_upstreams().await;
    // Both have it before either answers.
    let mut wire = program.connect().await;
    wire.send(get("/search", "")).await;
    slow.wait_for_path("/search").await;
    other.wait_for_path("/search").await;
    // So have they when the first has taken 100 ms.
    let mut hedged = program.connect().await;
    hedged.send(get("/hedged", "")).await;
    slow.wait_for_path("/hedged").await;
    other.wait_for_path("/hedged").await;

    other.go_on();
    assert_eq!(wire.answer().await.text(), "fast");
    assert_eq!(hedged.answer().await.text(), "fast");

    for number in 1..=4 {
        wire.send("POST /search HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\n1").await;
        assert_eq!(wire.answer().await.text(), "done");
        let posts = |upstream: &Upstream| upstream.seen().iter().filter(|seen| seen.line.starts_with("POST")).count();
        assert_eq!(posts(&slow) + posts(&other), number);
    }
}

#[tokio::test]
async fn priorities() {
    let files = Files::new("priorities");
    let upstream = Upstream::start("a").await;
    let file = example(&files, "priorities.conf", &[&upstream]);
    // One request at a time, so that the others wait, and are answered in an order that can be seen.
    let one = ("CONFIG_FORCE_kanaloa_default__dispatcher_worker__pool_starting__pool__size", "1");
    let program = Program::start_with(&["--config", &file], &[&CALM[..], &[one]].concat()).await;
    let mut held = program.connect().await;
    held.send(get("/shop/held", "")).await;
    upstream.wait_for_path("/shop/held").await;
    let mut waiting: Vec<Wire> = Vec::new();
    for (count, (path, headers)) in [
        ("/shop/free", "x-tier: free\r\n"),
        ("/shop/five", "x-tier: 5\r\n"),
        ("/shop/none", ""),
        ("/shop/gold", "x-tier: gold\r\n"),
        ("/shop/zero", "x-tier: 0\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wire = program.connect().await;
        wire.send(get(path, headers)).await;
        waiting.push(wire);
        program.wait_for_route(path, |route| route["requests"]["queued"] == count + 1).await;
    }
    upstream.go_on();
    assert_eq!(held.answer().await.text(), "a GET /shop/held");
    for mut wire in waiting {
        assert_eq!(wire.answer().await.status(), 200);
    }
    let seen = upstream.seen();
    let order: Vec<_> = seen.iter().map(|request| request.path()).collect();
    // Free has its turn: one for 32 of gold, of which the first comes behind the first of gold.
    assert_eq!(order, ["/shop/held", "/shop/gold", "/shop/free", "/shop/zero", "/shop/none", "/shop/five"]);
    assert_eq!(program.get("/reports/x").await.text(), "a GET /reports/x");
}

#[tokio::test]
async fn krakend() {
    let files = Files::new("krakend-example");
    let [a, b] = [Upstream::start("a").await, broken().await];
    let file = example(&files, "krakend.json", &[&a, &b]);
    let program = Program::start(&["--config", &file]).await;
    let mut wire = program.connect().await;
    wire.send(get("/products/7?lang=haw&other=1", "")).await;
    assert_eq!(wire.answer().await.text(), "a GET /v1/products/7?lang=haw");
    let mut posts = 0;
    while posts == 0 {
        let post = "POST /orders HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\nauthorization: me\r\nx-own: x\r\n\r\n1";
        wire.send(post).await;
        wire.answer().await;
        let seen = a.seen();
        let of_orders = seen.iter().filter(|seen| seen.line == "POST /v1/orders HTTP/1.1");
        for request in of_orders {
            posts += 1;
            assert_eq!((request.header("authorization"), request.header("x-own")), (Some("me"), None));
        }
    }
}

#[tokio::test]
async fn each_is_accepted_as_it_stands() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/proxy");
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let file_names: Vec<_> = names.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(file_names, ["concurrent-calls.conf", "krakend.json", "priorities.conf", "two-upstreams.conf"]);
    for path in names {
        // An address that no machine has: all that is before it is as it should be.
        let (status, said) = run(&["--listen", "192.0.2.1:80", "--config", path.to_str().unwrap()]).await;
        assert_eq!(status, Some(1), "{said}");
        assert!(said.starts_with("error: cannot listen on 192.0.2.1:80"), "{said}");
    }
}

#[tokio::test]
async fn the_readme_shows_what_is_printed() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```text\nkanaloa ").expect("there is one");
    let (shown, _) = rest.split_once("```").expect("it ends");
    // As in the README, but for what differs from machine to machine: ports and cores.
    let program = Program::start_with(&["--threads", "2", "--upstream", "http://127.0.0.1:9000"], &[]).await;
    let [address, admin] = [program.address, program.admin].map(|address| address.to_string());
    let said = program.said().replace(&address, "127.0.0.1:8080").replace(&admin, "127.0.0.1:8081");
    for line in format!("kanaloa {shown}").lines() {
        assert!(said.lines().any(|other| other == line), "{line}\nis not in\n{said}");
    }
}
