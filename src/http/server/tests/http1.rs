use super::*;

#[test]
fn requests_follow_each_other_on_one_connection() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        for _ in 0..3 {
            let (head, body) = peer.get("/hello").await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert_eq!(body, "hello");
        }

        let clients = fixture.seen.clients.borrow().clone();
        let expected = Client { address: peer.0.local_addr().unwrap(), local: fixture.address, is_tls: false };
        assert_eq!(clients, [expected; 3]);
    });
}

#[test]
fn bodies_go_both_ways() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        peer.send("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 4\r\n\r\n").await;
        peer.send("ab").await;
        peer.send("cd").await;
        assert_eq!(peer.answer().await.1, "abcd");

        peer.send("POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
        assert!(peer.head().await.contains("transfer-encoding: chunked"));
        assert_eq!(peer.exactly(13).await, "3\r\nabc\r\n0\r\n\r\n");
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        let one = |body: &str| format!("POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 1\r\n\r\n{body}");
        peer.send(&(one("a") + &one("b") + &one("c")[..20])).await;
        assert_eq!(peer.answer().await.1, "a");
        assert_eq!(peer.answer().await.1, "b");
        // Long enough to be set aside with what has come of the third.
        tokio::time::sleep(Duration::from_millis(800)).await;
        peer.send(&one("c")[20..]).await;
        assert_eq!(peer.answer().await.1, "c");
    });
}

#[test]
fn an_upgraded_connection_is_somebody_elses_and_counts_until_it_ends() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        peer.send("GET /upgrade HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nearly").await;
        assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
        assert_eq!(peer.exactly(5).await, "early");
        peer.send("late").await;
        assert_eq!(peer.exactly(4).await, "late");

        // Draining does not end it, and waits for it.
        fixture.server.drain();
        peer.send("later").await;
        assert_eq!(peer.exactly(5).await, "later");
        assert_eq!(fixture.server.connections(), 1);
        assert!(!fixture.running.is_finished());
        drop(peer);
        fixture.ended().await;
    });
}

#[test]
fn a_client_that_leaves_has_its_request_dropped() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        peer.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        fixture.seen.until(|seen| seen.begun.get() == 1).await;
        assert_eq!(fixture.seen.dropped.get(), 0);

        drop(peer);
        fixture.seen.until(|seen| seen.dropped.get() == 1).await;
        fixture.until_connections(0).await;
    });
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_body_that_nobody_reads_has_its_request_dropped() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        peer.send("POST /held HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000\r\n\r\n").await;
        peer.send(&"x".repeat(100_000)).await;
        fixture.seen.until(|seen| seen.begun.get() == 1).await;
        // One that stays is not taken for one that leaves.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert_eq!(fixture.seen.dropped.get(), 0);

        drop(peer);
        fixture.seen.until(|seen| seen.dropped.get() == 1).await;
        fixture.until_connections(0).await;
    });
}

#[test]
fn a_client_that_resets_has_its_request_dropped() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        peer.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        fixture.seen.until(|seen| seen.begun.get() == 1).await;

        socket2::SockRef::from(&peer.0).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        fixture.seen.until(|seen| seen.dropped.get() == 1).await;
        fixture.until_connections(0).await;
    });
}

/// As with nginx: who has left altogether and who has only finished sending look the same, and the first are many.
#[test]
fn a_client_that_closes_its_half_counts_as_one_that_leaves() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        peer.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        fixture.seen.until(|seen| seen.begun.get() == 1).await;
        peer.0.shutdown().await.unwrap();
        fixture.seen.until(|seen| seen.dropped.get() == 1).await;
    });
}

#[test]
fn an_answer_that_does_not_wait_for_the_body_arrives() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        let length = 1 << 20;
        peer.send(&format!("POST /ignore HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n")).await;
        let (head, body) = peer.answer().await;
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
        assert_eq!(body, "too large");
        // The rest is taken, for a reset would overtake the answer on its way to a slower client.
        peer.send(&"x".repeat(length)).await;
        assert_eq!(peer.rest().await, "");
    });
}

#[test]
fn an_idle_connection_that_was_set_aside_serves_again() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        for _ in 0..2 {
            assert_eq!(peer.get("/hello").await.1, "hello");
            tokio::time::sleep(Duration::from_millis(800)).await;
        }
        // In pieces, too.
        peer.send("GET /hello HT").await;
        tokio::time::sleep(Duration::from_millis(800)).await;
        peer.send("TP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(peer.answer().await.1, "hello");
    });
}

#[test]
fn what_starts_like_http2_but_is_not_is_answered() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        peer.send("PRI").await;
        tokio::task::yield_now().await;
        peer.send("NT / HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(peer.answer().await.1, "hello");
    });
}
