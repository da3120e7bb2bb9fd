//! A service with slots and a queue: first come, first served.

use std::collections::{HashSet, VecDeque};

use super::agenda::{Agenda, Nanos, nanos};
use super::server::{Job, Task, seconds};

/// Requests in slots, and behind them a queue.
#[derive(Debug)]
pub(super) struct Fifo {
    slots: usize,
    queue: VecDeque<(Job, Task)>,
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

    pub(super) fn enter(&mut self, now: Nanos, job: Job, task: Task) {
        self.queue.push_back((job, task));
        self.fill(now);
    }

    /// A request that need not be done any more.
    pub(super) fn leave(&mut self, now: Nanos, job: Job) {
        if let Some(place) = self.queue.iter().position(|(queued, _)| *queued == job) {
            self.queue.remove(place);
        } else if self.left.insert(job) {
            self.busy -= 1;
            self.fill(now);
        }
    }

    pub(super) fn set_slots(&mut self, now: Nanos, slots: usize) {
        self.slots = slots;
        self.fill(now);
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
                self.fill(at);
                return Some((at, job));
            }
        }
    }

    fn fill(&mut self, now: Nanos) {
        while self.busy < self.slots
            && let Some((job, task)) = self.queue.pop_front()
        {
            let in_flight = self.len() + 1;
            let crowd = crowding(in_flight, self.slots, task.penalty);
            self.busy += 1;
            self.ends.enter(now.saturating_add(nanos(seconds(task.time * crowd))), job);
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

    fn task(milliseconds: f64) -> Task {
        Task { time: milliseconds / 1000.0, penalty: 0.0 }
    }

    fn drain(fifo: &mut Fifo) -> Vec<(Nanos, Job)> {
        std::iter::from_fn(|| fifo.finish(Nanos::MAX)).map(|(at, job)| (at / MS, job)).collect()
    }

    #[test]
    fn serves_in_the_order_of_arrival() {
        let mut fifo = Fifo::new();
        fifo.set_slots(0, 2);
        [30.0, 10.0, 10.0, 10.0].iter().zip(0..).for_each(|(time, job)| fifo.enter(0, job, task(*time)));
        assert_eq!(drain(&mut fifo), [(10, 1), (20, 2), (30, 0), (30, 3)]);
    }

    #[test]
    fn who_leaves_frees_the_slot_or_the_place() {
        let mut fifo = Fifo::new();
        fifo.set_slots(0, 1);
        (0..4).for_each(|job| fifo.enter(0, job, task(10.0)));
        fifo.leave(5 * MS, 0);
        fifo.leave(5 * MS, 2);
        assert_eq!(fifo.len(), 2);
        assert_eq!(drain(&mut fifo), [(15, 1), (25, 3)]);
    }

    #[test]
    fn more_slots_take_from_the_queue_and_fewer_wait_for_those_that_run() {
        let mut fifo = Fifo::new();
        fifo.set_slots(0, 1);
        (0..5).for_each(|job| fifo.enter(0, job, task(10.0)));
        fifo.set_slots(5 * MS, 3);
        fifo.set_slots(6 * MS, 1);
        assert_eq!(drain(&mut fifo), [(10, 0), (15, 1), (15, 2), (25, 3), (35, 4)]);
    }

    #[test]
    fn contention_slows_by_the_share_beyond_the_slots() {
        // 1 + 3·0.5·(4 − 2)/4
        assert_eq!(crowding(4, 2, 0.5), 1.75);
        assert_eq!(crowding(2, 2, 0.5), 1.0);
        let mut fifo = Fifo::new();
        fifo.set_slots(0, 1);
        fifo.enter(0, 0, Task { time: 0.01, penalty: 0.5 });
        fifo.enter(0, 1, Task { time: 0.01, penalty: 0.5 });
        fifo.enter(0, 2, Task { time: 0.01, penalty: 0.5 });
        // the first starts alone; the second with one waiting behind it: 1 + 1.5/2; the third alone again
        assert_eq!(drain(&mut fifo), [(10, 0), (27, 1), (37, 2)]);
    }
}
