use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Message, Wire, soon};

/// What a service makes of a request.
pub(crate) enum Reply {
    /// Status, further headers, and body.
    Now(u16, &'static str, String),
    /// 200, when the service is let go on.
    Held(String),
    /// 200 with the first chunk at once and the second when the service is let go on.
    Streamed(String, String),
}

type Replies = dyn Fn(&Message) -> Reply + Send + Sync;

/// A service, which takes note of every request that it sees, in the order in which they come.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    replies: Box<Replies>,
    seen: watch::Sender<Vec<Message>>,
    /// What came that is no request.
    broken: watch::Sender<Vec<String>>,
    goes_on: watch::Sender<bool>,
}

impl Upstream {
    /// Says its name and what it was asked. What has `held` in its path is held up, and of what has `streamed` there the end.
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::replying(move |request| {
            let (method, path) = (request.line.split(' ').next().unwrap_or_default(), request.path());
            let body = String::from_utf8_lossy(&request.body);
            let said = format!("{name} {method} {path} {body}").trim_end().to_owned();
            match path {
                path if path.contains("held") => Reply::Held(said),
                path if path.contains("streamed") => Reply::Streamed(said, "the end".to_owned()),
                _ => Reply::Now(200, "", said),
            }
        })
        .await
    }

    pub(crate) async fn replying(replies: impl Fn(&Message) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), replies)
    }

    pub(crate) fn on(listener: TcpListener, replies: impl Fn(&Message) -> Reply + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            replies: Box::new(replies),
            seen: watch::Sender::default(),
            broken: watch::Sender::default(),
            goes_on: watch::Sender::default(),
        });
        let all = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&all).serve(Wire::new(stream)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Message> {
        self.shared.seen.borrow().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.shared.seen.borrow().len()
    }

    pub(crate) fn broken(&self) -> Vec<String> {
        self.shared.broken.borrow().clone()
    }

    /// Waits until it has seen that many requests.
    pub(crate) async fn wait_for(&self, count: usize) {
        let mut seen = self.shared.seen.subscribe();
        soon("a request at the service", seen.wait_for(|seen| seen.len() >= count)).await.unwrap();
    }

    /// Waits until it sees a request for a path.
    pub(crate) async fn wait_for_path(&self, path: &str) {
        let mut seen = self.shared.seen.subscribe();
        soon(path, seen.wait_for(|seen| seen.iter().any(|request| request.path() == path))).await.unwrap();
    }

    /// Lets it answer what it holds up, and all that comes.
    pub(crate) fn go_on(&self) {
        self.shared.goes_on.send_replace(true);
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, mut wire: Wire) {
        loop {
            let request = match wire.request().await {
                Ok(Some(request)) => request,
                Ok(None) => return,
                Err(error) => {
                    // One that is broken off in the middle is none.
                    if error.kind() == std::io::ErrorKind::InvalidData {
                        self.broken.send_modify(|broken| broken.push(error.to_string()));
                    }
                    return;
                }
            };
            let reply = (self.replies)(&request);
            let is_head = request.line.starts_with("HEAD ");
            self.seen.send_modify(|seen| seen.push(request));
            if self.reply(&mut wire, reply, is_head).await.is_err() {
                return;
            }
        }
    }

    async fn reply(&self, wire: &mut Wire, reply: Reply, is_head: bool) -> std::io::Result<()> {
        let (status, headers, body) = match reply {
            Reply::Now(status, headers, body) => (status, headers, body),
            Reply::Held(body) => {
                self.wait().await;
                (200, "", body)
            }
            Reply::Streamed(first, second) => {
                let length = first.len();
                wire.try_send(format!(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{first}\r\n"
                ))
                .await?;
                self.wait().await;
                return wire.try_send(format!("{:x}\r\n{second}\r\n0\r\n\r\n", second.len())).await;
            }
        };
        let sent = if is_head { "" } else { &body };
        wire.try_send(format!("HTTP/1.1 {status} S\r\n{headers}content-length: {}\r\n\r\n{sent}", body.len())).await
    }

    async fn wait(&self) {
        // It fails when the sender is gone, which `self` has.
        let _ = self.goes_on.subscribe().wait_for(|goes_on| *goes_on).await;
    }
}
