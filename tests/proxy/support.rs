//! A proxy to test, and both ends of what goes through it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix::System;
use kanaloa::http::settings::{CommandLine, ProxySettings};
use kanaloa::http::{Drained, ReverseProxy};
use serde_json::Value;
use tokio::time::Instant;

/// A failure of what is tested must not hang the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A limit of one request at a time, and one more that waits.
pub(crate) const ONE_AT_A_TIME: &str =
    "autothrottle.enabled = off, worker-pool.starting-pool-size = 1, queue.capacity = 1, back-pressure.enabled = off";

/// A proxy that runs on a thread of its own until it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    orders: Option<tokio::sync::mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Drain(mpsc::Sender<Drained>),
}

impl Proxy {
    /// One with these settings below `kanaloa`, but for where it listens.
    pub(crate) fn start(text: &str) -> Proxy {
        let text = format!(
            "kanaloa.proxy {{ listen = \"127.0.0.1:0\", admin = \"127.0.0.1:0\", threads = 2 }}\nkanaloa {{\n{text}\n}}"
        );
        let settings = ProxySettings::parse("test.conf", &text, &CommandLine::default());
        let settings = settings.unwrap_or_else(|error| panic!("{error}\n{text}"));
        let (orders, mut received) = tokio::sync::mpsc::unbounded_channel();
        let (started, addresses) = mpsc::channel();
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let proxy = ReverseProxy::start(settings).await.expect("it starts");
                started.send((proxy.address(), proxy.admin_address().expect("it has one"))).expect("the test waits");
                while let Some(Order::Drain(done)) = received.recv().await {
                    let _ = done.send(proxy.drain().await);
                }
            });
        });
        let (address, admin) = addresses.recv_timeout(PATIENCE).expect("it starts");
        Proxy { address, admin, orders: Some(orders), thread: Some(thread) }
    }

    /// One with a single route to this upstream: what else the route and its dispatcher say.
    pub(crate) fn to(upstream: &Upstream, route: &str, dispatcher: &str) -> Proxy {
        Proxy::over(&[upstream.address], route, dispatcher)
    }

    /// The same over several upstreams.
    pub(crate) fn over(upstreams: &[SocketAddr], route: &str, dispatcher: &str) -> Proxy {
        let upstreams: Vec<_> = upstreams.iter().map(|address| format!("\"http://{address}\"")).collect();
        let proxy = Proxy::start(&format!(
            "proxy.routes = [{{ upstreams = [{}], {route} }}]\ndispatchers.default {{ {dispatcher} }}",
            upstreams.join(", ")
        ));
        // Upstreams are on several threads, and it listens before all of them have begun.
        proxy.until("all upstreams are there", |status| {
            let running = status["routes"][0]["upstreams"].as_array().expect("a list");
            running.iter().filter(|upstream| upstream["state"] == "running").count() == upstreams.len()
        });
        proxy
    }

    pub(crate) fn client(&self) -> Wire {
        Wire::connect(self.address)
    }

    /// Sends one request on a connection of its own, and has its answer.
    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut client = self.client();
        client.send(request);
        client.answer_to(request)
    }

    pub(crate) fn status(&self) -> Value {
        let mut client = Wire::connect(self.admin);
        client.send("GET /status HTTP/1.1\r\nhost: a\r\n\r\n");
        serde_json::from_slice(&client.answer().body).expect("JSON")
    }

    /// Looks until it is so.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if holds(&status) {
                return status;
            }
            assert!(Instant::now() < end, "it does not come to that: {what}: {status:#}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until the only route has so many requests in its queue, and so many at its upstreams.
    pub(crate) fn until_counts(&self, queued: u64, in_flight: u64) -> Value {
        self.until(&format!("{queued} queued, {in_flight} in flight"), |status| {
            let route = &status["routes"][0];
            let upstreams = route["upstreams"].as_array().expect("a list");
            let at_upstreams: u64 = upstreams.iter().map(|upstream| number(&upstream["in_flight"])).sum();
            number(&route["requests"]["queued"]) == queued && at_upstreams == in_flight
        })
    }

    /// Begins to drain; what it came to arrives when it has.
    pub(crate) fn drain(&self) -> mpsc::Receiver<Drained> {
        let (done, drained) = mpsc::channel();
        let orders = self.orders.as_ref().expect("it runs");
        assert!(orders.send(Order::Drain(done)).is_ok());
        drained
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.orders = None;
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the proxy has panicked");
        }
    }
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// An upstream whose connections the test has, in the order in which they were made.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    accepted: mpsc::Receiver<Wire>,
    ended: Arc<AtomicBool>,
}

