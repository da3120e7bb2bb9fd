//! From snapshots to what happened in a second.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::series::Number;
use super::tick::{DispatcherTick, HandlerTick, LeftOff, Tick};
use super::{MOST_DISPATCHERS, MOST_HANDLERS};
use crate::DispatcherState;
use crate::dispatcher::{RejectionReason, Rejections, Totals};
use crate::metrics::{DispatcherSnapshot, Distribution, HandlerSnapshot};

/// Tells what happened from one reading to the next.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    /// How things stood before.
    before: HashMap<u64, Before>,
    at: Option<Instant>,
    /// Whether that was of all there were. Then whoever is new has counted from zero.
    was_complete: bool,
}

#[derive(Debug, Default)]
struct Before {
    totals: Totals,
    rejections: Rejections,
    wait_time: Distribution,
    handlers: HashMap<Arc<str>, HandlerSnapshot>,
}

/// Turns counts into rates.
#[derive(Clone, Copy)]
struct Rate {
    seconds: f64,
}

impl Rate {
    fn of(self, now: u64, before: Option<u64>) -> Number {
        // Handlers that have left for long are forgotten, and may count from zero again.
        before.map_or(Number::NONE, |before| Number::new(now.saturating_sub(before) as f64 / self.seconds))
    }
}

impl Sampler {
    /// `t` is in milliseconds since 1970, and `now` the moment in which the snapshots were taken.
    pub(super) fn sample(&mut self, snapshots: Vec<DispatcherSnapshot>, t: u64, now: Instant) -> Tick {
        let elapsed = self.at.map_or(1.0, |at| now.saturating_duration_since(at).as_secs_f64());
        // Timers are some milliseconds late, and 100 a second are not to be shown as 99.8.
        let rate = Rate { seconds: (elapsed * 100.0).round().max(1.0) / 100.0 };
        let mut left_off = LeftOff::default();
        let mut room = MOST_HANDLERS;
        let mut before = HashMap::new();
        let mut dispatchers = Vec::with_capacity(snapshots.len().min(MOST_DISPATCHERS));
        for snapshot in snapshots {
            if dispatchers.len() == MOST_DISPATCHERS {
                left_off.dispatchers += 1;
                left_off.handlers += snapshot.handlers.iter().filter(|handler| handler.handlers > 0).count();
                continue;
            }
            let earlier = self.before.remove(&snapshot.id).or_else(|| self.was_complete.then(Before::default));
            let mut tick = dispatcher(&snapshot, earlier.as_ref(), rate);
            let mut handlers = HashMap::new();
            for handler in snapshot.handlers {
                if room == 0 {
                    left_off.handlers += usize::from(handler.handlers > 0);
                    continue;
                }
                room -= 1;
                let earlier = earlier.as_ref().map(|earlier| earlier.handlers.get(&handler.name));
                let is_there =
                    handler.handlers > 0 || earlier.flatten().is_some_and(|earlier| has_ended(&handler, earlier));
                if is_there {
                    let fresh = self.was_complete.then(HandlerCounts::default);
                    let earlier = earlier.and_then(|earlier| earlier.map(HandlerCounts::of).or(fresh));
                    tick.handlers.push(self::handler(&handler, earlier, rate));
                }
                handlers.insert(Arc::clone(&handler.name), handler);
            }
            let DispatcherSnapshot { totals, rejections, wait_time, .. } = snapshot;
            before.insert(snapshot.id, Before { totals, rejections, wait_time, handlers });
            dispatchers.push(tick);
        }
        let is_complete = left_off == LeftOff::default();
        (self.before, self.at, self.was_complete) = (before, Some(now), is_complete);
        Tick { t, dispatchers, left_off: (!is_complete).then_some(left_off) }
    }
}

