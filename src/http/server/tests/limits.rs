use super::*;

#[test]
fn connections_beyond_the_limit_wait() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { max_connections: 1, ..settings() });
        let mut first = fixture.connect().await;
        first.get("/hello").await;
        let mut second = fixture.connect().await;
        second.send("GET /hello HTTP/1.1\r\nhost: test\r\n\r\n").await;
        // A second answer on the first connection, as a sign that there was time for the second connection.
        first.get("/hello").await;
        assert_eq!((fixture.server.connections(), fixture.seen.begun.get()), (1, 2));

        drop(first);
        assert_eq!(second.answer().await.1, "hello");
        assert_eq!(fixture.server.connections(), 1);
    });
}

#[test]
fn a_higher_limit_lets_those_in_who_wait() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { max_connections: 1, ..settings() });
        let mut first = fixture.connect().await;
        first.get("/hello").await;
        let mut second = fixture.connect().await;
        second.send("GET /hello HTTP/1.1\r\nhost: test\r\n\r\n").await;

        fixture.server.replace(settings(), None);
        assert_eq!(second.answer().await.1, "hello");
        assert_eq!(fixture.server.connections(), 2);
    });
}

#[test]
fn threads_share_the_limit() {
    run(|| async {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(ServerSettings { max_connections: 3, ..settings() }, None);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (server, listener) = (server.clone(), listener.try_clone().unwrap());
                std::thread::spawn(move || run(|| server.run(listener, Dummy::default())))
            })
            .collect();
        let mut peers = Vec::new();
        for _ in 0..3 {
            let mut peer = Peer(TcpStream::connect(address).await.unwrap());
            peer.get("/hello").await;
            peers.push(peer);
        }
        let mut beyond = Peer(TcpStream::connect(address).await.unwrap());
        beyond.send("GET /hello HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert!(timeout(Duration::from_millis(100), beyond.head()).await.is_err());
        assert_eq!(server.connections(), 3);

        peers.pop();
        assert_eq!(beyond.answer().await.1, "hello");
        drop((peers, beyond));
        server.drain();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn a_head_beyond_the_limits_is_answered_with_431() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { max_header_size: 1 << 10, max_headers: 4, ..settings() });
        let mut peer = fixture.connect().await;
        peer.send(&format!("GET /hello HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "y".repeat(100 << 10))).await;
        assert!(peer.rest().await.starts_with("HTTP/1.1 431 "));

        let mut peer = fixture.connect().await;
        peer.send(&format!("GET /hello HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(5))).await;
        assert!(peer.rest().await.starts_with("HTTP/1.1 431 "));
        assert_eq!(fixture.seen.begun.get(), 0);
    });
}

#[test]
fn what_is_no_http_is_answered_with_400() {
    run(|| async {
        let fixture = Fixture::start(settings());
        for nonsense in [
            "hello\r\n\r\n",
            "GET /hello HTTP/1.1\r\nno header\r\n\r\n",
            "GET /hello HTTP/1.1\r\nhost : test\r\n\r\n",
            "POST /echo HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "POST /echo HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
            "POST /echo HTTP/1.1\r\ntransfer-encoding: chunked, identity\r\n\r\n",
            "POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /echo HTTP/1.1\r\ncontent-length: +1\r\n\r\nx",
        ] {
            let mut peer = fixture.connect().await;
            peer.send(nonsense).await;
            let rest = peer.rest().await;
            assert!(rest.starts_with("HTTP/1.1 400 ") || rest.starts_with("HTTP/1.0 400 "), "{nonsense:?}: {rest}");
        }
        assert_eq!(fixture.seen.begun.get(), 0);
    });
}

/// hyper takes the chunks, throws the length away, and closes the connection, as RFC 9112, section 6.3 allows for: nothing
/// that follows is taken for a request.
#[test]
fn after_a_request_with_two_lengths_nothing_is_read() {
    run(|| async {
        for lengths in
            ["content-length: 5\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 5"]
        {
            let fixture = Fixture::start(settings());
            let mut peer = fixture.connect().await;
            let smuggled = "GET /hello HTTP/1.1\r\nhost: test\r\n\r\n";
            peer.send(&format!("POST /echo HTTP/1.1\r\nhost: test\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}")).await;
            let rest = peer.rest().await;
            assert!(rest.contains("connection: close\r\n"), "{rest}");
            assert_eq!((rest.matches("HTTP/1.1").count(), fixture.seen.begun.get()), (1, 1), "{rest}");
        }
    });
}
