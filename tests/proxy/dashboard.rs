//! The dashboard at the admin address, as browsers have it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use kanaloa::http::{AdminServer, Drained};
use kanaloa::metrics::Monitor;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::support::{Answer, ONE_AT_A_TIME, PATIENCE, Proxy, Upstream, Wire, get, ok, post};

/// A browser that looks at events.
struct Viewer {
    reader: BufReader<TcpStream>,
    head: String,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    boot: String,
    number: u64,
    kind: String,
    data: Value,
}

impl Viewer {
    fn connect(address: SocketAddr) -> Viewer {
        Viewer::back(address, None)
    }

    /// One that comes back, and says which event it had last.
    fn back(address: SocketAddr, last: Option<&str>) -> Viewer {
        let mut socket = TcpStream::connect(address).expect("somebody listens");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        write!(socket, "GET /dashboard/events HTTP/1.1\r\nhost: a\r\n{last}\r\n").unwrap();
        let mut viewer = Viewer { reader: BufReader::new(socket), head: String::new(), text: String::new() };
        while !viewer.head.ends_with("\r\n\r\n") {
            assert_ne!(viewer.reader.read_line(&mut viewer.head).unwrap(), 0, "it ends: {}", viewer.head);
        }
        viewer
    }

    /// What is said before the next empty line; `None` at the end, in good order or not.
    fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let mut size = String::new();
            self.reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok().filter(|size| *size > 0)?;
            let mut chunk = vec![0; size + 2];
            self.reader.read_exact(&mut chunk).ok()?;
            self.text.push_str(std::str::from_utf8(&chunk[..size]).unwrap());
        }
    }

    fn event(&mut self) -> Event {
        loop {
            let block = self.block().expect("it goes on");
            if block == "retry: 1000" {
                continue;
            }
            let [id, kind, data] = block.split('\n').collect::<Vec<_>>()[..] else { panic!("{block}") };
            let (boot, number) = id.strip_prefix("id: ").and_then(|id| id.split_once('-')).unwrap();
            return Event {
                boot: boot.to_owned(),
                number: number.parse().unwrap(),
                kind: kind.strip_prefix("event: ").unwrap().to_owned(),
                data: serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap(),
            };
        }
    }

    fn kind_and_number(&mut self) -> (String, u64) {
        let event = self.event();
        (event.kind, event.number)
    }
}

fn ask(address: SocketAddr, request: &str) -> Answer {
    let mut client = Wire::connect(address);
    client.send(request);
    client.answer_to(request)
}

