//! Over real sockets, with a service that does what the path says.

mod drain;
mod http1;
mod http2;
mod limits;
mod timeouts;
mod tls;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::{Duration, timeout};

use super::{Client, Serve, Server, bind};
use crate::http::settings::ServerSettings;

/// A failure of what is tested must not hang the test.
const PATIENCE: Duration = Duration::from_secs(10);

fn settings() -> ServerSettings {
    ServerSettings {
        max_connections: 100,
        header_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(30),
        request_body_idle_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_secs(30),
        max_uri_length: 8 << 10,
        max_header_size: 16 << 10,
        max_headers: 100,
        max_concurrent_streams: 100,
        drain_timeout: Duration::from_secs(30),
    }
}

/// `/hello` says hello, `/echo` sends the body back, `/held` waits to be released, `/endless` never ends, `/ignore` leaves
/// the body unread, `/upgrade` echoes what comes after.
#[derive(Clone, Default)]
struct Dummy(Rc<Seen>);

#[derive(Default)]
struct Seen {
    begun: Cell<usize>,
    /// Futures that were dropped before they had an answer.
    dropped: Cell<usize>,
    changed: Notify,
    release: Notify,
    clients: RefCell<Vec<Client>>,
}

impl Seen {
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let changes = async {
            while !holds(self) {
                self.changed.notified().await;
            }
        };
        timeout(PATIENCE, changes).await.expect("it comes to that");
    }
}

struct Unfinished(Option<Rc<Seen>>);

impl Unfinished {
    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(seen) = self.0.take() {
            seen.dropped.set(seen.dropped.get() + 1);
            seen.changed.notify_one();
        }
    }
}

struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 << 10])))))
    }
}

type Answer = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

fn text(text: &'static str) -> Answer {
    Full::from(text).map_err(Into::into).boxed_unsync()
}

impl Serve for Dummy {
    type Connection = Client;
    type Body = Answer;

    fn connected(&self, client: Client) -> Client {
        client
    }

    fn serve(
        &self,
        mut request: Request<Incoming>,
        client: &Client,
    ) -> impl Future<Output = Response<Answer>> + 'static {
        let seen = self.0.clone();
        seen.begun.set(seen.begun.get() + 1);
        seen.clients.borrow_mut().push(*client);
        seen.changed.notify_one();
        let unfinished = Unfinished(Some(seen.clone()));
        async move {
            let answer = match request.uri().path() {
                "/held" => {
                    seen.release.notified().await;
                    Response::new(text("released"))
                }
                "/echo" => Response::new(request.into_body().map_err(Into::into).boxed_unsync()),
                "/endless" => Response::new(Endless.map_err(|never| match never {}).boxed_unsync()),
                "/ignore" => {
                    let mut answer = Response::new(text("too large"));
                    *answer.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                    answer
                }
                "/upgrade" => {
                    let upgrade = hyper::upgrade::on(&mut request);
                    tokio::task::spawn_local(async move {
                        let mut io = TokioIo::new(upgrade.await.unwrap());
                        let mut buffer = [0; 1024];
                        while let Ok(read @ 1..) = io.read(&mut buffer).await {
                            io.write_all(&buffer[..read]).await.unwrap();
                        }
                    });
                    let mut answer = Response::new(text(""));
                    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
                    answer.headers_mut().insert(UPGRADE, HeaderValue::from_static("echo"));
                    answer
                }
                _ => Response::new(text("hello")),
            };
            unfinished.finish();
            answer
        }
    }
}

struct Fixture {
    address: SocketAddr,
    server: Arc<Server>,
    seen: Rc<Seen>,
    running: JoinHandle<()>,
}

impl Fixture {
    fn start(settings: ServerSettings) -> Self {
        Self::start_with(Server::new(settings, None))
    }

    fn start_with(server: Arc<Server>) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let dummy = Dummy::default();
        let running = tokio::task::spawn_local(server.clone().run(listener, dummy.clone()));
        Self { address, server, seen: dummy.0, running }
    }

    async fn connect(&self) -> Peer {
        Peer(TcpStream::connect(self.address).await.unwrap())
    }

    /// Until the server has let go of all connections.
    async fn until_connections(&self, expected: usize) {
        let fewer = async {
            while self.server.connections() != expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, fewer).await.expect("connections come and go");
    }

    async fn ended(self) {
        timeout(PATIENCE, self.running).await.expect("the server ends").unwrap();
    }
}

/// A client that writes and reads as it is told.
struct Peer(TcpStream);

impl Peer {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next head.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        let reading = async {
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.unwrap());
            }
        };
        timeout(PATIENCE, reading).await.expect("a head comes");
        String::from_utf8(head).unwrap()
    }

    async fn exactly(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        timeout(PATIENCE, self.0.read_exact(&mut bytes)).await.expect("bytes come").unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// A `GET` and the answer to it, whose body has a length.
    async fn get(&mut self, path: &str) -> (String, String) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        self.answer().await
    }

    async fn answer(&mut self) -> (String, String) {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let body = self.exactly(length.parse().unwrap()).await;
        (head, body)
    }

    /// What comes until the server closes.
    async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("the server closes");
        String::from_utf8(rest).unwrap()
    }
}

fn run<F: Future>(test: impl FnOnce() -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async { test().await })
}
