//! The actor that holds a handler which does not serve, and lets work in again bit by bit.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::time::{Instant, Timers};
use actix::{Actor, ActorContext, Addr, Context, Handler, Message, Recipient};
use log::Level;

use super::meter::Meter;
use crate::config::CircuitBreakerSettings;
use crate::control::breaker::{BreakerRules, BreakerState, SHORTEST_STALL, stall_threshold};
use crate::dispatcher::Stop;
use crate::log_limit::LogLimit;
use crate::queue::{Backlog, PoolKey, Waiting};

/// What a circuit breaker lets through from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub(crate) struct Circuit {
    pub(crate) state: BreakerState,
    /// Until when nothing goes through, if nothing does.
    pub(crate) open_until: Option<Instant>,
}

/// A work is at the handler, and nobody watches whether it stalls.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Watch;

/// Holds a handler that does not serve. The state machine sees every attempt where it ends, and the gate changes there
/// and then; here are the clock's parts: the end of the open time, and the watch for a handler that answers nothing.
pub(crate) struct CircuitBreaker<T: Waiting> {
    name: String,
    log: LogLimit,
    backlog: Arc<Backlog<T>>,
    gate: PoolKey,
    meter: Rc<Meter>,
    service_timeout: Duration,
    pool: Recipient<Circuit>,
    is_watching: Rc<Cell<bool>>,
}

/// The workers' way to their circuit breaker.
pub(crate) struct BreakerLink<T: Waiting> {
    breaker: Addr<CircuitBreaker<T>>,
    is_watching: Rc<Cell<bool>>,
}

/// Where nothing is known of the process time, this part of the service-timeout is a stall: 6 s of the usual minute. A
/// handler that is only slow to begin with loses little: its first answer ends the open time.
const UNKNOWN_PART: u32 = 10;

impl<T: Waiting> CircuitBreaker<T> {
    /// `name`: the dispatcher's and the handler's, for the log, which all handlers of the dispatcher share.
    pub(crate) fn start(
        name: String,
        log: &LogLimit,
        backlog: Arc<Backlog<T>>,
        gate: PoolKey,
        meter: Rc<Meter>,
        service_timeout: Duration,
        pool: Recipient<Circuit>,
    ) -> BreakerLink<T> {
        let is_watching = Rc::new(Cell::new(false));
        let breaker = Actor::start(CircuitBreaker {
            name,
            log: log.within(module_path!()),
            backlog,
            gate,
            meter,
            service_timeout,
            pool,
            is_watching: Rc::clone(&is_watching),
        });
        BreakerLink { breaker, is_watching }
    }

    /// Opens when all that may be in service has been so for too long without a sign of life.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let (now, view) = (Instant::now(), self.backlog.view(self.gate));
        let threshold = self.threshold();
        let wait = match view.full_since {
            Some(since) => {
                let waited = now.saturating_duration_since(since);
                if waited < threshold {
                    // What counts as a stall may become less meanwhile.
                    (threshold - waited).min(SHORTEST_STALL)
                } else {
                    if let Some(circuit) = self.meter.stalled(now, since) {
                        self.backlog.set_circuit(self.gate, circuit.state, circuit.open_until);
                        self.follow(circuit, ctx);
                    }
                    SHORTEST_STALL
                }
            }
            None if view.busy > view.stuck => SHORTEST_STALL,
            None => return self.is_watching.set(false),
        };
        ctx.later(wait, Self::look);
    }

    /// For how long all that is in flight must have been without a sign of life. A handler that has never answered is
    /// measured by its peers, or else by the time that it was given.
    fn threshold(&self) -> Duration {
        let known = self.meter.process_time().or_else(|| self.backlog.process_time_beside(self.gate));
        stall_threshold(known).unwrap_or((self.service_timeout / UNKNOWN_PART).max(SHORTEST_STALL))
    }

    /// What the gate knows already.
    fn follow(&mut self, circuit: Circuit, ctx: &mut Context<Self>) {
        match circuit.state {
            BreakerState::Open { cause, .. } => {
                let wait = circuit.open_until.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
                // It was a moment longer when it opened.
                let told = Duration::from_millis((wait.as_secs_f64() * 1e3).round() as u64);
                self.say(Level::Warn, format_args!("open for {told:?}: {cause}"));
                ctx.later(wait, |breaker, ctx| {
                    if let Some(circuit) = breaker.meter.open_time_over(Instant::now()) {
                        breaker.backlog.set_circuit(breaker.gate, circuit.state, circuit.open_until);
                        breaker.follow(circuit, ctx);
                    }
                });
            }
            BreakerState::HalfOpen { step: 0 } => self.say(Level::Info, format_args!("half-open")),
            BreakerState::HalfOpen { .. } => {}
            BreakerState::Closed => self.say(Level::Info, format_args!("closed")),
        }
        self.pool.do_send(circuit);
    }

    fn say(&self, level: Level, what: fmt::Arguments<'_>) {
        self.log.say(level, format_args!("{}: circuit breaker {what}", self.name));
    }
}

impl<T: Waiting> BreakerLink<T> {
    /// A work is at the handler and takes a while.
    pub(crate) fn watch(&self) {
        if !self.is_watching.replace(true) {
            self.breaker.do_send(Watch);
        }
    }

    /// The gate has changed.
    pub(crate) fn changed(&self, circuit: Circuit) {
        self.breaker.do_send(circuit);
    }

    pub(crate) fn stop(&self) {
        self.breaker.do_send(Stop);
    }
}

impl<T: Waiting> Actor for CircuitBreaker<T> {
    type Context = Context<Self>;
}

impl<T: Waiting> Handler<Watch> for CircuitBreaker<T> {
    type Result = ();

    fn handle(&mut self, _: Watch, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl<T: Waiting> Handler<Circuit> for CircuitBreaker<T> {
    type Result = ();

    fn handle(&mut self, circuit: Circuit, ctx: &mut Self::Context) {
        self.follow(circuit, ctx);
    }
}

impl<T: Waiting> Handler<Stop> for CircuitBreaker<T> {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// The settings as the state machine takes them.
pub(super) fn rules(settings: &CircuitBreakerSettings) -> BreakerRules {
    BreakerRules {
        open_duration_base: settings.open_duration_base,
        timeout_count_threshold: settings.timeout_count_threshold,
        max_open_factor: settings.max_open_factor,
        error_rate_threshold: settings.error_rate_threshold,
        window: settings.window,
        minimum_calls: settings.minimum_calls,
        slow_call_duration: settings.slow_call_duration,
        slow_call_rate_threshold: settings.slow_call_rate_threshold,
    }
}
