//! The queue that all worker pools of a dispatcher pull from, and who may pull.
//!
//! Each pool has a *gate*, which lets in as many works at a time as the concurrency limit says; each worker has a
//! *seat* at it. A worker without work sits idle until it is woken. What must never happen is that work waits while a
//! worker that may take it sleeps. So whenever work waits and any gate could let some in, a worker is awake or has been
//! woken: on arrival one is woken per thread, and each that takes a work wakes the next of its thread, once its own
//! handler has to wait. One wake-up is under way per thread at most, so a burst costs no storm. A worker that cannot
//! use its wake-up, because its gate has changed or because it dies, hands it on, to another thread if need be.

mod demand;
mod gate;
mod seat;
mod sight;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::time::Instant;
use demand::Demand;
use gate::{Access, Gate};
pub(crate) use gate::{GateView, SeatView};
use parking_lot::Mutex;
pub(crate) use seat::{Pull, Seat};
use slab::Slab;
use smallvec::SmallVec;

use super::Waiting;
use super::lanes::Lanes;
use super::retries::{Retries, RetryTimes};
use crate::config::QueueOrder;
use crate::control::breaker::BreakerState;
use crate::dispatcher::Rejection;
use crate::pool::PoolStats;

/// The queue that all worker pools of a dispatcher pull from.
#[derive(Debug)]
pub(crate) struct Backlog<T: Waiting> {
    state: Mutex<State<T>>,
    /// `None` where works are pushed.
    demand: Option<Demand>,
}

/// Names a gate. When that has ended and all have left, it names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolKey {
    index: usize,
    /// Places in the slab are used again; this number is not.
    number: u64,
}

#[derive(Debug)]
struct State<T: Waiting> {
    lanes: Lanes<T>,
    /// Served before those that wait for the first time: they came earlier.
    retries: Retries<T>,
    gates: Slab<Gate>,
    threads: Vec<Thread>,
    /// The thread that is woken first by the next arrival.
    turn: usize,
    waiting_since: Option<Instant>,
    waited: Duration,
    /// How many gates there have been.
    gates_so_far: u64,
    /// Why works are turned away, if nobody will pull them.
    turned_away: Option<Rejection>,
}

/// The gates of one arbiter.
#[derive(Debug)]
struct Thread {
    id: ThreadId,
    /// How many gates there are; with none, the entry is free for another thread.
    gates: usize,
    /// Gates that could let somebody in and had an idle seat when they were listed. They take turns.
    ready: VecDeque<usize>,
    /// The seat that was woken and has not come yet.
    woken: Option<(usize, u32)>,
}

type Wakers = SmallVec<[Waker; 4]>;

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
        if !self.has_work() || self.threads[thread].woken.is_some() {
            return None;
        }
        for _ in 0..self.threads[thread].ready.len() {
            let key = self.threads[thread].ready.pop_front()?;
            let gate = &mut self.gates[key];
            if !gate.may_start() {
                gate.is_listed = false;
                continue;
            }
            if self.lanes.is_empty() && !self.retries.has_for(gate.number) {
                self.threads[thread].ready.push_back(key);
                continue;
            }
            gate.is_listed = false;
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

    /// As [`State::wake_next`] for this thread, or else for another.
    fn wake_any(&mut self, thread: usize) -> Option<Waker> {
        self.wake_next(thread).or_else(|| (0..self.threads.len()).find_map(|other| self.wake_next(other)))
    }

    /// As [`State::wake_next`] for the thread of a gate that may have become ready.
    fn gate_changed(&mut self, key: usize) -> Option<Waker> {
        self.list(key);
        let thread = self.gates[key].thread;
        self.wake_next(thread)
    }

    fn gate(&mut self, pool: PoolKey) -> Option<&mut Gate> {
        self.gates.get_mut(pool.index).filter(|gate| gate.number == pool.number)
    }

    fn has_work(&self) -> bool {
        !self.lanes.is_empty() || !self.retries.is_empty()
    }

    /// Takes note that works have come back, or that there are fewer handlers for them: those that no open gate would
    /// take may go to any. Wakes a worker on every thread on which one can take work.
    fn offer_retries(&mut self, wakers: &mut Wakers) {
        if self.retries.is_empty() {
            return;
        }
        let open = || self.gates.iter().filter(|(_, gate)| gate.is_open());
        self.retries.readmit(|excluded| open().any(|(_, gate)| !excluded.contains(&gate.number)));
        for thread in 0..self.threads.len() {
            wakers.extend(self.wake_next(thread));
        }
    }

    /// Takes note that works wait which have been at a handler.
    fn retries_changed(&mut self, now: Instant, wakers: &mut Wakers) {
        if !self.retries.is_empty() {
            self.waiting_since.get_or_insert(now);
            self.offer_retries(wakers);
        }
    }

    /// A gate does not take work any more: what excludes the others may go there now, and workers that left it to that
    /// one need not hold off any longer.
    fn one_less_open(&mut self, wakers: &mut Wakers) {
        self.offer_retries(wakers);
        let seats = self.gates.iter().flat_map(|(_, gate)| gate.seats.iter());
        wakers.extend(seats.filter(|(_, seat)| seat.is_holding_off).filter_map(|(_, seat)| seat.waker.clone()));
    }

    fn take_all(&mut self, now: Instant) -> Vec<T> {
        let works = std::iter::from_fn(|| self.retries.pop().or_else(|| self.lanes.pop())).collect();
        self.note_empty(now);
        works
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
        self.threads[gate.thread].gates -= 1;
        if gate.is_listed {
            self.threads[gate.thread].ready.retain(|listed| *listed != key);
        }
    }

    fn note_empty(&mut self, now: Instant) {
        if !self.has_work()
            && let Some(since) = self.waiting_since.take()
        {
            self.waited += now.saturating_duration_since(since);
        }
    }
}

