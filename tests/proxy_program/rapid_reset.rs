//! HTTP/2 streams that are opened and reset at once (CVE-2023-44487).

use std::net::SocketAddr;

use h2::Reason;
use h2::client::{Builder, SendRequest};
use hyper::Request;
use hyper::body::Bytes;
use tokio::net::TcpStream;

use crate::support::{Load, Program, Upstream, soon};

const STREAMS: usize = 10_000;

/// What the program may take more for it: less than 1 MB, as measured, and 31 MB when nothing stopped such a client. In between
/// there is room for what an allocator keeps.
#[cfg(target_os = "linux")]
const MEMORY: usize = 16 << 20;

async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = Builder::new().max_concurrent_reset_streams(STREAMS).handshake(stream).await.unwrap();
    tokio::spawn(async move {
        // The proxy may well end it.
        let _ = connection.await;
    });
    client
}

#[tokio::test]
async fn streams_that_are_reset_at_once_leave_nothing() {
    let upstream = Upstream::start("a").await;
    let program = Program::start(&["--upstream", &upstream.url()]).await;
    let mut load = Load::start(program.address, 2, "/load");
    load.further(100).await;
    #[cfg(target_os = "linux")]
    let before = program.memory();

    let mut connections = 0;
    let mut opened = 0;
    soon("all streams", async {
        while opened < STREAMS {
            let mut client = connect(program.address).await;
            connections += 1;
            while opened < STREAMS {
                // Fails when the proxy has ended the connection.
                let Ok(ready) = client.ready().await else { break };
                client = ready;
                let request = Request::get("http://h/held").body(()).unwrap();
                let Ok((answer, mut stream)) = client.send_request(request, false) else { break };
                stream.send_reset(Reason::CANCEL);
                drop((answer, stream));
                opened += 1;
                // The connection's task sends what there is.
                tokio::task::yield_now().await;
            }
        }
    })
    .await;
    assert_eq!(opened, STREAMS);
    println!("{connections} connections");

    // It lives, and others are served as before.
    load.further(100).await;
    program
        .wait_for_route("the queue to empty", |route| {
            let requests = &route["requests"];
            // One of the load may be there, and one of each client at that moment.
            requests["queued"] == 0 && requests["in_flight"].as_u64().unwrap() <= 2
        })
        .await;
    load.stop().await;
    program
        .wait_for_route("the last to end", |route| {
            let requests = &route["requests"];
            requests["queued"] == 0 && requests["in_flight"] == 0 && route["upstreams"][0]["in_flight"] == 0
        })
        .await;
    #[cfg(target_os = "linux")]
    {
        let more = program.memory().saturating_sub(before);
        assert!(more < MEMORY, "{more} bytes more");
        println!("{more} bytes more");
    }
}
