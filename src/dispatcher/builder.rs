//! How a dispatcher is described and started.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix::{Actor, Arbiter, ArbiterHandle, System};
use thiserror::Error;
use tokio::sync::oneshot;

use super::door::Door;
use super::handle::DispatcherHandle;
use super::pools::PoolSpawner;
use super::pushing::{Plan, PushingDispatcher};
use super::shared::Shared;
use crate::config::{DispatcherSettings, SettingsError};
use crate::handler::{ActorHandler, Handler, HandlerError, IntoHandler, IntoReply, Source, actor_handler};
use crate::pool::{Check, Clock};
use crate::queue::{Backlog, Intake};

/// Describes a [`PushingDispatcher`] and starts it; made by [`PushingDispatcher::builder`].
#[must_use = "nothing is started before `start`"]
pub struct DispatcherBuilder<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    name: String,
    settings: DispatcherSettings,
    check: Option<Check<Res, Err>>,
    clock: Option<Duration>,
    pools: Vec<PoolSpawner<Req, Res, Err>>,
}

/// Why a dispatcher could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no actix System on this thread.
    #[error(
        "no actix System is running on this thread: start the dispatcher inside one, or with `start_on_thread` \
         where there is none"
    )]
    NoSystem,
    /// The settings cannot be followed.
    #[error("the settings of dispatcher {dispatcher} cannot be followed: {source}")]
    Settings {
        /// Whose settings.
        dispatcher: String,
        /// What is wrong with them.
        source: SettingsError,
    },
    /// A thread could not be started.
    #[error("the thread of dispatcher {dispatcher} could not be started: {source}")]
    Thread {
        /// Whose thread.
        dispatcher: String,
        /// What the system said.
        source: std::io::Error,
    },
}

type Ended = oneshot::Receiver<()>;

