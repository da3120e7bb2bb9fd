//! A reverse proxy from its start to its end.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Arbiter, ArbiterHandle};
use futures::future::{AbortHandle, Abortable, join_all};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::admin_thread::AdminThread;
use super::proxy::{Proxy, Routes, RoutesError};
use super::server::{BindError, Serve, Server, TlsError, bind, tls};
use super::settings::ProxySettings;
use super::status::ProxyStatus;
use crate::metrics::Monitor;

/// A reverse proxy that runs.
///
/// ```no_run
/// use kanaloa::http::ReverseProxy;
/// use kanaloa::http::settings::{CommandLine, ProxySettings};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = ProxySettings::load(["proxy.conf"], &CommandLine::default())?;
/// let proxy = ReverseProxy::start(settings).await?;
/// println!("listening on {}", proxy.address());
/// tokio::signal::ctrl_c().await?;
/// proxy.drain().await;
/// # Ok(())
/// # }
/// ```
///
/// Dropping it lets it run for as long as its threads do.
#[derive(Debug)]
pub struct ReverseProxy {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    settings: Mutex<ProxySettings>,
    arbiters: Vec<ArbiterHandle>,
    /// Those of them that were made for it.
    own_arbiters: Vec<Arbiter>,
    overview: Overview,
    listeners: Mutex<Vec<Listening>>,
    admin: Option<AdminThread>,
    monitor: Monitor,
}

/// What can be seen of a proxy.
#[derive(Debug, Clone)]
pub(crate) struct Overview {
    pub(crate) proxy: Proxy,
    pub(crate) server: Arc<Server>,
    pub(crate) is_draining: Arc<AtomicBool>,
    pub(crate) started: Instant,
}

/// One thread's part of a server.
#[derive(Debug)]
struct Listening {
    /// Closed when it has ended.
    ended: oneshot::Receiver<()>,
    abort: AbortHandle,
}

/// Why a reverse proxy could not be started, or could not take other settings over.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ProxyError(Cause);

#[derive(Debug, Error)]
enum Cause {
    #[error("no actix System is running on this thread: start the proxy inside one")]
    NoSystem,
    #[error("{0}")]
    Bind(BindError),
    #[error("the admin address (kanaloa.proxy.admin, or --admin): {0}")]
    Admin(BindError),
    #[error("the thread of the admin address cannot be started: {0}; the system is short of threads, files or memory")]
    AdminThread(std::io::Error),
    #[error("{0}")]
    Tls(TlsError),
    #[error("{0}")]
    Routes(RoutesError),
    #[error("the listener cannot be shared between threads: {0}")]
    Listener(std::io::Error),
}

impl From<Cause> for ProxyError {
    fn from(cause: Cause) -> Self {
        ProxyError(cause)
    }
}

/// What a drain came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Drained {
    /// All that was under way was done with.
    Finished,
    /// The `drain-timeout` was over before that.
    CutOff {
        /// Connections that were still open.
        connections: usize,
    },
}

impl ReverseProxy {
    /// Starts it, on this thread's arbiter and as many others as the settings ask for. It listens when this resolves.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] if it cannot listen there, if a file cannot be used that the settings name, or if there is no actix
    /// System here.
    pub async fn start(settings: ProxySettings) -> Result<Self, ProxyError> {
        let home = Arbiter::try_current().ok_or(Cause::NoSystem)?;
        let tls = settings.tls.as_ref().map(tls).transpose().map_err(Cause::Tls)?;
        let listener = bind(settings.listen).map_err(Cause::Bind)?;
        let address = listener.local_addr().map_err(Cause::Listener)?;
        let admin_listener = settings.admin.map(bind).transpose().map_err(Cause::Admin)?;
        let own_arbiters: Vec<_> = (1..settings.threads.max(1)).map(|_| Arbiter::new()).collect();
        let arbiters: Vec<_> = [home.clone()].into_iter().chain(own_arbiters.iter().map(Arbiter::handle)).collect();
        let monitor = Monitor::new();
        let routes = Routes::start(&settings.routes, None, &arbiters, &monitor).await.map_err(Cause::Routes)?;
        let proxy = Proxy::new(routes, settings.server.clone());
        let server = Server::new(settings.server.clone(), tls);
        let mut listeners = Vec::new();
        for arbiter in &arbiters {
            let listener = listener.try_clone().map_err(Cause::Listener)?;
            listeners.push(Listening::start(arbiter, Arc::clone(&server), listener, proxy.clone()));
        }
        let overview = Overview { proxy, server, is_draining: Arc::default(), started: Instant::now() };
        let mut admin_address = None;
        let mut admin = None;
        if let Some(listener) = admin_listener {
            admin_address = Some(listener.local_addr().map_err(Cause::Listener)?);
            // It ends with the System, if not before.
            let (lives, has_ended) = oneshot::channel::<()>();
            home.spawn(async move {
                let _lives = lives;
                pending::<()>().await;
            });
            let thread = AdminThread::start(listener, Some(overview.clone()), &monitor, has_ended);
            admin = Some(thread.map_err(Cause::AdminThread)?);
        }
        Ok(ReverseProxy {
            address,
            admin_address,
            settings: Mutex::new(settings),
            arbiters,
            own_arbiters,
            overview,
            listeners: Mutex::new(listeners),
            admin,
            monitor,
        })
    }

