use super::*;

const SHORT: Duration = Duration::from_millis(150);

#[test]
fn a_head_that_comes_too_slowly_ends_the_connection() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { header_timeout: SHORT, ..settings() });
        let mut peer = fixture.connect().await;
        let mut slow = async || {
            peer.send("GET /hello HTTP/1.1\r\n").await;
            loop {
                tokio::select! {
                    rest = peer.rest() => return rest,
                    () = tokio::time::sleep(SHORT / 10) => {}
                }
                // Until the server resets, which is fine.
                let _ = peer.0.write_all(b"x: y\r\n").await;
            }
        };
        let rest = timeout(PATIENCE, slow()).await.unwrap();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408 "), "{rest}");
        drop(peer);
        fixture.until_connections(0).await;
        assert_eq!(fixture.seen.begun.get(), 0);
    });
}

#[test]
fn a_head_that_is_left_half_is_answered_with_408() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { header_timeout: SHORT, ..settings() });
        let mut peer = fixture.connect().await;
        peer.send("GET /hello HTTP/1.1\r\n").await;
        assert!(peer.rest().await.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    });
}

#[test]
fn the_head_of_a_further_request_has_the_same_time() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { header_timeout: SHORT, ..settings() });
        let mut peer = fixture.connect().await;
        peer.get("/hello").await;
        tokio::time::sleep(2 * SHORT).await;
        peer.send("GET /hello HTTP/1.1\r\n").await;
        assert!(peer.rest().await.starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    });
}

#[test]
fn a_client_that_says_nothing_is_cut_off() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { header_timeout: SHORT, ..settings() });
        let mut peer = fixture.connect().await;
        assert_eq!(peer.rest().await, "");
        fixture.until_connections(0).await;

        // What is the beginning of HTTP/2, too.
        let mut peer = fixture.connect().await;
        peer.send("PRI * HTTP/2.0").await;
        assert_eq!(peer.rest().await, "");
        fixture.until_connections(0).await;
    });
}

#[test]
fn an_idle_connection_is_closed_but_a_busy_one_is_not() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { idle_timeout: SHORT, header_timeout: SHORT, ..settings() });
        let mut busy = fixture.connect().await;
        busy.send("GET /held HTTP/1.1\r\nhost: test\r\n\r\n").await;
        let mut idle = fixture.connect().await;
        idle.get("/hello").await;
        assert_eq!(idle.rest().await, "");
        fixture.until_connections(1).await;

        fixture.seen.release.notify_one();
        assert_eq!(busy.answer().await.1, "released");
        assert_eq!(busy.rest().await, "");
        fixture.until_connections(0).await;
    });
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { write_timeout: SHORT, ..settings() });
        let mut peer = fixture.connect().await;
        peer.send("GET /endless HTTP/1.1\r\nhost: test\r\n\r\n").await;
        fixture.seen.until(|seen| seen.begun.get() == 1).await;
        fixture.until_connections(0).await;
    });
}

#[test]
fn a_client_that_takes_something_now_and_then_is_not_cut_off() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { write_timeout: 2 * SHORT, ..settings() });
        let mut peer = fixture.connect().await;
        peer.send("GET /endless HTTP/1.1\r\nhost: test\r\n\r\n").await;
        let mut buffer = vec![0; 8 << 20];
        for _ in 0..8 {
            tokio::time::sleep(SHORT / 2).await;
            peer.0.read_exact(&mut buffer).await.unwrap();
        }
        assert_eq!(fixture.server.connections(), 1);
    });
}
