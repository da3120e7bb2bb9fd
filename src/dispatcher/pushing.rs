//! The actor at the top: it starts the others, follows its pools, and ends in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, Arbiter, AsyncContext, Context, Handler, Message, MessageResult, Running,
};
use log::{debug, info, warn};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::builder::DispatcherBuilder;
use super::door::Door;
use super::pools::{AddHandlerError, HandlerSource, Pool, RemoveHandlerError};
use super::queued::Queued;
use super::regulator::{Begin, RegulatorActor, law};
use super::shared::{Gate, Shared};
use super::shutdown::{Ending, Life, ShutDown, Shutdown};
use super::status::{DispatcherState, DispatcherStatus};
use super::{Rejection, Stop};
use crate::config::DispatcherSettings;
use crate::metrics::{Finish, Follow, Reporter, Unfollow};
use crate::pool::{
    Check, Clock, CloneRequest, EndPool, Names, PoolChange, PoolEnvironment, PoolEvent, PoolState, ShowRequest,
    WorkerStatus,
};
use crate::queue::{Backlog, Expirer, Intake, QueueActor, QueueSampler, Resume, SeatView, Waiting};

/// A dispatcher to which work is pushed: callers submit it through a [`DispatcherHandle`](crate::DispatcherHandle), or
/// as [`Work`](crate::Work) messages to the address.
pub struct PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    plan: Plan<Req, Res, Err>,
    names: Arc<Names>,
    /// By number, and so in the order in which they came.
    pools: BTreeMap<usize, Pool>,
    pools_so_far: usize,
    /// Whether the user has still to give it one: it was started without, or the last change was a removal.
    expects_handler: bool,
    queue: Option<QueueSide<Req, Res, Err>>,
    /// `None` when nothing is reported, or for the last time.
    reporter: Option<Addr<Reporter<Queued<Req, Res, Err>>>>,
    ending: Ending,
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
    pub(crate) name: Arc<str>,
    pub(crate) settings: Arc<DispatcherSettings>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) door: Door<Req, Res, Err>,
    pub(crate) intake: Arc<Intake<Queued<Req, Res, Err>>>,
    pub(crate) backlog: Arc<Backlog<Queued<Req, Res, Err>>>,
    pub(crate) check: Option<Check<Res, Err>>,
    pub(crate) clone_request: Option<CloneRequest<Req>>,
    pub(crate) show_request: Option<ShowRequest<Req>>,
    pub(crate) clock: Clock,
    /// What random choices start from.
    pub(crate) seed: u64,
    pub(crate) handlers: Vec<HandlerSource<Req, Res, Err>>,
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

/// What is left after the time of a shutdown is over is given this long to notice; what does not, since its thread is
/// blocked, is left behind.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Pools that have ended are shown for a while, but no more than this many.
const MOST_ENDED_POOLS: usize = 16;

/// What is the dispatcher doing?
#[derive(Debug, Message)]
#[rtype(result = "DispatcherStatus")]
pub(crate) struct GetStatus;

