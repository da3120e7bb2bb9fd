//! The service's slots: a fixed number, a fixed time each, first come first served.
//!
//! A request that was taken in is worked on whether or not its client still waits, as in most services. So its finish
//! is known when it arrives: a slot takes its next request at the very moment it ends the one before, and the service
//! does exactly its capacity, no less when timers are late.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// The slots and what waits for them.
#[derive(Debug)]
pub(crate) struct Slots {
    service_time: Duration,
    /// When each slot will have ended all that it was given.
    free_at: BinaryHeap<Reverse<Instant>>,
    /// When requests start that had to wait, earliest first.
    starts: VecDeque<Instant>,
}

/// How busy a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServiceLoad {
    /// Requests that wait for a slot.
    pub(crate) queued: usize,
    /// Requests that are worked on.
    pub(crate) busy: usize,
}

impl Slots {
    /// # Panics
    ///
    /// When `count` is 0.
    pub(crate) fn new(count: usize, service_time: Duration, now: Instant) -> Self {
        assert!(count > 0, "a service needs a slot");
        Slots { service_time, free_at: vec![Reverse(now); count].into(), starts: VecDeque::new() }
    }

    /// Takes a request in and says when it will be done.
    pub(crate) fn take(&mut self, now: Instant) -> Instant {
        self.forget_started(now);
        let mut slot = self.free_at.peek_mut().expect("there is at least one slot, and none is ever removed");
        let start = slot.0.max(now);
        let finish = start + self.service_time;
        *slot = Reverse(finish);
        drop(slot);
        if start > now {
            self.starts.push_back(start);
        }
        finish
    }

    /// Has this many slots from now on. Slots that go end what they were given.
    ///
    /// # Panics
    ///
    /// When `count` is 0.
    pub(crate) fn resize(&mut self, count: usize, now: Instant) {
        assert!(count > 0, "a service needs a slot");
        while self.free_at.len() > count {
            // Those that are free first, so that no work is given to one that is gone.
            self.free_at.pop();
        }
        self.free_at.extend(vec![Reverse(now); count - self.free_at.len()]);
    }

    /// Begins with nothing before then. What was begun ends in time.
    pub(crate) fn hang_until(&mut self, until: Instant) {
        self.free_at = self.free_at.drain().map(|Reverse(free_at)| Reverse(free_at.max(until))).collect();
    }

    pub(crate) fn load(&mut self, now: Instant) -> ServiceLoad {
        self.forget_started(now);
        ServiceLoad {
            queued: self.starts.len(),
            busy: self.free_at.iter().filter(|Reverse(free_at)| *free_at > now).count(),
        }
    }

    fn forget_started(&mut self, now: Instant) {
        while self.starts.front().is_some_and(|start| *start <= now) {
            self.starts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(100);

    #[test]
    fn twenty_at_once_and_twenty_after_them() {
        let now = Instant::now();
        let mut slots = Slots::new(20, STEP, now);
        let finishes: Vec<_> = (0..40).map(|_| slots.take(now) - now).collect();
        assert_eq!(finishes[..20], [STEP; 20]);
        assert_eq!(finishes[20..], [2 * STEP; 20]);
    }

    #[test]
    fn who_comes_first_is_done_first() {
        let now = Instant::now();
        let mut slots = Slots::new(2, STEP, now);
        let at = |ms| now + Duration::from_millis(ms);
        let finishes: Vec<_> = [0, 30, 40, 50, 60].map(|ms| slots.take(at(ms))).to_vec();
        assert_eq!(finishes, [at(100), at(130), at(200), at(230), at(300)]);
    }

    #[test]
    fn a_slot_that_stood_idle_starts_at_once() {
        let now = Instant::now();
        let mut slots = Slots::new(1, STEP, now);
        slots.take(now);
        assert_eq!(slots.take(now + 5 * STEP), now + 6 * STEP);
    }

    #[test]
    fn fewer_slots_do_less_and_more_do_more_again() {
        let now = Instant::now();
        let mut slots = Slots::new(4, STEP, now);
        assert_eq!((slots.take(now), slots.take(now)), (now + STEP, now + STEP));
        slots.resize(2, now);
        // Both that are left are busy.
        assert_eq!(slots.take(now), now + 2 * STEP);
        slots.resize(3, now);
        assert_eq!((slots.take(now), slots.take(now)), (now + STEP, now + 2 * STEP));
    }

    #[test]
    fn nothing_is_begun_while_it_hangs() {
        let now = Instant::now();
        let mut slots = Slots::new(2, STEP, now);
        assert_eq!(slots.take(now), now + STEP);
        slots.hang_until(now + 10 * STEP);
        let finishes: Vec<_> = (0..3).map(|_| slots.take(now) - now).collect();
        assert_eq!(finishes, [11 * STEP, 11 * STEP, 12 * STEP]);
    }

    #[test]
    fn what_waits_and_what_is_worked_on_is_told_apart() {
        let now = Instant::now();
        let mut slots = Slots::new(2, STEP, now);
        assert_eq!(slots.load(now), ServiceLoad { queued: 0, busy: 0 });
        for _ in 0..5 {
            slots.take(now);
        }
        assert_eq!(slots.load(now), ServiceLoad { queued: 3, busy: 2 });
        assert_eq!(slots.load(now + STEP), ServiceLoad { queued: 1, busy: 2 });
        assert_eq!(slots.load(now + 2 * STEP), ServiceLoad { queued: 0, busy: 1 });
        assert_eq!(slots.load(now + 3 * STEP), ServiceLoad { queued: 0, busy: 0 });
    }
}
