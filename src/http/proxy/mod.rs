//! What happens to a request between the client's connection and an upstream's.
//!
//! ```text
//! client ─► check ─► route ─► headers ─► dispatcher ─► upstream handler ─► upstream
//!    ▲                                       │               │
//!    └──────── answer of our own ◄───────────┘               │
//!    └──────── download: head at once, body as it comes ◄────┘
//! ```
//!
//! The dispatcher has a request until its answer's head is there; the slot is taken until the upstream's last byte.

mod body;
mod connect;
mod connections;
mod download;
mod multiplexed;
mod outgoing;
mod route;
mod routes;
mod tunnel;
mod upload;
mod upstream;

use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, Version};

use self::body::AnswerBody;
use self::outgoing::{Outgoing, Upgrade};
use self::route::ProxyWork;
pub(crate) use self::route::Route;
pub(crate) use self::routes::{Routes, RoutesError};
pub(crate) use self::tunnel::Tunnels;
use self::upload::UploadError;
use self::upstream::{Answered, UpstreamError};
use super::answer::{Form, Reason, answer};
use super::headers::check::check;
use super::headers::forwarded::Known;
use super::headers::hop_by_hop;
use super::server::{Client, Serve};
use super::settings::ServerSettings;
use crate::{CallError, CopyFailure, Failure};

/// Answers the requests of one thread's clients. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    routes: ArcSwap<Routes>,
    limits: ArcSwap<ServerSettings>,
    tunnels: Tunnels,
}

impl Proxy {
    pub(crate) fn new(routes: Routes, limits: ServerSettings) -> Self {
        let (routes, limits) = (ArcSwap::from_pointee(routes), ArcSwap::from_pointee(limits));
        Proxy { shared: Arc::new(Shared { routes, limits, tunnels: Tunnels::default() }) }
    }

    /// The routes as they are now.
    pub(crate) fn routes(&self) -> Arc<Routes> {
        self.shared.routes.load_full()
    }

    /// Requests that come from now on go by these.
    pub(crate) fn replace(&self, routes: Routes, limits: ServerSettings) {
        self.shared.routes.store(Arc::new(routes));
        self.shared.limits.store(Arc::new(limits));
    }

    pub(crate) fn tunnels(&self) -> &Tunnels {
        &self.shared.tunnels
    }
}

impl Serve for Proxy {
    type Connection = Known;
    type Body = AnswerBody;

    fn connected(&self, client: Client) -> Known {
        Known::new(client.address.ip(), client.is_tls)
    }

    fn serve(
        &self,
        request: Request<Incoming>,
        client: &Known,
    ) -> impl Future<Output = Response<AnswerBody>> + 'static {
        let shared = Arc::clone(&self.shared);
        // What can be done at once is not part of the future, which stays small for that.
        let (parts, body) = request.into_parts();
        let form = Form::of(&parts);
        let prepared = self.shared.prepare(parts, body, client);
        async move {
            let answered = match prepared {
                Ok((route, work)) => shared.forward(route, work).await,
                Err(reason) => Err(reason),
            };
            match answered {
                Ok(response) => response,
                Err(reason) => answer(&reason, &form).map(|body| AnswerBody::Own(Full::new(body))),
            }
        }
    }
}

impl Shared {
    /// Finds out where a request goes, and makes it ready to go there.
    ///
    /// # Errors
    ///
    /// Why it does not.
    fn prepare(&self, mut parts: Parts, body: Incoming, client: &Known) -> Result<(Arc<Route>, ProxyWork), Reason> {
        let limits = self.limits.load();
        check(&parts, &limits)?;
        let route = {
            let routes = self.routes.load();
            let index = routes.table.find(&parts)?;
            Arc::clone(&routes.routes[index])
        };
        let protocol = hop_by_hop::upgrade(parts.version, &parts.headers);
        let upgrade = protocol.and_then(|protocol| {
            let client = parts.extensions.remove::<OnUpgrade>()?;
            Some(Upgrade { protocol, client })
        });
        let work = route.prepare(parts, body, upgrade, client, limits.request_body_idle_timeout)?;
        Ok((route, work))
    }

