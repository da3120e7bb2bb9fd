//! Where the workers of a pool sit, and who of them may start.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use slab::Slab;
use tokio::time::Instant;

use crate::control::regulator::ServiceSample;
use crate::pool::PoolStats;

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
    pub(super) limit: usize,
    pub(super) busy: usize,
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
    pub(super) is_busy: bool,
    pub(super) is_retired: bool,
}

impl Gate {
    pub(super) fn may_start(&self) -> bool {
        self.access == Access::Open && self.busy < self.limit
    }
}

/// What can be seen of a gate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GateView {
    /// Works that were let in and are not done.
    pub(crate) busy: usize,
    /// Workers that sit there.
    pub(crate) workers: usize,
    pub(crate) is_held: bool,
}

/// Sums over gates.
#[derive(Debug, Default)]
pub(super) struct Together {
    pub(super) limit: usize,
    /// Of those gates whose process time is known.
    pub(super) known_limit: usize,
    pub(super) leaving_rate: f64,
}

impl Together {
    pub(super) fn add(&mut self, gate: &Gate) {
        self.limit += gate.limit;
        if let Some(process_time) = gate.stats.process_time() {
            self.known_limit += gate.limit;
            self.leaving_rate += gate.limit as f64 / process_time.as_secs_f64().max(1e-9);
        }
    }

    pub(super) fn sample(&self, pause: Duration) -> ServiceSample {
        let seconds = self.known_limit as f64 / self.leaving_rate;
        let process_time = (self.leaving_rate > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or_default());
        ServiceSample { limit: self.limit, leaving_rate: self.leaving_rate, process_time, pause }
    }
}
