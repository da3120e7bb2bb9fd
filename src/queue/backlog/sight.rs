//! What can be seen of the backlog, its gates and the handlers behind them.

use std::time::Duration;

use crate::time::Instant;

use super::gate::{Access, GateView, SeatState, SeatView, Together};
use super::{Backlog, PoolKey};
use crate::control::regulator::ServiceSample;
use crate::queue::Waiting;

impl<T: Waiting> Backlog<T> {
    /// The mean process time of the other handlers, if one is known.
    pub(crate) fn process_time_beside(&self, pool: PoolKey) -> Option<Duration> {
        let mut others = Together::default();
        for (index, gate) in &self.state.lock().gates {
            if index != pool.index {
                others.add(gate, gate.limit);
            }
        }
        others.sample(Duration::ZERO).process_time
    }

    /// For how long, since the start, works have been waiting.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        let state = self.state.lock();
        state.waited + state.waiting_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// What can be seen of a gate; nothing once it has ended and all have left.
    pub(crate) fn view(&self, pool: PoolKey) -> GateView {
        self.state.lock().gate(pool).map_or_else(GateView::default, |gate| GateView {
            busy: gate.busy,
            stuck: gate.stuck,
            workers: gate.seats.len(),
            is_held: matches!(gate.access, Access::Held(_)) || gate.open_until.is_some(),
            full_since: gate.last_change.filter(|_| gate.allowed > 0 && gate.is_full() && gate.answering == 0),
        })
    }

    /// What can be seen of a gate's seats, by their numbers.
    pub(crate) fn seats(&self, pool: PoolKey) -> Vec<(usize, SeatView)> {
        let mut state = self.state.lock();
        let Some(gate) = state.gate(pool) else { return Vec::new() };
        let view = |seat: &SeatState| SeatView { busy_since: seat.busy_since, is_stuck: seat.is_stuck };
        gate.seats.iter().map(|(index, seat)| (index, view(seat))).collect()
    }

    /// Whether work has waited while all that the limit allows was in service, since the last time this was asked.
    pub(crate) fn take_overflown(&self, pool: PoolKey) -> bool {
        let mut state = self.state.lock();
        let waits = state.has_work();
        let Some(gate) = state.gate(pool) else { return false };
        std::mem::take(&mut gate.overflown) || waits && gate.is_full()
    }

    /// What is known of the handlers together. Its cost grows with their number.
    pub(crate) fn service(&self, now: Instant) -> ServiceSample {
        let (mut open, mut held) = (Together::default(), Together::default());
        let mut pause = Duration::MAX;
        for (_, gate) in &self.state.lock().gates {
            let hold = match gate.access {
                Access::Open => None,
                Access::Held(until) => Some(until),
                Access::Shut | Access::Ended => continue,
            };
            let Some(until) = hold.max(gate.open_until) else {
                open.add(gate, gate.allowed);
                continue;
            };
            held.add(gate, gate.limit);
            pause = pause.min(until.saturating_duration_since(now));
        }
        if open.limit == 0 && held.limit > 0 { held.sample(pause) } else { open.sample(Duration::ZERO) }
    }
}
