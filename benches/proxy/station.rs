//! A service with slots and a queue, first come, first served, in real time: the lab's service, as an HTTP server has it.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What a request is answered by when its time is over.
pub(crate) type Job = oneshot::Sender<()>;

const SEED: u64 = 20_26;

/// How long requests take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ServiceTime {
    pub(crate) mean: Duration,
    /// Exponentially distributed, rather than always the mean.
    pub(crate) exponential: bool,
    /// As the lab's: with n in flight above the slots, times are multiplied by 1 + 3·penalty·(n − slots)/n.
    pub(crate) penalty: f64,
}

#[derive(Debug)]
struct Station {
    slots: usize,
    time: ServiceTime,
    chance: Xoshiro256PlusPlus,
    queue: VecDeque<Job>,
    ends: BinaryHeap<Reverse<End>>,
    begun: u64,
}

#[derive(Debug)]
struct End {
    at: Instant,
    number: u64,
    job: Job,
}

/// Starts a service on a thread of its own, which ends when nobody can send to it any more. Tokio's timers are as coarse
/// as a millisecond, which would cost a slot a hundredth of its time; a thread that waits is not.
pub(crate) fn start(slots: usize, time: ServiceTime) -> Sender<Job> {
    let (sender, jobs) = channel();
    let station = Station {
        slots,
        time,
        chance: Xoshiro256PlusPlus::seed_from_u64(SEED),
        queue: VecDeque::new(),
        ends: BinaryHeap::new(),
        begun: 0,
    };
    thread::spawn(move || station.run(jobs));
    sender
}

impl Station {
    fn run(mut self, jobs: Receiver<Job>) {
        loop {
            let job = match self.ends.peek() {
                Some(Reverse(end)) => jobs.recv_timeout(end.at.saturating_duration_since(Instant::now())),
                None => jobs.recv().map_err(RecvTimeoutError::from),
            };
            let now = Instant::now();
            self.finish(now);
            match job {
                Ok(job) => self.enter(now, job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn enter(&mut self, now: Instant, job: Job) {
        if self.ends.len() < self.slots { self.begin(now, job) } else { self.queue.push_back(job) }
    }

    fn begin(&mut self, now: Instant, job: Job) {
        let in_flight = self.ends.len() + self.queue.len() + 1;
        let beyond = in_flight.saturating_sub(self.slots) as f64 / in_flight as f64;
        let drawn = if self.time.exponential { -(1.0 - self.chance.random::<f64>()).ln() } else { 1.0 };
        let takes = self.time.mean.mul_f64(drawn * (1.0 + 3.0 * self.time.penalty * beyond));
        self.begun += 1;
        self.ends.push(Reverse(End { at: now + takes, number: self.begun, job }));
    }

    /// Answers what is due. The next in the queue begins when the slot became free, not when that was noticed.
    fn finish(&mut self, now: Instant) {
        while self.ends.peek().is_some_and(|Reverse(end)| end.at <= now) {
            let Some(Reverse(end)) = self.ends.pop() else { return };
            // The proxy may have left: the work was done all the same.
            let _ = end.job.send(());
            if let Some(next) = self.queue.pop_front() {
                self.begin(end.at, next);
            }
        }
    }
}

impl Ord for End {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for End {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for End {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for End {}
