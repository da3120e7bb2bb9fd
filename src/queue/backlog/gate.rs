//! Where the workers of a pool sit, and who of them may start.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::time::Instant;
use slab::Slab;

use crate::control::breaker::BreakerState;
use crate::control::regulator::ServiceSample;
use crate::pool::PoolStats;

/// How many probes may be stuck at a handler on top of what was there when its circuit was opened: as many as go out
/// within some service-timeouts, but not without end, since a work that cannot be stopped may hold a thread.
const MOST_STUCK_PROBES: usize = 32;

/// Who may come through a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Open,
    /// Nobody before then.
    Held(Instant),
    /// Nobody until it is opened again.
    Shut,
    /// Nobody any more: the workers leave.
    Ended,
}

#[derive(Debug)]
pub(super) struct Gate {
    pub(super) number: u64,
    pub(super) thread: usize,
    pub(super) access: Access,
    /// How much of the limit the circuit breaker lets through.
    pub(super) circuit: BreakerState,
    /// Until when the circuit is open, if it is.
    pub(super) open_until: Option<Instant>,
    /// How many may be in service: see [`Gate::set_allowed`].
    pub(super) allowed: usize,
    pub(super) limit: usize,
    pub(super) busy: usize,
    /// Of the busy seats, those that were so when the circuit was opened: they do not count against the limit, or
    /// nobody could find out that the handler is well again before they are given up.
    pub(super) stuck: usize,
    /// Of the busy seats, those whose handlers have begun to answer: while there is one, the handler is not silent.
    pub(super) answering: usize,
    /// When a work last went in or was done with.
    pub(super) last_change: Option<Instant>,
    /// Whether work has waited while all that the limit allows was in service, since somebody asked.
    pub(super) overflown: bool,
    pub(super) seats: Slab<SeatState>,
    /// Idle seats; the last to sit down is the first to be woken, while its memory is warm.
    pub(super) idle: Vec<u32>,
    /// Whether it is in its thread's list of ready gates.
    pub(super) is_listed: bool,
    pub(super) stats: Arc<PoolStats>,
}

#[derive(Debug, Default)]
pub(super) struct SeatState {
    pub(super) waker: Option<Waker>,
    pub(super) is_idle: bool,
    /// Since when it has had a work.
    pub(super) busy_since: Option<Instant>,
    pub(super) is_stuck: bool,
    /// Whether its handler has begun to answer.
    pub(super) is_answering: bool,
    /// Whether its handler has failed too fast to get the next work at once.
    pub(super) is_holding_off: bool,
    pub(super) is_retired: bool,
}

impl Gate {
    /// Sets how many may be in service: the concurrency limit, or what the circuit lets through of it.
    pub(super) fn set_allowed(&mut self) {
        self.allowed = self.circuit.limit(self.limit);
    }

    pub(super) fn is_full(&self) -> bool {
        self.busy - self.stuck >= self.allowed
    }

    pub(super) fn may_start(&self) -> bool {
        self.access == Access::Open && !self.is_full()
    }

    /// Whether work goes there now, or will when a slot is free.
    pub(super) fn is_open(&self) -> bool {
        self.access == Access::Open && self.open_until.is_none()
    }

    pub(super) fn start(&mut self, seat: u32, waker: &Waker, now: Instant) {
        let seat = &mut self.seats[seat as usize];
        seat.busy_since = Some(now);
        // One that has never been idle may have to be roused too. A worker's waker is always the same.
        if seat.waker.is_none() {
            seat.waker = Some(waker.clone());
        }
        self.busy += 1;
        self.last_change = Some(now);
    }

    /// The seat has finished its work; returns whether it had one.
    pub(super) fn finish(&mut self, seat: u32) -> bool {
        let seat = &mut self.seats[seat as usize];
        if seat.busy_since.take().is_none() {
            return false;
        }
        self.busy -= 1;
        self.stuck -= usize::from(std::mem::take(&mut seat.is_stuck));
        self.answering -= usize::from(std::mem::take(&mut seat.is_answering));
        seat.is_holding_off = false;
        true
    }

    /// The seat's handler has begun to answer.
    pub(super) fn answer(&mut self, seat: u32, now: Instant) {
        let seat = &mut self.seats[seat as usize];
        if !seat.is_answering {
            seat.is_answering = true;
            self.answering += 1;
        }
        self.last_change = Some(now);
    }

    /// What is in service now is not waited for any more. Of works that never end only so many are left behind.
    pub(super) fn leave_behind(&mut self) {
        let most = self.limit.saturating_add(MOST_STUCK_PROBES);
        for (_, seat) in &mut self.seats {
            if seat.busy_since.is_some() && !seat.is_stuck && self.stuck < most {
                seat.is_stuck = true;
                self.stuck += 1;
            }
        }
    }
}

/// What can be seen of a gate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GateView {
    /// Works that were let in and are not done.
    pub(crate) busy: usize,
    /// Of these, the ones that do not count against the limit.
    pub(crate) stuck: usize,
    /// Workers that sit there.
    pub(crate) workers: usize,
    pub(crate) is_held: bool,
    /// Since when nothing has gone in or been done with, if all that may be in service is.
    pub(crate) full_since: Option<Instant>,
}

/// What can be seen of a seat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeatView {
    pub(crate) busy_since: Option<Instant>,
    pub(crate) is_stuck: bool,
}

/// Sums over gates.
#[derive(Debug, Default)]
pub(super) struct Together {
    pub(super) limit: usize,
    /// Of those gates whose process time is known well enough.
    pub(super) known_limit: usize,
    pub(super) leaving_rate: f64,
    /// The part of it that is about to double.
    doubling: f64,
}

/// A limit that doubles does so about every so many process times: one until calls begun under the new limit end, and
/// one to measure them.
const DOUBLES_WITHIN: u32 = 2;

impl Together {
    /// `limit`: as many as are in service there at once.
    pub(super) fn add(&mut self, gate: &Gate, limit: usize) {
        self.limit = self.limit.saturating_add(limit);
        if let Some(process_time) = gate.stats.representative_process_time() {
            self.known_limit = self.known_limit.saturating_add(limit);
            let rate = limit as f64 / process_time.as_secs_f64().max(1e-9);
            self.leaving_rate += rate;
            if gate.stats.is_doubling() {
                self.doubling += rate;
            }
        }
    }

    pub(super) fn sample(&self, pause: Duration) -> ServiceSample {
        let seconds = self.known_limit as f64 / self.leaving_rate;
        let process_time = (self.leaving_rate > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or_default());
        // Between a handler that is new and others that are not, the more counts.
        let doubles = self.doubling > 0.5 * self.leaving_rate;
        let doubling_time = process_time.filter(|_| doubles).map(|time| time.saturating_mul(DOUBLES_WITHIN));
        ServiceSample { limit: self.limit, leaving_rate: self.leaving_rate, process_time, doubling_time, pause }
    }
}
