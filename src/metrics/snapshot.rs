//! What is known of a dispatcher at one moment.

use std::sync::Arc;
use std::time::Duration;

use super::{Distribution, Metric, MetricName, Value};
use crate::control::breaker::BreakerState;
use crate::control::regulator::Admission;
use crate::control::throttle::Reason;
use crate::dispatcher::{DispatcherState, RejectionReason, Rejections, Totals};
use crate::pool::CircuitState;
use crate::time::Instant;

/// What is known of a dispatcher at one moment: what has happened since its start, and how things stand.
///
/// It is read from shared memory, without asking the dispatcher's actor, which costs microseconds for a few handlers. Counts
/// are read one after the other while others count on, so sums hold exactly only while nothing happens.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DispatcherSnapshot {
    /// The dispatcher's name.
    pub name: Arc<str>,
    /// Its number, which no other dispatcher of this process has.
    pub id: u64,
    /// What it is doing.
    pub state: DispatcherState,
    /// How many works there were of each kind since the start.
    pub totals: Totals,
    /// How many of them were rejected, by reason.
    pub rejections: Rejections,
    /// The share of works refused lately: 0 to 1.
    pub drop_rate: f64,
    /// How long a work that came now would wait; `None` while that is not known.
    pub expected_wait: Option<Duration>,
    /// What decides on works that come now.
    pub admission: Arc<Admission>,
    /// From receipt to the first handler.
    pub wait_time: Distribution,
    /// Its handlers in the order in which they came, and those that left within the last minutes. Beyond
    /// `metrics.max-handlers`, the others are one that is called `other`.
    pub handlers: Vec<HandlerSnapshot>,
}

/// What is known of a handler at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandlerSnapshot {
    /// The handler's name.
    pub name: Arc<str>,
    /// How many handlers it tells of: 0 for one that has left, more than 1 for those that are reported together, or for one
    /// that is back while it still ends.
    pub handlers: usize,
    /// Attempts that succeeded.
    pub completed: u64,
    /// Attempts that failed, those included that were cut off at a shutdown.
    pub failed: u64,
    /// Attempts that were not answered in time.
    pub timed_out: u64,
    /// Attempts that were given up since nobody wanted the answer any more.
    pub cancelled: u64,
    /// Attempts, begun, of works that had failed or timed out before.
    pub retried: u64,
    /// Attempts, begun, with copies of works that are at other handlers.
    pub hedged: u64,
    /// How long successes took.
    pub process_time: Distribution,
    /// The concurrency limit.
    pub limit: usize,
    /// Slots taken.
    pub busy: usize,
    /// Of these, the ones that the circuit breaker does not wait for any more.
    pub stuck: usize,
    /// What the circuit breaker lets through.
    pub circuit: CircuitState,
    /// How often the circuit breaker has opened.
    pub circuit_opened: u64,
    /// What the throttle decided last; `None` before it has changed the limit.
    pub limit_change: Option<LimitDecision>,
    /// What the circuit breaker did last; `None` before it has opened.
    pub circuit_change: Option<CircuitDecision>,
    /// When it left, or the last one of its name that did; `None` if none has.
    pub(crate) left_at: Option<Instant>,
}

/// How a throttle has changed a concurrency limit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LimitDecision {
    /// How long ago.
    pub ago: Duration,
    /// What it was before.
    pub from: usize,
    /// What it has been since.
    pub to: usize,
    /// Why.
    pub reason: Reason,
}

/// What a circuit breaker has done.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CircuitDecision {
    /// How long ago.
    pub ago: Duration,
    /// The state that it has gone into.
    pub to: BreakerState,
}

impl DispatcherSnapshot {
    /// Why works are let in or refused now, in words.
    pub fn explain_admission(&self) -> String {
        self.admission.explain(usize::try_from(self.totals.queued).unwrap_or(usize::MAX)).to_string()
    }

