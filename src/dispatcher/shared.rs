//! What callers, queue and workers of one dispatcher share: the published admission and the counters.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use futures::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};

use super::error::{Rejection, RejectionReason};
use super::leavers::Leavers;
use super::totals::{ByReason, Rejections, Totals};
use super::work::Priority;
use crate::config::WorkSettings;
use crate::control::regulator::Admission;
use crate::control::user_shares::UserShares;
use crate::queue::Patience;
use crate::time::Instant;

/// Keeps what is written by different threads on different cache lines (128: two lines, which are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

/// Whether work is taken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Gate {
    /// Work is taken as the admission says.
    Open = 0,
    /// There is no handler, and the grace period is over.
    NoHandlers = 1,
    /// No more work is taken.
    ShuttingDown = 2,
}

/// How a work ended, as the totals count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    Failed,
    TimedOut,
    Rejected(RejectionReason),
    Abandoned,
}

/// Counts what callers do. Every counter only grows; what is not counted follows from the others, since each addition
/// that several threads may make at once costs as much as twenty plain ones.
#[derive(Debug, Default)]
struct AtTheDoor {
    admitted: AtomicU64,
    refused: ByReason,
    with_deadline: AtomicU64,
    standing_delays_ns: AtomicU64,
}

/// Counts what happens to works that were let in.
#[derive(Debug, Default)]
struct Inside {
    /// Works that are no longer queued, whatever became of them, but for those that were put back.
    dequeued: AtomicU64,
    /// How often a work was put back.
    returned: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    shed: ByReason,
    abandoned: AtomicU64,
}

impl Inside {
    fn ended(&self) -> u64 {
        let ended = [&self.completed, &self.failed, &self.timed_out, &self.abandoned];
        ended.iter().map(|counter| counter.load(Ordering::SeqCst)).sum::<u64>() + self.shed.sum(Ordering::SeqCst)
    }
}

/// What a caller reads of the admission whose work brings no time limit: one number decides.
#[derive(Debug)]
struct AtAGlance {
    gate: AtomicU8,
    /// How many works must be ahead of one of each class to ask the admission: see [`Admission::room`].
    room: [AtomicUsize; Priority::CLASSES],
    /// How long works without a deadline of their own may wait, in nanoseconds; `u64::MAX` for ever.
    longest_wait_ns: AtomicU64,
}

/// Keeps a class from being kept out for good.
#[derive(Debug, Default)]
struct Probe {
    /// Whether one work is let in whatever the admission says.
    has_one: AtomicBool,
    was_let_in: AtomicBool,
}

/// What callers, queue and workers of one dispatcher share. None of it depends on the types of request and response.
#[derive(Debug)]
pub(crate) struct Shared {
    capacity: usize,
    request_timeout: Option<Duration>,
    /// Whether only its own time limits end a work that was let in.
    at_least_once: bool,
    glance: Apart<AtAGlance>,
    admission: ArcSwap<Admission>,
    /// How often a law that drops by chance has drawn.
    draws: Apart<AtomicU64>,
    /// By class.
    probes: Apart<[Probe; Priority::CLASSES]>,
    /// By class; made when the first work of it names its user.
    users: [OnceLock<Mutex<UserShares>>; Priority::CLASSES],
    start: Instant,
    door: Apart<AtTheDoor>,
    inside: Apart<Inside>,
    /// Whether the queue is being sampled.
    is_sampling: AtomicBool,
    /// Whether the regulator has forgotten the last overload.
    is_at_rest: AtomicBool,
    /// Whether somebody waits for the last work to end.
    draining: AtomicBool,
    drained: AtomicWaker,
    is_cut_off: AtomicBool,
    pub(crate) leavers: Leavers,
}

/// Arrivals and departures since the start, for the sampler.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arrivals {
    pub(crate) arrived: u64,
    pub(crate) refused: u64,
    pub(crate) dequeued: u64,
    pub(crate) with_deadline: u64,
    pub(crate) standing_delays: Duration,
}

impl Shared {
    pub(crate) fn new(capacity: usize, work: &WorkSettings) -> Self {
        let glance = AtAGlance {
            gate: AtomicU8::new(Gate::Open as u8),
            room: [const { AtomicUsize::new(usize::MAX) }; Priority::CLASSES],
            longest_wait_ns: AtomicU64::new(u64::MAX),
        };
        Shared {
            capacity,
            request_timeout: work.request_timeout,
            at_least_once: work.at_least_once,
            glance: Apart(glance),
            admission: ArcSwap::from_pointee(Admission::open()),
            draws: Apart::default(),
            probes: Apart::default(),
            users: Default::default(),
            start: Instant::now(),
            door: Apart::default(),
            inside: Apart::default(),
            is_sampling: AtomicBool::new(false),
            is_at_rest: AtomicBool::new(true),
            draining: AtomicBool::new(false),
            drained: AtomicWaker::new(),
            is_cut_off: AtomicBool::new(false),
            leavers: Leavers::default(),
        }
    }

