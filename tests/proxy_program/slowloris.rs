//! Clients that send a byte now and then.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::{Files, Load, Program, Upstream};

const CLIENTS: usize = 200;
const HEADER_TIMEOUT: Duration = Duration::from_millis(1_000);
/// How often each sends a byte: often enough that no time without any is noticed.
const PACE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn they_keep_nobody_out_and_are_closed_at_header_timeout() {
    let upstream = Upstream::start("a").await;
    let files = Files::new("slowloris");
    // As many as there are places.
    let text = format!("kanaloa.proxy {{ header-timeout = {HEADER_TIMEOUT:?}, max-connections = {} }}", CLIENTS + 4);
    let file = files.with("proxy.conf", &text);
    let program = Program::start(&["--config", &file, "--upstream", &upstream.url()]).await;
    let mut load = Load::start(program.address, 4, "/load");
    load.further(10).await;

    let mut slow = JoinSet::new();
    for _ in 0..CLIENTS {
        let since = Instant::now();
        let mut wire = program.connect().await;
        slow.spawn(async move {
            let mut bytes = b"GET /slow HTTP/1.1\r\nhost: h\r\nx: ".iter().chain(std::iter::repeat(&b'x'));
            // Until nobody takes any more: the answer is there by then.
            let answer = loop {
                tokio::select! {
                    answer = wire.answer() => break answer,
                    () = sleep(PACE) => drop(wire.try_send([*bytes.next().unwrap()]).await),
                }
            };
            assert_eq!((answer.status(), answer.closes()), (408, true), "{answer:?}");
            wire.end().await;
            since.elapsed()
        });
    }
    // All places are taken by now, or soon, and those who have theirs are served.
    load.further(200).await;
    // One more client waits for a place, and for no longer than they have theirs.
    assert_eq!(program.get("/load/another").await.status(), 200);
    while let Some(time) = slow.join_next().await {
        let time = time.unwrap();
        assert!(time >= HEADER_TIMEOUT, "closed after {time:?}");
    }
    load.stop().await;
    assert!(!upstream.seen().iter().any(|request| request.path() == "/slow"));
    let status = program.all().await;
    assert!(status["connections"].as_u64().unwrap() <= 5, "{status}");
}
