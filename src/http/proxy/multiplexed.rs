//! HTTP/2 with one upstream.

use std::error::Error;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::http::Uri;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use log::debug;
use tokio::sync::Mutex;

use super::connect::Connector;
use super::connections::{again, is_closed};
use super::upstream::{SendError, UpstreamBody};
use crate::time::Instant;

/// What an upstream may have sent that is still to be read, of all answers together: as much as HTTP/2 can say, so that
/// answers whose clients take nothing do not hold up the others. Each is bounded by its stream's window.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The same of one answer.
const STREAM_WINDOW: u32 = 1 << 20;

/// How often an upstream that has requests is asked whether it is still there, and how long it has to say so: all of them
/// depend on the one connection.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// One connection to an upstream, which carries all requests at once. It is made for the first, and anew when the upstream
/// has ended it.
pub(super) struct Multiplexed {
    connector: Connector,
    /// Scheme and authority.
    target: Uri,
    /// Locked while it is made, so that it is made once.
    known: Mutex<Known>,
}

/// What is known of the connection.
#[derive(Default)]
struct Known {
    sender: Option<SendRequest<UpstreamBody>>,
    /// When, and why, there was none to be had the last time.
    failed: Option<(Instant, String)>,
}

impl Multiplexed {
    pub(super) fn new(connector: Connector, target: Uri) -> Self {
        Multiplexed { connector, target, known: Mutex::default() }
    }

    /// Sees to it that there is a connection.
    ///
    /// # Errors
    ///
    /// When none can be had.
    pub(super) async fn have_one(&self) -> Result<(), SendError> {
        self.sender().await.map(drop)
    }

    /// Sends a request, whose URI says which host it is for, and returns the answer when its head is there. A connection that
    /// the upstream has ended before the request was on it is replaced without a word; so is one that it ends with the
    /// request on it, or refuses it on, if the request `may_repeat`.
    ///
    /// # Errors
    ///
    /// When no connection can be had, or the upstream breaks off.
    pub(super) async fn send(
        &self,
        request: Request<UpstreamBody>,
        may_repeat: bool,
    ) -> Result<Response<Incoming>, SendError> {
        let again = if may_repeat { again(&request) } else { None };
        let mut sender = self.sender().await?;
        let mut error = match sender.try_send_request(request).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let unsent = error.take_message();
        let error = error.into_error();
        match unsent.or(again.filter(|_| is_unprocessed(&error))) {
            Some(request) => self.sender().await?.send_request(request).await.map_err(SendError::Broken),
            None => Err(SendError::Broken(error)),
        }
    }

    async fn sender(&self) -> Result<SendRequest<UpstreamBody>, SendError> {
        let asked_at = Instant::now();
        let known = &mut *self.known.lock().await;
        if let Some(sender) = known.sender.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        // One after the other they would each wait for as long.
        if let Some((_, why)) = known.failed.as_ref().filter(|(at, _)| *at >= asked_at) {
            return Err(SendError::NoConnection(why.as_str().into()));
        }
        let made = self.make().await;
        match &made {
            Ok(sender) => known.sender = Some(sender.clone()),
            Err(error) => known.failed = Some((Instant::now(), error.to_string())),
        }
        made
    }

    async fn make(&self) -> Result<SendRequest<UpstreamBody>, SendError> {
        let stream = self.connector.connect(&self.target).await?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(STREAM_WINDOW);
        let (sender, connection) = builder.handshake(stream).await.map_err(SendError::Broken)?;
        let target = self.target.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!("a connection to {target} ended: {error}");
            }
        });
        Ok(sender)
    }
}

/// Whether the upstream says, or lets it be seen, that it has not begun with a request.
fn is_unprocessed(error: &hyper::Error) -> bool {
    let reason = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    let by_peer = reason.is_some_and(|error| error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM));
    by_peer || is_closed(error)
}
