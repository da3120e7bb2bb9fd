//! The actor at the top: it starts the others, follows its pools, and ends in order.

use std::sync::Arc;

use actix::fut::wrap_future;
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, MessageResult, Running,
    WeakRecipient,
};
use log::{debug, info};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::builder::DispatcherBuilder;
use super::door::Door;
use super::pools::{Pool, PoolSpawner};
use super::queued::Queued;
use super::regulator::{Begin, RegulatorActor};
use super::shared::{Gate, Shared};
use super::status::{DispatcherState, DispatcherStatus};
use super::{Rejection, Stop};
use crate::config::DispatcherSettings;
use crate::pool::{Check, Clock, PoolChange, PoolEnvironment, PoolEvent, PoolState};
use crate::queue::{Backlog, Expirer, Intake, QueueActor, QueueSampler, Resume, Waiting};

/// A dispatcher to which work is pushed: callers submit it through a [`DispatcherHandle`](crate::DispatcherHandle), or
/// as [`Work`](crate::Work) messages to the address.
pub struct PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    plan: Plan<Req, Res, Err>,
    pools: Vec<Pool>,
    queue: Option<QueueSide<Req, Res, Err>>,
    life: Life,
    grace: Grace,
}

/// The time in which work is queued although no handler is there.
#[derive(Default)]
struct Grace {
    /// How many there have been.
    number: u64,
    is_over: bool,
    /// Not a timer of the actor's own: that would keep it alive when nobody can reach it any more.
    timer: Option<tokio::task::JoinHandle<()>>,
}

/// What a dispatcher is made of.
pub(crate) struct Plan<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    pub(crate) name: String,
    pub(crate) settings: Arc<DispatcherSettings>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) door: Door<Req, Res, Err>,
    pub(crate) intake: Arc<Intake<Queued<Req, Res, Err>>>,
    pub(crate) backlog: Arc<Backlog<Queued<Req, Res, Err>>>,
    pub(crate) check: Option<Check<Res, Err>>,
    pub(crate) clock: Clock,
    pub(crate) pools: Vec<PoolSpawner<Req, Res, Err>>,
    /// Closed by being dropped with the dispatcher.
    pub(crate) _ended: oneshot::Sender<()>,
}

/// The actors between the door and the pools.
struct QueueSide<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    queue: Addr<QueueActor<Queued<Req, Res, Err>>>,
    expirer: Addr<Expirer<Queued<Req, Res, Err>>>,
    regulation: Option<Regulation<Queued<Req, Res, Err>>>,
}

struct Regulation<T: Waiting> {
    regulator: Addr<RegulatorActor>,
    sampler: Addr<QueueSampler<T>>,
}

/// Samples of the queue are taken this many times in the time at which refusing begins, so that the control acts well
/// within the delay that it holds.
const SAMPLES_PER_REFERENCE_DELAY: u32 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Serving,
    /// Nobody can submit work any more; what there is gets done.
    Draining,
    Drained,
}

/// What is the dispatcher doing?
#[derive(Debug, Message)]
#[rtype(result = "DispatcherStatus")]
pub(crate) struct GetStatus;

/// The grace period of this number is over.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct GraceIsOver(u64);

impl Grace {
    fn end(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
    }
}

/// Nobody can submit work any more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Drain;

