//! Callers who leave before they have an answer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix::Recipient;

use crate::queue::Sweep;

/// A sweep looks at all works that wait. One for so many of them keeps its cost per caller who left at so many looks, and
/// what nobody waits for at this part of the queue.
const LOOKS_PER_LEAVER: usize = 8;

/// Callers who leave while their works may wait. What they leave behind holds places that others could have, so it is taken
/// out, not one by one, since only a look at the works can tell which it is.
#[derive(Debug, Default)]
pub(crate) struct Leavers {
    /// Who sweeps.
    sweeper: OnceLock<Recipient<Sweep>>,
    /// How many have left since the last sweep; of some the works were at a handler.
    left: AtomicUsize,
    /// Whether the sweeper has been told and has not looked yet.
    is_told: AtomicBool,
}

impl Leavers {
    /// From now on this actor sweeps.
    pub(crate) fn open(&self, sweeper: Recipient<Sweep>) {
        // Only a queue that is started twice could be here before.
        let _ = self.sweeper.set(sweeper);
    }

    /// A caller has left; `queued` works wait.
    pub(super) fn left(&self, queued: usize) {
        let left = self.left.fetch_add(1, Ordering::Relaxed) + 1;
        if is_enough(left, queued)
            && let Some(sweeper) = self.sweeper.get()
            && !self.is_told.swap(true, Ordering::Relaxed)
        {
            sweeper.do_send(Sweep);
        }
    }

    /// Whether it is time for a sweep, which is taken to be made then.
    pub(crate) fn is_worth_a_sweep(&self, queued: usize) -> bool {
        self.is_told.store(false, Ordering::Relaxed);
        let is_enough = is_enough(self.left.load(Ordering::Relaxed), queued);
        if is_enough {
            self.left.store(0, Ordering::Relaxed);
        }
        is_enough
    }
}

fn is_enough(left: usize, queued: usize) -> bool {
    queued > 0 && left.saturating_mul(LOOKS_PER_LEAVER) >= queued
}
