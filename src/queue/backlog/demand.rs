//! How much more work could start right now, for the one who takes it from a source.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;

use super::Backlog;
use super::gate::Access;
use crate::config::QueueOrder;
use crate::queue::Waiting;

/// The one who waits until more work could start.
#[derive(Debug, Default)]
pub(super) struct Demand {
    taker: AtomicWaker,
    /// Whether there would be more works, and only the limits stop them.
    is_fed: AtomicBool,
}

impl<T: Waiting> Backlog<T> {
    /// One whose works are taken from a source by somebody who watches its [room](Backlog::room).
    pub(crate) fn pulled(order: QueueOrder) -> Self {
        Backlog { demand: Some(Demand::default()), ..Backlog::new(order) }
    }

    /// Whether works are taken from a source as there is room for them.
    pub(crate) fn is_pulled(&self) -> bool {
        self.demand.is_some()
    }

    /// How many works wait here, and how many more than these could start now: what the gates still let in, less what waits.
    /// Works that wait for one handler only are counted as if any could take them, so that no more works are under way
    /// than all limits together allow.
    ///
    /// `has_more`: there would be more works now. A gate that is full then is one that holds up work.
    pub(crate) fn room(&self, has_more: bool) -> (usize, usize) {
        let state = &mut *self.state.lock();
        let waiting = state.lanes.len() + state.retries.len();
        if state.turned_away.is_some() {
            return (waiting, 0);
        }
        let mut room = 0_usize;
        for (_, gate) in state.gates.iter_mut().filter(|(_, gate)| gate.access == Access::Open) {
            let left = gate.allowed.saturating_sub(gate.busy - gate.stuck);
            gate.overflown |= has_more && left == 0;
            room = room.saturating_add(left);
        }
        (waiting, room.saturating_sub(waiting))
    }

    /// Takes note of whether there would be more works, and only the limits stop them.
    pub(crate) fn feed(&self, is_fed: bool) {
        if let Some(demand) = &self.demand {
            demand.is_fed.store(is_fed, Ordering::Relaxed);
        }
    }

    pub(super) fn is_fed(&self) -> bool {
        self.demand.as_ref().is_some_and(|demand| demand.is_fed.load(Ordering::Relaxed))
    }

    /// `taker` is woken when there may be more [room](Backlog::room).
    pub(crate) fn watch_room(&self, taker: &Waker) {
        if let Some(demand) = &self.demand {
            demand.taker.register(taker);
        }
    }

    #[inline]
    pub(super) fn room_changed(&self) {
        if let Some(demand) = &self.demand {
            demand.taker.wake();
        }
    }
}
