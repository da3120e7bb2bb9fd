//! Listens for clients and speaks HTTP with them.
//!
//! Each thread accepts from the same listener and has its connections to itself. A connection is one task, and holds
//! next to nothing while it is idle: see [`http1`].

mod activity;
mod alarm;
mod connection;
mod http1;
mod http2;
mod listen;
mod service;
mod slots;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use log::{debug, error, warn};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep, sleep_until};

pub(crate) use self::listen::{BindError, bind};
use self::slots::{Slot, Slots};
pub(crate) use self::tls::{TlsError, tls};
use super::settings::ServerSettings;

/// How long an idle connection stays open when the server drains: a request may be on its way already.
const GRACE: Duration = Duration::from_secs(1);

/// How long nothing is accepted when the system has no more files or memory, unless a connection ends before.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// What is the same at every connection is not logged more often.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    /// Where it has connected to.
    pub(crate) local: SocketAddr,
    pub(crate) is_tls: bool,
}

/// Answers requests, on the thread of their connection.
pub(crate) trait Serve: Clone + 'static {
    /// What is known of a connection for as long as it lasts.
    type Connection: 'static;
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static;

    /// A client has connected.
    fn connected(&self, client: Client) -> Self::Connection;

    /// Answers one request. The future is dropped when the client has left.
    fn serve(
        &self,
        request: Request<Incoming>,
        connection: &Self::Connection,
    ) -> impl Future<Output = Response<Self::Body>> + 'static;
}

/// Accepts and serves until told to drain; then ends when all connections have. Each thread [runs](Self::run) it.
pub(crate) struct Server {
    terms: ArcSwap<Terms>,
    slots: Arc<Slots>,
    /// When draining began.
    drained: watch::Sender<Option<Instant>>,
    /// The same, for each answer to look at.
    is_draining: AtomicBool,
    /// Connections at hyper's HTTP/1.
    warm: AtomicUsize,
    limit_logged: Seldom,
    shortage_logged: Seldom,
}

/// What a connection is served by from its beginning to its end.
struct Terms {
    settings: ServerSettings,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn new(settings: ServerSettings, tls: Option<Arc<rustls::ServerConfig>>) -> Arc<Self> {
        Arc::new(Self {
            slots: Slots::new(settings.max_connections),
            terms: ArcSwap::from_pointee(Terms { settings, tls }),
            drained: watch::Sender::new(None),
            is_draining: AtomicBool::new(false),
            warm: AtomicUsize::new(0),
            limit_logged: Seldom::default(),
            shortage_logged: Seldom::default(),
        })
    }

    /// For connections from now on. Those that are open go on as they began.
    pub(crate) fn replace(&self, settings: ServerSettings, tls: Option<Arc<rustls::ServerConfig>>) {
        self.slots.set_limit(settings.max_connections);
        self.terms.store(Arc::new(Terms { settings, tls }));
    }

    /// Connections that are open, with those that have been upgraded.
    pub(crate) fn connections(&self) -> usize {
        self.slots.open()
    }

