//! The actor that owns one handler and the workers in front of it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::time::{Instant, Timers};
use actix::fut::wrap_future;
use actix::{Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Message};
use futures::FutureExt;
use log::{Level, debug};

use super::autothrottler::{Autothrottler, ScaleTo, throttle};
use super::circuit_breaker::{Circuit, CircuitBreaker, rules};
use super::environment::{PoolChange, PoolEnvironment};
use super::meter::Meter;
use super::redelivery::Redelivery;
use super::sampler::PoolSampler;
use super::station::Station;
use super::stats::PoolStats;
use super::worker::{QueuedFor, Worker};
use crate::control::Outcome;
use crate::control::breaker::Breaker;
use crate::dispatcher::{Gate, Stop};
use crate::handler::{Handler, HandlerError, Source, UNNAMED};
use crate::log_limit::LogLimit;
use crate::panics::{drop_quietly, message_of};
use crate::queue::{PoolKey, Seat};

/// Wait before a handler that could not be made is tried again: this long, doubled with each failure.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest such wait: a service that comes back is noticed within that.
const LAST_RETRY: Duration = Duration::from_secs(10);
/// How long workers that a lower limit left over stay, for a limit that rises again.
const SURPLUS_STAYS: Duration = Duration::from_secs(60);

/// What a handler said about itself.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) enum HandlerIs {
    /// It wants no more work.
    Terminated,
    /// It does not exist any more.
    Gone,
    /// It wants no work until then.
    Held(Instant),
}

/// The handler gets no more work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub(crate) enum EndPool {
    /// What is in flight has its time to end.
    InTime,
    /// What is in flight is cut off.
    Now,
}

/// A worker has left its seat.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct WorkerGone {
    /// Or else it was lost and is replaced.
    pub(crate) was_dismissed: bool,
}

type EnvironmentOf<H> = PoolEnvironment<<H as Handler>::Request, <H as Handler>::Response, <H as Handler>::Error>;

/// Owns one handler and the workers in front of it.
pub(crate) struct WorkerPool<H: Handler> {
    environment: EnvironmentOf<H>,
    log: LogLimit,
    /// Apart, for a handler may ask for it all the time.
    holds_log: LogLimit,
    source: Source<H>,
    /// Handlers that could not be made, or were gone, since one has served.
    failures: u32,
    /// Attempts that had succeeded before the handler was made.
    successes_before: u64,
    post: Option<Post<H>>,
    workers: usize,
    /// Whether replacements for lost workers are on their way.
    is_refilling: bool,
    /// The largest limit since the surplus was looked at, while there is some.
    surplus_above: Option<usize>,
    is_ending: bool,
}

/// What a pool has once its handler has been made for the first time.
struct Post<H: Handler> {
    gate: PoolKey,
    station: Rc<Station<H>>,
    stats: Arc<PoolStats>,
    autothrottler: Addr<Autothrottler>,
    sampler: Option<Addr<PoolSampler<QueuedFor<H>>>>,
}

impl<H: Handler> WorkerPool<H> {
    pub(crate) fn new(environment: EnvironmentOf<H>, source: Source<H>) -> Self {
        WorkerPool {
            log: environment.handlers_log.within(module_path!()),
            holds_log: LogLimit::of_one(module_path!()),
            environment,
            source,
            failures: 0,
            successes_before: 0,
            post: None,
            workers: 0,
            is_refilling: false,
            surplus_above: None,
            is_ending: false,
        }
    }

    // ## Starting => Running | Starting

    fn make_handler(&mut self, ctx: &mut Context<Self>) {
        let making = AssertUnwindSafe(self.source.make()).catch_unwind();
        let made =
            making.map(|made| made.unwrap_or_else(|panic| Err(format!("panicked: {}", message_of(panic)).into())));
        ctx.spawn(wrap_future::<_, Self>(made).map(|made, pool, ctx| match made {
            _ if pool.is_ending => {}
            Ok((name, handler)) => pool.run(name, handler, ctx),
            Err(error) => pool.retry(&error, ctx),
        }));
    }