    /// Has a request answered by an upstream.
    ///
    /// # Errors
    ///
    /// Why it is not.
    async fn forward(&self, route: Arc<Route>, mut work: ProxyWork) -> Result<Response<AnswerBody>, Reason> {
        if work.request.is_to_be_kept() {
            Box::pin(route.keep(&mut work)).await?;
        }
        let mut tries_elsewhere = route.tries_elsewhere();
        loop {
            let error = match route.dispatcher.call(work).await {
                Ok(Answered::Response(answer)) => return Ok(self.pass_on(*answer)),
                Ok(Answered::ClientFault(fault)) => return Err(fault.into()),
                Err(error) => error,
            };
            match unsent(error) {
                Ok(outgoing) if tries_elsewhere > 0 => work = route::work(outgoing),
                Ok(_) => return Err(Reason::NoConnection),
                Err(error) => return self.fail(error),
            }
            tries_elsewhere -= 1;
        }
    }

    /// What a client gets whose request came to nothing: the upstream's own words, if it has said something.
    fn fail(&self, error: CallError<UpstreamError>) -> Result<Response<AnswerBody>, Reason> {
        match error {
            CallError::Rejected(rejection) => Err(rejection.into()),
            CallError::TimedOut(timeout) => Err(timeout.into()),
            CallError::Failed(failure) => match failure {
                Failure::Service(UpstreamError::Status(answer)) => Ok(self.pass_on(*answer)),
                Failure::Service(UpstreamError::NoConnection { .. }) => Err(Reason::NoConnection),
                Failure::Service(UpstreamError::BrokenOff(_)) | Failure::Unanswered => Err(Reason::UpstreamFailed),
                Failure::Copies(copies) => match most_telling(copies) {
                    Some(error) => self.fail(error),
                    None => Err(Reason::UpstreamFailed),
                },
                Failure::CutOff => Err(Reason::CutOff),
                Failure::Panicked(_) | Failure::HandlerGone => Err(Reason::HandlerGone),
            },
        }
    }

    /// An upstream's answer as the client gets it.
    fn pass_on(&self, answer: upstream::Answer) -> Response<AnswerBody> {
        let (mut parts, body) = answer.response.into_parts();
        let protocol = hop_by_hop::upgrade(Version::HTTP_11, &parts.headers);
        hop_by_hop::remove(&mut parts.headers);
        // What the client speaks, its server knows.
        parts.version = Version::HTTP_11;
        if let (Some((client, upstream)), Some(protocol)) = (answer.upgrade, protocol) {
            hop_by_hop::put_upgrade(&mut parts.headers, protocol);
            self.tunnels.carry(client, upstream);
        }
        Response::from_parts(parts, AnswerBody::Upstream(body))
    }
}

/// The request of which nothing has gone anywhere, for want of a connection; or else the error.
fn unsent(error: CallError<UpstreamError>) -> Result<Outgoing, CallError<UpstreamError>> {
    match error {
        CallError::Failed(Failure::Service(UpstreamError::NoConnection { unsent: Some(outgoing), .. })) => Ok(outgoing),
        error => Err(error),
    }
}

/// Of what copies came to, what says most: the last that an upstream has said itself, or else the last.
fn most_telling(mut copies: Vec<CopyFailure<UpstreamError>>) -> Option<CallError<UpstreamError>> {
    let is_said =
        |copy: &CopyFailure<_>| matches!(copy.error, CallError::Failed(Failure::Service(UpstreamError::Status(_))));
    let last = copies.iter().rposition(is_said).or(copies.len().checked_sub(1))?;
    Some(copies.swap_remove(last).error)
}

impl From<UploadError> for Reason {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooLarge => Reason::BodyTooLarge,
            UploadError::TimedOut => Reason::RequestTooSlow,
            UploadError::BrokenOff => Reason::RequestBroken,
        }
    }
}
