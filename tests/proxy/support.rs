//! A proxy to test, and both ends of what goes through it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix::System;
use kanaloa::http::settings::{CommandLine, ProxySettings};
use kanaloa::http::{Drained, ReverseProxy};
use serde_json::Value;
use tokio::time::Instant;

pub(crate) use super::wire::{Answer, Body, Head, Wire, get, ok, post};

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
    Reload(Box<ProxySettings>, mpsc::Sender<()>),
}

impl Proxy {
    /// One with these settings below `kanaloa`, but for where it listens.
    pub(crate) fn start(text: &str) -> Proxy {
        let settings = settings(text);
        let (orders, mut received) = tokio::sync::mpsc::unbounded_channel();
        let (started, addresses) = mpsc::channel();
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let proxy = ReverseProxy::start(settings).await.expect("it starts");
                started.send((proxy.address(), proxy.admin_address().expect("it has one"))).expect("the test waits");
                while let Some(order) = received.recv().await {
                    let _ = match order {
                        Order::Drain(done) => done.send(proxy.drain().await).is_ok(),
                        Order::Reload(settings, done) => {
                            proxy.reload(*settings).await.expect("it can be used");
                            done.send(()).is_ok()
                        }
                    };
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

    /// Has it go by other settings, as those of [`start`](Self::start).
    pub(crate) fn reload(&self, text: &str) {
        let (done, reloaded) = mpsc::channel();
        let orders = self.orders.as_ref().expect("it runs");
        assert!(orders.send(Order::Reload(Box::new(settings(text)), done)).is_ok());
        reloaded.recv_timeout(PATIENCE).expect("it reloads");
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

fn settings(text: &str) -> ProxySettings {
    let text = format!(
        "kanaloa.proxy {{ listen = \"127.0.0.1:0\", admin = \"127.0.0.1:0\", threads = 2 }}\nkanaloa {{\n{text}\n}}"
    );
    let settings = ProxySettings::parse("test.conf", &text, &CommandLine::default());
    settings.unwrap_or_else(|error| panic!("{error}\n{text}"))
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
                    if wire.try_send(answer(&head, &body)).is_err() {
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
