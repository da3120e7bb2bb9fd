//! Why the limit of a [`Plumb`] is what it is.

use std::time::Duration;

use super::mode::Check;
use super::window::Reading;
use super::{Plumb, Reason};

impl Plumb {
    /// For a limit that is the target, perhaps with headroom.
    pub(super) fn at_target(&self) -> Reason {
        let reason = if self.headroom.widen(self.target) > self.target {
            Reason::Burst { target: self.target }
        } else {
            let goal = self.goal();
            // that and the goal are the limit, which what a single window says of the knee is not
            Reason::Steering { knee: (self.target - goal).max(0.0), goal, hidden: self.queue_is_hidden }
        };
        self.unless_at_bounds(reason)
    }

    /// What is wanted does not explain a limit that may not be so.
    pub(super) fn unless_at_bounds(&self, reason: Reason) -> Reason {
        if self.target >= self.max as f64 {
            Reason::AtLargest { largest: self.max }
        } else if self.target <= self.min as f64 {
            Reason::AtSmallest { smallest: self.min }
        } else {
            reason
        }
    }

    /// Before the limit is halved, which it is once for each limit of timeouts: what tells more is how high it was
    /// before the first of them.
    pub(super) fn silent(&self) -> Reason {
        match self.reason {
            Reason::Silent { from } => Reason::Silent { from },
            _ => Reason::Silent { from: self.limit },
        }
    }
}

pub(super) fn fewer_slots(knee: f64, check: &Check) -> Reason {
    Reason::FewerSlots { knee, from: check.limit as usize }
}

pub(super) fn slower(reading: &Reading) -> Reason {
    Reason::Slower { process_time: Duration::try_from_secs_f64(reading.mean_time).unwrap_or(Duration::MAX) }
}
