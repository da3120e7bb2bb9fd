//! An upstream as a handler: it sends a request over HTTP and takes note of what comes of it.

use std::cell::Cell;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::http::uri::{self, Authority, PathAndQuery, Uri};
use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use log::{debug, warn};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use super::connect::Clients;
use super::connections::Connections;
use super::download::Download;
use super::multiplexed::Multiplexed;
use super::outgoing::{Head, Outgoing, OutgoingBody, OutgoingRequest};
use super::upload::{Upload, UploadError, UploadNotes};
use crate::http::headers::{deadline, hop_by_hop, host, retry_after};
use crate::http::settings::{HostHeader, RouteSettings, Scheme, Upstream};
use crate::{CallContext, Handler, IntoHandler, Reply, Tail};

/// One instance of a service, and how it is spoken to: what becomes an [`UpstreamHandler`] on its arbiter.
pub(crate) struct UpstreamSource {
    pub(super) upstream: Upstream,
    /// Where its connections go, if that is not asked of the system each time.
    pub(super) address: Option<SocketAddr>,
    pub(super) clients: Clients,
    pub(super) manner: Arc<Manner>,
}

impl IntoHandler for UpstreamSource {
    type Handler = UpstreamHandler;

    fn into_handler(self) -> UpstreamHandler {
        let UpstreamSource { upstream, address, clients, manner } = self;
        let (client, host) = (clients.client(&upstream, address), host::own(&upstream));
        UpstreamHandler { upstream, host, client, manner, warned_at: Cell::new(None) }
    }

    fn handler_name(&self) -> Option<String> {
        Some(self.upstream.authority.to_string())
    }
}

/// One instance of a service.
pub(crate) struct UpstreamHandler {
    upstream: Upstream,
    /// Its own `Host`.
    host: HeaderValue,
    client: UpstreamClient,
    manner: Arc<Manner>,
    /// When it was last said that there is no connection.
    warned_at: Cell<Option<Instant>>,
}

/// How often it is said that there is no connection to an upstream.
const WARN_INTERVAL: Duration = Duration::from_secs(10);

/// How requests are sent to an upstream.
pub(super) enum UpstreamClient {
    /// Over HTTP/1.1.
    Http1(Rc<Connections>),
    /// Over HTTP/2.
    Http2(Box<Multiplexed>),
}

impl UpstreamClient {
    /// Sees to it that there is a connection, so that a request is not touched before there is.
    async fn connect(&self) -> Result<(), SendError> {
        match self {
            UpstreamClient::Http1(connections) => connections.have_one().await,
            UpstreamClient::Http2(connection) => connection.have_one().await,
        }
    }
}

/// Why a request was not answered.
#[derive(Debug, Error)]
pub(super) enum SendError {
    #[error("{}", with_causes(&**.0))]
    NoConnection(Box<dyn Error + Send + Sync>),
    #[error("{}", with_causes(.0))]
    Broken(hyper::Error),
}

/// How a route's upstreams are spoken to, and how their answers are taken.
#[derive(Debug)]
pub(crate) struct Manner {
    /// The name of its dispatcher.
    dispatcher: String,
    host: HostHeader,
    body_idle_timeout: Duration,
    failure_statuses: Vec<StatusCode>,
    max_hold: Duration,
}

impl Manner {
    pub(super) fn of(route: &RouteSettings) -> Self {
        Manner {
            dispatcher: route.dispatcher.clone(),
            host: route.host_header.clone(),
            body_idle_timeout: route.upstream.body_idle_timeout,
            failure_statuses: route.failure_statuses.clone(),
            max_hold: route.max_hold,
        }
    }
}

/// What a call came to for which no upstream is to blame.
#[derive(Debug)]
pub(crate) enum Answered {
    /// The upstream has answered.
    Response(Box<Answer>),
    /// The client has not sent the request as it should.
    ClientFault(UploadError),
}

/// An answer of an upstream.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) response: Response<Download>,
    /// What the upstream still sends, until somebody asks.
    tail: Option<Tail>,
    /// Both connections, if they speak something else from here on.
    pub(super) upgrade: Option<(OnUpgrade, OnUpgrade)>,
}

/// How an upstream failed.
#[derive(Debug, Error)]
pub(crate) enum UpstreamError {
    /// There is no connection to be had.
    #[error("no connection: {why}")]
    NoConnection {
        why: String,
        /// The request, if nothing of it has gone anywhere.
        unsent: Option<Outgoing>,
    },
    /// It has broken off, or answered with what is not HTTP.
    #[error("no answer: {0}")]
    BrokenOff(String),
    /// It says so itself.
    #[error("status {}", .0.response.status())]
    Status(Box<Answer>),
}

