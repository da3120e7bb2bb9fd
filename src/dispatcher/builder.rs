//! How a dispatcher is described and started.

use std::collections::HashSet;
use std::fmt::Write;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix::{Actor, Addr, Arbiter, ArbiterHandle, System};
use thiserror::Error;
use tokio::sync::oneshot;

use super::door::Door;
use super::handle::DispatcherHandle;
use super::pools::HandlerSource;
use super::pushing::{Plan, PushingDispatcher};
use super::queued::Queued;
use super::shared::Shared;
use crate::config::{DispatcherSettings, QueueOrder, SettingsError};
use crate::handler::{Handler, HandlerError, IntoHandler, IntoReply};
use crate::metrics::{Monitor, Reporter};
use crate::pool::{Check, Clock, CloneRequest, Extras, ShowRequest};
use crate::provider::{HandlerProvider, Provider};
use crate::queue::{Backlog, Intake};

/// Describes a dispatcher and starts it; made by [`PushingDispatcher::builder`], or by
/// [`PullingDispatcher`](crate::PullingDispatcher) for one that takes its work from a source.
///
/// `Kind` is what differs between the two: [`Push`] or [`Pull`](crate::Pull).
#[must_use = "nothing is started before `start`"]
pub struct DispatcherBuilder<Req, Res, Err, Kind = Push>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(super) name: String,
    pub(super) settings: DispatcherSettings,
    check: Option<Check<Res, Err>>,
    clock: Option<Duration>,
    seed: Option<u64>,
    clone_request: Option<CloneRequest<Req>>,
    show_request: Option<ShowRequest<Req>>,
    handlers: Vec<HandlerSource<Req, Res, Err>>,
    providers: Vec<Provider<Req, Res, Err>>,
    reporters: Vec<Box<dyn Reporter>>,
    monitors: Vec<Monitor>,
    pub(super) kind: Kind,
}

/// The work of the dispatcher is submitted to it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Push;

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
    /// The settings ask for requests to go out more than once, but nobody said how to copy them.
    #[error(
        "the settings of dispatcher {dispatcher} turn {setting} on, so its requests must be copied: call \
         `clone_requests` on the builder"
    )]
    RequestsNotCloned {
        /// Whose settings.
        dispatcher: String,
        /// The setting.
        setting: &'static str,
    },
    /// Two handlers have the same name.
    #[error("dispatcher {dispatcher} has two handlers named {handler}")]
    DuplicateHandler {
        /// Whose handlers.
        dispatcher: String,
        /// Their name.
        handler: String,
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

/// Closed when the dispatcher has ended.
pub(super) type Ended = oneshot::Receiver<()>;

/// A dispatcher that has been started.
pub(super) struct Started<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(super) door: Door<Req, Res, Err>,
    pub(super) addr: Addr<PushingDispatcher<Req, Res, Err>>,
    pub(super) shared: Arc<Shared>,
    pub(super) intake: Arc<Intake<Queued<Req, Res, Err>>>,
    pub(super) backlog: Arc<Backlog<Queued<Req, Res, Err>>>,
    pub(super) has_ended: Ended,
}