/// What are the workers of this handler doing?
#[derive(Debug, Message)]
#[rtype(result = "Option<Vec<WorkerStatus>>")]
pub(crate) struct GetWorkers(pub(crate) String);

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
        PushingDispatcher {
            plan,
            names: Arc::default(),
            pools: BTreeMap::new(),
            pools_so_far: 0,
            expects_handler: true,
            queue: None,
            reporter: None,
            ending: Ending::default(),
            grace: Grace::default(),
        }
    }

    fn start_queue(&self) -> QueueSide<Req, Res, Err> {
        let Plan { settings, shared, intake, backlog, .. } = &self.plan;
        let expirer = Expirer::new(Arc::clone(shared), Arc::clone(backlog)).start();
        let regulation = settings.back_pressure.as_ref().map(|back_pressure| {
            let law = law(back_pressure, self.plan.seed);
            let period = law.interval(settings.update_interval);
            let regulator = RegulatorActor::new(Arc::clone(shared), law).start();
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

    fn start_reporter(&self) -> Option<Addr<Reporter<Queued<Req, Res, Err>>>> {
        let Plan { name, settings, shared, backlog, .. } = &self.plan;
        let statsd = &settings.metrics.as_ref()?.statsd;
        let (shared, backlog) = (Arc::clone(shared), Arc::clone(backlog));
        Reporter::start(name, shared, backlog, settings.update_interval, statsd)
            .inspect_err(|error| {
                warn!("dispatcher {name}: there is no thread for the metrics, so nothing is reported: {error}")
            })
            .ok()
    }

    /// Starts a pool for a handler; `adding` is told what becomes of it.
    fn start_pool(
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
                warn!("dispatcher {}: a second handler {name}: it gets no work", self.plan.name);
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
        let Plan { settings, shared, backlog, check, clone_request, show_request, clock, seed, .. } = &self.plan;
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
            show_request: *show_request,
            clock: *clock,
            seed: *seed,
            dispatcher: ctx.address().downgrade().recipient(),
        };
        let state = PoolState::Starting { failures: 0, last_error: None };
        let control = source.spawn(&Arbiter::current(), environment);
        let pool = Pool { handler: name, state, gate: None, stats: None, control, adding, removing: Vec::new() };
        self.pools.insert(id, pool);
    }

    fn state(&self) -> DispatcherState {
        if self.ending.life != Life::Serving {
            return DispatcherState::ShuttingDown;
        }
        if self.is_running() {
            return DispatcherState::Running;
        }
        if self.grace.is_over || !self.may_one_come() { DispatcherState::NoHandlers } else { DispatcherState::Starting }
    }

    fn is_running(&self) -> bool {
        self.pools.values().any(|pool| pool.state == PoolState::Running)
    }

    /// Whether a handler may come, where there is none.
    fn may_one_come(&self) -> bool {
        let is_starting = |pool: &Pool| matches!(pool.state, PoolState::Starting { .. });
        let expects_one = self.expects_handler && self.ending.life == Life::Serving;
        expects_one || self.pools.values().any(is_starting)
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
        if self.is_running() {
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
        let may_one_come = self.may_one_come();
        if may_one_come && !self.grace.is_over {
            return;
        }
        self.plan.shared.set_gate(Gate::NoHandlers);
        // What is to be done at least once waits as long as there is hope.
        if !may_one_come || !self.plan.settings.work.at_least_once {
            for work in self.plan.backlog.turn_away(Rejection::NoHandlers, Instant::now()) {
                work.refuse(Rejection::NoHandlers);
            }
        }
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

    // ## Serving => Draining

    /// Takes no more work; when what there is is done, or the time is over, that was it.
    fn drain(&mut self, ctx: &mut Context<Self>) {
        if self.ending.life != Life::Serving {
            return;
        }
        debug!("dispatcher {}: finishing what it has", self.plan.name);
        self.ending.life = Life::Draining;
        self.plan.shared.set_gate(Gate::ShuttingDown);
        // Nobody can add a handler any more.
        self.follow_pools();
        let shared = Arc::clone(&self.plan.shared);
        let drained = wrap_future::<_, Self>(async move { shared.drained().await });
        ctx.spawn(drained.map(|(), dispatcher, ctx| dispatcher.finish(ctx)));
    }

    /// Cuts off what is left after this long, unless that was to happen sooner.
    fn drain_within(&mut self, time: Duration, ctx: &mut Context<Self>) {
        let now = Instant::now();
        // Beyond what an instant can hold, the time is never over.
        let Some(at) = now.checked_add(time).filter(|_| self.ending.life == Life::Draining) else { return };
        if let Some((set_for, timer)) = self.ending.deadline {
            if set_for <= at {
                return;
            }
            ctx.cancel_future(timer);
        }
        self.ending.deadline = Some((at, ctx.run_later(time, Self::cut_off)));
    }

    /// The time is over: refuses what waits, and has what is at handlers cut off.
    fn cut_off(&mut self, ctx: &mut Context<Self>) {
        if self.ending.life != Life::Draining {
            return;
        }
        let totals = self.plan.shared.totals();
        let (queued, in_flight) = (totals.queued, totals.in_flight);
        warn!("dispatcher {}: time is over: {queued} works refused, {in_flight} cut off", self.plan.name);
        self.ending.cut_off = Some(Shutdown::CutOff { queued, in_flight });
        self.plan.shared.cut_off();
        self.refuse_all();
        for pool in self.pools.values() {
            pool.control.do_send(EndPool::Now);
        }
        ctx.run_later(LAST_CALL, Self::finish);
    }

    fn refuse_all(&self) {
        self.plan.intake.close();
        for work in self.plan.backlog.close(Instant::now()) {
            work.refuse(Rejection::ShuttingDown);
        }
    }

    // ## Draining => Over

    fn finish(&mut self, ctx: &mut Context<Self>) {
        if self.ending.life == Life::Over {
            return;
        }
        self.ending.life = Life::Over;
        let Some(reporter) = self.reporter.take() else { return self.stop(ctx) };
        let (reply_to, reported) = oneshot::channel();
        reporter.do_send(Finish(reply_to));
        // An error means that there is no reporter any more.
        ctx.spawn(wrap_future::<_, Self>(reported).map(|_, dispatcher, ctx| dispatcher.stop(ctx)));
    }

    fn stop(&mut self, ctx: &mut Context<Self>) {
        let result = self.ending.cut_off.unwrap_or(Shutdown::Finished);
        self.ending.announce(result);
        ctx.stop();
    }

    fn status(&self) -> DispatcherStatus {
        let Plan { name, shared, backlog, .. } = &self.plan;
        let totals = shared.totals();
        let admission = shared.admission();
        DispatcherStatus {
            name: name.to_string(),
            state: self.state(),
            totals,
            drop_rate: admission.drop_rate(),
            expected_wait: admission.expected_wait(shared.queued()),
            pools: self.pools.values().map(|pool| pool.status(backlog)).collect(),
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
        self.reporter = self.start_reporter();
        for source in std::mem::take(&mut self.plan.handlers) {
            self.start_pool(source, None, ctx);
        }
        self.begin_grace(ctx);
    }

    /// Nobody can reach it any more, or its arbiter ends.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        match self.ending.life {
            Life::Serving => {
                self.plan.shared.set_gate(Gate::ShuttingDown);
                // What is spawned here would not be polled before the next wake-up, which a message brings about.
                ctx.address().do_send(Drain);
                Running::Continue
            }
            Life::Draining => Running::Continue,
            Life::Over => Running::Stop,
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
        self.refuse_all();
        self.ending.announce(Shutdown::Stopped);
        for pool in self.pools.values() {
            pool.control.do_send(EndPool::InTime);
        }
        if let Some(QueueSide { queue, expirer, regulation }) = &self.queue {
            queue.do_send(Stop);
            expirer.do_send(Stop);
            if let Some(Regulation { regulator, sampler }) = regulation {
                sampler.do_send(Stop);
                regulator.do_send(Stop);
            }
        }
        if let Some(reporter) = &self.reporter {
            // Nobody waits for it any more.
            reporter.do_send(Finish(oneshot::channel().0));
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
        self.drain(ctx);
    }
}

impl<Req, Res, Err> Handler<ShutDown> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = ();

    fn handle(&mut self, ShutDown { within, reply_to }: ShutDown, ctx: &mut Self::Context) {
        self.ending.askers.push(reply_to);
        self.drain(ctx);
        self.drain_within(within.unwrap_or(self.plan.settings.worker_pool.default_shutdown_timeout), ctx);
    }
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
        let mut named = self.pools.values_mut().filter(|pool| pool.handler.as_deref() == Some(&name));
        let Some(pool) = named.find(|pool| pool.state != PoolState::Ended) else {
            // An error means that nobody waits for it any more.
            let _ = reply_to.send(Err(RemoveHandlerError::Unknown { name }));
            return;
        };
        let was_running = pool.state == PoolState::Running;
        pool.state = PoolState::Ending;
        pool.removing.push(reply_to);
        pool.control.do_send(EndPool::InTime);
        self.expects_handler = true;
        if was_running && !self.is_running() {
            self.begin_grace(ctx);
        }
        self.follow_pools();
    }
}

impl<Req, Res, Err> Handler<GetWorkers> for PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    type Result = MessageResult<GetWorkers>;

    fn handle(&mut self, GetWorkers(name): GetWorkers, _: &mut Self::Context) -> Self::Result {
        let pool = self.pools.values().find(|pool| pool.gate.is_some() && pool.handler.as_deref() == Some(&name));
        let now = Instant::now();
        MessageResult(pool.and_then(|pool| pool.gate).map(|gate| {
            let seats = self.plan.backlog.seats(gate).into_iter();
            let worker = |(id, seat): (usize, SeatView)| WorkerStatus {
                id,
                busy_for: seat.busy_since.map(|since| now.saturating_duration_since(since)),
                is_stuck: seat.is_stuck,
            };
            seats.map(worker).collect()
        }))
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
                if let Some(reporter) = &self.reporter {
                    let (handler, stats) = (handler.clone(), Arc::clone(&stats));
                    reporter.do_send(Follow { pool: event.pool, handler, gate, stats });
                }
                pool.handler = Some(handler);
                (pool.gate, pool.stats) = (Some(gate), Some(stats));
                // It may have been told to end meanwhile.
                if pool.is_alive() {
                    pool.state = PoolState::Running;
                }
                pool.added(Ok(()));
            }
            PoolChange::Duplicate { handler } => pool.added(Err(AddHandlerError::Duplicate { name: handler })),
            PoolChange::Ending => pool.state = PoolState::Ending,
            PoolChange::Ended => {
                (pool.gate, pool.state) = (None, PoolState::Ended);
                if let Some(reporter) = &self.reporter {
                    reporter.do_send(Unfollow(event.pool));
                }
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
                let is_last = self.pools.values().all(|pool| pool.state == PoolState::Ended);
                if is_last && self.plan.settings.worker_pool.shutdown_on_all_worker_death {
                    info!("dispatcher {}: its last handler has ended, and so does it", self.plan.name);
                    self.drain(ctx);
                }
            }
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
