//! The routes as they are served: a dispatcher for each, and the upstreams behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use actix::ArbiterHandle;
use futures::future::join_all;
use hyper::http::uri::Authority;
use log::{info, warn};
use thiserror::Error;

use super::connect::{Clients, TrustError};
use super::outgoing::Outgoing;
use super::route::Route;
use super::upstream::{Answered, Manner, UpstreamError, UpstreamSource};
use crate::http::route::table::Table;
use crate::http::settings::{RouteSettings, Scheme, Upstream, Upstreams};
use crate::metrics::Monitor;
use crate::{DispatcherHandle, DnsProvider, HandlerSource, InvalidDnsName, PushingDispatcher, StartError};

pub(crate) type Dispatcher = DispatcherHandle<Outgoing, Answered, UpstreamError>;

/// All routes. A reload makes others, which take over the dispatchers that stay the same; a dispatcher of which nothing is
/// left finishes its work and stops.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) table: Table,
    pub(crate) routes: Vec<Arc<Route>>,
}

/// Why routes cannot be served.
#[derive(Debug, Error)]
pub(crate) enum RoutesError {
    #[error("route {route}: {source}")]
    Trust { route: String, source: TrustError },
    #[error("route {route}: {source}")]
    Dns { route: String, source: InvalidDnsName },
    #[error("route {route}: the name in dns makes no URI: {source}")]
    Name { route: String, source: hyper::http::uri::InvalidUri },
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Routes {
    /// Starts what is new and takes over the rest from `previous`. Dispatchers and upstreams are spread over `arbiters`, of
    /// which there must be one; `monitor` watches the dispatchers.
    ///
    /// # Errors
    ///
    /// Why not; `previous` is as it was then.
    pub(crate) async fn start(
        settings: &[RouteSettings],
        previous: Option<&Routes>,
        arbiters: &[ArbiterHandle],
        monitor: &Monitor,
    ) -> Result<Self, RoutesError> {
        let mut routes = Vec::new();
        let mut changes = Vec::new();
        let mut fresh = Vec::new();
        for (index, settings) in settings.iter().enumerate() {
            let place = Place { arbiters, first: index };
            let clients = clients(settings)?;
            let old = previous
                .and_then(|previous| previous.routes.iter().find(|old| has_same_dispatcher(&old.settings, settings)));
            let dispatcher = match old {
                Some(old) => {
                    changes.push((Arc::clone(old), settings, clients, place));
                    old.dispatcher.clone()
                }
                None => start(settings, clients, place, monitor)?,
            };
            let route = Route::new(settings.clone(), dispatcher);
            if old.is_none() {
                fresh.push(Arc::clone(&route));
            }
            routes.push(route);
        }
        join_all(fresh.iter().map(|route| route.has_upstreams())).await;
        // Only now, when nothing can fail any more.
        for (old, settings, clients, place) in changes {
            change_upstreams(&old, settings, &clients, place).await;
        }
        Ok(Routes { table: Table::new(settings.iter().map(|route| route.matches.clone()).collect()), routes })
    }
}

/// Where a route's parts live.
#[derive(Clone, Copy)]
struct Place<'a> {
    arbiters: &'a [ArbiterHandle],
    first: usize,
}

impl<'a> Place<'a> {
    /// The arbiter of the upstream of this number.
    fn of(self, index: usize) -> &'a ArbiterHandle {
        &self.arbiters[(self.first + index) % self.arbiters.len()]
    }
}

/// Whether a route can take over another's dispatcher: whatever that was made with must be the same, but for upstreams that
/// can come and go.
fn has_same_dispatcher(old: &RouteSettings, new: &RouteSettings) -> bool {
    let upstreams_can_change = match (&old.upstreams, &new.upstreams) {
        // Their names are their addresses: one could not come before the other has gone.
        (Upstreams::Fixed(old), Upstreams::Fixed(new)) => {
            !new.iter().any(|new| old.iter().any(|old| old.authority == new.authority && old.scheme != new.scheme))
        }
        (old, new) => old == new,
    };
    upstreams_can_change
        && old.dispatcher == new.dispatcher
        && old.settings == new.settings
        && old.upstream == new.upstream
        && old.host_header == new.host_header
        && old.failure_statuses == new.failure_statuses
        && old.max_hold == new.max_hold
}

