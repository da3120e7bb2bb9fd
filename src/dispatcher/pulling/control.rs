//! How a run is told to end, from any thread.

use std::task::Waker;
use std::time::Duration;

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::time::Instant;

/// How a run is told to end, from any thread.
#[derive(Debug, Default)]
pub(super) struct Control {
    asked: Mutex<Option<Asked>>,
    feeder: AtomicWaker,
}

/// A shutdown that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Asked {
    pub(super) at: Instant,
    /// How long it may take.
    pub(super) within: Duration,
}

impl Asked {
    /// Beyond what an instant can hold, its time is never over.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.at.checked_add(self.within)
    }
}

impl Control {
    /// Asks for the end; asked again, the soonest time holds.
    pub(super) fn shut_down(&self, within: Duration) {
        let new = Asked { at: Instant::now(), within };
        let mut asked = self.asked.lock();
        let is_sooner = match asked.map(|known| known.ends_at()) {
            None | Some(None) => true,
            Some(Some(known)) => new.ends_at().is_some_and(|at| at < known),
        };
        if is_sooner {
            *asked = Some(new);
        }
        drop(asked);
        self.feeder.wake();
    }

    pub(super) fn watch(&self, feeder: &Waker) {
        self.feeder.register(feeder);
    }

    pub(super) fn asked(&self) -> Option<Asked> {
        *self.asked.lock()
    }
}
