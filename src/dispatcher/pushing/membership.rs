//! Handlers that come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::time::Instant;
use actix::{Arbiter, AsyncContext, Context, Handler, Message};
use tokio::sync::oneshot;

use super::{Plan, PushingDispatcher, Regulation};
use crate::dispatcher::Rejection;
use crate::dispatcher::pools::{AddHandlerError, HandlerSource, Pool, RemoveHandlerError};
use crate::dispatcher::regulator::{Regulate, Unmanned};
use crate::dispatcher::shared::Gate;
use crate::dispatcher::shutdown::Life;
use crate::pool::{EndPool, PoolChange, PoolEnvironment, PoolEvent, PoolState};
use crate::queue::{Resume, Waiting};

/// Pools that have ended are shown for a while, but no more than this many.
const MOST_ENDED_POOLS: usize = 16;

/// Here is another handler.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct AddHandler<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(crate) source: HandlerSource<Req, Res, Err>,
    pub(crate) reply_to: oneshot::Sender<Result<(), AddHandlerError>>,
}

/// The handler of this name is to get no more work.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct RemoveHandler {
    pub(crate) name: String,
    pub(crate) reply_to: oneshot::Sender<Result<(), RemoveHandlerError>>,
}

impl<Req, Res, Err> PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Starts a pool for a handler; `adding` is told what becomes of it.
    pub(super) fn start_pool(
        &mut self,
        source: HandlerSource<Req, Res, Err>,
        mut adding: Option<oneshot::Sender<Result<(), AddHandlerError>>>,
        ctx: &mut Context<Self>,
    ) {
        let (id, name) = (self.pools_so_far, source.name().map(str::to_owned));
        let refuse = |adding: Option<oneshot::Sender<_>>, error| {
            adding.map(|adding| adding.send(Err(error)));
        };
        if self.ending.life != Life::Serving {
            return refuse(adding, AddHandlerError::ShuttingDown);
        }
        if let Some(name) = &name {
            if !self.names.claim(name, id) {
                self.logs.second_handler(name);
                return refuse(adding, AddHandlerError::Duplicate { name: name.clone() });
            }
            if let Some(adding) = adding.take() {
                // An error means that nobody waits for it any more.
                let _ = adding.send(Ok(()));
            }
        }
        let Some(queue) = &self.queue else { return };
        self.pools_so_far += 1;
        self.expects_handler = false;
        let Plan { settings, shared, backlog, check, clone_request, extras, show_request, clock, seed, .. } =
            &self.plan;
        let environment = PoolEnvironment {
            pool: id,
            names: Arc::clone(&self.names),
            owner: Arc::clone(&self.plan.name),
            settings: Arc::clone(settings),
            shared: Arc::clone(shared),
            backlog: Arc::clone(backlog),
            expirer: queue.expirer.clone().recipient(),
            check: check.clone(),
            clone_request: *clone_request,
            extras: Arc::clone(extras),
            show_request: *show_request,
            clock: *clock,
            seed: *seed,
            handlers_log: self.logs.handlers.clone(),
            breakers_log: self.logs.breakers.clone(),
            dispatcher: ctx.address().downgrade().recipient(),
        };
        let state = PoolState::Starting { failures: 0, last_error: None };
        let control = source.spawn(&Arbiter::current(), environment);
        let pool = Pool { handler: name, state, gate: None, stats: None, control, adding, removing: Vec::new() };
        self.pools.insert(id, pool);
    }

    pub(super) fn is_running(&self) -> bool {
        self.pools.values().any(|pool| pool.state == PoolState::Running)
    }

    /// Whether a handler may come, where there is none.
    pub(super) fn may_one_come(&self) -> bool {
        let is_starting = |pool: &Pool| matches!(pool.state, PoolState::Starting { .. });
        let expects_one = (self.expects_handler || self.providers.are_left()) && self.ending.life == Life::Serving;
        expects_one || self.pools.values().any(is_starting)
    }

    /// Opens or shuts the door as the pools allow.
    pub(super) fn follow_pools(&mut self) {
        let gate = self.plan.shared.gate();
        if self.is_running() {
            self.plan.backlog.serve();
            self.plan.shared.set_gate(Gate::Open);
            self.logs.gate_changes(gate, Gate::Open, self.plan.backlog.is_pulled());
            if let Some(Regulation { regulator, sampler }) = self.regulation() {
                regulator.do_send(Regulate(true));
                if self.plan.shared.start_sampling() {
                    sampler.do_send(Resume);
                }
            }
            return;
        }
        let may_one_come = self.may_one_come();
        if may_one_come && !self.grace.is_over {
            if let Some(Regulation { regulator, .. }) = self.regulation() {
                regulator.do_send(Regulate(false));
            }
            return;
        }
        self.plan.shared.set_gate(Gate::NoHandlers);
        if !self.will_end_for_want_of_handlers() {
            self.logs.gate_changes(gate, Gate::NoHandlers, self.plan.backlog.is_pulled());
        }
        if let Some(Regulation { regulator, .. }) = self.regulation() {
            regulator.do_send(Unmanned);
        }
        // What is to be done at least once waits as long as there is hope.
        if !may_one_come || !self.plan.settings.work.at_least_once {
            for work in self.plan.backlog.turn_away(Rejection::NoHandlers, Instant::now()) {
                work.refuse(Rejection::NoHandlers);
            }
        }
    }

    /// Whether it ends, and says so, when the pools that are left have ended.
    fn will_end_for_want_of_handlers(&self) -> bool {
        let is_asked_to = self.plan.settings.worker_pool.shutdown_on_all_worker_death;
        let had_its_chance = self.pools_so_far > 0 || self.plan.backlog.is_pulled();
        is_asked_to && had_its_chance && !self.providers.are_left() && !self.pools.values().any(Pool::is_alive)
    }

    /// Shows no more than some pools that have ended.
    fn forget_ended(&mut self) {
        let ended = |(_, pool): &(&usize, &Pool)| pool.state == PoolState::Ended;
        if self.pools.iter().filter(ended).count() > MOST_ENDED_POOLS
            && let Some((&oldest, _)) = self.pools.iter().find(ended)
        {
            self.pools.remove(&oldest);
        }
    }
}