    fn retry(&mut self, error: &HandlerError, ctx: &mut Context<Self>) {
        let wait = FIRST_RETRY.saturating_mul(1 << self.failures.min(16)).min(LAST_RETRY);
        self.make_again(error, wait, ctx);
    }

    fn make_again(&mut self, error: &HandlerError, wait: Duration, ctx: &mut Context<Self>) {
        if !self.source.can_remake() {
            self.say(Level::Warn, format_args!("{error}; it gets no more work"));
            return self.end(ctx);
        }
        self.failures += 1;
        if self.environment.settings.worker_pool.log_routee_retrieval_error {
            self.say(Level::Warn, format_args!("{error} (failure {}, made again in {wait:?})", self.failures));
        }
        self.environment.tell(PoolChange::Failing { failures: self.failures, error: error.to_string() });
        if wait.is_zero() {
            self.make_handler(ctx);
        } else {
            ctx.later(wait, Self::make_handler);
        }
    }

    /// Who speaks in the log.
    fn title(&self) -> String {
        let handler = self.post.as_ref().map(|post| &*post.station.name).or(self.source.name());
        format!("dispatcher {}: handler {}", self.environment.owner, handler.unwrap_or(UNNAMED))
    }

    fn say(&self, level: Level, what: fmt::Arguments<'_>) {
        self.log.say(level, format_args!("{}: {what}", self.title()));
    }

    fn run(&mut self, name: String, handler: H, ctx: &mut Context<Self>) {
        if !self.environment.names.claim(&name, self.environment.pool) {
            let owner = &self.environment.owner;
            let text = format_args!("dispatcher {owner}: handler {name}: a second of this name: it gets no work");
            self.log.say(Level::Warn, text);
            self.environment.tell(PoolChange::Duplicate { handler: name });
            return self.end(ctx);
        }
        let has_been = self.post.is_some();
        if !has_been {
            self.post = Some(self.set_up(name.clone(), ctx));
        }
        let Some(post) = &self.post else { return };
        drop_quietly(post.station.handler.replace(Some(Rc::new(handler))));
        let (gate, stats) = (post.gate, Arc::clone(&post.stats));
        self.successes_before = stats.attempts(Outcome::Success);
        self.refill();
        self.environment.backlog.open(gate);
        let come = if has_been { "is back" } else { "joined" };
        self.say(Level::Info, format_args!("{come}, concurrency limit {}", stats.limit()));
        self.environment.tell(PoolChange::Running { handler: name, gate, stats });
    }

    fn set_up(&self, name: String, ctx: &mut Context<Self>) -> Post<H> {
        let PoolEnvironment { settings, shared, backlog, .. } = &self.environment;
        // Pools of the same dispatcher must not explore in step.
        let throttle = throttle(settings, self.environment.seed.wrapping_add(self.environment.pool as u64));
        let limit = throttle.limit();
        let stats = Arc::new(PoolStats::default());
        stats.set_limit(limit);
        let title = format!("dispatcher {}: handler {name}", self.environment.owner);
        let autothrottler =
            Autothrottler::new(title.clone(), ctx.address().recipient(), settings, Arc::clone(&stats)).start();
        let breaker = settings.circuit_breaker.as_ref().map(|settings| Breaker::new(rules(settings)));
        let breaks = breaker.is_some();
        let meter = Meter::new(self.environment.clock, Arc::clone(&stats), throttle, breaker, autothrottler.clone());
        let meter = Rc::new(meter);
        let gate = backlog.add_gate(limit, Arc::clone(&stats));
        let breaker = breaks.then(|| {
            let (backlog, meter) = (Arc::clone(backlog), Rc::clone(&meter));
            let timeout = settings.work.service_timeout;
            let log = &self.environment.breakers_log;
            CircuitBreaker::start(title.clone(), log, backlog, gate, meter, timeout, ctx.address().recipient())
        });
        let sampler = meter
            .sampling_interval()
            .map(|interval| PoolSampler::new(Arc::clone(backlog), gate, Rc::clone(&meter), interval).start());
        let work = &settings.work;
        let station = Station {
            dispatcher: Arc::clone(&self.environment.owner),
            name,
            handler: RefCell::new(None),
            meter,
            check: self.environment.check.clone(),
            redelivery: Redelivery::new(
                title,
                self.environment.clone_request,
                work,
                Arc::clone(&self.environment.extras),
            ),
            show: self.environment.show_request,
            display_length: work.length_of_display_for_message,
            service_timeout: work.service_timeout,
            request_timeout: work.request_timeout,
            shared: Arc::clone(shared),
            expirer: self.environment.expirer.clone(),
            breaker,
            pool: ctx.address(),
            is_cut_off: Cell::new(false),
        };
        Post { gate, station: Rc::new(station), stats, autothrottler, sampler }
    }

