use h2::client;

use super::*;

type Requests = client::SendRequest<Bytes>;

async fn handshake(fixture: &Fixture) -> (Requests, JoinHandle<Result<(), h2::Error>>) {
    let (requests, connection) = client::handshake(fixture.connect().await.0).await.unwrap();
    (requests, tokio::task::spawn_local(connection))
}

fn to(path: &str) -> Request<()> {
    Request::get(format!("http://test{path}")).body(()).unwrap()
}

async fn body(answer: Response<h2::RecvStream>) -> String {
    let mut stream = answer.into_body();
    let mut text = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data.unwrap();
        stream.flow_control().release_capacity(data.len()).unwrap();
        text.extend_from_slice(&data);
    }
    String::from_utf8(text).unwrap()
}

async fn get(requests: &mut Requests, path: &str) -> String {
    let (answer, _) = requests.send_request(to(path), true).unwrap();
    body(timeout(PATIENCE, answer).await.unwrap().unwrap()).await
}

#[test]
fn requests_are_served_beside_each_other() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let (mut requests, _connection) = handshake(&fixture).await;
        let (held, _) = requests.send_request(to("/held"), true).unwrap();
        assert_eq!(get(&mut requests, "/hello").await, "hello");
        fixture.seen.release.notify_one();
        assert_eq!(body(held.await.unwrap()).await, "released");

        let (answer, mut stream) = requests.send_request(to("/echo"), false).unwrap();
        stream.send_data(Bytes::from_static(b"echo"), true).unwrap();
        assert_eq!(body(answer.await.unwrap()).await, "echo");
        assert_eq!(fixture.server.connections(), 1);
    });
}

#[test]
fn a_stream_that_is_reset_has_its_request_dropped() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let (mut requests, _connection) = handshake(&fixture).await;
        let (_held, mut stream) = requests.send_request(to("/held"), true).unwrap();
        fixture.seen.until(|seen| seen.begun.get() == 1).await;
        stream.send_reset(h2::Reason::CANCEL);
        fixture.seen.until(|seen| seen.dropped.get() == 1).await;
        assert_eq!(get(&mut requests, "/hello").await, "hello");
    });
}

#[test]
fn a_client_that_leaves_has_all_its_requests_dropped() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let (mut requests, connection) = handshake(&fixture).await;
        let held = [(); 3].map(|()| requests.send_request(to("/held"), true).unwrap());
        fixture.seen.until(|seen| seen.begun.get() == 3).await;
        connection.abort();
        fixture.seen.until(|seen| seen.dropped.get() == 3).await;
        fixture.until_connections(0).await;
        drop(held);
    });
}

#[test]
fn streams_beyond_the_limit_wait() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { max_concurrent_streams: 2, ..settings() });
        let (mut requests, _connection) = handshake(&fixture).await;
        // After one the client knows the limit.
        get(&mut requests, "/hello").await;
        let mut held = Vec::new();
        for _ in 0..2 {
            requests = requests.ready().await.unwrap();
            held.push(requests.send_request(to("/held"), true).unwrap());
        }
        fixture.seen.until(|seen| seen.begun.get() == 3).await;
        assert_eq!(requests.current_max_send_streams(), 2);
    });
}

#[test]
fn rapid_resets_end_the_connection() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let mut peer = fixture.connect().await;
        // By hand, and at once: a head that is `GET http://a/`, and its reset, a thousand times.
        let mut attack = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
        for number in 0..1000_u32 {
            let stream = (2 * number + 1).to_be_bytes();
            attack.extend_from_slice(b"\0\0\x06\x01\x05");
            attack.extend_from_slice(&stream);
            // :method GET, :scheme http, :path /, :authority a
            attack.extend_from_slice(b"\x82\x86\x84\x01\x01a");
            attack.extend_from_slice(b"\0\0\x04\x03\0");
            attack.extend_from_slice(&stream);
            attack.extend_from_slice(b"\0\0\0\x08");
        }
        let _ = peer.0.write_all(&attack).await;
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, peer.0.read_to_end(&mut rest)).await.expect("the server closes");
        fixture.until_connections(0).await;
        assert!(fixture.seen.begun.get() < 100, "{} were begun", fixture.seen.begun.get());
    });
}