impl<T: Waiting> Backlog<T> {
    pub(crate) fn new(order: QueueOrder) -> Self {
        Backlog {
            demand: None,
            state: Mutex::new(State {
                lanes: Lanes::new(order),
                retries: Retries::new(),
                gates: Slab::new(),
                threads: Vec::new(),
                turn: 0,
                waiting_since: None,
                waited: Duration::ZERO,
                gates_so_far: 0,
                turned_away: None,
            }),
        }
    }

    /// Adds works and wakes workers for them. Returns the works, and the reason, if nobody will pull them.
    pub(crate) fn append(&self, works: &mut Vec<T>, now: Instant) -> Result<(), (Vec<T>, Rejection)> {
        let mut state = self.state.lock();
        if let Some(reason) = state.turned_away {
            return Err((std::mem::take(works), reason));
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
        for _ in 0..threads {
            if wakers.len() == arrived {
                break;
            }
            state.turn = (state.turn + 1) % threads;
            let turn = state.turn;
            wakers.extend(state.wake_next(turn));
        }
        drop(state);
        wake(wakers);
        Ok(())
    }

    /// Adds a work that has been at a handler, and wakes a worker for it unless it is put off. Returns the work, and the
    /// reason, if nobody will pull it.
    pub(crate) fn put_back(&self, work: T, times: RetryTimes, now: Instant) -> Result<(), (T, Rejection)> {
        let mut state = self.state.lock();
        if let Some(reason) = state.turned_away {
            return Err((work, reason));
        }
        state.retries.push(work, times);
        let mut wakers = Wakers::new();
        state.retries_changed(now, &mut wakers);
        drop(state);
        wake(wakers);
        Ok(())
    }

    /// Opens no gate yet: [`Backlog::open`] does. Called on the arbiter whose workers will sit there.
    pub(crate) fn add_gate(&self, limit: usize, stats: Arc<PoolStats>) -> PoolKey {
        let mut state = self.state.lock();
        let id = thread::current().id();
        let known = state.threads.iter().position(|thread| thread.id == id);
        let thread = known.or_else(|| state.threads.iter().position(|thread| thread.gates == 0)).unwrap_or_else(|| {
            state.threads.push(Thread { id, gates: 0, ready: VecDeque::new(), woken: None });
            state.threads.len() - 1
        });
        (state.threads[thread].id, state.threads[thread].gates) = (id, state.threads[thread].gates + 1);
        let is_closed = state.turned_away == Some(Rejection::ShuttingDown);
        let access = if is_closed { Access::Ended } else { Access::Shut };
        state.gates_so_far += 1;
        let number = state.gates_so_far;
        let index = state.gates.insert(Gate {
            number,
            thread,
            access,
            circuit: BreakerState::Closed,
            open_until: None,
            allowed: limit,
            limit,
            busy: 0,
            stuck: 0,
            answering: 0,
            last_change: None,
            overflown: false,
            seats: Slab::new(),
            idle: Vec::new(),
            is_listed: false,
            stats,
        });
        PoolKey { index, number }
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

    /// Opens a gate whose hold is over at `now`.
    pub(crate) fn resume(&self, pool: PoolKey, now: Instant) {
        self.change(pool, |gate| {
            if matches!(gate.access, Access::Held(until) if until <= now) {
                gate.access = Access::Open;
            }
        });
    }

    /// Lets through what the circuit breaker says; `open_until` is when it will let something through again, if nothing
    /// now. What is in service when it opens is left behind: see [`GateView::stuck`].
    pub(crate) fn set_circuit(&self, pool: PoolKey, circuit: BreakerState, open_until: Option<Instant>) {
        self.change(pool, |gate| {
            if open_until.is_some() {
                gate.leave_behind();
            }
            (gate.circuit, gate.open_until) = (circuit, open_until);
        });
    }

    fn change(&self, pool: PoolKey, apply: impl FnOnce(&mut Gate)) {
        let mut state = self.state.lock();
        let Some(gate) = state.gate(pool).filter(|gate| gate.access != Access::Ended) else { return };
        let was_open = gate.is_open();
        apply(gate);
        gate.set_allowed();
        let mut wakers = Wakers::new();
        if was_open && !gate.is_open() {
            state.one_less_open(&mut wakers);
        } else {
            wakers.extend(state.gate_changed(pool.index));
        }
        drop(state);
        wake(wakers);
        self.room_changed();
    }

    /// Ends a gate: its workers leave when they have finished.
    pub(crate) fn end(&self, pool: PoolKey) {
        let mut state = self.state.lock();
        let Some(gate) = state.gate(pool) else { return };
        gate.access = Access::Ended;
        let mut wakers = Wakers::new();
        state.dismiss_idle(pool.index, &mut wakers);
        if state.gates[pool.index].seats.is_empty() {
            state.remove_gate(pool.index);
        }
        state.one_less_open(&mut wakers);
        drop(state);
        wake(wakers);
    }

    /// Polls the workers of a pool that have a work, so that they see what has changed for them.
    pub(crate) fn rouse(&self, pool: PoolKey) {
        let mut state = self.state.lock();
        let Some(gate) = state.gate(pool) else { return };
        let busy = gate.seats.iter().filter(|(_, seat)| seat.busy_since.is_some());
        let wakers: Vec<Waker> = busy.filter_map(|(_, seat)| seat.waker.clone()).collect();
        drop(state);
        wake(wakers);
    }

    /// Sends up to `count` idle workers of a pool home, those first that have been idle longest.
    pub(crate) fn retire(&self, pool: PoolKey, count: usize) {
        let mut state = self.state.lock();
        let Some(gate) = state.gate(pool) else { return };
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
        state.turned_away = Some(Rejection::ShuttingDown);
        let works = state.take_all(now);
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
        let expired =
            std::iter::from_fn(|| state.retries.pop_expired(now).or_else(|| state.lanes.pop_expired(now, &is_over)));
        let expired = expired.collect();
        state.note_empty(now);
        drop(state);
        self.room_changed();
        expired
    }

    /// Takes out the works whose answers are of no use any more. Costs as much as works wait.
    pub(crate) fn take_over(&self, now: Instant) -> Vec<T> {
        let mut state = self.state.lock();
        let mut over = state.retries.take_over();
        over.append(&mut state.lanes.take_over());
        state.note_empty(now);
        drop(state);
        if !over.is_empty() {
            self.room_changed();
        }
        over
    }

    /// Lets those works be pulled that were put off until `now`: see [`Retries::release`].
    pub(crate) fn release(&self, now: Instant, may_go: impl FnMut() -> Result<(), Instant>) {
        let mut state = self.state.lock();
        let mut wakers = Wakers::new();
        if state.retries.release(now, may_go) {
            state.retries_changed(now, &mut wakers);
        }
        drop(state);
        wake(wakers);
    }

    /// Takes no works until [`Backlog::serve`]: those that wait are returned, those that come are turned away.
    pub(crate) fn turn_away(&self, reason: Rejection, now: Instant) -> Vec<T> {
        let mut state = self.state.lock();
        state.turned_away.get_or_insert(reason);
        state.take_all(now)
    }

    /// Takes works again, unless it is closed.
    pub(crate) fn serve(&self) {
        let mut state = self.state.lock();
        if state.turned_away != Some(Rejection::ShuttingDown) {
            state.turned_away = None;
        }
        drop(state);
        self.room_changed();
    }

    /// When the next work will have waited too long, or may be pulled that was put off. `expires_at` says it of those that brought no time of their own.
    pub(crate) fn next_expiry(&self, expires_at: impl FnOnce(&T) -> Option<Instant>) -> Option<Instant> {
        let mut state = self.state.lock();
        let undated = state.lanes.oldest_undated().and_then(expires_at);
        [undated, state.lanes.next_date(), state.retries.next_date()].into_iter().flatten().min()
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}