    // ## Running

    /// Starts workers until there are as many as the limit, besides those that are stuck.
    fn refill(&mut self) {
        let Some(post) = self.post.as_ref().filter(|_| !self.is_ending) else { return };
        let stuck = self.environment.backlog.view(post.gate).stuck;
        while self.workers < post.stats.limit().saturating_add(stuck) {
            let Some(seat) = Seat::take(Arc::clone(&self.environment.backlog), post.gate) else { return };
            Worker::new(seat, Rc::clone(&post.station)).start();
            self.workers += 1;
        }
    }

    fn scale_to(&mut self, limit: usize, ctx: &mut Context<Self>) {
        let Some(post) = &self.post else { return };
        post.stats.set_limit(limit);
        self.environment.backlog.set_limit(post.gate, limit);
        self.fit(ctx);
    }

    /// Starts the workers that are missing, and looks at those that are too many after a while.
    fn fit(&mut self, ctx: &mut Context<Self>) {
        self.refill();
        let Some(limit) = self.post.as_ref().map(|post| post.stats.limit()) else { return };
        match &mut self.surplus_above {
            Some(largest) => *largest = limit.max(*largest),
            None if self.workers > limit => self.look_at_surplus_later(ctx),
            None => {}
        }
    }

    /// Limits go up and down all the time, so workers are only sent home that no limit has needed for a while.
    fn look_at_surplus_later(&mut self, ctx: &mut Context<Self>) {
        let Some(post) = &self.post else { return };
        self.surplus_above = Some(post.stats.limit());
        ctx.later(SURPLUS_STAYS, |pool, ctx| {
            let (Some(needed), Some(post)) = (pool.surplus_above.take(), &pool.post) else { return };
            pool.environment.backlog.retire(post.gate, pool.workers.saturating_sub(needed));
            if pool.workers > post.stats.limit() {
                pool.look_at_surplus_later(ctx);
            }
        });
    }

    /// Each hold has its own timer; the gate opens with the last.
    fn hold(&mut self, until: Instant, ctx: &mut Context<Self>) {
        let wait = until.saturating_duration_since(Instant::now());
        self.holds_log.say(Level::Debug, format_args!("{}: wants no work for {wait:?}", self.title()));
        ctx.later(wait, |pool, _| {
            let Some(post) = &pool.post else { return };
            pool.environment.backlog.resume(post.gate, Instant::now());
        });
    }

    // ## Running => Starting

    fn handler_gone(&mut self, ctx: &mut Context<Self>) {
        let Some(post) = self.post.as_ref().filter(|_| !self.is_ending) else { return };
        let Some(handler) = post.station.handler.take() else { return };
        drop_quietly(handler);
        // One that has served is made again at once; one that was gone before it did would be made for ever.
        if post.stats.attempts(Outcome::Success) > self.successes_before {
            self.failures = 0;
            self.make_again(&"gone".into(), Duration::ZERO, ctx);
        } else {
            self.retry(&"gone before it had answered anything".into(), ctx);
        }
    }

