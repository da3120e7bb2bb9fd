//! The queue that all worker pools of a dispatcher pull from, and who may pull.
//!
//! Each pool has a *gate*, which lets in as many works at a time as the concurrency limit says; each worker has a
//! *seat* at it. A worker without work sits idle until it is woken. What must never happen is that work waits while a
//! worker that may take it sleeps. So whenever work waits and a gate of a thread could let some in, one of that
//! thread's workers is awake or has been woken: on arrival one is woken per thread, and each that takes a work wakes
//! the next, once its own handler has to wait. One wake-up is under way per thread at most, so a burst costs no storm,
//! and a worker that dies hands on the wake-up it was given.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::Mutex;
use slab::Slab;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::Waiting;
use super::lanes::Lanes;
use crate::control::regulator::ServiceSample;
use crate::pool::PoolStats;

/// The queue that all worker pools of a dispatcher pull from.
#[derive(Debug)]
pub(crate) struct Backlog<T: Waiting> {
    state: Mutex<State<T>>,
}

/// Names a gate for as long as anybody sits at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolKey(usize);

/// What can be seen of a gate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GateView {
    /// Works that were let in and are not done.
    pub(crate) busy: usize,
    /// Workers that sit there.
    pub(crate) workers: usize,
    pub(crate) is_held: bool,
}

/// What a worker that asks for work gets.
#[derive(Debug)]
pub(crate) enum Pull<T> {
    /// A work; `more` says that others wait, for whom [`Seat::pass_on`] is to be called before this worker waits.
    Work { work: T, more: bool },
    /// Nothing now: the worker will be woken.
    Idle,
    /// Nothing any more.
    Leave,
}

/// Who may come through a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Open,
    /// Nobody before then.
    Held(Instant),
    /// Nobody until it is opened again.
    Shut,
    /// Nobody any more: the workers leave.
    Ended,
}

#[derive(Debug)]
struct State<T: Waiting> {
    lanes: Lanes<T>,
    gates: Slab<Gate>,
    threads: Vec<Thread>,
    /// The thread that is woken first by the next arrival.
    turn: usize,
    waiting_since: Option<Instant>,
    waited: Duration,
    closed: bool,
}

/// The gates of one arbiter.
#[derive(Debug)]
struct Thread {
    id: ThreadId,
    /// Gates that could let somebody in and had an idle seat when they were listed. They take turns.
    ready: VecDeque<usize>,
    /// The seat that was woken and has not come yet.
    woken: Option<(usize, u32)>,
}

#[derive(Debug)]
struct Gate {
    thread: usize,
    access: Access,
    limit: usize,
    busy: usize,
    seats: Slab<SeatState>,
    /// Idle seats; the last to sit down is the first to be woken, while its memory is warm.
    idle: Vec<u32>,
    /// Whether it is in its thread's list of ready gates.
    is_listed: bool,
    stats: Arc<PoolStats>,
}

#[derive(Debug, Default)]
struct SeatState {
    waker: Option<Waker>,
    is_idle: bool,
    is_busy: bool,
    is_retired: bool,
}

type Wakers = SmallVec<[Waker; 4]>;

impl Gate {
    fn may_start(&self) -> bool {
        self.access == Access::Open && self.busy < self.limit
    }
}

impl<T: Waiting> State<T> {
    /// Lists a gate with its thread if it could let somebody in.
    fn list(&mut self, key: usize) {
        let gate = &mut self.gates[key];
        if !gate.is_listed && gate.may_start() && !gate.idle.is_empty() {
            gate.is_listed = true;
            self.threads[gate.thread].ready.push_back(key);
        }
    }

    /// Chooses the worker of a thread to be woken, if work waits, one can take it and none is on its way.
    fn wake_next(&mut self, thread: usize) -> Option<Waker> {
        if self.lanes.is_empty() || self.threads[thread].woken.is_some() {
            return None;
        }
        while let Some(key) = self.threads[thread].ready.pop_front() {
            let gate = &mut self.gates[key];
            gate.is_listed = false;
            if !gate.may_start() {
                continue;
            }
            let Some(index) = gate.idle.pop() else { continue };
            let seat = &mut gate.seats[index as usize];
            seat.is_idle = false;
            let waker = seat.waker.clone();
            self.list(key);
            self.threads[thread].woken = Some((key, index));
            return waker;
        }
        None
    }