#[test]
fn an_idle_connection_is_closed_with_a_goodbye_but_a_busy_one_is_not() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { idle_timeout: Duration::from_millis(150), ..settings() });
        let (mut requests, connection) = handshake(&fixture).await;
        let (held, _) = requests.send_request(to("/held"), true).unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!connection.is_finished());
        fixture.seen.release.notify_one();
        assert_eq!(body(held.await.unwrap()).await, "released");
        // A goodbye is no error, a mere end may be one.
        timeout(PATIENCE, connection).await.unwrap().unwrap().unwrap();
        fixture.until_connections(0).await;
    });
}

#[test]
fn draining_says_goodbye_and_finishes_what_is_under_way() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let (mut requests, connection) = handshake(&fixture).await;
        let (held, _) = requests.send_request(to("/held"), true).unwrap();
        fixture.seen.until(|seen| seen.begun.get() == 1).await;
        let (_idle, idle) = handshake(&fixture).await;

        fixture.server.drain();
        timeout(PATIENCE, idle).await.unwrap().unwrap().unwrap();
        assert!(!connection.is_finished());
        fixture.seen.release.notify_one();
        assert_eq!(body(held.await.unwrap()).await, "released");
        timeout(PATIENCE, connection).await.unwrap().unwrap().unwrap();
        fixture.ended().await;
    });
}

#[test]
fn a_server_that_is_dropped_drops_the_requests() {
    run(|| async {
        let fixture = Fixture::start(settings());
        let (mut requests, _connection) = handshake(&fixture).await;
        let held = requests.send_request(to("/held"), true).unwrap();
        fixture.seen.until(|seen| seen.begun.get() == 1).await;
        fixture.running.abort();
        fixture.seen.until(|seen| seen.dropped.get() == 1).await;
        drop(held);
    });
}

#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { write_timeout: Duration::from_millis(150), ..settings() });
        let (mut requests, mut connection) = client::Builder::new()
            .initial_window_size(1 << 30)
            .initial_connection_window_size(1 << 30)
            .handshake::<_, Bytes>(fixture.connect().await.0)
            .await
            .unwrap();
        let answer = requests.send_request(to("/endless"), true).unwrap();
        // From when the answer has begun the client does nothing.
        tokio::select! {
            answer = answer.0 => drop(answer.unwrap().into_body()),
            _ = &mut connection => unreachable!("it is served"),
        }
        fixture.until_connections(0).await;
        drop(connection);
    });
}

#[test]
fn a_client_that_does_not_let_the_answer_come_loses_that_stream() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { write_timeout: Duration::from_millis(150), ..settings() });
        // For all streams together there is room for more.
        let builder = client::Builder::new().initial_connection_window_size(1 << 20).clone();
        let (mut requests, connection) = builder.handshake::<_, Bytes>(fixture.connect().await.0).await.unwrap();
        tokio::task::spawn_local(connection);
        let (answer, _) = requests.send_request(to("/endless"), true).unwrap();
        let mut stream = answer.await.unwrap().into_body();
        let mut taken = 0;
        let error = loop {
            // Without releasing its capacity, so that no more may come than fits into a window.
            match timeout(PATIENCE, stream.data()).await.unwrap().unwrap() {
                Ok(data) => taken += data.len(),
                Err(error) => break error,
            }
        };
        assert_eq!((taken, error.reason()), (65_535, Some(h2::Reason::CANCEL)));
        assert_eq!(get(&mut requests, "/hello").await, "hello");
    });
}

#[test]
fn headers_beyond_the_limit_are_answered_with_431() {
    run(|| async {
        let fixture = Fixture::start(ServerSettings { max_header_size: 1 << 10, ..settings() });
        let (mut requests, _connection) = handshake(&fixture).await;
        let mut request = to("/hello");
        request.headers_mut().insert("x", "y".repeat(2 << 10).parse().unwrap());
        let (answer, _) = requests.send_request(request, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 431);
        assert_eq!(fixture.seen.begun.get(), 0);
    });
}
