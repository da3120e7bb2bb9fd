//! A service that is not there yet.

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use crate::support::{Program, Reply, Upstream, soon};

#[tokio::test]
async fn it_starts_without_its_upstream_and_works_when_that_comes() {
    // A port that is taken, so that nobody else has it, and at which nobody listens.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let program = Program::start(&["--upstream", &format!("http://{address}")]).await;

    let answer = program.get("/").await;
    assert_eq!((answer.status(), answer.header("kanaloa-reason")), (502, Some("no-connection")), "{answer:?}");
    // It can be reached, and refuses no better than it answers: whether the upstream is there is for the circuit breaker.
    assert_eq!(program.admin("/readyz").await.status(), 200);

    socket.listen(128).unwrap();
    socket.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(socket.into()).unwrap();
    let _upstream = Upstream::on(listener, |_| Reply::Now(200, "", "here".to_owned()));
    soon("the upstream", async { while program.get("/").await.status() != 200 {} }).await;
    assert_eq!(program.get("/").await.text(), "here");
    assert_eq!(program.admin("/readyz").await.text(), "ready\n");
}