    // ## Starting | Running => Ending => Ended

    fn end(&mut self, ctx: &mut Context<Self>) {
        if self.is_ending {
            return;
        }
        self.is_ending = true;
        self.environment.names.give_up(self.environment.pool);
        self.environment.tell(PoolChange::Ending);
        if let Some(post) = &self.post {
            // Where the dispatcher ends, it is the one that says so.
            if self.environment.shared.gate() != Gate::ShuttingDown {
                let busy = self.environment.backlog.view(post.gate).busy;
                self.say(Level::Info, format_args!("leaves: it gets no more work, and has {busy} in flight"));
            }
            self.environment.backlog.end(post.gate);
            self.environment.backlog.rouse(post.gate);
            let timeout = self.environment.settings.worker_pool.default_shutdown_timeout;
            ctx.later(timeout, |pool, _| pool.cut_off());
        }
        self.end_if_empty(ctx);
    }

    /// The time of what is in flight is over.
    fn cut_off(&mut self) {
        let Some(post) = self.post.as_ref().filter(|_| self.workers > 0) else { return };
        if !post.station.is_cut_off.replace(true) {
            self.say(Level::Warn, format_args!("time is over: {} cut off", self.workers));
            self.environment.backlog.rouse(post.gate);
        }
    }

    fn end_if_empty(&mut self, ctx: &mut Context<Self>) {
        if self.is_ending && self.workers == 0 {
            ctx.stop();
        }
    }
}

impl<H: Handler> Actor for WorkerPool<H> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.make_handler(ctx);
    }
}

impl<H: Handler> Drop for WorkerPool<H> {
    fn drop(&mut self) {
        if let Some(post) = &self.post {
            self.environment.backlog.end(post.gate);
            drop_quietly(post.station.handler.take());
            post.autothrottler.do_send(Stop);
            if let Some(breaker) = &post.station.breaker {
                breaker.stop();
            }
            if let Some(sampler) = &post.sampler {
                sampler.do_send(Stop);
            }
            debug!("{}: left", self.title());
        }
    }
}

impl<H: Handler> actix::Handler<ScaleTo> for WorkerPool<H> {
    type Result = ();

    fn handle(&mut self, ScaleTo(limit): ScaleTo, ctx: &mut Self::Context) {
        self.scale_to(limit, ctx);
    }
}

impl<H: Handler> actix::Handler<HandlerIs> for WorkerPool<H> {
    type Result = ();

    fn handle(&mut self, said: HandlerIs, ctx: &mut Self::Context) {
        match said {
            HandlerIs::Terminated => self.end(ctx),
            HandlerIs::Gone => self.handler_gone(ctx),
            HandlerIs::Held(until) => self.hold(until, ctx),
        }
    }
}

impl<H: Handler> actix::Handler<WorkerGone> for WorkerPool<H> {
    type Result = ();

    fn handle(&mut self, gone: WorkerGone, ctx: &mut Self::Context) {
        self.workers -= 1;
        self.end_if_empty(ctx);
        if gone.was_dismissed {
            // A limit that has risen since it was sent home counted it in.
            self.refill();
        } else if !self.is_ending && !self.is_refilling {
            self.is_refilling = true;
            let wait = self.environment.settings.worker_pool.replenish_speed;
            ctx.later(wait, |pool, _| {
                pool.is_refilling = false;
                pool.refill();
            });
        }
    }
}

impl<H: Handler> actix::Handler<Circuit> for WorkerPool<H> {
    type Result = ();

    fn handle(&mut self, _: Circuit, ctx: &mut Self::Context) {
        // What is stuck has left its slots to others.
        self.fit(ctx);
    }
}

impl<H: Handler> actix::Handler<EndPool> for WorkerPool<H> {
    type Result = ();

    fn handle(&mut self, end: EndPool, ctx: &mut Self::Context) {
        self.end(ctx);
        if end == EndPool::Now {
            self.cut_off();
        }
    }
}