    pub(crate) fn gate(&self) -> Gate {
        match self.glance.0.gate.load(Ordering::Relaxed) {
            0 => Gate::Open,
            1 => Gate::NoHandlers,
            _ => Gate::ShuttingDown,
        }
    }

    /// Shutting down is for good: no later call opens the gate again.
    pub(crate) fn set_gate(&self, gate: Gate) {
        let current = &self.glance.0.gate;
        current.fetch_max(gate as u8, Ordering::Relaxed);
        if gate == Gate::Open {
            let no_handlers = Gate::NoHandlers as u8;
            let _ = current.compare_exchange(no_handlers, gate as u8, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    pub(crate) fn admission(&self) -> Guard<Arc<Admission>> {
        self.admission.load()
    }

    /// Lets one work of each class in whatever the admission says, if none of it has been let in since the last time.
    pub(crate) fn grant_probes(&self) {
        for Probe { has_one, was_let_in } in &self.probes.0 {
            has_one.store(!was_let_in.swap(false, Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Takes the probe of a class, if it is there.
    pub(crate) fn takes_probe(&self, class: u8) -> bool {
        let probe = &self.probes.0[usize::from(class)].has_one;
        // Read first: it is hardly ever true, and a read does not take the line from others.
        probe.load(Ordering::Relaxed) && probe.swap(false, Ordering::Relaxed)
    }

    /// A work of this class has been let in.
    pub(crate) fn let_in(&self, class: u8) {
        let was_let_in = &self.probes.0[usize::from(class)].was_let_in;
        if !was_let_in.load(Ordering::Relaxed) {
            was_let_in.store(true, Ordering::Relaxed);
        }
    }

    /// The shares of the users of a class. Only works that name one come here.
    pub(crate) fn users(&self, class: u8) -> MutexGuard<'_, UserShares> {
        self.users[usize::from(class)].get_or_init(Mutex::default).lock()
    }

    pub(crate) fn since_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// What [`Admission::decide`] draws: how many draws there were before.
    pub(crate) fn draw(&self) -> u64 {
        self.draws.0.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a work of this class that brings no time limit finds room behind those that wait.
    pub(crate) fn has_room(&self, class: u8) -> bool {
        self.queued() < self.glance.0.room[usize::from(class)].load(Ordering::Relaxed)
    }

    pub(crate) fn publish(&self, admission: Admission) {
        for (class, room) in self.glance.0.room.iter().enumerate() {
            room.store(admission.room(class as u8), Ordering::Relaxed);
        }
        let nanos = |wait: Duration| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.glance.0.longest_wait_ns.store(admission.longest_wait(None).map_or(u64::MAX, nanos), Ordering::Relaxed);
        self.admission.store(Arc::new(admission));
    }

    pub(crate) fn request_timeout(&self) -> Option<Duration> {
        self.request_timeout
    }

    pub(crate) fn at_least_once(&self) -> bool {
        self.at_least_once
    }

    /// How long works may wait, as things stand.
    pub(crate) fn patience(&self) -> Patience {
        let longest_wait = match self.glance.0.longest_wait_ns.load(Ordering::Relaxed) {
            _ if self.at_least_once => None,
            u64::MAX => None,
            nanos => Some(Duration::from_nanos(nanos)),
        };
        Patience { longest_wait, request_timeout: self.request_timeout }
    }

    pub(crate) fn count_refused(&self, reason: RejectionReason) {
        self.door.0.refused.of_one(reason).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_deadline(&self, standing_delay: Duration) {
        self.door.0.with_deadline.fetch_add(1, Ordering::Relaxed);
        let ns = u64::try_from(standing_delay.as_nanos()).unwrap_or(u64::MAX);
        self.door.0.standing_delays_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Takes a place in the queue, unless it is full; [`Shared::leave_queue`] gives it back.
    pub(crate) fn take_place(&self) -> Result<(), Rejection> {
        let admitted = self.door.0.admitted.fetch_add(1, Ordering::SeqCst);
        let dequeued = self.inside.0.dequeued.load(Ordering::Relaxed);
        if admitted.saturating_sub(dequeued) >= self.capacity as u64 {
            self.door.0.admitted.fetch_sub(1, Ordering::SeqCst);
            return Err(Rejection::QueueFull { capacity: self.capacity });
        }
        Ok(())
    }

    pub(crate) fn leave_queue(&self) {
        self.inside.0.dequeued.fetch_add(1, Ordering::Relaxed);
    }

    /// A work that had left waits again. It has a place whatever the capacity: there are no more such works than slots,
    /// and while they wait nothing else is let in.
    pub(crate) fn return_to_queue(&self) {
        self.inside.0.returned.fetch_add(1, Ordering::Relaxed);
        self.inside.0.dequeued.fetch_sub(1, Ordering::Relaxed);
    }

    /// How often a work was taken from the queue, or ended there.
    fn dequeued(&self) -> u64 {
        // In this order: a work that is put back in between must not count as a departure that was never made.
        let dequeued = self.inside.0.dequeued.load(Ordering::Acquire);
        dequeued + self.inside.0.returned.load(Ordering::Relaxed)
    }

    /// From now on, what is dropped in service was cut off.
    pub(crate) fn cut_off(&self) {
        self.is_cut_off.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off.load(Ordering::Relaxed)
    }

    /// Works in the intake and in the backlog.
    pub(crate) fn queued(&self) -> usize {
        // In this order, so that a work that passes through in between is not counted as waiting twice.
        let dequeued = self.inside.0.dequeued.load(Ordering::Acquire);
        self.door.0.admitted.load(Ordering::Relaxed).saturating_sub(dequeued) as usize
    }

    /// Counts the end of a work that had been let in.
    pub(crate) fn count_end(&self, ending: Ending) {
        let inside = &self.inside.0;
        let total = match ending {
            Ending::Completed => &inside.completed,
            Ending::Failed => &inside.failed,
            Ending::TimedOut => &inside.timed_out,
            Ending::Rejected(reason) => inside.shed.of_one(reason),
            Ending::Abandoned => &inside.abandoned,
        };
        // Sequentially consistent, as the waiter's side is: one of the two sees the other.
        total.fetch_add(1, Ordering::SeqCst);
        if self.draining.load(Ordering::SeqCst) {
            self.drained.wake();
        }
    }

    /// Returns whether nobody was sampling.
    pub(crate) fn start_sampling(&self) -> bool {
        // Read first: it is hardly ever false, and a read does not take the line from others.
        !self.is_sampling.load(Ordering::Relaxed) && !self.is_sampling.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn stop_sampling(&self) {
        self.is_sampling.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        self.is_at_rest.load(Ordering::Relaxed)
    }

    pub(crate) fn set_at_rest(&self, is_at_rest: bool) {
        self.is_at_rest.store(is_at_rest, Ordering::Relaxed);
    }

    /// How many works have been refused, at the door or later.
    pub(crate) fn refusals(&self) -> u64 {
        self.door.0.refused.sum(Ordering::Relaxed) + self.inside.0.shed.sum(Ordering::Relaxed)
    }

    pub(crate) fn arrivals(&self) -> Arrivals {
        let door = &self.door.0;
        let refused = door.refused.sum(Ordering::Relaxed);
        Arrivals {
            arrived: door.admitted.load(Ordering::Relaxed) + refused,
            refused: refused + self.inside.0.shed.sum(Ordering::Relaxed),
            dequeued: self.dequeued(),
            with_deadline: door.with_deadline.load(Ordering::Relaxed),
            standing_delays: Duration::from_nanos(door.standing_delays_ns.load(Ordering::Relaxed)),
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        let (door, inside) = (&self.door.0, &self.inside.0);
        // Each is read once, later stages first, so that the sums hold even while others count on. A work that finds the
        // queue full is admitted for a moment, and then refused: in this order it is never counted as both.
        let refused = door.refused.sum(Ordering::Acquire);
        let [completed, failed, timed_out, abandoned] =
            [&inside.completed, &inside.failed, &inside.timed_out, &inside.abandoned]
                .map(|counter| counter.load(Ordering::Acquire));
        let shed = inside.shed.sum(Ordering::Acquire);
        let ended = completed + failed + timed_out + shed + abandoned;
        let dequeued = inside.dequeued.load(Ordering::Acquire).max(ended);
        let admitted = door.admitted.load(Ordering::Acquire).max(dequeued);
        Totals {
            received: admitted + refused,
            completed,
            failed,
            timed_out,
            rejected: refused + shed,
            shed,
            abandoned,
            queued: admitted - dequeued,
            in_flight: dequeued - ended,
        }
    }

    pub(crate) fn rejections(&self) -> Rejections {
        Rejections::counted(|reason| self.door.0.refused.of(reason) + self.inside.0.shed.of(reason))
    }

    /// Resolves when no work is queued or in flight. One waiter at a time; work that arrives meanwhile delays it.
    pub(crate) async fn drained(&self) {
        self.draining.store(true, Ordering::SeqCst);
        poll_fn(|cx| {
            self.drained.register(cx.waker());
            let ended = self.inside.0.ended();
            if self.door.0.admitted.load(Ordering::SeqCst) == ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
