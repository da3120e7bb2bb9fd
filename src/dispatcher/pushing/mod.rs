//! The actor at the top: it starts the others, follows its pools, and ends in order.

mod ending;
mod grace;
mod logs;
mod membership;
mod providers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Instant;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, MessageResult, Running};
use log::{info, warn};
use tokio::sync::oneshot;

use super::Stop;
use super::builder::{DispatcherBuilder, Push};
use super::door::Door;
use super::pools::{HandlerSource, Pool};
use super::queued::Queued;
use super::regulator::{RegulatorActor, law};
use super::shared::{Gate, Shared};
use super::shutdown::{Ending, Life, Shutdown};
use super::status::{DispatcherState, DispatcherStatus};
use crate::config::DispatcherSettings;
use crate::metrics::{Finish, Monitor, Observed, Reporter, Reporting, Statsd};
use crate::pool::{Check, Clock, CloneRequest, EndPool, Extras, Names, ShowRequest, WorkerStatus};
use crate::provider::Provider;
use crate::queue::{Backlog, Expirer, Intake, QueueActor, QueueSampler, SeatView, Waiting};
use ending::Drain;
use grace::Grace;
use logs::Logs;
pub(crate) use membership::{AddHandler, RemoveHandler};
use providers::Providers;

/// The queue is not sampled more often, whatever a law asks for: timers have whole milliseconds.
const SHORTEST_PERIOD: Duration = Duration::from_millis(1);

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
    providers: Providers,
    /// Whether the user has still to give it one: it was started without, or the last change was a removal.
    expects_handler: bool,
    queue: Option<QueueSide<Req, Res, Err>>,
    observed: Arc<Observed>,
    /// Until it is reported for the last time.
    reporting: Vec<Addr<Reporting>>,
    ending: Ending,
    grace: Grace,
    logs: Logs,
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
    pub(crate) extras: Arc<Extras>,
    pub(crate) show_request: Option<ShowRequest<Req>>,
    pub(crate) clock: Clock,
    /// What random choices start from.
    pub(crate) seed: u64,
    pub(crate) handlers: Vec<HandlerSource<Req, Res, Err>>,
    pub(crate) providers: Vec<Provider<Req, Res, Err>>,
    pub(crate) reporters: Vec<Box<dyn Reporter>>,
    pub(crate) monitors: Vec<Monitor>,
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

/// What is the dispatcher doing?
#[derive(Debug, Message)]
#[rtype(result = "DispatcherStatus")]
pub(crate) struct GetStatus;

/// What are the workers of this handler doing?
#[derive(Debug, Message)]
#[rtype(result = "Option<Vec<WorkerStatus>>")]
pub(crate) struct GetWorkers(pub(crate) String);

impl<Req, Res, Err> PushingDispatcher<Req, Res, Err>
where
    Req: Send + 'static,
    Res: Send + 'static,
    Err: Send + 'static,
{
    /// Describes a dispatcher of this name, under which its settings are found and it is reported.
    pub fn builder(name: impl Into<String>) -> DispatcherBuilder<Req, Res, Err> {
        DispatcherBuilder::new(name.into(), DispatcherSettings::default(), Push)
    }

    pub(crate) fn door(&self) -> Door<Req, Res, Err> {
        self.plan.door.clone()
    }

    pub(crate) fn new(plan: Plan<Req, Res, Err>) -> Self {
        let Plan { name, settings, shared, backlog, .. } = &plan;
        let (most_handlers, name) = (settings.most_reported_handlers, Arc::clone(name));
        let observed = Arc::new(Observed::new(name, Arc::clone(shared), Arc::clone(backlog), most_handlers));
        // From here on, not from when its actor comes to run: who starts one finds it there.
        plan.monitors.iter().for_each(|monitor| monitor.watch(Arc::clone(&observed)));
        PushingDispatcher {
            logs: Logs::new(Arc::clone(&plan.name)),
            plan,
            names: Arc::default(),
            pools: BTreeMap::new(),
            pools_so_far: 0,
            providers: Providers::default(),
            expects_handler: true,
            queue: None,
            observed,
            reporting: Vec::new(),
            ending: Ending::default(),
            grace: Grace::default(),
        }
    }

    fn start_queue(&self) -> QueueSide<Req, Res, Err> {
        let Plan { name, settings, shared, intake, backlog, extras, .. } = &self.plan;
        let expirer = Expirer::new(Arc::clone(shared), Arc::clone(backlog), Arc::clone(extras)).start();
        let regulation = settings.back_pressure.as_ref().map(|back_pressure| {
            let law = law(back_pressure, self.plan.seed);
            let period = law.interval(settings.update_interval).max(SHORTEST_PERIOD);
            let regulator = RegulatorActor::new(Arc::clone(name), Arc::clone(shared), law, Arc::clone(extras)).start();
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

    fn start_reporting(&mut self) -> Vec<Addr<Reporting>> {
        let Plan { name, settings, reporters, .. } = &mut self.plan;
        let statsd = settings.metrics.as_ref().and_then(|metrics| {
            Statsd::start(name, &metrics.statsd)
                .inspect_err(|error| {
                    warn!("dispatcher {name}: there is no thread for StatsD, so nothing is reported there: {error}")
                })
                .ok()
        });
        let statsd = statsd.map(|statsd| -> Box<dyn Reporter> { Box::new(statsd) });
        std::mem::take(reporters)
            .into_iter()
            .chain(statsd)
            .map(|reporter| Reporting::new(Arc::clone(&self.observed), settings.update_interval, reporter).start())
            .collect()
    }

    fn regulation(&self) -> Option<&Regulation<Queued<Req, Res, Err>>> {
        self.queue.as_ref()?.regulation.as_ref()
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
            providers: self.providers.left(),
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
        info!("dispatcher {}: started", self.plan.name);
        self.queue = Some(self.start_queue());
        self.reporting = self.start_reporting();
        for source in std::mem::take(&mut self.plan.handlers) {
            self.start_pool(source, None, ctx);
        }
        self.start_providers(ctx);
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
        self.providers.end();
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
        for reporting in &self.reporting {
            // Nobody waits for it any more.
            reporting.do_send(Finish(oneshot::channel().0));
        }
        self.observed.is_over();
        self.plan.monitors.iter().for_each(|monitor| monitor.leaves(self.observed.id()));
        info!("dispatcher {}: stopped", self.plan.name);
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
        // The last, if one that came back has the name of others that are ending.
        let mut pools = self.pools.values().rev();
        let pool = pools.find(|pool| pool.gate.is_some() && pool.handler.as_deref() == Some(&name));
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