    /// As [`State::wake_next`] for the thread of a gate that may have become ready.
    fn gate_changed(&mut self, key: usize) -> Option<Waker> {
        self.list(key);
        let thread = self.gates[key].thread;
        self.wake_next(thread)
    }

    /// Sends a gate's idle workers home.
    fn dismiss_idle(&mut self, key: usize, wakers: &mut Wakers) {
        let gate = &mut self.gates[key];
        for index in gate.idle.drain(..) {
            let seat = &mut gate.seats[index as usize];
            seat.is_idle = false;
            wakers.extend(seat.waker.clone());
        }
    }

    /// Forgets a gate at which nobody sits any more.
    fn remove_gate(&mut self, key: usize) {
        let gate = self.gates.remove(key);
        if gate.is_listed {
            self.threads[gate.thread].ready.retain(|listed| *listed != key);
        }
    }

    fn note_empty(&mut self, now: Instant) {
        if self.lanes.is_empty()
            && let Some(since) = self.waiting_since.take()
        {
            self.waited += now.saturating_duration_since(since);
        }
    }
}

impl<T: Waiting> Backlog<T> {
    pub(crate) fn new() -> Self {
        Backlog {
            state: Mutex::new(State {
                lanes: Lanes::new(),
                gates: Slab::new(),
                threads: Vec::new(),
                turn: 0,
                waiting_since: None,
                waited: Duration::ZERO,
                closed: false,
            }),
        }
    }