impl<Req, Res, Err> DispatcherBuilder<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(crate) fn new(name: String) -> Self {
        DispatcherBuilder { name, settings: DispatcherSettings::default(), check: None, clock: None, pools: Vec::new() }
    }

    /// The settings to follow; those of `reference.conf` unless said.
    pub fn settings(self, settings: DispatcherSettings) -> Self {
        DispatcherBuilder { settings, ..self }
    }

    /// Decides from a response whether it counts as success; an error counts as the service's own, for the caller and
    /// for the control of the load. A panic fails the work.
    pub fn check(self, check: impl Fn(Res) -> Result<Res, Err> + Send + Sync + 'static) -> Self {
        DispatcherBuilder { check: Some(Arc::new(check)), ..self }
    }

    /// What the clock that all machines share reads at the start, as time since the Unix epoch; the system's clock
    /// unless said. A simulation sets it, to be repeatable.
    pub fn clock(self, since_epoch: Duration) -> Self {
        DispatcherBuilder { clock: Some(since_epoch), ..self }
    }

    /// Adds a handler, which will live on the dispatcher's arbiter. When it is gone, it is gone.
    pub fn handler<I>(self, handler: I) -> Self
    where
        I: IntoHandler + Send + 'static,
        I::Handler: Handler<Request = Req, Response = Res, Error = Err>,
    {
        self.pool(None, Source::once(handler))
    }

    /// As [`handler`](Self::handler), on an arbiter of your choice: handlers on several use several cores.
    pub fn handler_on<I>(self, arbiter: &ArbiterHandle, handler: I) -> Self
    where
        I: IntoHandler + Send + 'static,
        I::Handler: Handler<Request = Req, Response = Res, Error = Err>,
    {
        self.pool(Some(arbiter.clone()), Source::once(handler))
    }

    /// Adds a handler that Kanaloa makes itself, on the dispatcher's arbiter, and makes anew when it is gone. When making
    /// it fails or panics, it is tried again after 100 ms, then after twice that, up to every 10 s; the dispatcher's
    /// status tells.
    pub fn handler_factory<F, Fut, I, E>(self, name: impl Into<String>, factory: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<I, E>> + 'static,
        I: IntoHandler,
        I::Handler: Handler<Request = Req, Response = Res, Error = Err>,
        E: Into<HandlerError>,
    {
        self.pool(None, Source::factory(name.into(), factory))
    }

    /// Adds an actor that Kanaloa starts, on the dispatcher's arbiter, owns, and starts anew when it has ended. The
    /// requests are its messages; see [`actor_handler`].
    pub fn actor<A, F>(self, name: impl Into<String>, mut make: F) -> Self
    where
        F: FnMut() -> A + Send + 'static,
        A: Actor<Context = actix::Context<A>> + actix::Handler<Req>,
        Req: actix::Message,
        Req::Result: IntoReply<Response = Res, Error = Err> + Send,
    {
        let name = name.into();
        let handler_name = name.clone();
        self.handler_factory(name, move || {
            let actor = make().start();
            std::future::ready(Ok::<ActorHandler<Req>, HandlerError>(actor_handler(handler_name.clone(), actor)))
        })
    }

    fn pool<H>(mut self, arbiter: Option<ArbiterHandle>, source: Source<H>) -> Self
    where
        H: Handler<Request = Req, Response = Res, Error = Err>,
    {
        self.pools.push(PoolSpawner::new(arbiter, source));
        self
    }

    /// Starts the dispatcher on this thread's arbiter.
    ///
    /// # Errors
    ///
    /// [`StartError`] if there is no actix System here, or if the settings cannot be followed.
    pub fn start(self) -> Result<DispatcherHandle<Req, Res, Err>, StartError> {
        let arbiter = Arbiter::try_current().ok_or(StartError::NoSystem)?;
        self.start_on(&arbiter)
    }

    /// Starts the dispatcher on an arbiter. If that has ended, all work is refused.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the settings cannot be followed.
    pub fn start_on(self, arbiter: &ArbiterHandle) -> Result<DispatcherHandle<Req, Res, Err>, StartError> {
        self.spawn(arbiter).map(|(handle, _)| handle)
    }

    /// Starts the dispatcher; the second part is closed when it has ended.
    fn spawn(self, arbiter: &ArbiterHandle) -> Result<(DispatcherHandle<Req, Res, Err>, Ended), StartError> {
        let DispatcherBuilder { name, settings, check, clock, pools } = self;
        if let Err(source) = settings.validate() {
            return Err(StartError::Settings { dispatcher: name, source });
        }
        let since_epoch = clock.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let shared = Arc::new(Shared::new(settings.queue.capacity, settings.work.request_timeout));
        let intake = Arc::new(Intake::new());
        let door = Door::new(Arc::clone(&shared), Arc::clone(&intake));
        let (ended, has_ended) = oneshot::channel();
        let dispatcher = PushingDispatcher::new(Plan {
            name,
            settings: Arc::new(settings),
            shared,
            door: door.clone(),
            intake,
            backlog: Arc::new(Backlog::new()),
            check,
            clock: Clock::starting_at(since_epoch),
            pools,
            _ended: ended,
        });
        let addr = PushingDispatcher::start_in_arbiter(arbiter, move |_| dispatcher);
        Ok((DispatcherHandle::new(door, addr), has_ended))
    }

    /// Starts the dispatcher on a thread of its own, which needs nothing of the caller's: for plain tokio, or for no
    /// runtime at all. The thread ends with the dispatcher.
    ///
    /// # Errors
    ///
    /// [`StartError`] if the settings cannot be followed or there is no thread to be had.
    pub fn start_on_thread(self) -> Result<DispatcherHandle<Req, Res, Err>, StartError> {
        let name = self.name.clone();
        let (started, start) = mpsc::sync_channel(1);
        let body = move || {
            let system = System::new();
            let arbiter = system.block_on(async { Arbiter::current() });
            match self.spawn(&arbiter) {
                Ok((handle, has_ended)) => {
                    let _ = started.send(Ok(handle));
                    // Closed, not sent to, when the dispatcher is dropped.
                    let _ = system.block_on(has_ended);
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        };
        let thread = thread::Builder::new().name(format!("kanaloa-{name}").replace('\0', "")).spawn(body);
        thread.map_err(|source| StartError::Thread { dispatcher: name.clone(), source })?;
        start.recv().unwrap_or_else(|_| {
            let source = std::io::Error::other("it ended before the dispatcher was started");
            Err(StartError::Thread { dispatcher: name, source })
        })
    }
}
