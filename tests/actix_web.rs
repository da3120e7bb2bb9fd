//! The dashboard in an actix-web application.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use kanaloa::dashboard::Dashboard;
use kanaloa::metrics::Monitor;
use kanaloa::{PushingDispatcher, handler_fn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What is sent, from the first byte until `end` holds of it.
async fn read(stream: &mut TcpStream, end: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    while !end(&text) {
        let mut buffer = [0; 64 << 10];
        let read = timeout(Duration::from_secs(10), stream.read(&mut buffer)).await;
        let read = read.unwrap_or_else(|_| panic!("it does not come to that: {text}")).unwrap();
        assert_ne!(read, 0, "it ends: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}

async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{request} HTTP/1.1\r\nhost: a\r\n").as_bytes()).await.unwrap();
    stream
}

/// The whole answer.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = send(address, request).await;
    stream.write_all(b"connection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

async fn events(address: SocketAddr, headers: &str) -> TcpStream {
    let mut stream = send(address, "GET /scope/kanaloa/events").await;
    stream.write_all(format!("{headers}\r\n").as_bytes()).await.unwrap();
    stream
}

#[actix::test]
async fn an_application_has_it_where_it_wants_it() {
    let monitor = Monitor::new();
    let half = handler_fn("half", |n: u32| async move { Ok::<_, String>(n / 2) });
    let numbers = PushingDispatcher::builder("numbers").monitor(&monitor).handler(half).start_on_thread().unwrap();
    let dashboard = Dashboard::start(&monitor);
    let shown = dashboard.clone();
    let server = HttpServer::new(move || {
        App::new()
            .service(web::scope("/scope").service(shown.at("/kanaloa")))
            .route("/other", web::get().to(|| async { HttpResponse::Ok().body("other") }))
    });
    let server = server.workers(2).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    let ended = actix_web::rt::spawn(server);

    let answer = ask(address, "GET /scope/kanaloa").await;
    assert!(answer.starts_with("HTTP/1.1 308 ") && answer.contains("\r\nlocation: kanaloa/\r\n"), "{answer}");
    let answer = ask(address, "GET /scope/kanaloa/").await;
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    for (name, value) in Dashboard::PAGE_HEADERS {
        assert!(head.lines().any(|line| line == format!("{name}: {value}")), "{name}: {head}");
    }
    assert_eq!(page, Dashboard::page());
    let answer = ask(address, "HEAD /scope/kanaloa/").await;
    assert!(
        answer.contains(&format!("content-length: {}\r\n", page.len())) && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
    for path in ["/scope/kanaloa", "/scope/kanaloa/", "/scope/kanaloa/events"] {
        let answer = ask(address, &format!("POST {path}")).await;
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("\r\nallow: GET, HEAD\r\n"), "{answer}");
    }
    assert!(ask(address, "GET /scope/kanaloa/nothing").await.starts_with("HTTP/1.1 404 "));
    assert!(ask(address, "GET /other").await.ends_with("other"));
    let answer = ask(address, "HEAD /scope/kanaloa/events").await;
    assert!(answer.contains("\r\ncontent-type: text/event-stream\r\n"), "{answer}");

    let mut viewer = events(address, "").await;
    let said = read(&mut viewer, |text| text.contains("event: history") && text.contains(r#""name":"numbers""#)).await;
    for (name, value) in Dashboard::EVENTS_HEADERS {
        assert!(said.contains(&format!("\r\n{name}: {value}\r\n")), "{name}: {said}");
    }
    assert!(said.contains("retry: 1000\n\n"), "{said}");
    numbers.call(8).await.unwrap();
    read(&mut viewer, |text| text.contains("event: tick") && text.contains(r#""completed":1"#)).await;
    let (_, id) = said.split_once("id: ").unwrap();
    let (id, _) = id.split_once('\n').unwrap();
    let mut back = events(address, &format!("last-event-id: {id}\r\n")).await;
    let said = read(&mut back, |text| text.contains("event: ")).await;
    assert!(said.contains("event: tick"), "{said}");

    // A server that is stopped waits for its connections, which end when it is closed.
    dashboard.close();
    read(&mut viewer, |text| text.ends_with("0\r\n\r\n")).await;
    drop((viewer, back));
    timeout(Duration::from_secs(10), handle.stop(true)).await.unwrap();
    ended.await.unwrap().unwrap();
}