fn clients(settings: &RouteSettings) -> Result<Clients, RoutesError> {
    let needs_tls = match &settings.upstreams {
        Upstreams::Fixed(upstreams) => upstreams.iter().any(|upstream| upstream.scheme == Scheme::Https),
        Upstreams::Dns { scheme, .. } => *scheme == Scheme::Https,
    };
    Clients::new(&settings.upstream, needs_tls)
        .map_err(|source| RoutesError::Trust { route: settings.dispatcher.clone(), source })
}

fn start(
    settings: &RouteSettings,
    clients: Clients,
    place: Place<'_>,
    monitor: &Monitor,
) -> Result<Dispatcher, RoutesError> {
    let manner = Arc::new(Manner::of(settings));
    let mut builder = PushingDispatcher::builder(&settings.dispatcher)
        .settings(settings.settings.clone())
        .monitor(monitor)
        .clone_requests_by(|outgoing: &Outgoing| outgoing.again());
    match &settings.upstreams {
        Upstreams::Fixed(upstreams) => {
            for (index, upstream) in upstreams.iter().enumerate() {
                builder = builder.handler_from(source(upstream, &clients, &manner, place.of(index)));
            }
        }
        Upstreams::Dns { scheme, name, port } => {
            let unresolvable = |source| RoutesError::Dns { route: settings.dispatcher.clone(), source };
            let authority = Authority::try_from(format!("{name}:{port}"));
            let authority =
                authority.map_err(|source| RoutesError::Name { route: settings.dispatcher.clone(), source })?;
            let upstream = Upstream { scheme: *scheme, authority };
            let (port, arbiters) = (*port, place.arbiters.to_vec());
            let mut count = place.first;
            let make = move |address: SocketAddr| {
                count += 1;
                let (upstream, clients, manner) = (upstream.clone(), clients.clone(), Arc::clone(&manner));
                HandlerSource::new(UpstreamSource { upstream, address: Some(address), clients, manner })
                    .named(address.to_string())
                    .on(&arbiters[count % arbiters.len()])
            };
            builder = builder.provider(DnsProvider::new(name, port, make).map_err(unresolvable)?);
        }
    }
    Ok(builder.start_on(place.of(0))?)
}

fn source(
    upstream: &Upstream,
    clients: &Clients,
    manner: &Arc<Manner>,
    arbiter: &ArbiterHandle,
) -> HandlerSource<Outgoing, Answered, UpstreamError> {
    let (upstream, clients, manner) = (upstream.clone(), clients.clone(), Arc::clone(manner));
    HandlerSource::new(UpstreamSource { upstream, address: None, clients, manner }).on(arbiter)
}

/// Adds the upstreams that a route did not have, and removes those that it has no more: these finish what they have.
async fn change_upstreams(old: &Route, new: &RouteSettings, clients: &Clients, place: Place<'_>) {
    let (Upstreams::Fixed(before), Upstreams::Fixed(after)) = (&old.settings.upstreams, &new.upstreams) else { return };
    let manner = Arc::new(Manner::of(new));
    for (index, upstream) in after.iter().enumerate().filter(|(_, upstream)| !before.contains(upstream)) {
        let added = old.dispatcher.add_handler(source(upstream, clients, &manner, place.of(index))).await;
        match added {
            // Its pool says that it is there.
            Ok(()) => {}
            Err(error) => warn!("dispatcher {}: handler {}: not added: {error}", new.dispatcher, upstream.authority),
        }
    }
    for upstream in before.iter().filter(|upstream| !after.contains(upstream)) {
        let (dispatcher, name, route) =
            (old.dispatcher.clone(), upstream.authority.to_string(), new.dispatcher.clone());
        // It ends when what it has has ended, which need not be waited for.
        actix::spawn(async move {
            match dispatcher.remove_handler(&name).await {
                Ok(()) => info!("dispatcher {route}: handler {name}: removed"),
                Err(error) => warn!("dispatcher {route}: handler {name}: not removed: {error}"),
            }
        });
    }
}