impl<Req, Res, Err, Kind> DispatcherBuilder<Req, Res, Err, Kind>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(super) fn new(name: String, settings: DispatcherSettings, kind: Kind) -> Self {
        DispatcherBuilder {
            name,
            settings,
            check: None,
            clock: None,
            seed: None,
            clone_request: None,
            show_request: None,
            handlers: Vec::new(),
            providers: Vec::new(),
            reporters: Vec::new(),
            monitors: Vec::new(),
            kind,
        }
    }

    /// The settings to follow; those of `reference.conf` unless said, where a dispatcher that pulls has its own.
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

    /// What random choices start from, such as those of the throttle `kanaloa`; different at each start unless said. A
    /// simulation sets it, to be repeatable.
    pub fn seed(self, seed: u64) -> Self {
        DispatcherBuilder { seed: Some(seed), ..self }
    }

    /// Has what happens reported there, once in each `update-interval`, beside whoever else it is reported to.
    pub fn reporter(mut self, reporter: impl Reporter) -> Self {
        self.reporters.push(Box::new(reporter));
        self
    }

    /// Has it watched by this one, beside others.
    pub fn monitor(mut self, monitor: &Monitor) -> Self {
        self.monitors.push(monitor.clone());
        self
    }

    /// Lets requests go to handlers more than once, as `at-least-once`, `work-retry` and `concurrent-calls` may ask for: a
    /// copy is kept while a request is at a handler. A work that asks for copies itself does not need it.
    pub fn clone_requests(self) -> Self
    where
        Req: Clone,
    {
        self.clone_requests_by(|request| Some(request.clone()))
    }

    /// As [`clone_requests`](Self::clone_requests), for requests that have no `Clone`, or of which some must not go out more
    /// than once: those for which `clone` returns `None` go to one handler, once, whatever the settings ask for. A panic
    /// counts as `None`.
    pub fn clone_requests_by(self, clone: fn(&Req) -> Option<Req>) -> Self {
        DispatcherBuilder { clone_request: Some(clone), ..self }
    }

    /// Shows requests in the log, at the level `debug`, when they fail or time out: their first
    /// `length-of-display-for-message` characters as `{:?}` writes them.
    pub fn show_requests(self) -> Self
    where
        Req: std::fmt::Debug,
    {
        DispatcherBuilder { show_request: Some(show), ..self }
    }

    /// Adds a handler: see [`HandlerSource::new`].
    pub fn handler<I>(self, handler: I) -> Self
    where
        I: IntoHandler + Send + 'static,
        I::Handler: Handler<Request = Req, Response = Res, Error = Err>,
    {
        self.handler_from(HandlerSource::new(handler))
    }

    /// As [`handler`](Self::handler), on an arbiter of your choice: handlers on several use several cores.
    pub fn handler_on<I>(self, arbiter: &ArbiterHandle, handler: I) -> Self
    where
        I: IntoHandler + Send + 'static,
        I::Handler: Handler<Request = Req, Response = Res, Error = Err>,
    {
        self.handler_from(HandlerSource::new(handler).on(arbiter))
    }

    /// Adds a handler that Kanaloa makes itself: see [`HandlerSource::factory`].
    pub fn handler_factory<F, Fut, I, E>(self, name: impl Into<String>, factory: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<I, E>> + 'static,
        I: IntoHandler,
        I::Handler: Handler<Request = Req, Response = Res, Error = Err>,
        E: Into<HandlerError>,
    {
        self.handler_from(HandlerSource::factory(name, factory))
    }

    /// Adds an actor that Kanaloa starts and owns: see [`HandlerSource::actor`].
    pub fn actor<A, F>(self, name: impl Into<String>, make: F) -> Self
    where
        F: FnMut() -> A + Send + 'static,
        A: Actor<Context = actix::Context<A>> + actix::Handler<Req>,
        Req: actix::Message,
        Req::Result: IntoReply<Response = Res, Error = Err> + Send,
    {
        self.handler_from(HandlerSource::actor(name, make))
    }

    /// Adds a handler, wherever it comes from.
    pub fn handler_from(mut self, source: HandlerSource<Req, Res, Err>) -> Self {
        self.handlers.push(source);
        self
    }

    /// Adds a provider, whose handlers come and go while the dispatcher runs. There may be several, and handlers beside
    /// them.
    pub fn provider(mut self, provider: impl HandlerProvider<Req, Res, Err>) -> Self {
        self.providers.push(Provider::new(provider));
        self
    }

    /// Starts the dispatcher and says what is left of its description.
    pub(super) fn spawn(
        self,
        arbiter: &ArbiterHandle,
        backlog: impl FnOnce(QueueOrder) -> Backlog<Queued<Req, Res, Err>>,
    ) -> Result<(Started<Req, Res, Err>, Kind), StartError> {
        let DispatcherBuilder {
            name,
            settings,
            check,
            clock,
            seed,
            clone_request,
            show_request,
            handlers,
            providers,
            reporters,
            monitors,
            kind,
        } = self;
        if let Err(source) = settings.validate() {
            return Err(StartError::Settings { dispatcher: name, source });
        }
        if clone_request.is_none()
            && let Some(setting) = needs_copies(&settings)
        {
            return Err(StartError::RequestsNotCloned { dispatcher: name, setting });
        }
        let mut names = HashSet::new();
        if let Some(twice) = handlers.iter().filter_map(HandlerSource::name).find(|name| !names.insert(*name)) {
            return Err(StartError::DuplicateHandler { dispatcher: name, handler: twice.to_owned() });
        }
        let since_epoch = clock.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let extras = Arc::new(Extras::new(&settings.work));
        let intake = Arc::new(Intake::new());
        let backlog = Arc::new(backlog(settings.queue.order));
        // Who takes from a source keeps to the capacity by taking no more, and has nothing refused for it.
        let capacity = if backlog.is_pulled() { usize::MAX } else { settings.queue.capacity };
        let shared = Arc::new(Shared::new(capacity, &settings.work));
        let door = Door::new(Arc::clone(&shared), Arc::clone(&intake));
        let (ended, has_ended) = oneshot::channel();
        let (at_the_door, waits, passes) = (Arc::clone(&shared), Arc::clone(&intake), Arc::clone(&backlog));
        let dispatcher = PushingDispatcher::new(Plan {
            name: name.into(),
            settings: Arc::new(settings),
            shared,
            door: door.clone(),
            intake,
            backlog,
            check,
            clone_request,
            extras,
            show_request,
            clock: Clock::starting_at(since_epoch),
            // Different keys each time: the standard library's way to randomness.
            seed: seed.unwrap_or_else(|| RandomState::new().hash_one(since_epoch)),
            handlers,
            providers,
            reporters,
            monitors,
            _ended: ended,
        });
        let addr = PushingDispatcher::start_in_arbiter(arbiter, move |_| dispatcher);
        Ok((Started { door, addr, shared: at_the_door, intake: waits, backlog: passes, has_ended }, kind))
    }
}

