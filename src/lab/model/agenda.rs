//! What is to happen, in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Time since the start of a run.
pub(in crate::lab) type Nanos = u64;

/// Five centuries at most, which is longer than any scenario.
pub(in crate::lab) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Events in the order of their times; of those at one time, the one that was entered first.
#[derive(Debug)]
pub(in crate::lab) struct Agenda<T> {
    entries: BinaryHeap<Reverse<(Nanos, u64, T)>>,
    entered: u64,
}

impl<T: Ord + Copy> Agenda<T> {
    pub(in crate::lab) fn new() -> Self {
        Agenda { entries: BinaryHeap::new(), entered: 0 }
    }

    pub(in crate::lab) fn enter(&mut self, at: Nanos, event: T) {
        self.entries.push(Reverse((at, self.entered, event)));
        self.entered += 1;
    }

    pub(in crate::lab) fn next(&self) -> Option<Nanos> {
        self.entries.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes the next event if its time has come.
    pub(in crate::lab) fn due(&mut self, now: Nanos) -> Option<(Nanos, T)> {
        if self.next()? > now {
            return None;
        }
        self.entries.pop().map(|Reverse((at, _, event))| (at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_and_then_of_entry() {
        let mut agenda = Agenda::new();
        for (at, event) in [(5, 'c'), (3, 'b'), (3, 'a')] {
            agenda.enter(at, event);
        }
        assert_eq!(agenda.next(), Some(3));
        assert_eq!(agenda.due(2), None);
        let due: Vec<_> = std::iter::from_fn(|| agenda.due(9)).collect();
        assert_eq!(due, [(3, 'b'), (3, 'a'), (5, 'c')]);
    }
}
