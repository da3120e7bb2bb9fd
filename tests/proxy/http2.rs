//! HTTP/2 with clients and with upstreams.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, client, server};
use hyper::http::{HeaderMap, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::support::{ONE_AT_A_TIME, PATIENCE, Proxy, Upstream, get};

/// A connection over which requests go to the proxy by HTTP/2.
pub(super) async fn h2_over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> client::SendRequest<Bytes> {
    let (send, connection) = client::handshake(io).await.expect("HTTP/2 is spoken");
    tokio::spawn(async move {
        let _ = connection.await;
    });
    send.ready().await.expect("open")
}

pub(super) async fn h2_client(proxy: &Proxy) -> client::SendRequest<Bytes> {
    h2_over(TcpStream::connect(proxy.address).await.expect("somebody listens")).await
}

pub(super) fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://example.com{path}")).body(()).expect("a request")
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it does not hang")
}

/// The whole of a body, and its trailers.
pub(super) async fn whole(body: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut bytes = Vec::new();
    while let Some(data) = within(body.data()).await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, within(body.trailers()).await?))
}

type AtUpstream = (Request<RecvStream>, SendResponse<Bytes>);

/// An upstream that speaks HTTP/2 in the clear, and nothing else.
async fn h2_upstream() -> (SocketAddr, mpsc::UnboundedReceiver<AtUpstream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (send, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let send = send.clone();
            tokio::spawn(async move {
                let mut connection = server::handshake(socket).await.expect("HTTP/2 is spoken");
                while let Some(Ok(request)) = connection.accept().await {
                    let _ = send.send(request);
                }
            });
        }
    });
    (address, requests)
}