    /// Adds works and wakes workers for them. Returns the works if nobody will pull any more.
    pub(crate) fn append(&self, works: &mut Vec<T>, now: Instant) -> Result<(), Vec<T>> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(std::mem::take(works));
        }
        let arrived = works.len();
        for work in works.drain(..) {
            state.lanes.push(work);
        }
        if arrived > 0 && state.waiting_since.is_none() {
            state.waiting_since = Some(now);
        }
        let mut wakers = Wakers::new();
        let threads = state.threads.len();
        for _ in 0..threads.min(arrived) {
            state.turn = (state.turn + 1) % threads;
            let turn = state.turn;
            wakers.extend(state.wake_next(turn));
        }
        drop(state);
        wake(wakers);
        Ok(())
    }

    /// Opens no gate yet: [`Backlog::open`] does. Called on the arbiter whose workers will sit there.
    pub(crate) fn add_gate(&self, limit: usize, stats: Arc<PoolStats>) -> PoolKey {
        let mut state = self.state.lock();
        let id = thread::current().id();
        let thread = state.threads.iter().position(|thread| thread.id == id).unwrap_or_else(|| {
            state.threads.push(Thread { id, ready: VecDeque::new(), woken: None });
            state.threads.len() - 1
        });
        let access = if state.closed { Access::Ended } else { Access::Shut };
        PoolKey(state.gates.insert(Gate {
            thread,
            access,
            limit,
            busy: 0,
            seats: Slab::new(),
            idle: Vec::new(),
            is_listed: false,
            stats,
        }))
    }

    pub(crate) fn set_limit(&self, pool: PoolKey, limit: usize) {
        self.change(pool, |gate| gate.limit = limit);
    }

    pub(crate) fn open(&self, pool: PoolKey) {
        self.change(pool, |gate| gate.access = Access::Open);
    }

    pub(crate) fn shut(&self, pool: PoolKey) {
        self.change(pool, |gate| gate.access = Access::Shut);
    }

    /// Nobody starts before `until`; someone must [`open`](Backlog::open) it then. A longer hold stands.
    pub(crate) fn hold(&self, pool: PoolKey, until: Instant) {
        self.change(pool, |gate| match gate.access {
            Access::Open => gate.access = Access::Held(until),
            Access::Held(other) => gate.access = Access::Held(other.max(until)),
            Access::Shut | Access::Ended => {}
        });
    }

    /// Opens a gate whose hold is over at `now`; returns until when it is held otherwise.
    pub(crate) fn resume(&self, pool: PoolKey, now: Instant) -> Option<Instant> {
        let mut held = None;
        self.change(pool, |gate| {
            if let Access::Held(until) = gate.access {
                if until <= now { gate.access = Access::Open } else { held = Some(until) }
            }
        });
        held
    }

    fn change(&self, pool: PoolKey, apply: impl FnOnce(&mut Gate)) {
        let mut state = self.state.lock();
        let Some(gate) = state.gates.get_mut(pool.0) else { return };
        if gate.access == Access::Ended {
            return;
        }
        apply(gate);
        let waker = state.gate_changed(pool.0);
        drop(state);
        wake(waker);
    }

    /// Ends a gate: its workers leave when they have finished.
    pub(crate) fn end(&self, pool: PoolKey) {
        let mut state = self.state.lock();
        let Some(gate) = state.gates.get_mut(pool.0) else { return };
        gate.access = Access::Ended;
        let mut wakers = Wakers::new();
        state.dismiss_idle(pool.0, &mut wakers);
        if state.gates[pool.0].seats.is_empty() {
            state.remove_gate(pool.0);
        }
        drop(state);
        wake(wakers);
    }

    /// Sends up to `count` idle workers of a pool home, those first that have been idle longest.
    pub(crate) fn retire(&self, pool: PoolKey, count: usize) {
        let mut state = self.state.lock();
        let Some(gate) = state.gates.get_mut(pool.0) else { return };
        let count = count.min(gate.idle.len());
        let mut wakers = Wakers::new();
        for index in gate.idle.drain(..count) {
            let seat = &mut gate.seats[index as usize];
            seat.is_idle = false;
            seat.is_retired = true;
            wakers.extend(seat.waker.clone());
        }
        drop(state);
        wake(wakers);
    }

    /// Takes no more works, sends all workers home when they have finished, and returns the works that waited.
    pub(crate) fn close(&self, now: Instant) -> Vec<T> {
        let mut state = self.state.lock();
        state.closed = true;
        let works = std::iter::from_fn(|| state.lanes.pop()).collect();
        state.note_empty(now);
        let mut wakers = Wakers::new();
        let keys: Vec<usize> = state.gates.iter().map(|(key, _)| key).collect();
        for key in keys {
            state.gates[key].access = Access::Ended;
            state.dismiss_idle(key, &mut wakers);
            if state.gates[key].seats.is_empty() {
                state.remove_gate(key);
            }
        }
        drop(state);
        wake(wakers);
        works
    }

    /// Takes out the works that wait no longer at `now`.
    pub(crate) fn take_expired(&self, now: Instant, is_over: impl Fn(&T) -> bool) -> Vec<T> {
        let mut state = self.state.lock();
        let expired = std::iter::from_fn(|| state.lanes.pop_expired(now, &is_over)).collect();
        state.note_empty(now);
        expired
    }

    /// Takes out all works.
    pub(crate) fn take_all(&self, now: Instant) -> Vec<T> {
        let mut state = self.state.lock();
        let works = std::iter::from_fn(|| state.lanes.pop()).collect();
        state.note_empty(now);
        works
    }

    /// When the next work will have waited too long. `expires_at` says it of those that brought no time of their own.
    pub(crate) fn next_expiry(&self, expires_at: impl FnOnce(&T) -> Option<Instant>) -> Option<Instant> {
        let mut state = self.state.lock();
        let undated = state.lanes.oldest_undated().and_then(expires_at);
        [undated, state.lanes.next_date()].into_iter().flatten().min()
    }

    /// For how long, since the start, works have been waiting.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        let state = self.state.lock();
        state.waited + state.waiting_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// What can be seen of a gate; nothing once it has ended and all have left.
    pub(crate) fn view(&self, pool: PoolKey) -> GateView {
        self.state.lock().gates.get(pool.0).map_or_else(GateView::default, |gate| GateView {
            busy: gate.busy,
            workers: gate.seats.len(),
            is_held: matches!(gate.access, Access::Held(_)),
        })
    }

    /// What is known of the handlers together. Its cost grows with their number.
    pub(crate) fn service(&self, now: Instant) -> ServiceSample {
        let (mut open, mut held) = (Together::default(), Together::default());
        let mut pause = Duration::MAX;
        for (_, gate) in &self.state.lock().gates {
            match gate.access {
                Access::Open => open.add(gate),
                Access::Held(until) => {
                    held.add(gate);
                    pause = pause.min(until.saturating_duration_since(now));
                }
                Access::Shut | Access::Ended => {}
            }
        }
        if open.limit == 0 && held.limit > 0 { held.sample(pause) } else { open.sample(Duration::ZERO) }
    }
}