fn dispatcher(snapshot: &DispatcherSnapshot, before: Option<&Before>, rate: Rate) -> DispatcherTick {
    let totals = &snapshot.totals;
    let count = |of: fn(&Totals) -> u64| rate.of(of(totals), before.map(|before| of(&before.totals)));
    let waits = before.map(|before| snapshot.wait_time.since(&before.wait_time));
    let wait = |share| Number::ms(waits.as_ref().and_then(|waits| waits.percentile(share)));
    let rejected_by = RejectionReason::ALL.map(|reason| {
        let before = before.map(|before| before.rejections.of(reason));
        (reason.name(), rate.of(snapshot.rejections.of(reason), before))
    });
    DispatcherTick {
        id: snapshot.id,
        name: Arc::clone(&snapshot.name),
        state: match snapshot.state {
            DispatcherState::Starting => "starting",
            DispatcherState::Running => "running",
            DispatcherState::NoHandlers => "no-handlers",
            DispatcherState::ShuttingDown => "shutting-down",
        },
        now: [
            count(|totals| totals.received),
            count(|totals| totals.completed),
            count(|totals| totals.failed),
            count(|totals| totals.timed_out),
            count(|totals| totals.abandoned),
            // Those at the door: what was shed stands beside it.
            count(|totals| totals.rejected - totals.shed),
            count(|totals| totals.shed),
            Number::new(totals.queued as f64),
            Number::new(totals.in_flight as f64),
            Number::new(snapshot.drop_rate),
            Number::count(usize::from(snapshot.is_burst())),
            Number::ms(snapshot.expected_wait),
            wait(0.5),
            wait(0.95),
            wait(0.99),
        ],
        rejected_by: rejected_by.into_iter().filter(|(_, rate)| rate.is_above_zero()).collect(),
        totals: *totals,
        admission: snapshot.explain_admission(),
        handlers: Vec::with_capacity(snapshot.handlers.len()),
    }
}

/// What a handler has counted.
#[derive(Clone, Copy, Default)]
struct HandlerCounts<'a> {
    counts: [u64; 6],
    process_time: Option<&'a Distribution>,
}

impl<'a> HandlerCounts<'a> {
    fn of(handler: &'a HandlerSnapshot) -> Self {
        HandlerCounts { counts: counts(handler), process_time: Some(&handler.process_time) }
    }
}

fn counts(handler: &HandlerSnapshot) -> [u64; 6] {
    [handler.completed, handler.failed, handler.timed_out, handler.cancelled, handler.retried, handler.hedged]
}

/// Whether something of a handler that has left has ended since.
fn has_ended(handler: &HandlerSnapshot, before: &HandlerSnapshot) -> bool {
    counts(handler) != counts(before)
}

fn handler(snapshot: &HandlerSnapshot, before: Option<HandlerCounts<'_>>, rate: Rate) -> HandlerTick {
    let now = counts(snapshot);
    let count = |at: usize| rate.of(now[at], before.map(|before| before.counts[at]));
    let times = before.map(|before| match before.process_time {
        Some(before) => snapshot.process_time.since(before),
        None => snapshot.process_time.clone(),
    });
    let time = |share| Number::ms(times.as_ref().and_then(|times| times.percentile(share)));
    let ago = |ago: Option<std::time::Duration>| ago.map_or(Number::NONE, |ago| Number::new(ago.as_secs_f64()));
    HandlerTick {
        name: Arc::clone(&snapshot.name),
        handlers: snapshot.handlers,
        now: [
            count(0),
            count(1),
            count(2),
            count(3),
            count(4),
            count(5),
            time(0.5),
            time(0.95),
            time(0.99),
            Number::count(snapshot.limit),
            Number::count(snapshot.busy),
            Number::count(snapshot.circuit as usize),
        ],
        stuck: snapshot.stuck,
        circuit_opened: snapshot.circuit_opened,
        limit_why: snapshot.explain_limit(),
        limit_ago_s: ago(snapshot.limit_change.as_ref().map(|change| change.ago)),
        circuit_why: snapshot.explain_circuit(),
        circuit_ago_s: ago(snapshot.circuit_change.as_ref().map(|change| change.ago)),
    }
}