impl UpstreamHandler {
    fn request(&self, head: Head, body: UpstreamBody, left: Option<Duration>) -> Option<Request<UpstreamBody>> {
        let Head { method, path_and_query, mut headers, host } = head;
        deadline::write(&mut headers, left);
        headers.remove(header::HOST);
        let host = host::sent(&self.manner.host, host, &self.host);
        let mut request = Request::new(body);
        *request.method_mut() = method;
        match self.client {
            UpstreamClient::Http1(_) => {
                headers.insert(header::HOST, host);
                // Without a word hyper leaves out a body of these if its length is not known.
                let is_unknown = || request.body().size_hint().exact().is_none();
                if matches!(*request.method(), Method::GET | Method::HEAD) && is_unknown() {
                    headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
                }
                *request.uri_mut() = Uri::from(path_and_query);
            }
            // There the host is part of the URI.
            UpstreamClient::Http2(_) => {
                *request.version_mut() = Version::HTTP_2;
                *request.uri_mut() = self.upstream.uri(Authority::try_from(host.as_bytes()).ok()?, path_and_query)?;
            }
        }
        *request.headers_mut() = headers;
        Some(request)
    }

    fn is_time_to_warn(&self) -> bool {
        let now = Instant::now();
        let is_time = self.warned_at.get().is_none_or(|at| now.duration_since(at) >= WARN_INTERVAL);
        if is_time {
            self.warned_at.set(Some(now));
        }
        is_time
    }

    /// What an answer counts as, and how long it wants to be left alone.
    fn judge(&self, status: StatusCode, headers: &HeaderMap) -> (bool, Option<Duration>) {
        if !self.manner.failure_statuses.contains(&status) {
            return (true, None);
        }
        let pause = headers.get(header::RETRY_AFTER).and_then(retry_after::read);
        (false, pause.map(|pause| pause.min(self.manner.max_hold)).filter(|pause| !pause.is_zero()))
    }

    fn error(&self, error: &SendError, unsent: Option<Outgoing>) -> UpstreamError {
        let title = format_args!("dispatcher {}: handler {}", self.manner.dispatcher, self.upstream.authority);
        match error {
            // As long as there is none, each request would say so.
            SendError::NoConnection(_) if self.is_time_to_warn() => {
                warn!("{title}: no connection: {error}; said again in {WARN_INTERVAL:?} at the earliest");
            }
            SendError::NoConnection(_) | SendError::Broken(_) => debug!("{title}: {error}"),
        }
        match error {
            SendError::NoConnection(_) => UpstreamError::NoConnection { why: error.to_string(), unsent },
            SendError::Broken(_) => UpstreamError::BrokenOff(error.to_string()),
        }
    }
}

impl Handler for UpstreamHandler {
    type Request = Outgoing;
    type Response = Answered;
    type Error = UpstreamError;

    fn name(&self) -> &str {
        self.upstream.authority.as_str()
    }