impl<Req, Res, Err> DispatcherBuilder<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
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
        self.begin(arbiter).map(|(handle, _)| handle)
    }

    fn begin(self, arbiter: &ArbiterHandle) -> Result<(DispatcherHandle<Req, Res, Err>, Ended), StartError> {
        let (Started { door, addr, has_ended, .. }, Push) = self.spawn(arbiter, Backlog::new)?;
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
        on_thread(&name, |arbiter| self.begin(arbiter))
    }
}

/// Starts a dispatcher on a thread of its own, which ends when what `begin` says beside the handle is closed.
pub(super) fn on_thread<H: Send + 'static>(
    name: &str,
    begin: impl FnOnce(&ArbiterHandle) -> Result<(H, Ended), StartError> + Send + 'static,
) -> Result<H, StartError> {
    let (started, start) = mpsc::sync_channel(1);
    let body = move || {
        let system = System::new();
        let arbiter = system.block_on(async { Arbiter::current() });
        match begin(&arbiter) {
            Ok((handle, has_ended)) => {
                let _ = started.send(Ok(handle));
                // Closed, not sent to, when it has ended.
                let _ = system.block_on(has_ended);
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    };
    let no_thread = |source| StartError::Thread { dispatcher: name.to_owned(), source };
    thread::Builder::new().name(format!("kanaloa-{name}").replace('\0', "")).spawn(body).map_err(no_thread)?;
    let ended = || Err(no_thread(std::io::Error::other("it ended before the dispatcher was started")));
    start.recv().unwrap_or_else(|_| ended())
}

/// A setting because of which requests go out more than once.
fn needs_copies(settings: &DispatcherSettings) -> Option<&'static str> {
    let work = &settings.work;
    let settings = [
        ("at-least-once", work.at_least_once),
        ("work-retry", work.work_retry > 0),
        ("concurrent-calls", work.concurrent_calls > 1),
    ];
    settings.into_iter().find(|(_, is_on)| *is_on).map(|(name, _)| name)
}

/// The first characters of a request as `{:?}` writes it.
fn show<Req: std::fmt::Debug>(request: &Req, length: usize) -> String {
    let mut start = Start { text: String::new(), left: length };
    // An error means that it is longer, or that its author cannot write it.
    match write!(start, "{request:?}") {
        Ok(()) => start.text,
        Err(_) => start.text + "…",
    }
}

/// Takes so many characters and no more: a large request is not written whole to show the start of it.
struct Start {
    text: String,
    left: usize,
}

impl std::fmt::Write for Start {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        for c in part.chars() {
            self.left = self.left.checked_sub(1).ok_or(std::fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}
