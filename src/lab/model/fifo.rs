//! A service with slots and a queue: first come, first served.

use std::collections::{HashSet, VecDeque};

use super::agenda::{Agenda, Nanos, nanos};
use super::server::{Job, Task, seconds};

/// Requests in slots, and behind them a queue.
#[derive(Debug)]
pub(super) struct Fifo {
    slots: usize,
    queue: VecDeque<Job>,
    ends: Agenda<Job>,
    /// Those that left their slot before their time: their ends are void.
    left: HashSet<Job>,
    busy: usize,
}

impl Fifo {
    pub(super) fn new() -> Self {
        Fifo { slots: 0, queue: VecDeque::new(), ends: Agenda::new(), left: HashSet::new(), busy: 0 }
    }

    /// Requests in it.
    pub(super) fn len(&self) -> usize {
        self.busy + self.queue.len()
    }

    pub(super) fn enter(&mut self, job: Job) {
        self.queue.push_back(job);
    }

    /// The request for which there is a slot now: it must [`begin`](Self::begin).
    pub(super) fn admit(&mut self) -> Option<Job> {
        if self.busy < self.slots { self.queue.pop_front() } else { None }
    }

    /// A request goes to its slot.
    pub(super) fn begin(&mut self, now: Nanos, job: Job, task: Task) {
        let in_flight = self.len() + 1;
        let crowd = crowding(in_flight, self.slots, task.penalty);
        self.busy += 1;
        self.ends.enter(now.saturating_add(nanos(seconds(task.time * crowd))), job);
    }

    /// A request that need not be done any more.
    pub(super) fn leave(&mut self, job: Job) {
        if let Some(place) = self.queue.iter().position(|queued| *queued == job) {
            self.queue.remove(place);
        } else if self.left.insert(job) {
            self.busy -= 1;
        }
    }

    pub(super) fn set_slots(&mut self, slots: usize) {
        self.slots = slots;
    }

    pub(super) fn next(&mut self) -> Option<Nanos> {
        self.ends.next()
    }

    /// A request that has left its slot, and when.
    pub(super) fn finish(&mut self, now: Nanos) -> Option<(Nanos, Job)> {
        loop {
            let (at, job) = self.ends.due(now)?;
            if !self.left.remove(&job) {
                self.busy -= 1;
                return Some((at, job));
            }
        }
    }
}

/// What service times are multiplied by with so many in flight: 1 + 3·penalty·(n − slots)/n.
pub(super) fn crowding(in_flight: usize, slots: usize, penalty: f64) -> f64 {
    let beyond = in_flight.saturating_sub(slots);
    1.0 + 3.0 * penalty * beyond as f64 / in_flight.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    /// Fills the slots with requests that take as many milliseconds as `times` says for their numbers.
    fn fill(fifo: &mut Fifo, now: Nanos, times: &[f64]) {
        while let Some(job) = fifo.admit() {
            fifo.begin(now, job, Task { time: times[job as usize] / 1000.0, penalty: 0.0 });
        }
    }

    fn drain(fifo: &mut Fifo, times: &[f64]) -> Vec<(Nanos, Job)> {
        let mut ends = Vec::new();
        while let Some((at, job)) = fifo.finish(Nanos::MAX) {
            ends.push((at / MS, job));
            fill(fifo, at, times);
        }
        ends
    }

    fn fifo(slots: usize, times: &[f64]) -> Fifo {
        let mut fifo = Fifo::new();
        fifo.set_slots(slots);
        (0..times.len() as Job).for_each(|job| fifo.enter(job));
        fill(&mut fifo, 0, times);
        fifo
    }

    #[test]
    fn serves_in_the_order_of_arrival() {
        let times = [30.0, 10.0, 10.0, 10.0];
        assert_eq!(drain(&mut fifo(2, &times), &times), [(10, 1), (20, 2), (30, 0), (30, 3)]);
    }

    #[test]
    fn who_leaves_frees_the_slot_or_the_place() {
        let times = [10.0; 4];
        let mut fifo = fifo(1, &times);
        fifo.leave(0);
        fifo.leave(2);
        fill(&mut fifo, 5 * MS, &times);
        assert_eq!(fifo.len(), 2);
        assert_eq!(drain(&mut fifo, &times), [(15, 1), (25, 3)]);
    }

    #[test]
    fn more_slots_take_from_the_queue_and_fewer_wait_for_those_that_run() {
        let times = [10.0; 5];
        let mut fifo = fifo(1, &times);
        fifo.set_slots(3);
        fill(&mut fifo, 5 * MS, &times);
        fifo.set_slots(1);
        assert_eq!(drain(&mut fifo, &times), [(10, 0), (15, 1), (15, 2), (25, 3), (35, 4)]);
    }

    #[test]
    fn contention_slows_by_the_share_beyond_the_slots() {
        // 1 + 3·0.5·(4 − 2)/4
        assert_eq!(crowding(4, 2, 0.5), 1.75);
        assert_eq!(crowding(2, 2, 0.5), 1.0);
        let mut fifo = Fifo::new();
        fifo.set_slots(1);
        (0..2).for_each(|job| fifo.enter(job));
        let first = fifo.admit().unwrap();
        // one waits behind it: 1 + 1.5·(2 − 1)/2
        fifo.begin(0, first, Task { time: 0.01, penalty: 0.5 });
        assert_eq!(fifo.next(), Some(17_500_000));
    }
}
