//! The pools as their dispatcher sees them.

use std::sync::Arc;

use actix::{Actor, ArbiterHandle, Recipient};

use super::Stop;
use crate::handler::{self, Source};
use crate::pool::{PoolEnvironment, PoolState, PoolStats, PoolStatus, WorkerPool};
use crate::queue::{Backlog, PoolKey, Waiting};

/// Starts a pool; the type of its handler is known in here only.
pub(crate) struct PoolSpawner<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(super) name: String,
    pub(super) spawn: Spawn<Req, Res, Err>,
}

type Spawn<Req, Res, Err> = Box<dyn FnOnce(&ArbiterHandle, PoolEnvironment<Req, Res, Err>) -> Recipient<Stop> + Send>;

impl<Req, Res, Err> PoolSpawner<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// `arbiter`: where the pool is to live, or else where the dispatcher does.
    pub(crate) fn new<H>(arbiter: Option<ArbiterHandle>, source: Source<H>) -> Self
    where
        H: handler::Handler<Request = Req, Response = Res, Error = Err>,
    {
        let name = source.name().to_string();
        let spawn: Spawn<Req, Res, Err> = Box::new(move |own, environment| {
            let arbiter = arbiter.as_ref().unwrap_or(own);
            WorkerPool::start_in_arbiter(arbiter, move |_| WorkerPool::new(environment, source)).recipient()
        });
        PoolSpawner { name, spawn }
    }
}

/// A pool as its dispatcher sees it.
pub(super) struct Pool {
    pub(super) handler: String,
    pub(super) state: PoolState,
    /// Until it has ended.
    pub(super) gate: Option<PoolKey>,
    pub(super) stats: Option<Arc<PoolStats>>,
    pub(super) stop: Recipient<Stop>,
}

impl Pool {
    pub(super) fn status<T: Waiting>(&self, backlog: &Backlog<T>) -> PoolStatus {
        let view = self.gate.map(|gate| backlog.view(gate)).unwrap_or_default();
        let state = if view.is_held { PoolState::Held } else { self.state.clone() };
        PoolStatus::new(self.handler.clone(), state, view, self.stats.as_deref())
    }
}
