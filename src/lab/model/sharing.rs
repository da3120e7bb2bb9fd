//! A service that works on all its requests at once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use super::agenda::{Nanos, nanos};
use super::fifo::crowding;
use super::server::{Job, Task, seconds};

/// Processor sharing. Progress is the time at full speed that a request which has always been there would have had; a
/// request is done when the progress since it came equals its service time. So the order in which those in service end
/// does not depend on how many come and go.
#[derive(Debug)]
pub(super) struct Sharing {
    slots: usize,
    penalty: f64,
    /// The request that has come and not begun.
    arrived: Option<Job>,
    progress: f64,
    /// When the progress was so.
    at: Nanos,
    ends: BinaryHeap<Reverse<End>>,
    /// Those that left before their time: their ends are void.
    left: HashSet<Job>,
    in_service: usize,
}

/// At which progress a request is done.
#[derive(Debug, Clone, Copy, PartialEq)]
struct End(f64, Job);

impl Eq for End {}

impl PartialOrd for End {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for End {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

impl Sharing {
    pub(super) fn new() -> Self {
        Sharing {
            slots: 0,
            penalty: 0.0,
            arrived: None,
            progress: 0.0,
            at: 0,
            ends: BinaryHeap::new(),
            left: HashSet::new(),
            in_service: 0,
        }
    }

    /// Requests in it.
    pub(super) fn len(&self) -> usize {
        self.in_service
    }

    pub(super) fn enter(&mut self, job: Job) {
        self.arrived = Some(job);
    }

    /// The request that is to [`begin`](Self::begin): each does at once.
    pub(super) fn admit(&mut self) -> Option<Job> {
        self.arrived.take()
    }

    pub(super) fn begin(&mut self, now: Nanos, job: Job, task: Task) {
        self.advance(now);
        self.in_service += 1;
        self.ends.push(Reverse(End(self.progress + task.time, job)));
    }

    /// A request that need not be done any more.
    pub(super) fn leave(&mut self, now: Nanos, job: Job) {
        self.advance(now);
        if self.left.insert(job) {
            self.in_service -= 1;
        }
    }

    pub(super) fn set_slots(&mut self, now: Nanos, slots: usize, penalty: f64) {
        self.advance(now);
        self.slots = slots;
        self.penalty = penalty;
    }

    pub(super) fn next(&mut self) -> Option<Nanos> {
        let End(end, _) = self.first()?;
        let wait = (end - self.progress).max(0.0) / self.pace();
        Some(self.at.saturating_add(nanos(seconds(wait))))
    }

    /// A request that is done, and when.
    pub(super) fn finish(&mut self, now: Nanos) -> Option<(Nanos, Job)> {
        let at = self.next().filter(|at| *at <= now)?;
        self.advance(at);
        let End(end, job) = self.first()?;
        self.ends.pop();
        // What rounding has left out.
        self.progress = self.progress.max(end);
        self.in_service -= 1;
        Some((at, job))
    }

    fn first(&mut self) -> Option<End> {
        loop {
            let Reverse(first) = *self.ends.peek()?;
            if !self.left.remove(&first.1) {
                return Some(first);
            }
            self.ends.pop();
        }
    }

    fn advance(&mut self, now: Nanos) {
        let passed = now.saturating_sub(self.at) as f64 / 1e9;
        self.progress += passed * self.pace();
        self.at = self.at.max(now);
    }

    /// Progress per time: 1 up to the slots, then slots/n and less under contention.
    fn pace(&self) -> f64 {
        let n = self.in_service;
        if n <= self.slots {
            return 1.0;
        }
        self.slots as f64 / n as f64 / crowding(n, self.slots, self.penalty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    fn task(milliseconds: f64) -> Task {
        Task { time: milliseconds / 1000.0, penalty: 0.0 }
    }

    fn drain(sharing: &mut Sharing) -> Vec<(Nanos, Job)> {
        std::iter::from_fn(|| sharing.finish(Nanos::MAX))
            .map(|(at, job)| ((at as f64 / MS as f64).round() as Nanos, job))
            .collect()
    }

    #[test]
    fn all_are_slowed_alike_beyond_the_slots() {
        let mut sharing = Sharing::new();
        sharing.set_slots(0, 1, 0.0);
        sharing.begin(0, 0, task(10.0));
        sharing.begin(0, 1, task(20.0));
        // two at half speed until the first is done at 20, then the other has 10 left at full speed
        assert_eq!(drain(&mut sharing), [(20, 0), (30, 1)]);
    }

    #[test]
    fn none_is_slowed_within_the_slots() {
        let mut sharing = Sharing::new();
        sharing.set_slots(0, 2, 0.0);
        sharing.begin(0, 0, task(10.0));
        sharing.begin(5 * MS, 1, task(10.0));
        assert_eq!(drain(&mut sharing), [(10, 0), (15, 1)]);
    }

    #[test]
    fn who_leaves_gives_its_share_to_the_others() {
        let mut sharing = Sharing::new();
        sharing.set_slots(0, 1, 0.0);
        sharing.begin(0, 0, task(10.0));
        sharing.begin(0, 1, task(10.0));
        sharing.leave(10 * MS, 0);
        assert_eq!(sharing.len(), 1);
        // half of it was done at 10
        assert_eq!(drain(&mut sharing), [(15, 1)]);
    }

    #[test]
    fn slots_count_from_when_they_change() {
        let mut sharing = Sharing::new();
        sharing.set_slots(0, 1, 0.0);
        (0..2).for_each(|job| sharing.begin(0, job, task(10.0)));
        sharing.set_slots(10 * MS, 2, 0.0);
        assert_eq!(drain(&mut sharing), [(15, 0), (15, 1)]);
    }
}
