//! What a route makes of a request.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Version;
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use tokio::time::{Instant, sleep, timeout};

use super::outgoing::{Asks, Head, Outgoing, OutgoingBody, OutgoingRequest, Upgrade};
use super::routes::Dispatcher;
use super::upload::{Kept, Upload};
use super::upstream::{Answered, UpstreamError};
use crate::http::answer::Reason;
use crate::http::headers::forwarded::Known;
use crate::http::headers::{cookies, deadline, filter, hop_by_hop, host, idempotent, priority};
use crate::http::route::rewrite::target;
use crate::http::settings::{BeyondRetryBuffer, RouteSettings, Upstreams};
use crate::{PoolState, PoolStatus, Work};

/// One route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) settings: RouteSettings,
    pub(crate) dispatcher: Dispatcher,
    /// Whether its dispatcher sends anything more than once.
    repeats: bool,
}

const TRIES_ELSEWHERE: usize = 3;

/// The work that sends a request.
pub(super) fn work(outgoing: Outgoing) -> ProxyWork {
    let Asks { class, user, deadline } = outgoing.asks.clone();
    let mut work = Work::new(outgoing).priority(class);
    if let Some(user) = user {
        work = work.user(user.as_bytes());
    }
    match deadline {
        Some(deadline) => work.deadline(deadline),
        None => work,
    }
}

/// A request as a dispatcher takes it.
pub(super) type ProxyWork = Work<Outgoing, Answered, UpstreamError>;

impl Route {
    pub(super) fn new(settings: RouteSettings, dispatcher: Dispatcher) -> Arc<Self> {
        let work = &settings.settings.work;
        let repeats = work.work_retry > 0 || work.at_least_once || work.concurrent_calls > 1;
        Arc::new(Route { settings, dispatcher, repeats })
    }

    /// Waits until all its upstreams that the settings name take requests, for a second at most: the first copies of a request
    /// are to have several to go to.
    pub(super) async fn has_upstreams(&self) {
        let Upstreams::Fixed(upstreams) = &self.settings.upstreams else { return };
        let all_run = async {
            while let Ok(status) = self.dispatcher.status().await {
                let is_there = |pool: &&PoolStatus| !matches!(pool.state, PoolState::Starting { .. });
                if status.pools.iter().filter(is_there).count() >= upstreams.len() {
                    return;
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        // Whatever keeps them from it, there is a status to tell.
        let _ = timeout(Duration::from_secs(1), all_run).await;
    }

    /// Makes a request ready for upstreams.
    ///
    /// # Errors
    ///
    /// What the client did wrong.
    pub(super) fn prepare(
        &self,
        parts: Parts,
        body: Incoming,
        upgrade: Option<Upgrade>,
        client: &Known,
        body_idle_timeout: Duration,
    ) -> Result<ProxyWork, Reason> {
        let route = &self.settings;
        let deadline = deadline::read(&parts.headers)?.and_then(|left| Instant::now().checked_add(left));
        let class = priority::class(&parts.headers, route.priority_header.as_ref(), route.priority);
        let user = route.user_header.as_ref().and_then(|name| parts.headers.get(name)).cloned();
        let may_repeat = self.repeats
            && upgrade.is_none()
            && idempotent::may_repeat(&parts.method, &parts.headers, route.retry_idempotent, route.retry_others);
        let body = match body.is_end_stream() {
            true => OutgoingBody::Kept(Bytes::new()),
            false => {
                let length = parts.headers.get(header::CONTENT_LENGTH).and_then(length);
                if let (Some(length), Some(most)) = (length, route.max_request_body)
                    && length > most
                {
                    return Err(Reason::BodyTooLarge);
                }
                OutgoingBody::Stream(Box::new(Upload::new(body, route.max_request_body, body_idle_timeout)))
            }
        };
        let head = self.head(parts, client)?;
        let resends = route.retry_idempotent;
        let asks = Asks { class, user, deadline };
        Ok(work(Box::new(OutgoingRequest { head, body, asks, may_repeat, resends, upgrade })))
    }

    /// How often a request that met an upstream without a connection is sent anew: it has been nowhere, so another upstream
    /// may have it, whatever it is. Which one takes it is a matter of who is free first, so more than once.
    pub(super) fn tries_elsewhere(&self) -> usize {
        match &self.settings.upstreams {
            Upstreams::Fixed(upstreams) if upstreams.len() < 2 => 0,
            Upstreams::Fixed(_) | Upstreams::Dns { .. } => TRIES_ELSEWHERE,
        }
    }

    fn head(&self, parts: Parts, client: &Known) -> Result<Head, Reason> {
        let route = &self.settings;
        let path_and_query =
            target(&parts.uri, &route.matches.path, route.rewrite.as_ref(), route.query_parameters.as_deref())?;
        let host = host::asked_value(&parts);
        let Parts { method, version, mut headers, .. } = parts;
        hop_by_hop::remove(&mut headers);
        // Answered here, when an upstream wants the body.
        headers.remove(header::EXPECT);
        if version == Version::HTTP_2 {
            cookies::join(&mut headers);
        }
        filter::keep(&mut headers, route.request_headers.as_deref());
        client.tell(&mut headers, route.forwarded, host.as_ref());
        Ok(Head { method, path_and_query, headers, host })
    }

    /// Reads ahead what has to be kept of a request.
    ///
    /// # Errors
    ///
    /// What the client did wrong.
    pub(super) async fn keep(&self, work: &mut ProxyWork) -> Result<(), Reason> {
        let outgoing = &mut work.request;
        let empty = OutgoingBody::Kept(Bytes::new());
        outgoing.body = match std::mem::replace(&mut outgoing.body, empty) {
            OutgoingBody::Kept(body) => OutgoingBody::Kept(body),
            OutgoingBody::Stream(upload) => match upload.keep(self.settings.retry_buffer).await? {
                Kept::Whole(body) => OutgoingBody::Kept(body),
                Kept::Part(upload) => match self.settings.beyond_retry_buffer {
                    BeyondRetryBuffer::SendOnce => OutgoingBody::Stream(Box::new(upload)),
                    BeyondRetryBuffer::Refuse => return Err(Reason::BodyTooLarge),
                },
            },
        };
        Ok(())
    }
}

fn length(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}
