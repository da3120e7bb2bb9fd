//! The pools as their dispatcher sees them, and where their handlers come from.

use std::future::Future;
use std::sync::Arc;

use actix::{Actor, ArbiterHandle, Recipient};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::handler::{self, ActorHandler, HandlerError, IntoHandler, IntoReply, Source, actor_handler};
use crate::pool::{EndPool, PoolEnvironment, PoolState, PoolStats, PoolStatus, WorkerPool};
use crate::queue::{Backlog, PoolKey, Waiting};

/// Where a dispatcher gets a handler from, and on which arbiter that is to live.
///
/// ```
/// use kanaloa::{HandlerSource, PushingDispatcher, handler_fn};
///
/// # actix::System::new().block_on(async {
/// let dispatcher = PushingDispatcher::<u32, u32, String>::builder("numbers").start().unwrap();
/// let half = handler_fn("half", |n: u32| async move { Ok(n / 2) });
/// dispatcher.add_handler(HandlerSource::new(half)).await.unwrap();
/// assert_eq!(dispatcher.call(8).await, Ok(4));
/// # });
/// ```
#[must_use = "a dispatcher has to be given it"]
pub struct HandlerSource<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    name: Option<String>,
    arbiter: Option<ArbiterHandle>,
    spawn: Spawn<Req, Res, Err>,
}

/// Starts a pool for a handler of this name; the type of the handler is known in here only.
type Spawn<Req, Res, Err> =
    Box<dyn FnOnce(&ArbiterHandle, PoolEnvironment<Req, Res, Err>, Option<String>) -> Recipient<EndPool> + Send>;

impl<Req, Res, Err> HandlerSource<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// A handler there is one of: when it is gone, it is gone.
    pub fn new<I>(handler: I) -> Self
    where
        I: IntoHandler + Send + 'static,
        I::Handler: handler::Handler<Request = Req, Response = Res, Error = Err>,
    {
        Self::of(Source::once(handler))
    }

    /// A handler that Kanaloa makes itself, and makes anew when it is gone. When making it fails or panics, it is tried
    /// again after 100 ms, then after twice that, up to every 10 s; the dispatcher's status tells.
    ///
    /// `name` is the one under which it is known, whatever it calls itself.
    pub fn factory<F, Fut, I, E>(name: impl Into<String>, factory: F) -> Self
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<I, E>> + 'static,
        I: IntoHandler,
        I::Handler: handler::Handler<Request = Req, Response = Res, Error = Err>,
        E: Into<HandlerError>,
    {
        Self::of(Source::factory(name.into(), factory))
    }

    /// An actor that Kanaloa starts, owns, and starts anew when it has ended. The requests are its messages; see
    /// [`actor_handler`].
    pub fn actor<A, F>(name: impl Into<String>, mut make: F) -> Self
    where
        F: FnMut() -> A + Send + 'static,
        A: Actor<Context = actix::Context<A>> + actix::Handler<Req>,
        Req: actix::Message,
        Req::Result: IntoReply<Response = Res, Error = Err> + Send,
    {
        let name = name.into();
        let handler_name = name.clone();
        Self::factory(name, move || {
            let actor = make().start();
            std::future::ready(Ok::<ActorHandler<Req>, HandlerError>(actor_handler(handler_name.clone(), actor)))
        })
    }

    /// Has the handler live on this arbiter rather than on the dispatcher's: handlers on several use several cores.
    pub fn on(self, arbiter: &ArbiterHandle) -> Self {
        HandlerSource { arbiter: Some(arbiter.clone()), ..self }
    }

    /// Has the handler known under this name, whatever it calls itself.
    pub fn named(self, name: impl Into<String>) -> Self {
        HandlerSource { name: Some(name.into()), ..self }
    }

    fn of<H>(source: Source<H>) -> Self
    where
        H: handler::Handler<Request = Req, Response = Res, Error = Err>,
    {
        let name = source.name().map(str::to_owned);
        let spawn: Spawn<Req, Res, Err> = Box::new(move |arbiter, environment, name| {
            let source = source.named(name);
            WorkerPool::start_in_arbiter(arbiter, move |_| WorkerPool::new(environment, source)).recipient()
        });
        HandlerSource { name, arbiter: None, spawn }
    }

    /// The name under which the handler will be known, if it is known before it is made.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Starts the pool; `here` is the dispatcher's own arbiter.
    pub(super) fn spawn(self, here: &ArbiterHandle, environment: PoolEnvironment<Req, Res, Err>) -> Recipient<EndPool> {
        (self.spawn)(self.arbiter.as_ref().unwrap_or(here), environment, self.name)
    }
}

impl<Req, Res, Err> std::fmt::Debug for HandlerSource<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlerSource").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a handler was not added.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddHandlerError {
    /// The dispatcher has a handler of this name already. Remove that first, which frees the name at once, or choose
    /// another name.
    #[error("there is a handler named {name} already")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// The handler could not be made, for which the log has the reason.
    #[error("the handler could not be made")]
    NotMade,
    /// The dispatcher takes no more work.
    #[error("the dispatcher is shutting down")]
    ShuttingDown,
}

/// Why a handler was not removed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RemoveHandlerError {
    /// The dispatcher has no handler of this name.
    #[error("there is no handler named {name}")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The dispatcher has ended, and the handler with it.
    #[error("the dispatcher has stopped")]
    Stopped,
}

/// A pool as its dispatcher sees it.
pub(super) struct Pool {
    pub(super) handler: Option<String>,
    pub(super) state: PoolState,
    /// Until it has ended.
    pub(super) gate: Option<PoolKey>,
    pub(super) stats: Option<Arc<PoolStats>>,
    pub(super) control: Recipient<EndPool>,
    /// Who wants to know whether it has been added.
    pub(super) adding: Option<oneshot::Sender<Result<(), AddHandlerError>>>,
    /// Who wants to know when it has ended.
    pub(super) removing: Vec<oneshot::Sender<Result<(), RemoveHandlerError>>>,
}

impl Pool {
    pub(super) fn status<T: Waiting>(&self, backlog: &Backlog<T>) -> PoolStatus {
        let view = self.gate.map(|gate| backlog.view(gate)).unwrap_or_default();
        let state = if view.is_held { PoolState::Held } else { self.state.clone() };
        let name = self.handler.clone().unwrap_or_else(|| handler::UNNAMED.to_string());
        PoolStatus::new(name, state, view, self.stats.as_deref())
    }

    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.state, PoolState::Ending | PoolState::Ended)
    }

    pub(super) fn added(&mut self, result: Result<(), AddHandlerError>) {
        if let Some(adding) = self.adding.take() {
            // An error means that nobody waits for it any more.
            let _ = adding.send(result);
        }
    }
}
