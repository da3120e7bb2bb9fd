//! What can be seen of a proxy.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;

use super::proxy::Route;
use super::reverse_proxy::Overview;
use crate::{CircuitState, DispatcherState, DispatcherStatus, PoolState, PoolStatus, Rejections, Totals};

/// What can be seen of a reverse proxy at one moment; `/status` shows it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ProxyStatus {
    /// Of this crate.
    pub version: &'static str,
    /// Whether it takes no more connections and finishes what it has.
    pub draining: bool,
    /// Since its start.
    pub uptime_seconds: u64,
    /// Open connections of clients.
    pub connections: usize,
    /// Of these, the ones that speak something else than HTTP by now, such as WebSocket.
    pub tunnels: usize,
    /// In the order in which they are tried.
    pub routes: Vec<RouteStatus>,
}

/// What can be seen of one route.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RouteStatus {
    /// The name of its dispatcher.
    pub dispatcher: String,
    /// Which paths it takes, as the settings write it.
    pub path: String,
    /// Which host it takes; `None`: any.
    pub host: Option<String>,
    /// Which methods it takes; empty: any.
    pub methods: Vec<String>,
    /// `starting`, `running`, `no-handlers`, `shutting-down`, or `stopped`.
    pub state: &'static str,
    /// Requests since the start of its dispatcher. Those that are `in_flight` wait for the head of an answer.
    pub requests: Totals,
    /// Those that were rejected, by reason.
    pub rejected_because: Rejections,
    /// The share of requests refused lately: 0 to 1.
    pub drop_rate: f64,
    /// How long a request that came now would wait; `None` while that is not known.
    pub expected_wait_ms: Option<f64>,
    /// Where it sends requests.
    pub upstreams: Vec<UpstreamStatus>,
}

/// What can be seen of one upstream.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UpstreamStatus {
    /// Its host and port.
    pub name: String,
    /// `starting`, `running`, `held`, `ending` or `ended`.
    pub state: &'static str,
    /// What the circuit breaker lets through: `closed` is all, `half-open` a part, `open` nothing.
    pub circuit: &'static str,
    /// How often the circuit breaker has opened.
    pub circuit_opened: u64,
    /// The concurrency limit.
    pub limit: usize,
    /// Requests that it has now, to the last byte of their answers.
    pub in_flight: usize,
    /// Of these, the ones that the circuit breaker does not wait for any more.
    pub stuck: usize,
    /// Mean time of its successes, to the last byte; `None` before the first.
    pub process_time_ms: Option<f64>,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that were not answered in time.
    pub timed_out: u64,
    /// Attempts that were given up.
    pub cancelled: u64,
}

impl Overview {
    pub(crate) async fn status(&self) -> ProxyStatus {
        let routes = self.proxy.routes();
        let routes = futures::future::join_all(routes.routes.iter().map(|route| RouteStatus::of(route))).await;
        ProxyStatus {
            version: env!("CARGO_PKG_VERSION"),
            draining: self.is_draining.load(Ordering::Relaxed),
            uptime_seconds: self.started.elapsed().as_secs(),
            connections: self.server.connections(),
            tunnels: self.proxy.tunnels().open(),
            routes,
        }
    }
}

impl RouteStatus {
    async fn of(route: &Route) -> Self {
        let status = route.dispatcher.status().await.ok();
        let matches = &route.settings.matches;
        RouteStatus {
            dispatcher: route.settings.dispatcher.clone(),
            path: matches.path.to_string(),
            host: matches.host.clone(),
            methods: matches.methods.iter().map(ToString::to_string).collect(),
            state: status.as_ref().map_or("stopped", |status| state(status.state)),
            requests: route.dispatcher.totals(),
            rejected_because: route.dispatcher.rejections(),
            drop_rate: status.as_ref().map_or(0.0, |status| status.drop_rate),
            expected_wait_ms: status.as_ref().and_then(|status| status.expected_wait).map(ms),
            upstreams: status.map_or_else(Vec::new, upstreams),
        }
    }

    /// Why it serves nothing now, if so.
    pub(crate) fn is_not_ready(&self) -> Option<&'static str> {
        let can_serve = |upstream: &UpstreamStatus| matches!(upstream.state, "running" | "held");
        match self.state {
            "running" if self.upstreams.iter().any(can_serve) => None,
            "running" | "no-handlers" => Some("no upstream"),
            state => Some(state),
        }
    }
}

fn upstreams(status: DispatcherStatus) -> Vec<UpstreamStatus> {
    status.pools.into_iter().map(UpstreamStatus::from).collect()
}

impl From<PoolStatus> for UpstreamStatus {
    fn from(pool: PoolStatus) -> Self {
        UpstreamStatus {
            name: pool.handler,
            state: match pool.state {
                PoolState::Starting { .. } => "starting",
                PoolState::Running => "running",
                PoolState::Held => "held",
                PoolState::Ending => "ending",
                PoolState::Ended => "ended",
            },
            circuit: match pool.circuit {
                CircuitState::Closed => "closed",
                CircuitState::HalfOpen => "half-open",
                CircuitState::Open => "open",
            },
            circuit_opened: pool.circuit_opened,
            limit: pool.limit,
            in_flight: pool.busy,
            stuck: pool.stuck,
            process_time_ms: pool.process_time.map(ms),
            succeeded: pool.succeeded,
            failed: pool.failed,
            timed_out: pool.timed_out,
            cancelled: pool.cancelled,
        }
    }
}

fn state(state: DispatcherState) -> &'static str {
    match state {
        DispatcherState::Starting => "starting",
        DispatcherState::Running => "running",
        DispatcherState::NoHandlers => "no-handlers",
        DispatcherState::ShuttingDown => "shutting-down",
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