impl<Req, Res, Err> PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Describes a dispatcher of this name, under which its settings are found and it is reported.
    pub fn builder(name: impl Into<String>) -> DispatcherBuilder<Req, Res, Err> {
        DispatcherBuilder::new(name.into())
    }

    pub(crate) fn door(&self) -> Door<Req, Res, Err> {
        self.plan.door.clone()
    }

    pub(crate) fn new(plan: Plan<Req, Res, Err>) -> Self {
        let life = Life::Serving;
        PushingDispatcher { plan, pools: Vec::new(), queue: None, life, grace: Grace::default() }
    }

    fn start_queue(&self) -> QueueSide<Req, Res, Err> {
        let Plan { settings, shared, intake, backlog, .. } = &self.plan;
        let expirer = Expirer::new(Arc::clone(shared), Arc::clone(backlog)).start();
        let regulation = settings.back_pressure.as_ref().map(|back_pressure| {
            let regulator = RegulatorActor::new(Arc::clone(shared), back_pressure).start();
            let period = settings.update_interval.min(back_pressure.reference_delay / SAMPLES_PER_REFERENCE_DELAY);
            let sampler = QueueSampler::new(
                Arc::clone(shared),
                Arc::clone(backlog),
                regulator.clone().recipient(),
                expirer.clone(),
                period,
            )
            .start();
            Regulation { regulator, sampler }
        });
        let sampler = regulation.as_ref().map(|regulation| regulation.sampler.clone());
        let queue =
            QueueActor::new(Arc::clone(shared), Arc::clone(intake), Arc::clone(backlog), expirer.clone(), sampler);
        QueueSide { queue: queue.start(), expirer, regulation }
    }

    fn start_pools(&mut self, dispatcher: &WeakRecipient<PoolEvent>) {
        let here = actix::Arbiter::current();
        let spawners = std::mem::take(&mut self.plan.pools);
        let Plan { settings, shared, backlog, check, clock, .. } = &self.plan;
        for (pool, spawner) in spawners.into_iter().enumerate() {
            let environment = PoolEnvironment {
                pool,
                settings: Arc::clone(settings),
                shared: Arc::clone(shared),
                backlog: Arc::clone(backlog),
                check: check.clone(),
                clock: *clock,
                dispatcher: dispatcher.clone(),
            };
            let state = PoolState::Starting { failures: 0, last_error: None };
            let stop = (spawner.spawn)(&here, environment);
            self.pools.push(Pool { handler: spawner.name, state, gate: None, stats: None, stop });
        }
    }

    fn state(&self) -> DispatcherState {
        if self.life != Life::Serving {
            return DispatcherState::ShuttingDown;
        }
        if self.pools.iter().any(|pool| pool.state == PoolState::Running) {
            return DispatcherState::Running;
        }
        if self.grace.is_over || !self.may_one_come() { DispatcherState::NoHandlers } else { DispatcherState::Starting }
    }

    /// Whether a handler may come, where there is none.
    fn may_one_come(&self) -> bool {
        self.pools.is_empty() || self.pools.iter().any(|pool| matches!(pool.state, PoolState::Starting { .. }))
    }

    fn begin_grace(&mut self, ctx: &mut Context<Self>) {
        self.grace.end();
        let (number, wait) = (self.grace.number + 1, self.plan.settings.initial_grace_period);
        let dispatcher = ctx.address().downgrade();
        let timer = actix::spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(dispatcher) = dispatcher.upgrade() {
                dispatcher.do_send(GraceIsOver(number));
            }
        });
        self.grace = Grace { number, is_over: false, timer: Some(timer) };
    }

    /// Opens or shuts the door as the pools allow.
    fn follow_pools(&mut self) {
        let has_handler = self.pools.iter().any(|pool| pool.state == PoolState::Running);
        if has_handler {
            self.plan.backlog.serve();
            self.plan.shared.set_gate(Gate::Open);
            let regulation = self.queue.as_ref().and_then(|queue| queue.regulation.as_ref());
            if let Some(Regulation { regulator, sampler }) = regulation {
                regulator.do_send(Begin);
                if self.plan.shared.start_sampling() {
                    sampler.do_send(Resume);
                }
            }
            return;
        }
        if self.grace.is_over || !self.may_one_come() {
            self.plan.shared.set_gate(Gate::NoHandlers);
            for work in self.plan.backlog.turn_away(Rejection::NoHandlers, Instant::now()) {
                work.refuse(Rejection::NoHandlers);
            }
        }
    }

    fn status(&self) -> DispatcherStatus {
        let Plan { name, shared, backlog, .. } = &self.plan;
        let totals = shared.totals();
        let admission = shared.admission();
        DispatcherStatus {
            name: name.clone(),
            state: self.state(),
            totals,
            drop_rate: admission.drop_rate(),
            expected_wait: admission.expected_wait(shared.queued()),
            pools: self.pools.iter().map(|pool| pool.status(backlog)).collect(),
        }
    }
}

impl<Req, Res, Err> Actor for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        debug!("dispatcher {}: started", self.plan.name);
        self.queue = Some(self.start_queue());
        self.start_pools(&ctx.address().downgrade().recipient());
        self.begin_grace(ctx);
    }

    /// Nobody can reach it any more, or its arbiter ends.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        match self.life {
            Life::Serving => {
                self.life = Life::Draining;
                self.plan.shared.set_gate(Gate::ShuttingDown);
                // What is spawned here would not be polled before the next wake-up, which a message brings about.
                ctx.address().do_send(Drain);
                Running::Continue
            }
            Life::Draining => Running::Continue,
            Life::Drained => Running::Stop,
        }
    }
}

impl<Req, Res, Err> Drop for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Whatever has ended it, everybody who waits is answered and everything it started ends.
    fn drop(&mut self) {
        self.grace.end();
        self.plan.shared.set_gate(Gate::ShuttingDown);
        self.plan.intake.close();
        for work in self.plan.backlog.close(Instant::now()) {
            work.refuse(Rejection::ShuttingDown);
        }
        for pool in &self.pools {
            pool.stop.do_send(Stop);
        }
        if let Some(QueueSide { queue, expirer, regulation }) = &self.queue {
            queue.do_send(Stop);
            expirer.do_send(Stop);
            if let Some(Regulation { regulator, sampler }) = regulation {
                sampler.do_send(Stop);
                regulator.do_send(Stop);
            }
        }
        info!("dispatcher {}: stopped", self.plan.name);
    }
}

impl<Req, Res, Err> Handler<Drain> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) {
        debug!("dispatcher {}: finishing what it has", self.plan.name);
        let shared = Arc::clone(&self.plan.shared);
        let drained = wrap_future::<_, Self>(async move { shared.drained().await });
        ctx.spawn(drained.map(|(), dispatcher, ctx| {
            dispatcher.life = Life::Drained;
            ctx.stop();
        }));
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
        let Some(pool) = self.pools.get_mut(event.pool) else { return };
        match event.change {
            PoolChange::Failing { failures, error } => {
                let was_running = pool.state == PoolState::Running;
                pool.state = PoolState::Starting { failures, last_error: Some(error) };
                if was_running {
                    self.begin_grace(ctx);
                }
            }
            PoolChange::Running { handler, gate, stats } => {
                pool.handler = handler;
                (pool.gate, pool.stats) = (Some(gate), Some(stats));
                pool.state = PoolState::Running;
            }
            PoolChange::Ending => pool.state = PoolState::Ending,
            PoolChange::Ended => (pool.gate, pool.state) = (None, PoolState::Ended),
        }
        self.follow_pools();
    }
}

impl<Req, Res, Err> Handler<GraceIsOver> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, GraceIsOver(number): GraceIsOver, _: &mut Self::Context) {
        if number == self.grace.number {
            self.grace.is_over = true;
            self.follow_pools();
        }
    }
}

impl<Req, Res, Err> Handler<GetStatus> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = MessageResult<GetStatus>;

    fn handle(&mut self, _: GetStatus, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.status())
    }
}