#[test]
fn the_page_is_where_a_browser_finds_it() {
    let proxy = Proxy::to(&Upstream::new(), "", "");
    let browser = "GET / HTTP/1.1\r\nhost: a\r\naccept: text/html,*/*;q=0.8\r\n\r\n";
    let answer = ask(proxy.admin, browser);
    assert_eq!((answer.status, answer.get("location")), (302, Some("dashboard/")));
    assert_eq!(ask(proxy.admin, &get("/")).text(), "/healthz\n/readyz\n/status\n/metrics\n/dashboard/\n");
    let answer = ask(proxy.admin, &get("/dashboard"));
    assert_eq!((answer.status, answer.get("location")), (308, Some("dashboard/")));

    let page = ask(proxy.admin, &get("/dashboard/"));
    assert_eq!((page.status, page.get("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.get("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("http"), "{policy}");
    assert_eq!(page.get("x-content-type-options"), Some("nosniff"));
    assert!(page.text().starts_with("<!DOCTYPE html>") && page.text().ends_with("</html>\n"));

    let head = ask(proxy.admin, "HEAD /dashboard/ HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((head.status, head.get("content-length")), (200, Some(&*page.body.len().to_string())));
    let head = ask(proxy.admin, "HEAD /dashboard/events HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((head.status, head.get("content-type")), (200, Some("text/event-stream")));
    for path in ["/dashboard/", "/dashboard/events"] {
        let answer = ask(proxy.admin, &post(path, "", ""));
        assert_eq!((answer.status, answer.get("allow")), (405, Some("GET, HEAD")));
    }
    assert_eq!(ask(proxy.admin, &get("/dashboard/other")).status, 404);
}

#[test]
fn a_viewer_gets_the_history_and_then_each_second() {
    let upstream = Upstream::answering(|_, _| ok(""));
    let proxy = Proxy::to(&upstream, "", "");
    let mut viewer = Viewer::connect(proxy.admin);
    for header in
        ["HTTP/1.1 200 OK", "content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"]
    {
        assert!(viewer.head.lines().any(|line| line == header), "{header}: {}", viewer.head);
    }
    assert_eq!(viewer.block().as_deref(), Some("retry: 1000"));
    let history = viewer.event();
    assert_eq!(history.kind, "history");
    let shop = &history.data["dispatchers"][0];
    assert_eq!(
        (&shop["name"], &shop["handlers"][0]["name"]),
        (&json!("default"), &json!(upstream.address.to_string()))
    );
    // From when on it is told of is told already, so that this is in one of the next ticks.
    assert_eq!(proxy.ask(&get("/")).status, 200);
    let mut completed = 0;
    for number in 1..=3 {
        let tick = viewer.event();
        assert_eq!((&*tick.kind, tick.number, &tick.boot), ("tick", history.number + number, &history.boot));
        completed += tick.data["dispatchers"][0]["now"]["completed"].as_u64().unwrap();
    }
    assert_eq!(completed, 1);
}

#[test]
fn a_viewer_that_comes_back_gets_what_it_has_missed() {
    let proxy = Proxy::to(&Upstream::new(), "", "");
    let mut viewer = Viewer::connect(proxy.admin);
    let first = viewer.event();
    let ticks = [viewer.event(), viewer.event()];
    drop(viewer);
    let mut back = Viewer::back(proxy.admin, Some(&format!("{}-{}", first.boot, first.number)));
    assert_eq!([back.event(), back.event()], ticks);
    assert_eq!(back.kind_and_number(), ("tick".to_owned(), first.number + 3));

    // As if the program had been started again, and what is no id at all.
    for id in [format!("{}f-{}", first.boot, first.number), "x".to_owned()] {
        assert_eq!(Viewer::back(proxy.admin, Some(&id)).event().kind, "history", "{id}");
    }
}

/// A viewer is not waited for, and sees the drain.
#[test]
fn a_drain_ends_it() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", ONE_AT_A_TIME);
    let mut client = proxy.client();
    client.send(get("/"));
    let (mut at_upstream, _) = upstream.request();
    let mut viewer = Viewer::connect(proxy.admin);
    viewer.event();
    let drained = proxy.drain();
    proxy.until("it drains", |status| status["draining"] == true);
    assert_eq!(viewer.event().kind, "tick");
    at_upstream.ok("");
    client.answer();
    drop(client);
    assert_eq!(drained.recv_timeout(PATIENCE), Ok(Drained::Finished));
    let ends = Instant::now();
    while viewer.block().is_some() {}
    assert!(ends.elapsed() < Duration::from_secs(1), "{:?}", ends.elapsed());
}

/// Dispatchers come and go under the same names, and the stream goes on.
#[test]
fn a_reload_keeps_the_stream() {
    let upstream = Upstream::answering(|_, _| ok(""));
    let settings = |more: &str| {
        format!(
            "proxy.routes = [{{ upstreams = [\"http://{}\"] }}]\ndispatchers.default {{ {more} }}",
            upstream.address
        )
    };
    let proxy = Proxy::start(&settings(""));
    let mut viewer = Viewer::connect(proxy.admin);
    let history = viewer.event();
    let id = history.data["dispatchers"][0]["id"].clone();
    proxy.reload(&settings("work-settings.service-timeout = 7s"));
    let mut expected = history.number;
    loop {
        let tick = viewer.event();
        expected += 1;
        assert_eq!((&*tick.kind, tick.number, &tick.boot), ("tick", expected, &history.boot));
        let told = tick.data["dispatchers"].as_array().unwrap();
        if told.len() == 1 && told[0]["id"] != id {
            assert_eq!(told[0]["name"], "default");
            break;
        }
        assert!(expected < history.number + 10, "{told:#?}");
    }
}

/// They are told so, and whoever asks for something else is answered.
#[test]
fn viewers_are_not_too_many() {
    let proxy = Proxy::to(&Upstream::new(), "", "");
    let mut viewers: Vec<_> = (0..64).map(|_| Viewer::connect(proxy.admin)).collect();
    assert!(viewers.iter().all(|viewer| viewer.head.starts_with("HTTP/1.1 200 ")));
    let answer = ask(proxy.admin, &get("/dashboard/events"));
    assert_eq!(answer.status, 503);
    assert!(answer.text().starts_with("64 viewers look at this dashboard"), "{}", answer.text());
    assert_eq!(ask(proxy.admin, &get("/healthz")).status, 200);
    viewers.pop();
    // It is noticed that one has left.
    let end = Instant::now() + PATIENCE;
    while !Viewer::connect(proxy.admin).head.starts_with("HTTP/1.1 200 ") {
        assert!(Instant::now() < end, "the place is not freed");
    }
}

#[test]
fn a_program_that_is_no_proxy_has_an_admin_address() {
    let monitor = Monitor::new();
    let admin = AdminServer::start("127.0.0.1:0".parse().unwrap(), &monitor).unwrap();
    let address = admin.address();
    assert_eq!(ask(address, &get("/healthz")).text(), "alive\n");
    assert_eq!(ask(address, &get("/")).text(), "/healthz\n/metrics\n/dashboard/\n");
    let metrics = ask(address, &get("/metrics"));
    assert_eq!((metrics.status, metrics.get("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    assert!(metrics.text().contains("kanaloa_build_info"), "{}", metrics.text());
    let answer = ask(address, &get("/status"));
    assert_eq!((answer.status, answer.text()), (404, "not here: see /healthz, /metrics, /dashboard/\n"));
    let error = AdminServer::start(address, &monitor).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("cannot listen on {address}: another program does already; stop it, or listen elsewhere")
    );
    let mut viewer = Viewer::connect(address);
    assert_eq!(viewer.event().kind, "history");
    drop(admin);
    while viewer.block().is_some() {}
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

/// One that reads nothing is cut off when the system holds no more for it, and another is not held up by it.
#[test]
#[ignore = "takes half a minute, most of it to fill what the system holds for a connection"]
fn a_viewer_that_reads_nothing_is_cut_off() {
    use kanaloa::config::Settings;
    use kanaloa::{PushingDispatcher, handler_fn};

    let monitor = Monitor::new();
    let settings = Settings::parse("test", "kanaloa.default-dispatcher.metrics.max-handlers = 1000").unwrap();
    let builder = PushingDispatcher::builder("wide").settings(settings.dispatcher("wide")).monitor(&monitor);
    let handler = |n| handler_fn(format!("handler {n}"), |n: u32| async move { Ok::<_, String>(n) });
    let _wide = (0..1000).fold(builder, |builder, n| builder.handler(handler(n))).start_on_thread().unwrap();
    let admin = AdminServer::start("127.0.0.1:0".parse().unwrap(), &monitor).unwrap();
    let mut deaf = Viewer::connect(admin.address());
    let mut viewer = Viewer::connect(admin.address());
    let mut bytes = 0;
    let mut expected = viewer.event().number;
    for _ in 0..40 {
        expected += 1;
        assert_eq!(viewer.kind_and_number(), ("tick".to_owned(), expected));
    }
    while let Some(block) = deaf.block() {
        bytes += block.len();
    }
    println!("it was sent {bytes} bytes");
    assert!(bytes < 20 << 20, "{bytes}");
}