/// Sums over gates.
#[derive(Debug, Default)]
struct Together {
    limit: usize,
    /// Of those gates whose process time is known.
    known_limit: usize,
    leaving_rate: f64,
}

impl Together {
    fn add(&mut self, gate: &Gate) {
        self.limit += gate.limit;
        if let Some(process_time) = gate.stats.process_time() {
            self.known_limit += gate.limit;
            self.leaving_rate += gate.limit as f64 / process_time.as_secs_f64().max(1e-9);
        }
    }

    fn sample(&self, pause: Duration) -> ServiceSample {
        let seconds = self.known_limit as f64 / self.leaving_rate;
        let process_time = (self.leaving_rate > 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or_default());
        ServiceSample { limit: self.limit, leaving_rate: self.leaving_rate, process_time, pause }
    }
}

/// A worker's place at a gate. Dropping it leaves the gate and hands on a wake-up that was meant for it.
#[derive(Debug)]
pub(crate) struct Seat<T: Waiting> {
    backlog: Arc<Backlog<T>>,
    pool: PoolKey,
    index: u32,
}

impl<T: Waiting> Seat<T> {
    /// Sits down at a gate; `None` if it has been taken away.
    pub(crate) fn take(backlog: Arc<Backlog<T>>, pool: PoolKey) -> Option<Self> {
        let index = backlog.state.lock().gates.get_mut(pool.0)?.seats.insert(SeatState::default()) as u32;
        Some(Seat { backlog, pool, index })
    }

    /// Gives back the work it had, if any, and asks for the next. `waker` is woken when there is some.
    pub(crate) fn pull(&self, waker: &Waker, now: Instant) -> Pull<T> {
        let mut guard = self.backlog.state.lock();
        let state = &mut *guard;
        let gate = &mut state.gates[self.pool.0];
        let seat = &mut gate.seats[self.index as usize];
        if seat.is_idle {
            // Polled although nobody woke it: those who can take the work know of it.
            remember(&mut seat.waker, waker);
            return Pull::Idle;
        }
        if seat.is_busy {
            seat.is_busy = false;
            gate.busy -= 1;
        }
        let thread = gate.thread;
        if state.threads[thread].woken == Some((self.pool.0, self.index)) {
            state.threads[thread].woken = None;
        }
        if gate.access == Access::Ended || seat.is_retired {
            return Pull::Leave;
        }
        if gate.access == Access::Open
            && gate.busy < gate.limit
            && let Some(work) = state.lanes.pop()
        {
            seat.is_busy = true;
            gate.busy += 1;
            state.note_empty(now);
            let more = !state.lanes.is_empty() && state.threads[thread].woken.is_none();
            return Pull::Work { work, more };
        }
        seat.is_idle = true;
        remember(&mut seat.waker, waker);
        gate.idle.push(self.index);
        // Others of this thread may take what this worker may not.
        let next = state.gate_changed(self.pool.0);
        drop(guard);
        wake(next);
        Pull::Idle
    }

    /// As [`Backlog::shut`].
    pub(crate) fn shut(&self) {
        self.backlog.shut(self.pool);
    }

    /// As [`Backlog::hold`].
    pub(crate) fn hold(&self, until: Instant) {
        self.backlog.hold(self.pool, until);
    }

    /// Wakes the next worker of this thread for work that waits.
    pub(crate) fn pass_on(&self) {
        let mut state = self.backlog.state.lock();
        let thread = state.gates[self.pool.0].thread;
        let next = state.wake_next(thread);
        drop(state);
        wake(next);
    }
}

impl<T: Waiting> Drop for Seat<T> {
    fn drop(&mut self) {
        let mut state = self.backlog.state.lock();
        let gate = &mut state.gates[self.pool.0];
        let seat = gate.seats.remove(self.index as usize);
        if seat.is_busy {
            gate.busy -= 1;
        }
        if seat.is_idle {
            gate.idle.retain(|index| *index != self.index);
        }
        let thread = gate.thread;
        if gate.access == Access::Ended && gate.seats.is_empty() {
            state.remove_gate(self.pool.0);
        }
        if state.threads[thread].woken == Some((self.pool.0, self.index)) {
            state.threads[thread].woken = None;
        }
        if state.gates.contains(self.pool.0) {
            state.list(self.pool.0);
        }
        let next = state.wake_next(thread);
        drop(state);
        wake(next);
    }
}

fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(known) => known.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests;