/// The pool of this name that has not ended: the one that takes work, if there is one beside others that are ending.
fn named<'a>(pools: &'a mut BTreeMap<usize, Pool>, name: &str) -> Option<(&'a usize, &'a mut Pool)> {
    let named = pools.iter_mut().filter(|(_, pool)| pool.handler.as_deref() == Some(name));
    named.filter(|(_, pool)| pool.state != PoolState::Ended).max_by_key(|(_, pool)| pool.is_alive())
}

impl<Req, Res, Err> Handler<AddHandler<Req, Res, Err>> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, AddHandler { source, reply_to }: AddHandler<Req, Res, Err>, ctx: &mut Self::Context) {
        self.start_pool(source, Some(reply_to), ctx);
    }
}

impl<Req, Res, Err> Handler<RemoveHandler> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, RemoveHandler { name, reply_to }: RemoveHandler, ctx: &mut Self::Context) {
        let Some((&id, pool)) = named(&mut self.pools, &name) else {
            // An error means that nobody waits for it any more.
            let _ = reply_to.send(Err(RemoveHandlerError::Unknown { name }));
            return;
        };
        // Another of this name may come at once.
        self.names.give_up(id);
        let was_running = pool.state == PoolState::Running;
        pool.state = PoolState::Ending;
        self.observed.is_ending(id);
        pool.removing.push(reply_to);
        pool.control.do_send(EndPool::InTime);
        self.expects_handler = true;
        if was_running && !self.is_running() {
            self.begin_grace(ctx);
        }
        self.follow_pools();
    }
}

impl<Req, Res, Err> Handler<PoolEvent> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, event: PoolEvent, ctx: &mut Self::Context) {
        let Some(pool) = self.pools.get_mut(&event.pool) else { return };
        match event.change {
            PoolChange::Failing { failures, error } => {
                let was_running = pool.state == PoolState::Running;
                if pool.is_alive() {
                    pool.state = PoolState::Starting { failures, last_error: Some(error) };
                }
                if was_running {
                    self.begin_grace(ctx);
                }
            }
            PoolChange::Running { handler, gate, stats } => {
                self.observed.runs(event.pool, &handler, gate, &stats);
                pool.handler = Some(handler);
                (pool.gate, pool.stats) = (Some(gate), Some(stats));
                // It may have been told to end meanwhile.
                if pool.is_alive() {
                    pool.state = PoolState::Running;
                }
                pool.added(Ok(()));
            }
            PoolChange::Duplicate { handler } => pool.added(Err(AddHandlerError::Duplicate { name: handler })),
            PoolChange::Ending => {
                let was_running = pool.state == PoolState::Running;
                pool.state = PoolState::Ending;
                self.observed.is_ending(event.pool);
                if was_running && self.providers.are_left() && !self.is_running() {
                    self.begin_grace(ctx);
                }
            }
            PoolChange::Ended => {
                (pool.gate, pool.state) = (None, PoolState::Ended);
                self.observed.has_ended(event.pool);
                pool.added(Err(AddHandlerError::NotMade));
                let removing = std::mem::take(&mut pool.removing);
                if !removing.is_empty() {
                    self.pools.remove(&event.pool);
                }
                for asker in removing {
                    // An error means that nobody waits for it any more.
                    let _ = asker.send(Ok(()));
                }
                self.forget_ended();
                self.end_without_handlers(ctx);
            }
        }
        self.follow_pools();
    }
}