    /// Has what waits to be accepted accepted, and then nothing more; has what is under way finished, and connections
    /// closed behind it. Those that are idle have a [little while](GRACE) for one more request.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::SeqCst);
        self.drained.send_if_modified(|drained| {
            let is_first = drained.is_none();
            drained.get_or_insert_with(Instant::now);
            is_first
        });
    }

    /// Serves on this thread until drained and the last connection, of all threads, has ended. It is to be awaited in a
    /// `LocalSet`, as all of actix is.
    ///
    /// # Cancel safety
    /// Its connections are cut off, except those that have been upgraded: they are with whoever upgraded them.
    pub(crate) async fn run<S: Serve>(self: Arc<Self>, listener: std::net::TcpListener, serve: S) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                error!("a thread accepts no connections, for the listener cannot be watched: {error}");
                return;
            }
        };
        let mut connections = JoinSet::new();
        self.accept(&listener, &serve, &mut connections).await;
        self.empty_queue(listener, &serve, &mut connections);
        while connections.join_next().await.is_some() {}
        // Upgraded ones are with somebody else.
        self.slots.empty().await;
    }

    /// Accepts until draining begins.
    async fn accept<S: Serve>(self: &Arc<Self>, listener: &TcpListener, serve: &S, connections: &mut JoinSet<()>) {
        let mut receiver = self.drained.subscribe();
        let drained = receiver.wait_for(Option::is_some);
        tokio::pin!(drained);
        let mut free = None;
        loop {
            if free.is_none() {
                free = self.slots.try_take();
                if free.is_none() && self.limit_logged.is_due() {
                    warn!("all {} connections are taken: further ones wait until some close", self.connections());
                }
            }
            tokio::select! {
                biased;
                _ = &mut drained => return,
                // Those that have ended are let go of.
                Some(_) = connections.join_next() => {}
                slot = self.slots.take(), if free.is_none() => free = Some(slot),
                accepted = listener.accept(), if free.is_some() => match accepted {
                    Ok((socket, address)) => if let Some(slot) = free.take() {
                        self.begin(socket, address, slot, serve, connections);
                    },
                    Err(error) => self.endure(&error).await,
                },
            }
        }
    }

    /// Accepts what waits. Whoever is in the queue when the listener is closed is cut off, though it may have sent a request:
    /// so these are served even beyond the limit.
    fn empty_queue<S: Serve>(self: &Arc<Self>, listener: TcpListener, serve: &S, connections: &mut JoinSet<()>) {
        let queue = match listener.into_std() {
            Ok(queue) => queue,
            Err(error) => return warn!("connections that waited to be accepted are lost: {error}"),
        };
        loop {
            match queue.accept() {
                Ok((socket, address)) => {
                    match socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket)) {
                        Ok(socket) => self.begin(socket, address, self.slots.take_anyway(), serve, connections),
                        Err(error) => debug!("{address}: cannot be served: {error}"),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_of_one(&error) => debug!("a connection ended before it was accepted: {error}"),
                Err(error) => return warn!("connections that waited to be accepted are lost: {error}"),
            }
        }
    }

    fn begin<S: Serve>(
        self: &Arc<Self>,
        socket: TcpStream,
        address: SocketAddr,
        slot: Slot,
        serve: &S,
        connections: &mut JoinSet<()>,
    ) {
        let connection =
            connection::serve(self.clone(), self.terms.load_full(), socket, address, slot.open(), serve.clone());
        connections.spawn_local(connection);
    }

    /// Gets over a connection that could not be accepted.
    async fn endure(&self, error: &io::Error) {
        if is_of_one(error) {
            debug!("a connection ended before it was accepted: {error}");
            return;
        }
        if self.shortage_logged.is_due() {
            warn!(
                "cannot accept connections: {error}; they wait. Raise the limit of open files (ulimit -n), or lower \
                 max-connections"
            );
        }
        // Without a pause this would go round and round: the connection is still there to be accepted.
        tokio::select! {
            () = sleep(SHORTAGE_PAUSE) => {}
            () = self.slots.freed() => {}
        }
    }

    fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Resolves when the server drains.
    async fn draining(&self) -> Instant {
        let mut drained = self.drained.subscribe();
        // It fails when the sender is gone, which `self` has.
        match drained.wait_for(Option::is_some).await.map(|since| *since) {
            Ok(Some(since)) => since,
            _ => std::future::pending().await,
        }
    }

    /// Resolves when the server drains and a connection that is idle from `since` has had its little while.
    async fn grace_over(&self, since: Instant) {
        let drained = self.draining().await;
        sleep_until(drained.max(since) + GRACE).await;
    }
}

/// Whether a failure to accept is of one connection, and the next may do better.
fn is_of_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Logs what would be logged again and again.
#[derive(Debug, Default)]
struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    fn is_due(&self) -> bool {
        let mut last = self.0.lock();
        let now = Instant::now();
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= LOG_INTERVAL);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}
