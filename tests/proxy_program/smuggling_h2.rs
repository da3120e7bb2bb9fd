//! The same over HTTP/2, whose frames say where a request ends: what its headers say beside that must not reach an upstream
//! that reads them.

use h2::client;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use tokio::net::TcpStream;

use crate::support::{Program, Upstream, soon};

const HIDDEN: &str = "abcGET /hidden HTTP/1.1\r\nhost: h\r\n\r\n";

/// What becomes of one request on a connection of its own: its status, `None` if its stream is reset.
async fn sent(program: &Program, headers: &[(&str, &str)], body: &'static str) -> Option<StatusCode> {
    let stream = TcpStream::connect(program.address).await.unwrap();
    let (client, connection) = client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::post("http://h/x");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (answer, mut stream) = client.ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap();
    // It may have been reset by now.
    let _ = stream.send_data(Bytes::from_static(body.as_bytes()), true);
    soon("an answer", answer).await.ok().map(|answer| answer.status())
}

#[tokio::test]
async fn what_is_hidden_never_arrives() {
    let upstream = Upstream::start("a").await;
    let program = Program::start(&["--upstream", &upstream.url()]).await;
    let refused = Some(StatusCode::BAD_REQUEST);
    for (headers, body, expected) in [
        (&[("content-length", "3")][..], HIDDEN, None),
        (&[("content-length", "99")], HIDDEN, None),
        (&[("content-length", "0")], HIDDEN, None),
        (&[("content-length", "+3")], "abc", None),
        (&[("content-length", "3, 3")], "abc", None),
        (&[("content-length", "3"), ("content-length", "3")], "abc", refused),
        (&[("content-length", "3"), ("content-length", "36")], "abc", None),
        (&[("host", "g")], "abc", refused),
        (&[("host", "h"), ("host", "h")], "abc", refused),
    ] {
        let got = sent(&program, headers, body).await;
        assert_eq!((got, upstream.count()), (expected, 0), "{headers:?}: {:?}", upstream.seen());
    }
    let sound = sent(&program, &[("content-length", "36"), ("host", "h")], HIDDEN).await;
    assert_eq!(sound, Some(StatusCode::OK));
    let seen = upstream.seen();
    assert_eq!((seen.len(), seen[0].line.as_str(), seen[0].text()), (1, "POST /x HTTP/1.1", HIDDEN));
    assert_eq!(upstream.broken(), [""; 0]);
}