impl Upstream {
    pub(crate) fn new() -> Upstream {
        let (send, accepted) = mpsc::channel();
        let (address, ended) = listen(move |wire| drop(send.send(wire)));
        Upstream { address, accepted, ended }
    }

    /// One that gives each request its answer, as bytes, and keeps connections open.
    pub(crate) fn answering(answer: impl Fn(&Head, &[u8]) -> String + Send + Sync + 'static) -> Upstream {
        let (send, accepted) = mpsc::channel();
        let answer = Arc::new(answer);
        let (address, ended) = listen(move |mut wire| {
            let (answer, send) = (Arc::clone(&answer), send.clone());
            thread::spawn(move || {
                let _open = send;
                while let Some(head) = wire.try_head() {
                    let body = wire.body(&head, false).bytes;
                    if wire.socket.write_all(answer(&head, &body).as_bytes()).is_err() {
                        return;
                    }
                }
            });
        });
        Upstream { address, accepted, ended }
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> Wire {
        self.accepted.recv_timeout(PATIENCE).expect("the proxy connects")
    }

    /// The next connection, and the head of the request on it.
    pub(crate) fn request(&self) -> (Wire, Head) {
        let mut wire = self.accept();
        let head = wire.head();
        (wire, head)
    }

    /// The next connection, if it is there.
    pub(crate) fn try_accept(&self) -> Option<Wire> {
        self.accepted.try_recv().ok()
    }

    /// Whether nobody has connected but for those that were accepted.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.try_accept().is_none()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn listen(mut accepted: impl FnMut(Wire) + Send + 'static) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let ended = Arc::new(AtomicBool::new(false));
    let is_ended = Arc::clone(&ended);
    thread::spawn(move || {
        for socket in listener.incoming() {
            if is_ended.load(Ordering::Relaxed) {
                return;
            }
            accepted(Wire::new(socket.expect("a connection")));
        }
    });
    (address, ended)
}

/// A port where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound")
}

/// One end of a connection that speaks HTTP/1, as bytes.
pub(crate) struct Wire {
    pub(crate) socket: TcpStream,
    /// Read, and not yet looked at.
    rest: Vec<u8>,
}

/// The head of a request or an answer. Names are in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) first: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether it came to its end as HTTP has it.
    pub(crate) is_complete: bool,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) is_complete: bool,
}

impl Head {
    fn parse(bytes: &[u8]) -> Head {
        let text = String::from_utf8(bytes.to_vec()).expect("a head is text here");
        let mut lines = text.split("\r\n");
        let first = lines.next().expect("a line").to_owned();
        let headers = lines.filter(|line| !line.is_empty()).map(pair).collect();
        Head { first, headers }
    }

    /// The only value of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} is there more than once: {self:#?}");
        all.first().copied()
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn status(&self) -> u16 {
        let digits = self.first.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {:?}", self.first));
        digits.parse().unwrap_or_else(|_| panic!("no answer: {:?}", self.first))
    }

    /// The target of a request.
    pub(crate) fn target(&self) -> &str {
        self.first.split(' ').nth(1).expect("a line of a request has three parts")
    }
}

fn pair(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.head.get(name)
    }

    /// Its status and, if it is the proxy's own, the reason.
    pub(crate) fn said(&self) -> (u16, &str) {
        (self.status, self.get("kanaloa-reason").unwrap_or(""))
    }
}

impl Wire {
    fn new(socket: TcpStream) -> Wire {
        socket.set_nodelay(true).expect("open");
        socket.set_read_timeout(Some(PATIENCE)).expect("open");
        socket.set_write_timeout(Some(PATIENCE)).expect("open");
        Wire { socket, rest: Vec::new() }
    }

    pub(crate) fn connect(address: SocketAddr) -> Wire {
        Wire::new(TcpStream::connect(address).expect("somebody listens"))
    }

    /// The same connection once more, for a thread that writes while another reads.
    pub(crate) fn twin(&self) -> Wire {
        Wire { socket: self.socket.try_clone().expect("a descriptor"), rest: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).expect("the other end takes it");
    }

