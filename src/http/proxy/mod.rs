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
mod download;
mod outgoing;
mod routes;
mod tunnel;
mod upload;
mod upstream;

use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::time::Instant;

use self::body::AnswerBody;
use self::outgoing::{Head, Outgoing, OutgoingBody};
pub(crate) use self::routes::{Route, Routes, RoutesError};
pub(crate) use self::tunnel::Tunnels;
use self::upload::{Kept, Upload, UploadError};
use self::upstream::{Answer, Answered, UpstreamError};
use super::answer::{Own, Reason};
use super::headers;
use super::server::{Client, Serve};
use super::settings::{BeyondRetryBuffer, ServerSettings};
use crate::{CallError, CopyFailure, Failure, Work};

/// Answers the requests of one thread's clients. Clones share everything.
#[derive(Clone)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

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
    type Body = AnswerBody;

    fn serve(&self, request: Request<Incoming>, client: Client) -> impl Future<Output = Response<AnswerBody>> + 'static {
        let shared = Arc::clone(&self.shared);
        async move {
            let asker = Asker::of(&request);
            match shared.forward(request, client).await {
                Ok(response) => response,
                Err(reason) => reason.answer(&asker).map(|body| AnswerBody::Own(Full::new(body))),
            }
        }
    }
}

impl Shared {
    /// Has a request answered by an upstream.
    ///
    /// # Errors
    ///
    /// Why it is not.
    async fn forward(&self, mut request: Request<Incoming>, client: Client) -> Result<Response<AnswerBody>, Reason> {
        let limits = self.limits.load();
        let route = {
            let routes = self.routes.load();
            let index = routes.table.find(&request)?;
            Arc::clone(&routes.routes[index])
        };
        let upgrade = headers::upgrade(&request).then(|| hyper::upgrade::on(&mut request));
        let (mut parts, body) = request.into_parts();
        let work = route.work(&mut parts, client, upgrade.is_some())?;
        let idle_timeout = limits.request_body_idle_timeout;
        drop(limits);
        let body = route.body(body, work.may_repeat, idle_timeout).await?;
        self.call(&route, work.with(body, upgrade)).await
    }
}