    /// Where it listens for clients.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it tells how it is, if anywhere.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// The settings that it goes by.
    pub fn settings(&self) -> ProxySettings {
        self.settings.lock().clone()
    }

    /// What watches its dispatchers, those included that a reload starts: for reports of one's own.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// What it is doing.
    pub async fn status(&self) -> ProxyStatus {
        self.overview.status().await
    }

    /// Goes by other settings from now on: requests that come, and connections that are made. What is under way goes on as it
    /// began. Routes whose dispatchers stay the same keep what they have learnt, also where upstreams come or go. Returns
    /// the settings that only a restart changes, and that differ: they are as before.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] if a file cannot be used that they name; then all is as before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave upstreams added that no route uses yet.
    pub async fn reload(&self, settings: ProxySettings) -> Result<Vec<&'static str>, ProxyError> {
        let tls = settings.tls.as_ref().map(tls).transpose().map_err(Cause::Tls)?;
        let current = self.overview.proxy.routes();
        let routes = Routes::start(&settings.routes, Some(&current), &self.arbiters, &self.monitor).await;
        let routes = routes.map_err(Cause::Routes)?;
        self.overview.proxy.replace(routes, settings.server.clone());
        self.overview.server.replace(settings.server.clone(), tls);
        let mut known = self.settings.lock();
        let fixed = [
            ("listen", known.listen != settings.listen),
            ("admin", known.admin != settings.admin),
            ("threads", known.threads != settings.threads),
        ];
        let (listen, admin, threads) = (known.listen, known.admin, known.threads);
        *known = ProxySettings { listen, admin, threads, ..settings };
        Ok(fixed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect())
    }

    /// Takes no more connections, finishes what is under way, and ends: within `drain-timeout`, when the rest is cut off.
    /// Meanwhile `/readyz` says that it is not ready.
    pub async fn drain(&self) -> Drained {
        let time = self.settings.lock().server.drain_timeout;
        let now = Instant::now();
        // A time that cannot be counted to is without end.
        let until = now.checked_add(time).unwrap_or(now + Duration::from_secs(86_400 * 365));
        self.overview.is_draining.store(true, Ordering::Relaxed);
        self.overview.server.drain();
        let (ended, aborts): (Vec<_>, Vec<_>) =
            self.listeners.lock().drain(..).map(|Listening { ended, abort }| (ended, abort)).unzip();
        let drained = match timeout_at(until, join_all(ended)).await {
            Ok(_) => Drained::Finished,
            Err(_) => Drained::CutOff { connections: self.overview.server.connections() },
        };
        aborts.iter().for_each(AbortHandle::abort);
        let routes = self.overview.proxy.routes();
        let left = until.saturating_duration_since(Instant::now());
        join_all(routes.routes.iter().map(|route| route.dispatcher.shutdown_within(left))).await;
        if let Some(admin) = &self.admin {
            admin.abort();
        }
        self.own_arbiters.iter().for_each(|arbiter| {
            arbiter.stop();
        });
        drained
    }
}

impl Listening {
    fn start<S: Serve + Send>(
        arbiter: &ArbiterHandle,
        server: Arc<Server>,
        listener: std::net::TcpListener,
        serve: S,
    ) -> Self {
        let (done, ended) = oneshot::channel::<()>();
        let (abort, registration) = AbortHandle::new_pair();
        arbiter.spawn_fn(move || {
            actix::spawn(async move {
                // Aborted when the time to drain is over.
                let _ = Abortable::new(server.run(listener, serve), registration).await;
                drop(done);
            });
        });
        Listening { ended, abort }
    }
}
