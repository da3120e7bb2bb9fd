//! What clients send is nobody's business who reads the log.

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::support::{Program, Reply, Upstream};

/// In path, query, header, body, cookie and host, each with a secret.
fn request(version: &str, host: &str) -> String {
    format!(
        "POST /secret-path?token=secret-query {version}\r\nHost: {host}\r\nAuthorization: Bearer secret-header\r\n\
         Cookie: session=secret-cookie\r\nContent-Length: 11\r\n\r\nsecret-body"
    )
}

#[tokio::test]
async fn nothing_of_a_request_is_logged_whatever_becomes_of_it() {
    // A port that is taken, so that nobody else has it, and at which nobody listens.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let dead = socket.local_addr().unwrap().as_socket().unwrap();
    let failing = Upstream::replying(|_| Reply::Now(500, "", "secret-answer".to_owned())).await;
    for (upstream, version, host, status) in [
        (dead, "HTTP/1.1", "secret-host", 502),
        (failing.address, "HTTP/1.1", "secret-host", 500),
        (failing.address, "HTTP/1.1", "secret-host\r\nHost: other", 400),
        (failing.address, "HTTP/7.7", "secret-host", 400),
    ] {
        let mut program = Program::start(&["--upstream", &format!("http://{upstream}")]).await;
        for _ in 0..3 {
            let mut wire = program.connect().await;
            wire.send(request(version, host)).await;
            let answered = wire.answer().await.status();
            assert!(answered == status || answered == 503, "{answered}");
        }
        program.signal(Signal::TERM);
        program.line("stopped").await;
        let said = program.said();
        assert!(said.contains("joined"), "{said}");
        assert!(!said.contains("secret-"), "{said}");
    }
}