    async fn handle(&self, outgoing: Outgoing, context: CallContext) -> Reply<Answered, UpstreamError> {
        if let Err(error) = self.client.connect().await {
            return Reply::failure(self.error(&error, Some(outgoing)));
        }
        let OutgoingRequest { head, body, resends, upgrade, .. } = *outgoing;
        let (body, notes) = match body {
            OutgoingBody::Kept(bytes) => (UpstreamBody::Kept(Some(bytes).filter(|bytes| !bytes.is_empty())), None),
            OutgoingBody::Stream(upload) => {
                let notes = upload.notes();
                (UpstreamBody::Stream(upload), Some(notes))
            }
        };
        let mut head = head;
        if let Some(upgrade) = &upgrade {
            hop_by_hop::put_upgrade(&mut head.headers, upgrade.protocol.clone());
        }
        let Some(request) = self.request(head, body, context.time_left()) else {
            return Reply::failure(UpstreamError::BrokenOff("the host makes no URI".to_owned()));
        };
        let may_repeat = resends && request.method().is_idempotent();
        let sending = async {
            match &self.client {
                UpstreamClient::Http1(connections) => connections.send(request, may_repeat).await,
                UpstreamClient::Http2(connection) => connection.send(request, may_repeat).await,
            }
        };
        let sent = match (&notes, context.deadline()) {
            (Some(notes), Some(deadline)) => Box::pin(before(deadline, sending, notes)).await,
            _ => Some(sending.await),
        };
        let mut response = match sent {
            Some(Ok(response)) => response,
            None => return Reply::success(Answered::ClientFault(UploadError::TimedOut)),
            Some(Err(error)) => {
                // A body that could not be read fails the whole, whoever is to blame.
                return match notes.as_deref().and_then(UploadNotes::error) {
                    Some(fault) => Reply::success(Answered::ClientFault(fault)),
                    None => Reply::failure(self.error(&error, None)),
                };
            }
        };
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if switches && (upgrade.is_none() || hop_by_hop::upgrade(Version::HTTP_11, response.headers()).is_none()) {
            return Reply::failure(UpstreamError::BrokenOff("it switches to a protocol unasked".to_owned()));
        }
        let held_up = notes.map_or(Duration::ZERO, |notes| notes.waited());
        let (is_success, pause) = self.judge(response.status(), response.headers());
        let upgrade = upgrade.filter(|_| switches);
        let upgrade = upgrade.map(|upgrade| (upgrade.client, hyper::upgrade::on(&mut response)));
        let frees_slot = !is_success || upgrade.is_some() || is_event_stream(response.headers());
        let mut response = response.map(|body| Download::new(body, self.manner.body_idle_timeout));
        let goes_on = match response.body_mut().begin().await {
            Ok(goes_on) => goes_on,
            Err(error) => return Reply::failure(UpstreamError::BrokenOff(error.to_string())),
        };
        let tail = if frees_slot || !goes_on && held_up.is_zero() {
            None
        } else {
            let (end, tail) = Tail::new();
            match goes_on {
                true => response.body_mut().tell(end, held_up),
                // The slot need not be held, but how long the client took is not held against the upstream.
                false => end.complete(held_up),
            }
            Some(tail)
        };
        let answer = Box::new(Answer { response, tail, upgrade });
        let reply = match is_success {
            true => Reply::success(Answered::Response(answer)),
            false => Reply::failure(UpstreamError::Status(answer)),
        };
        match pause {
            Some(pause) => reply.hold(pause),
            None => reply,
        }
    }

    fn tail(&self, answered: &mut Answered) -> Option<Tail> {
        match answered {
            Answered::Response(answer) => answer.tail.take(),
            // Given up: it says nothing about the upstream.
            Answered::ClientFault(_) => Some(Tail::new().1),
        }
    }
}

/// How long before the time of a call is over it is looked whose fault that is.
const LOOKS_BEFORE: Duration = Duration::from_millis(10);

/// What `sending` comes to; `None` if the client is still waited for when the time is as good as over: then it is not the
/// upstream that was too slow.
async fn before<T>(deadline: Instant, sending: impl Future<Output = T>, notes: &UploadNotes) -> Option<T> {
    let ahead = LOOKS_BEFORE.min(deadline.saturating_duration_since(Instant::now()) / 10);
    let mut sending = pin!(sending);
    match timeout_at(deadline - ahead, &mut sending).await {
        Ok(sent) => Some(sent),
        Err(_) if notes.is_waiting() => None,
        Err(_) => Some(sending.await),
    }
}

/// Whether an answer goes on for as long as somebody listens: it says nothing about how busy the upstream is.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.get(..17).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream")))
}

impl Upstream {
    /// The URI of this path there, for whoever it calls this authority. `None` if they make none, which they do.
    pub(super) fn uri(&self, authority: Authority, path_and_query: PathAndQuery) -> Option<Uri> {
        let mut parts = uri::Parts::default();
        parts.scheme = Some(match self.scheme {
            Scheme::Http => uri::Scheme::HTTP,
            Scheme::Https => uri::Scheme::HTTPS,
        });
        parts.authority = Some(authority);
        parts.path_and_query = Some(path_and_query);
        Uri::from_parts(parts).ok()
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The body of a request as the client of an upstream reads it.
#[derive(Debug)]
pub(crate) enum UpstreamBody {
    Kept(Option<Bytes>),
    Stream(Box<Upload>),
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            UpstreamBody::Kept(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            UpstreamBody::Stream(upload) => Pin::new(upload).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            UpstreamBody::Kept(bytes) => bytes.is_none(),
            UpstreamBody::Stream(upload) => upload.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            UpstreamBody::Kept(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            UpstreamBody::Stream(upload) => upload.size_hint(),
        }
    }
}
