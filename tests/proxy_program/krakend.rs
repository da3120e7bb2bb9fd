//! A file that was written for KrakenD, as it stands.

use crate::support::{Files, Program, Reply, Upstream, run};

/// After the example of `concurrent_calls` in KrakenD's documentation.
fn configuration(hosts: &[&Upstream], more: &str) -> String {
    let hosts: Vec<_> = hosts.iter().map(|host| format!("\"{}\"", host.url())).collect();
    let hosts = hosts.join(",\n            ");
    format!(
        r#"{{
  "$schema": "https://www.krakend.io/schema/v2.7/krakend.json",
  "version": 3,
  "name": "My lovely gateway",
  "port": 8080,
  "timeout": "3s",
  "endpoints": [
    {{
      "endpoint": "/products/{{id}}",
      "method": "GET",
      "concurrent_calls": 2,{more}
      "backend": [
        {{
          "url_pattern": "/v1/products/{{id}}",
          "host": [
            {hosts}
          ]
        }}
      ]
    }}
  ]
}}"#
    )
}

async fn start(file: &str) -> Program {
    let program = Program::start(&["--config", file]).await;
    program.wait_for_upstreams().await;
    program
}

#[tokio::test]
async fn the_first_success_of_concurrent_calls_wins() {
    let fails = Upstream::replying(|_| Reply::Now(500, "", "out of order".to_owned())).await;
    let serves = Upstream::replying(|request| Reply::Held(format!("b GET {}", request.path()))).await;
    let files = Files::new("krakend");
    let file = files.with("krakend.json", &configuration(&[&fails, &serves], ""));
    let program = start(&file).await;
    // The success is held up until there is a failure.
    let mut wire = program.connect().await;
    wire.send("GET /products/0 HTTP/1.1\r\nhost: h\r\n\r\n").await;
    fails.wait_for(1).await;
    serves.go_on();
    assert_eq!(wire.answer().await.text(), "b GET /v1/products/0");
    for number in 1..=5 {
        let answer = program.get(&format!("/products/{number}")).await;
        assert_eq!((answer.status(), answer.text()), (200, &*format!("b GET /v1/products/{number}")));
    }
    assert_eq!(serves.count(), 6);
    assert_eq!(program.get("/products").await.status(), 404);
    let mut wire = program.connect().await;
    wire.send("POST /products/1 HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status(), answer.header("allow")), (405, Some("GET")));
}

#[tokio::test]
async fn each_host_gets_a_copy_and_the_slower_is_given_up() {
    let slow = Upstream::replying(|_| Reply::Held("late".to_owned())).await;
    let fast = Upstream::replying(|_| Reply::Held("early".to_owned())).await;
    let files = Files::new("krakend-copies");
    let file = files.with("krakend.json", &configuration(&[&slow, &fast], ""));
    let program = start(&file).await;
    let mut wire = program.connect().await;
    wire.send("GET /products/7 HTTP/1.1\r\nhost: h\r\n\r\n").await;
    slow.wait_for(1).await;
    fast.wait_for(1).await;
    fast.go_on();
    assert_eq!(wire.answer().await.text(), "early");
    assert_eq!(slow.seen()[0].path(), "/v1/products/7");
    program
        .wait_for_route("the copy's end", |route| {
            route["upstreams"].as_array().unwrap().iter().all(|u| u["in_flight"] == 0)
        })
        .await;
}

#[tokio::test]
async fn what_is_not_supported_is_named() {
    let upstream = Upstream::start("a").await;
    let files = Files::new("krakend-key");
    let more = "\n      \"extra_config\": { \"qos/ratelimit/router\": { \"max_rate\": 50 } },";
    let file = files.with("krakend.json", &configuration(&[&upstream], more));
    let (status, said) = run(&["--config", &file]).await;
    assert_eq!(status, Some(2));
    let expected = "endpoints.0.extra_config: extra_config is not supported beside endpoints: leave it out if the proxy can do \
                    without, or keep KrakenD for it\n";
    assert_eq!(said, format!("{file}:12: {expected}"));
}