    /// All of it as metrics: those of the dispatcher, then each handler's.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Vec::with_capacity(24 + 12 * self.handlers.len());
        let mut add = |name, value| metrics.push(Metric { name, handler: None, value });
        let totals = &self.totals;
        add(MetricName::Received, Value::Count(totals.received));
        add(MetricName::Completed, Value::Count(totals.completed));
        add(MetricName::Failed, Value::Count(totals.failed));
        add(MetricName::TimedOut, Value::Count(totals.timed_out));
        add(MetricName::Rejected, Value::Count(totals.rejected));
        for reason in RejectionReason::ALL {
            add(MetricName::RejectedBecause(reason), Value::Count(self.rejections.of(reason)));
        }
        add(MetricName::Shed, Value::Count(totals.shed));
        add(MetricName::Abandoned, Value::Count(totals.abandoned));
        add(MetricName::QueueLength, Value::Gauge(totals.queued as f64));
        add(MetricName::InFlight, Value::Gauge(totals.in_flight as f64));
        add(MetricName::DropRate, Value::Gauge(self.drop_rate));
        add(MetricName::BurstMode, Value::Gauge(f64::from(u8::from(self.is_burst()))));
        add(MetricName::ExpectedWait, Value::Gauge(self.expected_wait.unwrap_or_default().as_secs_f64()));
        add(MetricName::WaitTime, Value::Times(self.wait_time.clone()));
        self.handlers.iter().for_each(|handler| handler.add_to(&mut metrics));
        metrics
    }

    /// Whether more than the capacity is let through for a moment.
    pub fn is_burst(&self) -> bool {
        self.admission.is_burst()
    }

    /// It takes no work any more: it refuses none for their number, and nobody waits.
    pub(crate) fn ended(&mut self) {
        (self.drop_rate, self.expected_wait, self.admission) = (0.0, None, Arc::new(Admission::open()));
        self.handlers.iter_mut().for_each(HandlerSnapshot::left);
    }

    /// Adds what is known of another dispatcher of the same name that is older. How things stand is told of this one where it
    /// cannot be added up.
    pub(crate) fn merge(&mut self, older: DispatcherSnapshot) {
        self.totals.merge(&older.totals);
        self.rejections.merge(&older.rejections);
        self.drop_rate = self.drop_rate.max(older.drop_rate);
        self.expected_wait = self.expected_wait.max(older.expected_wait);
        self.wait_time.merge(&older.wait_time);
        for handler in older.handlers {
            match self.handlers.iter_mut().find(|known| known.name == handler.name) {
                Some(known) => known.merge(&handler),
                None => self.handlers.push(handler),
            }
        }
    }
}

impl HandlerSnapshot {
    /// What the throttle decided last and why, in words.
    pub fn explain_limit(&self) -> String {
        match &self.limit_change {
            Some(LimitDecision { from, to, reason, .. }) => format!("from {from} to {to}: {reason}"),
            None => "unchanged since the start".to_owned(),
        }
    }

    /// What the circuit breaker did last and why, in words.
    pub fn explain_circuit(&self) -> String {
        match &self.circuit_change {
            Some(CircuitDecision { to, .. }) => to.to_string(),
            None => "closed since the start".to_owned(),
        }
    }

    /// Adds what is known of another of the same name that came before it.
    pub(crate) fn merge(&mut self, earlier: &HandlerSnapshot) {
        self.handlers += earlier.handlers;
        self.completed += earlier.completed;
        self.failed += earlier.failed;
        self.timed_out += earlier.timed_out;
        self.cancelled += earlier.cancelled;
        self.retried += earlier.retried;
        self.hedged += earlier.hedged;
        self.process_time.merge(&earlier.process_time);
        self.limit += earlier.limit;
        self.busy += earlier.busy;
        self.stuck += earlier.stuck;
        self.circuit = self.circuit.max(earlier.circuit);
        self.circuit_opened += earlier.circuit_opened;
        self.limit_change = latest(self.limit_change, earlier.limit_change, |change| change.ago);
        self.left_at = self.left_at.max(earlier.left_at);
        self.circuit_change = latest(self.circuit_change, earlier.circuit_change, |change| change.ago);
    }

    /// It takes no work any more: nothing stands any way.
    pub(crate) fn left(&mut self) {
        (self.handlers, self.limit, self.busy, self.stuck) = (0, 0, 0, 0);
        self.circuit = CircuitState::Closed;
    }

    fn add_to(&self, metrics: &mut Vec<Metric>) {
        let handler = Some(&self.name);
        let mut add = |name, value| metrics.push(Metric { name, handler: handler.cloned(), value });
        add(MetricName::HandlerCompleted, Value::Count(self.completed));
        add(MetricName::HandlerFailed, Value::Count(self.failed));
        add(MetricName::HandlerTimedOut, Value::Count(self.timed_out));
        add(MetricName::HandlerCancelled, Value::Count(self.cancelled));
        add(MetricName::HandlerRetried, Value::Count(self.retried));
        add(MetricName::HandlerHedged, Value::Count(self.hedged));
        add(MetricName::CircuitOpened, Value::Count(self.circuit_opened));
        add(MetricName::ConcurrencyLimit, Value::Gauge(self.limit as f64));
        add(MetricName::Busy, Value::Gauge(self.busy as f64));
        add(MetricName::Circuit, Value::Gauge(f64::from(self.circuit as u8)));
        add(MetricName::ProcessTime, Value::Times(self.process_time.clone()));
    }
}

/// The one that was made less long ago.
fn latest<T>(one: Option<T>, other: Option<T>, ago: impl Fn(&T) -> Duration) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if ago(&other) < ago(&one) { other } else { one }),
        (one, other) => one.or(other),
    }
}