fn trailers(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().expect("a name"), value.parse().expect("a value"))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_from_clients_and_http_1_to_upstreams() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = h2_client(&proxy).await;
    let mut asked = request("POST", "/a?b=c");
    asked.headers_mut().insert("te", "trailers".parse().expect("a value"));
    // HTTP/1 has to be told before which trailers come.
    asked.headers_mut().insert("trailer", "sum".parse().expect("a value"));
    let (answer, mut body) = client.send_request(asked, false).expect("open");
    body.send_data(Bytes::from_static(b"hello"), false).expect("open");
    body.send_trailers(trailers("sum", "5")).expect("open");
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(head.first, "POST /a?b=c HTTP/1.1");
    assert_eq!((head.get("host"), head.get("transfer-encoding")), (Some("example.com"), Some("chunked")));
    let sent = at_upstream.body(&head, false);
    assert_eq!((sent.bytes, sent.trailers), (b"hello".to_vec(), vec![("sum".to_owned(), "5".to_owned())]));
    at_upstream.send(
        "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\ntrailer: check\r\nconnection: keep-alive\r\n\r\n\
         5\r\nworld\r\n0\r\ncheck: 7\r\n\r\n",
    );
    let answer = within(answer).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers().get("connection"), None);
    assert_eq!(answer.headers().get("transfer-encoding"), None);
    let (bytes, last) = whole(&mut answer.into_body()).await.expect("whole");
    assert_eq!((bytes, last), (b"world".to_vec(), Some(trailers("check", "7"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_on_both_sides_as_grpc_wants_it() {
    let (address, mut requests) = h2_upstream().await;
    let proxy = Proxy::over(&[address], "upstream.http = http2", "");
    let mut client = h2_client(&proxy).await;
    let mut asked = request("POST", "/service/method");
    asked.headers_mut().insert("te", "trailers".parse().expect("a value"));
    asked.headers_mut().insert("content-type", "application/grpc".parse().expect("a value"));
    asked.headers_mut().insert("grpc-timeout", "5S".parse().expect("a value"));
    let (answer, mut body) = client.send_request(asked, false).expect("open");
    let (at_upstream, mut respond) = within(requests.recv()).await.expect("a request");
    let (head, mut sent) = at_upstream.into_parts();
    assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/service/method"));
    assert_eq!(head.headers.get("te").map(|value| value.as_bytes()), Some(&b"trailers"[..]));
    assert!(head.headers.contains_key("grpc-timeout"));
    // Both ways at once, message by message.
    let response = Response::builder().header("content-type", "application/grpc").body(()).expect("an answer");
    let mut back = respond.send_response(response, false).expect("open");
    let mut answer = within(answer).await.expect("a head").into_body();
    for word in ["one", "two", "three"] {
        body.send_data(Bytes::from_static(word.as_bytes()), false).expect("open");
        assert_eq!(within(sent.data()).await.expect("data").expect("data"), word);
        back.send_data(Bytes::from_static(word.as_bytes()), false).expect("open");
        assert_eq!(within(answer.data()).await.expect("data").expect("data"), word);
    }
    body.send_trailers(trailers("sum", "3")).expect("open");
    assert_eq!(whole(&mut sent).await.expect("whole"), (Vec::new(), Some(trailers("sum", "3"))));
    back.send_trailers(trailers("grpc-status", "0")).expect("open");
    assert_eq!(whole(&mut answer).await.expect("whole"), (Vec::new(), Some(trailers("grpc-status", "0"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_is_as_the_route_says_over_h2_too() {
    let (address, mut requests) = h2_upstream().await;
    let own = address.to_string();
    for (policy, expected) in
        [("upstream", own.as_str()), ("preserve", "example.com"), ("other.example", "other.example")]
    {
        let proxy = Proxy::over(&[address], &format!("upstream.http = http2, host-header = {policy}"), "");
        let mut client = h2_client(&proxy).await;
        let (answer, _) = client.send_request(request("GET", "/"), true).expect("open");
        let (at_upstream, mut respond) = within(requests.recv()).await.expect("a request");
        assert_eq!(at_upstream.uri().authority().map(|host| host.as_str()), Some(expected), "{policy}");
        assert_eq!(at_upstream.headers().get("host"), None, "{policy}");
        respond.send_response(Response::new(()), true).expect("open");
        within(answer).await.expect("an answer");
    }
}

/// The stream of a client that has given up is reset at the upstream too, and its place is free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_stream_is_reset_at_the_upstream() {
    let (address, mut requests) = h2_upstream().await;
    let proxy = Proxy::over(&[address], "upstream.http = http2", ONE_AT_A_TIME);
    let mut client = h2_client(&proxy).await;
    // Where there is more of the request to come, the reason may be that it does not come.
    for (method, expected) in [("GET", Some(h2::Reason::CANCEL)), ("POST", None)] {
        client = within(client.ready()).await.expect("open");
        let (answer, body) = client.send_request(request(method, "/"), expected.is_some()).expect("open");
        let (_at_upstream, mut respond) = within(requests.recv()).await.expect("a request");
        drop((answer, body));
        let reason = within(std::future::poll_fn(|cx| respond.poll_reset(cx))).await.expect("a reset");
        assert_eq!(reason, expected.unwrap_or(reason));
        tokio::task::block_in_place(|| proxy.until_counts(0, 0));
    }
    // The connections go on.
    let mut client = within(client.ready()).await.expect("open");
    let (answer, _) = client.send_request(request("GET", "/"), true).expect("open");
    let (_, mut respond) = within(requests.recv()).await.expect("a request");
    respond.send_response(Response::new(()), true).expect("open");
    assert_eq!(within(answer).await.expect("an answer").status(), StatusCode::OK);
}

/// An upstream that breaks off in the middle does so for the client of HTTP/2 too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_answer_is_a_reset_stream() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = h2_client(&proxy).await;
    let (answer, _) = client.send_request(request("GET", "/"), true).expect("open");
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
    let mut body = within(answer).await.expect("a head").into_body();
    assert_eq!(within(body.data()).await.expect("data").expect("data"), "abc");
    drop(at_upstream);
    assert!(whole(&mut body).await.is_err(), "the client takes a part for the whole");
    let mut client = within(client.ready()).await.expect("the connection goes on");
    let (answer, _) = client.send_request(request("GET", "/"), true).expect("open");
    upstream.request().0.ok("");
    assert_eq!(within(answer).await.expect("an answer").status(), StatusCode::OK);
}

/// With a client's connection all its requests are given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vanished_h2_client_frees_its_upstreams() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let socket = TcpStream::connect(proxy.address).await.expect("somebody listens");
    let (send, connection) = client::handshake(socket).await.expect("HTTP/2 is spoken");
    let connection = tokio::spawn(connection);
    let mut client = send.ready().await.expect("open");
    let (_one, _) = client.send_request(request("GET", "/1"), true).expect("open");
    let (mut one, _) = upstream.request();
    client = client.ready().await.expect("open");
    let (_other, _upload) = client.send_request(request("POST", "/2"), false).expect("open");
    let (mut other, head) = upstream.request();
    tokio::task::block_in_place(|| proxy.until_counts(0, 2));
    connection.abort();
    tokio::task::block_in_place(|| {
        one.closed();
        assert!(!other.body(&head, false).is_complete);
        other.closed();
        let status = proxy.until_counts(0, 0);
        assert_eq!(status["routes"][0]["upstreams"][0]["failed"], 0);
    });
}

/// What the proxy answers itself, over HTTP/2: without the headers that only HTTP/1 has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_answers_over_h2() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "path-prefix = /a, dispatcher = default, max-request-body = 3", "");
    let mut client = h2_client(&proxy).await;
    let mut grpc = request("POST", "/");
    grpc.headers_mut().insert("content-type", "application/grpc".parse().expect("a value"));
    let (answer, _) = client.send_request(grpc, true).expect("open");
    let answer = within(answer).await.expect("an answer");
    assert_eq!((answer.status(), &answer.headers()["grpc-status"]), (StatusCode::OK, &"12".parse().expect("a value")));

    let (answer, mut body) = client.send_request(request("POST", "/a"), false).expect("open");
    body.send_data(Bytes::from_static(b"four"), true).expect("open");
    let answer = within(answer).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.headers()["kanaloa-reason"], "body-too-large");
}

/// Bodies keep to what the other side can take, over HTTP/2 as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn megabytes_over_h2() {
    const SIZE: usize = 8 << 20;
    let (address, mut requests) = h2_upstream().await;
    let proxy = Proxy::over(&[address], "upstream.http = http2", "");
    let mut client = h2_client(&proxy).await;
    let (answer, mut body) = client.send_request(request("POST", "/"), false).expect("open");
    let pattern: Bytes = (0..SIZE).map(|place| (place / 251 + place % 253) as u8).collect();
    let sent = pattern.clone();
    tokio::spawn(async move {
        body.send_data(sent, true).expect("open");
    });
    let (at_upstream, mut respond) = within(requests.recv()).await.expect("a request");
    let (bytes, _) = whole(&mut at_upstream.into_body()).await.expect("whole");
    assert!(bytes == pattern, "another body arrives");
    let mut back = respond.send_response(Response::new(()), false).expect("open");
    back.send_data(pattern.clone(), true).expect("open");
    let mut answer = within(answer).await.expect("a head").into_body();
    assert!(whole(&mut answer).await.expect("whole").0 == pattern, "another body comes back");
}

/// Browsers send a cookie as several headers over HTTP/2, which HTTP/1 may not (RFC 9113, section 8.2.3).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_of_h2_are_one_header_over_http_1() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = h2_client(&proxy).await;
    let mut asked = request("GET", "/");
    for cookie in ["a=1", "b=2; c=3", "d=4"] {
        asked.headers_mut().append("cookie", cookie.parse().expect("a value"));
    }
    let (answer, _) = client.send_request(asked, true).expect("open");
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(head.all("cookie"), ["a=1; b=2; c=3; d=4"]);
    at_upstream.ok("");
    assert_eq!(within(answer).await.expect("an answer").status(), StatusCode::OK);
}

/// All answers of an upstream come on one connection: clients that take nothing of theirs hold up nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_do_not_hold_up_others_of_the_same_h2_upstream() {
    const SIZE: usize = 32 << 20;
    let (address, mut requests) = h2_upstream().await;
    let fixed = "autothrottle.enabled = off, worker-pool.starting-pool-size = 10, back-pressure.enabled = off";
    let proxy = Proxy::over(&[address], "upstream.http = http2", fixed);
    let large = Bytes::from(vec![b'x'; SIZE]);
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut client = proxy.client();
        client.send(get("/large"));
        let (_, mut respond) = within(requests.recv()).await.expect("a request");
        let mut body = respond.send_response(Response::new(()), false).expect("open");
        body.send_data(large.clone(), true).expect("open");
        tokio::task::block_in_place(|| client.head());
        slow.push(client);
    }
    // For as long as it takes to fill whatever there is to be filled.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut client = proxy.client();
    client.send(get("/small"));
    let (_, mut respond) = within(requests.recv()).await.expect("a request");
    let mut body = respond.send_response(Response::new(()), false).expect("open");
    body.send_data(Bytes::from_static(b"small"), true).expect("open");
    assert_eq!(tokio::task::block_in_place(|| client.answer()).text().trim(), "small");
}

/// What an upstream has not begun with goes out once more, if it may: RFC 9113, 8.7.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_stream_goes_out_once_more_if_it_may() {
    let (address, mut requests) = h2_upstream().await;
    let proxy = Proxy::over(&[address], "upstream.http = http2", "");
    for (method, status) in [("GET", 200), ("POST", 502)] {
        let mut client = h2_client(&proxy).await;
        let (answer, _) = client.send_request(request(method, "/"), true).expect("open");
        let (_, mut respond) = within(requests.recv()).await.expect("a request");
        respond.send_reset(h2::Reason::REFUSED_STREAM);
        if status == 200 {
            let (_, mut respond) = within(requests.recv()).await.expect("the request once more");
            respond.send_response(Response::new(()), true).expect("open");
        }
        assert_eq!(within(answer).await.expect("an answer").status(), status, "{method}");
    }
    assert!(requests.try_recv().is_err());
}
