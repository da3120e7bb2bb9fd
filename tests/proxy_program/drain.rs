//! SIGTERM and SIGINT: what is under way ends in good order, and then the program does.

use rustix::process::Signal;

use crate::support::{Files, Load, Program, Upstream};

const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

#[tokio::test]
async fn what_was_sent_is_answered_and_then_it_ends() {
    for signal in [Signal::TERM, Signal::INT] {
        let upstream = Upstream::start("a").await;
        let mut program = Program::start(&["--upstream", &upstream.url()]).await;
        let mut idle = program.connect().await;
        assert_eq!(idle.get("/").await.status(), 200);
        let mut unused = program.connect().await;
        let mut held = program.connect().await;
        held.send("GET /held HTTP/1.1\r\nhost: h\r\n\r\n").await;
        let mut streamed = program.connect().await;
        streamed.send("GET /streamed HTTP/1.1\r\nhost: h\r\n\r\n").await;
        assert_eq!(streamed.head().await.status(), 200);
        assert_eq!(streamed.chunk().await, b"a GET /streamed");
        upstream.wait_for_path("/held").await;
        let mut load = Load::start(program.address, 8, "/load");
        load.further(100).await;
        assert_eq!(program.admin("/readyz").await.status(), 200);

        program.signal(signal);
        program.line("draining: what is under way has 30s to end; a second signal ends it at once").await;
        // Each client is told to close with an answer, and asks no more.
        let answered = load.ended().await;
        idle.end().await;
        unused.end().await;
        let ready = program.admin("/readyz").await;
        assert_eq!((ready.status(), ready.text()), (503, "draining\n"));
        assert_eq!(program.admin("/healthz").await.status(), 200);

        upstream.go_on();
        let answer = held.answer().await;
        assert_eq!((answer.text(), answer.closes()), ("a GET /held", true), "{answer:?}");
        held.end().await;
        assert_eq!(streamed.chunk().await, b"the end");
        assert_eq!(streamed.chunk().await, b"");
        assert_eq!(program.status().await, Some(0), "{}", program.said());
        program.line("drained: everything was finished").await;
        assert_eq!(upstream.count(), answered + 3, "each request went out once");
    }
}

#[tokio::test]
async fn what_takes_longer_than_drain_timeout_is_cut_off() {
    let upstream = Upstream::start("a").await;
    let files = Files::new("cut-off");
    let file = files.with("proxy.conf", "kanaloa.proxy.drain-timeout = 200ms");
    let mut program = Program::start(&["--config", &file, "--upstream", &upstream.url()]).await;
    let mut held = program.connect().await;
    held.send("GET /held HTTP/1.1\r\nhost: h\r\n\r\n").await;
    upstream.wait_for_path("/held").await;
    program.signal(Signal::TERM);
    held.end().await;
    assert_eq!(program.status().await, Some(1), "{}", program.said());
    program.line("drained: 1 connections were cut off, for drain-timeout = 200ms was over").await;
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (first, second, status) in [
        (Signal::TERM, Signal::TERM, TERMINATED),
        (Signal::INT, Signal::INT, INTERRUPTED),
        (Signal::TERM, Signal::INT, TERMINATED),
    ] {
        let upstream = Upstream::start("a").await;
        let mut program = Program::start(&["--upstream", &upstream.url()]).await;
        let mut held = program.connect().await;
        held.send("GET /held HTTP/1.1\r\nhost: h\r\n\r\n").await;
        upstream.wait_for_path("/held").await;
        program.signal(first);
        program.line("draining").await;
        program.signal(second);
        assert_eq!(program.status().await, Some(status));
    }
}

#[tokio::test]
async fn a_reload_while_it_drains_is_none() {
    let upstream = Upstream::start("a").await;
    let mut program = Program::start(&["--upstream", &upstream.url()]).await;
    let mut held = program.connect().await;
    held.send("GET /held HTTP/1.1\r\nhost: h\r\n\r\n").await;
    upstream.wait_for_path("/held").await;
    program.signal(Signal::TERM);
    program.line("draining").await;
    program.signal(Signal::HUP);
    assert_eq!(program.admin("/readyz").await.status(), 503);
    upstream.go_on();
    assert_eq!(held.answer().await.text(), "a GET /held");
    assert_eq!(program.status().await, Some(0), "{}", program.said());
}
