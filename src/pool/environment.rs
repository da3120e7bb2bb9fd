//! Where a pool lives, and how its dispatcher hears of it.

use std::sync::Arc;

use actix::{Message, Recipient, WeakRecipient};

use super::extras::Extras;
use super::meter::Clock;
use super::names::Names;
use super::redelivery::CloneRequest;
use super::station::{Check, ShowRequest};
use super::stats::PoolStats;
use crate::config::DispatcherSettings;
use crate::dispatcher::{Queued, Shared};
use crate::log_limit::LogLimit;
use crate::queue::{Backlog, ExpireAt, PoolKey};

/// What has become of a pool.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct PoolEvent {
    pub(crate) pool: usize,
    pub(crate) change: PoolChange,
}

/// See [`PoolEvent`].
#[derive(Debug)]
pub(crate) enum PoolChange {
    /// The handler could not be made; it is tried again.
    Failing { failures: u32, error: String },
    /// There is a handler, and workers pull for it.
    Running { handler: String, gate: PoolKey, stats: Arc<PoolStats> },
    /// The dispatcher has another handler of this name.
    Duplicate { handler: String },
    /// The handler gets no more work.
    Ending,
    /// Its last worker has left.
    Ended,
}

/// Where a pool lives. Dropping it tells the dispatcher that the pool has ended, even one that never started.
pub(crate) struct PoolEnvironment<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// The pool's number at its dispatcher.
    pub(crate) pool: usize,
    pub(crate) names: Arc<Names>,
    /// The dispatcher's name.
    pub(crate) owner: Arc<str>,
    pub(crate) settings: Arc<DispatcherSettings>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) backlog: Arc<Backlog<Queued<Req, Res, Err>>>,
    pub(crate) expirer: Recipient<ExpireAt>,
    pub(crate) check: Option<Check<Res, Err>>,
    pub(crate) clone_request: Option<CloneRequest<Req>>,
    pub(crate) extras: Arc<Extras>,
    pub(crate) show_request: Option<ShowRequest<Req>>,
    pub(crate) clock: Clock,
    /// What random choices start from.
    pub(crate) seed: u64,
    /// For what becomes of all the dispatcher's handlers.
    pub(crate) handlers_log: LogLimit,
    /// For what becomes of their circuit breakers.
    pub(crate) breakers_log: LogLimit,
    pub(crate) dispatcher: WeakRecipient<PoolEvent>,
}

impl<Req, Res, Err> PoolEnvironment<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(super) fn tell(&self, change: PoolChange) {
        if let Some(dispatcher) = self.dispatcher.upgrade() {
            dispatcher.do_send(PoolEvent { pool: self.pool, change });
        }
    }
}

impl<Req, Res, Err> Drop for PoolEnvironment<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    fn drop(&mut self) {
        self.names.forget(self.pool);
        self.tell(PoolChange::Ended);
    }
}
