use super::*;

#[test]
fn an_idle_connection_has_time_for_one_more_request() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        let (head, _) = peer.get("/hello").await;
        assert!(!head.contains("connection: close"), "{head}");
        // Long enough to be set aside.
        tokio::time::sleep(Duration::from_millis(700)).await;

        fixture.server.drain();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (head, body) = peer.get("/hello").await;
        assert!(head.contains("connection: close\r\n"), "{head}");
        assert_eq!(body, "hello");
        assert_eq!(peer.rest().await, "");
        fixture.ended().await;
    });
}

#[test]
fn idle_connections_are_closed_in_the_end() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut used = fixture.connect().await;
        used.get("/hello").await;
        // One for long, so that it has been set aside; one not; one that never had a request.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let mut recent = fixture.connect().await;
        recent.get("/hello").await;
        let mut unused = fixture.connect().await;

        fixture.server.drain();
        assert_eq!(used.rest().await + &recent.rest().await + &unused.rest().await, "");
        fixture.ended().await;
    });
}

#[test]
fn what_is_under_way_ends_in_its_own_time() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        peer.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        fixture.seen.until(|seen| seen.begun.get() == 1).await;

        fixture.server.drain();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(!fixture.running.is_finished());
        fixture.seen.release.notify_one();
        let (head, body) = peer.answer().await;
        assert!(head.contains("connection: close\r\n"), "{head}");
        assert_eq!((body.as_str(), peer.rest().await.as_str()), ("released", ""));
        fixture.ended().await;
    });
}

#[test]
fn those_that_wait_to_be_accepted_are_served_even_beyond_the_limit() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { max_connections: 1, ..settings() });
        let mut first = fixture.connect().await;
        first.get("/hello").await;
        let mut waiting = Vec::new();
        for _ in 0..5 {
            let mut peer = fixture.connect().await;
            peer.send("GET /hello HTTP/1.1\r\nhost: test\r\n\r\n").await;
            waiting.push(peer);
        }

        fixture.server.drain();
        for peer in &mut waiting {
            assert_eq!(peer.answer().await.1, "hello");
        }
        assert!(TcpStream::connect(fixture.address).await.is_err());
        drop((first, waiting));
        fixture.ended().await;
    });
}

#[test]
fn a_server_that_is_dropped_cuts_off() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        peer.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        fixture.seen.until(|seen| seen.begun.get() == 1).await;
        fixture.server.drain();

        fixture.running.abort();
        assert_eq!(peer.rest().await, "");
        fixture.seen.until(|seen| seen.dropped.get() == 1).await;
        assert_eq!(fixture.server.connections(), 0);
    });
}

#[test]
fn no_request_is_lost_by_clients_that_go_on_until_they_are_told_to_close() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut peer = fixture.connect().await;
            clients.push(tokio::task::spawn_local(async move {
                let mut answered = 0;
                loop {
                    let (head, body) = peer.get("/hello").await;
                    assert_eq!(body, "hello");
                    answered += 1;
                    if head.contains("connection: close\r\n") {
                        assert_eq!(peer.rest().await, "");
                        return answered;
                    }
                }
            }));
        }
        fixture.seen.until(|seen| seen.begun.get() >= 1000).await;
        fixture.server.drain();
        let mut answered = 0;
        for client in clients {
            answered += timeout(PATIENCE, client).await.unwrap().unwrap();
        }
        assert_eq!(fixture.seen.begun.get(), answered);
        fixture.ended().await;
    });
}