    /// Sends as much as the other end takes before it has gone.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref())
    }

    /// Says that no more comes from here.
    pub(crate) fn finish(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("open");
    }

    /// Ends the connection as a process does that is killed with bytes unread.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).expect("open");
    }

    fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 64 << 10];
        let read = self.socket.read(&mut buffer)?;
        self.rest.extend_from_slice(&buffer[..read]);
        Ok(read)
    }

    /// The next head; `None` if the connection ends before it begins.
    pub(crate) fn try_head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = self.rest.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.rest.split_off(end + 4);
                let head = std::mem::replace(&mut self.rest, rest);
                return Some(Head::parse(&head));
            }
            match self.more() {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no head comes: {:?}", self.rest),
                _ => return None,
            }
        }
    }

    pub(crate) fn head(&mut self) -> Head {
        self.try_head().expect("the connection ends before the head")
    }

    /// Exactly so many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.rest.len() < count {
            assert_ne!(self.more().expect("more comes"), 0, "it ends after {} of {count} bytes", self.rest.len());
        }
        let rest = self.rest.split_off(count);
        std::mem::replace(&mut self.rest, rest)
    }

    /// What follows this head. `to_end`: whether a body without a length goes on to the end of the connection, as those of
    /// answers do.
    pub(crate) fn body(&mut self, head: &Head, to_end: bool) -> Body {
        if head.get("transfer-encoding") == Some("chunked") {
            return self.chunks();
        }
        let length = head.get("content-length").map(|length| length.parse::<usize>().expect("a number"));
        let wanted = length.unwrap_or(if to_end { usize::MAX } else { 0 });
        let mut failed = false;
        while self.rest.len() < wanted {
            match self.more() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the body does not end"),
                Err(_) => {
                    failed = true;
                    break;
                }
            }
        }
        let rest = self.rest.split_off(wanted.min(self.rest.len()));
        let bytes = std::mem::replace(&mut self.rest, rest);
        let is_complete = !failed && length.is_none_or(|length| length == bytes.len());
        Body { bytes, trailers: Vec::new(), is_complete }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|two| two == b"\r\n") {
                let rest = self.rest.split_off(end + 2);
                let line = std::mem::replace(&mut self.rest, rest);
                return Some(String::from_utf8(line[..end].to_vec()).expect("text"));
            }
            match self.more() {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no line comes: {:?}", self.rest),
                _ => return None,
            }
        }
    }

    fn chunks(&mut self) -> Body {
        let mut body = Body { bytes: Vec::new(), trailers: Vec::new(), is_complete: false };
        loop {
            let Some(line) = self.line() else { return body };
            let size = usize::from_str_radix(line.split(';').next().unwrap_or(""), 16);
            let size = size.unwrap_or_else(|_| panic!("no size of a chunk: {line:?}"));
            if size == 0 {
                break;
            }
            while self.rest.len() < size + 2 {
                match self.more() {
                    Ok(1..) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the chunk does not end"),
                    _ => {
                        let part = self.rest.len().min(size);
                        body.bytes.extend(self.rest.drain(..part));
                        return body;
                    }
                }
            }
            body.bytes.extend(self.rest.drain(..size));
            assert_eq!(self.rest.drain(..2).collect::<Vec<_>>(), b"\r\n");
        }
        loop {
            match self.line() {
                Some(line) if line.is_empty() => break,
                Some(line) => body.trailers.push(pair(&line)),
                None => return body,
            }
        }
        body.is_complete = true;
        body
    }

    /// The answer to a request that is not HEAD.
    pub(crate) fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    pub(crate) fn answer_to(&mut self, request: &str) -> Answer {
        let head = self.head();
        let status = head.status();
        let has_none = request.starts_with("HEAD ") || status < 200 || status == 204 || status == 304;
        let (body, is_complete) = match has_none {
            true => (Vec::new(), true),
            false => {
                let Body { bytes, is_complete, .. } = self.body(&head, true);
                (bytes, is_complete)
            }
        };
        Answer { status, head, body, is_complete }
    }

    /// Waits for the other end to close, in whichever way; what it sends before is an error.
    pub(crate) fn closed(&mut self) {
        assert_eq!(String::from_utf8_lossy(&self.rest), "", "unread");
        match self.more() {
            Ok(0) => {}
            Ok(_) => panic!("it sends {:?}", String::from_utf8_lossy(&self.rest)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("it does not close"),
            Err(_) => {}
        }
    }

    /// Whether nothing has come that was not looked at, and the other end has not closed.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.socket.set_nonblocking(true).expect("open");
        let read = self.more();
        self.socket.set_nonblocking(false).expect("open");
        self.rest.is_empty() && read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Answers 200 with this text.
    pub(crate) fn ok(&mut self, text: &str) {
        self.send(ok(text));
    }
}

/// An answer of 200 with this text.
pub(crate) fn ok(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len())
}

/// A GET without anything else.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: example.com\r\n\r\n")
}

/// A POST with this text.
pub(crate) fn post(path: &str, headers: &str, text: &str) -> String {
    let length = text.len();
    format!("POST {path} HTTP/1.1\r\nhost: example.com\r\ncontent-length: {length}\r\n{headers}\r\n{text}")
}
