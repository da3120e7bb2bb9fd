//! Connections that speak something else than HTTP from some point on.

use std::net::TcpListener;
use std::thread;

use futures::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::support::{ONE_AT_A_TIME, PATIENCE, Proxy, Upstream, get};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: echo\r\n\r\n";

/// An upstream that says back what it hears over WebSocket.
fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("open");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut socket = tokio_tungstenite::accept_async(socket).await.expect("a handshake");
                    while let Some(Ok(message)) = socket.next().await {
                        if message.is_text() || message.is_binary() {
                            socket.send(message).await.expect("taken");
                        }
                    }
                });
            }
        });
    });
    address
}

#[tokio::test]
async fn a_websocket_goes_through() {
    let address = echo();
    let proxy = Proxy::over(&[address], "", ONE_AT_A_TIME);
    let conversation = async {
        let url = format!("ws://{}/chat", proxy.address);
        let socket = tokio::net::TcpStream::connect(proxy.address).await.expect("somebody listens");
        let (mut socket, response) = tokio_tungstenite::client_async(url, socket).await.expect("a handshake");
        assert_eq!(response.status(), 101);
        for message in [Message::text("hello"), Message::binary(vec![7; 1 << 20])] {
            socket.send(message.clone()).await.expect("taken");
            assert_eq!(socket.next().await.expect("an echo").expect("a message"), message);
        }
        proxy.until("one tunnel", |status| status["tunnels"] == 1);
        socket.close(None).await.expect("open");
        assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
    };
    timeout(PATIENCE, conversation).await.expect("it does not hang");
    proxy.until("no tunnel", |status| status["tunnels"] == 0 && status["connections"] == 0);
}

/// Whatever it is, bytes go both ways, and the slot is for others meanwhile.
#[test]
fn an_upgrade_frees_its_slot() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let mut client = proxy.client();
    client.send([UPGRADE, "early"].concat());
    let (mut at_upstream, head) = upstream.request();
    assert_eq!((head.get("connection"), head.get("upgrade")), (Some("upgrade"), Some("echo")));
    at_upstream.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nfirst");
    let head = client.head();
    assert_eq!(head.first, "HTTP/1.1 101 Switching Protocols");
    assert_eq!((head.get("connection"), head.get("upgrade")), (Some("upgrade"), Some("echo")));
    assert_eq!(client.bytes(5), b"first");
    client.send("\0\r\nanything");
    assert_eq!(at_upstream.bytes(16), b"early\0\r\nanything");
    let status = proxy.until_counts(0, 0);
    assert_eq!((&status["tunnels"], &status["connections"]), (&1.into(), &1.into()));
    assert_eq!(status["routes"][0]["requests"]["completed"], 1);

    let mut other = proxy.client();
    other.send(get("/other"));
    let (mut for_other, _) = upstream.request();
    for_other.ok("other");
    assert_eq!(other.answer().text(), "other");
    drop(other);

    // Each side ends when it has no more to say.
    client.finish();
    at_upstream.closed();
    at_upstream.send("last words");
    drop(at_upstream);
    assert_eq!(client.bytes(10), b"last words");
    client.closed();
    proxy.until("no tunnel", |status| status["tunnels"] == 0 && status["connections"] == 0);
}

#[test]
fn a_tunnel_ends_when_one_side_breaks() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    for client_breaks in [true, false] {
        let mut client = proxy.client();
        client.send(UPGRADE);
        let (mut at_upstream, _) = upstream.request();
        at_upstream.send("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
        client.head();
        proxy.until("one tunnel", |status| status["tunnels"] == 1);
        if client_breaks {
            client.reset();
            at_upstream.closed();
        } else {
            at_upstream.reset();
            client.closed();
        }
        proxy.until("no tunnel", |status| status["tunnels"] == 0 && status["connections"] == 0);
    }
}

/// The upstream says no in plain HTTP, and the connection goes on so.
#[test]
fn an_upgrade_may_be_refused() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(UPGRADE);
    let (mut at_upstream, _) = upstream.request();
    at_upstream.ok("plain");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text(), answer.get("upgrade")), (200, "plain", None));
    client.send(UPGRADE);
    at_upstream.head();
    at_upstream.send("HTTP/1.1 426 Upgrade Required\r\ncontent-length: 5\r\n\r\nother");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (426, "other"));
    client.send(get("/after"));
    assert_eq!(at_upstream.head().target(), "/after");
    at_upstream.ok("after");
    assert_eq!(client.answer().text(), "after");
    assert_eq!(proxy.until_counts(0, 0)["tunnels"], 0);
}

/// Nobody has asked to speak anything else.
#[test]
fn an_upgrade_that_was_not_asked_for_opens_no_tunnel() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    for (request, headers) in
        [(get("/"), "connection: upgrade\r\nupgrade: echo\r\n"), (get("/"), ""), (UPGRADE.to_owned(), "")]
    {
        let mut client = proxy.client();
        client.send(request);
        let (mut at_upstream, _) = upstream.request();
        at_upstream.send(format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\nevil"));
        assert_eq!(client.answer().said(), (502, "upstream-failed"));
        at_upstream.closed();
        client.send(get("/after"));
        let (mut at_upstream, _) = upstream.request();
        at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nafter");
        assert_eq!(client.answer().text(), "after");
    }
    assert_eq!(proxy.until_counts(0, 0)["tunnels"], 0);
}

/// What is said on the way to an answer is not the answer.
#[test]
fn interim_answers_are_not_answers() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n");
    at_upstream.ok("the answer");
    assert_eq!(client.answer().text(), "the answer");
}

/// `h2c` by upgrade is not spoken (RFC 9113 has given it up), nor passed on.
#[test]
fn an_upgrade_to_h2c_is_a_plain_request() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\n");
    client.send("upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n");
    let (mut at_upstream, head) = upstream.request();
    assert_eq!((head.get("connection"), head.get("upgrade"), head.get("http2-settings")), (None, None, None));
    at_upstream.ok("plain");
    assert_eq!(client.answer().text(), "plain");
}
