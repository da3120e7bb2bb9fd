//! HTTP/1.1 connections to one upstream, kept for the next request.
//!
//! hyper-util's client does the same and more. It costs a request 5,500 instructions more, an eighth of what the whole
//! proxy does, mostly since its future is some 3.5 KB and knows how to connect; here a request that finds an idle
//! connection knows nothing of that.

use std::cell::RefCell;
use std::error::Error;
use std::io::ErrorKind;
use std::rc::{Rc, Weak};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::Uri;
use hyper::{Request, Response};
use log::debug;

use super::connect::Connector;
use super::upstream::{SendError, UpstreamBody};
use crate::time::Instant;

/// The connections of one thread to one upstream. As many as there are requests at once, which is what the concurrency
/// limit allows; a request whose future is dropped takes its connection along, so that the upstream notices.
pub(super) struct Connections {
    connector: Connector,
    /// Scheme and authority.
    target: Uri,
    idle_timeout: Duration,
    max_idle: usize,
    idle: RefCell<Idle>,
}

/// Connections that have nothing to do.
#[derive(Default)]
struct Idle {
    /// With when they became so. The last is used first, so that others can be closed when there is less to do.
    senders: Vec<(Instant, SendRequest<UpstreamBody>)>,
    /// One that was made for the request that is sent next.
    fresh: Option<SendRequest<UpstreamBody>>,
    /// Whether somebody closes those that have been idle for too long.
    is_watched: bool,
}

impl Connections {
    pub(super) fn new(connector: Connector, target: Uri, idle_timeout: Duration, max_idle: usize) -> Rc<Self> {
        Rc::new(Connections { connector, target, idle_timeout, max_idle, idle: RefCell::default() })
    }

    /// Sees to it that there is a connection for the request that is sent at once then.
    ///
    /// # Errors
    ///
    /// When none can be had.
    pub(super) async fn have_one(&self) -> Result<(), SendError> {
        if self.has_idle() {
            return Ok(());
        }
        // Apart, as it is rare and its future large.
        let sender = Box::pin(self.connect()).await?;
        self.idle.borrow_mut().fresh = Some(sender);
        Ok(())
    }

    /// Forgets those that are of no use any more.
    fn has_idle(&self) -> bool {
        let senders = &mut self.idle.borrow_mut().senders;
        while senders.last().is_some_and(|(_, sender)| !sender.is_ready()) {
            senders.pop();
        }
        !senders.is_empty()
    }

    /// Sends a request in origin form, which has its `Host`, and returns the answer when its head is there. A connection that
    /// the upstream has closed before anything of the request was written is replaced without a word; if it closes one
    /// that was idle in the moment in which the request goes out, that is so too if the request `may_repeat`.
    ///
    /// # Errors
    ///
    /// When no connection can be had, or the upstream breaks off.
    pub(super) async fn send(
        self: &Rc<Self>,
        mut request: Request<UpstreamBody>,
        may_repeat: bool,
    ) -> Result<Response<Incoming>, SendError> {
        let fresh = self.idle.borrow_mut().fresh.take();
        if let Some(sender) = fresh {
            return self.send_over(sender, request).await;
        }
        while let Some(mut sender) = self.take_idle() {
            let again = if may_repeat { again(&request) } else { None };
            let mut error = match sender.try_send_request(request).await {
                Ok(response) => {
                    self.keep(sender);
                    return Ok(response);
                }
                Err(error) => error,
            };
            if let Some(unsent) = error.take_message() {
                request = unsent;
                continue;
            }
            let error = error.into_error();
            match again.filter(|_| is_closed(&error)) {
                Some(again) => request = again,
                None => return Err(SendError::Broken(error)),
            }
            // Others may be closed too.
            break;
        }
        let sender = Box::pin(self.connect()).await?;
        self.send_over(sender, request).await
    }

    /// Sends a request over a connection that has had none.
    async fn send_over(
        self: &Rc<Self>,
        mut sender: SendRequest<UpstreamBody>,
        request: Request<UpstreamBody>,
    ) -> Result<Response<Incoming>, SendError> {
        let response = sender.send_request(request).await.map_err(SendError::Broken)?;
        self.keep(sender);
        Ok(response)
    }

    fn take_idle(&self) -> Option<SendRequest<UpstreamBody>> {
        let idle = &mut *self.idle.borrow_mut();
        std::iter::from_fn(|| idle.senders.pop()).map(|(_, sender)| sender).find(SendRequest::is_ready)
    }

    async fn connect(&self) -> Result<SendRequest<UpstreamBody>, SendError> {
        let stream = self.connector.connect(&self.target).await?;
        let (mut sender, connection) = http1::handshake(stream).await.map_err(SendError::Broken)?;
        let target = self.target.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                debug!("a connection to {target} ended: {error}");
            }
        });
        sender.ready().await.map_err(SendError::Broken)?;
        Ok(sender)
    }

    /// Keeps a connection as soon as its answer has been read.
    fn keep(self: &Rc<Self>, mut sender: SendRequest<UpstreamBody>) {
        if sender.is_ready() {
            return self.put(sender);
        }
        if sender.is_closed() {
            return;
        }
        let connections = Rc::downgrade(self);
        actix::spawn(async move {
            if sender.ready().await.is_ok()
                && let Some(connections) = connections.upgrade()
            {
                connections.put(sender);
            }
        });
    }

    fn put(self: &Rc<Self>, sender: SendRequest<UpstreamBody>) {
        let idle = &mut *self.idle.borrow_mut();
        if idle.senders.len() >= self.max_idle {
            return;
        }
        idle.senders.push((Instant::now(), sender));
        if !std::mem::replace(&mut idle.is_watched, true) {
            actix::spawn(close_idle(Rc::downgrade(self), self.idle_timeout));
        }
    }

    /// Closes connections that have been idle for too long. Returns when to look again, if any are left.
    fn close_expired(&self, now: Instant) -> Option<Instant> {
        let idle = &mut *self.idle.borrow_mut();
        let is_over = |since: &Instant| now.saturating_duration_since(*since) >= self.idle_timeout;
        // They have become idle one after the other.
        let over = idle.senders.iter().take_while(|(since, _)| is_over(since)).count();
        idle.senders.drain(..over);
        idle.senders.retain(|(_, sender)| !sender.is_closed());
        let first = idle.senders.first().and_then(|(since, _)| since.checked_add(self.idle_timeout));
        idle.is_watched = first.is_some();
        first
    }
}

/// The same request once more. `None` if its body can go out only once.
pub(super) fn again(request: &Request<UpstreamBody>) -> Option<Request<UpstreamBody>> {
    let UpstreamBody::Kept(body) = request.body() else { return None };
    let mut again = Request::new(UpstreamBody::Kept(body.clone()));
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.version_mut() = request.version();
    *again.headers_mut() = request.headers().clone();
    Some(again)
}

/// Whether the upstream has closed the connection without an answer.
pub(super) fn is_closed(error: &hyper::Error) -> bool {
    let by_system = |error: &std::io::Error| {
        matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
    };
    let source = error.source().and_then(|source| source.downcast_ref());
    error.is_incomplete_message() || error.is_canceled() || source.is_some_and(by_system)
}

/// Goes on while there are connections that are idle.
async fn close_idle(connections: Weak<Connections>, idle_timeout: Duration) {
    let mut wait = idle_timeout;
    loop {
        tokio::time::sleep(wait).await;
        let Some(connections) = connections.upgrade() else { return };
        let now = Instant::now();
        match connections.close_expired(now) {
            Some(at) => wait = at.saturating_duration_since(now),
            None => return,
        }
    }
}
