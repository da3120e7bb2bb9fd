//! A worker's place at a gate.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::time::Instant;
use smallvec::SmallVec;

use super::gate::{Access, SeatState};
use super::{Backlog, PoolKey, wake};
use crate::control::breaker::BreakerState;
use crate::dispatcher::Rejection;
use crate::queue::Waiting;
use crate::queue::lanes::Lanes;
use crate::queue::retries::{Retries, RetryTimes};

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
        let index = backlog.state.lock().gate(pool)?.seats.insert(SeatState::default()) as u32;
        Some(Seat { backlog, pool, index })
    }

    /// Gives back the work it had, if any, and asks for the next. `waker` is woken when there is some.
    pub(crate) fn pull(&self, waker: &Waker, now: Instant) -> Pull<T> {
        self.ask(waker, now, true)
    }

    /// As [`Seat::pull`], but leaves what waits to the worker whose turn it is, which may be this one.
    pub(crate) fn make_way(&self, waker: &Waker, now: Instant) -> Pull<T> {
        self.ask(waker, now, false)
    }

    fn ask(&self, waker: &Waker, now: Instant, takes: bool) -> Pull<T> {
        let mut guard = self.backlog.state.lock();
        let state = &mut *guard;
        let gate = &mut state.gates[self.pool.index];
        let seat = &mut gate.seats[self.index as usize];
        if seat.is_idle {
            // Polled although nobody woke it: those who can take the work know of it.
            remember(&mut seat.waker, waker);
            return Pull::Idle;
        }
        let is_retired = seat.is_retired;
        let has_finished = gate.finish(self.index);
        if has_finished {
            gate.last_change = Some(now);
            self.backlog.room_changed();
        }
        let thread = gate.thread;
        if state.threads[thread].woken == Some((self.pool.index, self.index)) {
            state.threads[thread].woken = None;
        }
        if gate.access == Access::Ended || is_retired {
            return Pull::Leave;
        }
        if takes
            && gate.may_start()
            && let Some(work) = next_work(&mut state.retries, &mut state.lanes, gate.number)
        {
            gate.start(self.index, waker, now);
            if !has_finished {
                // There is more room to wait.
                self.backlog.room_changed();
            }
            let waits = !(state.lanes.is_empty() && state.retries.is_empty());
            if waits {
                gate.overflown |= gate.is_full();
            } else {
                state.note_empty(now);
            }
            let more = waits && state.threads[thread].woken.is_none();
            return Pull::Work { work, more };
        }
        let seat = &mut gate.seats[self.index as usize];
        seat.is_idle = true;
        remember(&mut seat.waker, waker);
        gate.idle.push(self.index);
        state.list(self.pool.index);
        // Others may take what this worker may not.
        let next = state.wake_any(thread);
        drop(guard);
        wake(next);
        Pull::Idle
    }

    /// The handler has begun to answer; the slot stays taken.
    pub(crate) fn answering(&self, now: Instant) {
        let mut state = self.backlog.state.lock();
        state.gates[self.pool.index].answer(self.index, now);
    }

    /// Whether there is another work for each slot that becomes free, though it does not wait here.
    pub(crate) fn is_fed(&self) -> bool {
        self.backlog.is_fed()
    }

    /// As [`Backlog::shut`].
    pub(crate) fn shut(&self) {
        self.backlog.shut(self.pool);
    }

    /// As [`Backlog::hold`].
    pub(crate) fn hold(&self, until: Instant) {
        self.backlog.hold(self.pool, until);
    }

    /// As [`Backlog::set_circuit`].
    pub(crate) fn set_circuit(&self, circuit: BreakerState, open_until: Option<Instant>) {
        self.backlog.set_circuit(self.pool, circuit, open_until);
    }

    /// As [`Backlog::put_back`], for a work that this seat's handler should not get again.
    pub(crate) fn put_back(&self, mut work: T, times: RetryTimes, now: Instant) -> Result<(), (T, Rejection)> {
        if let Some(excluded) = work.excluded()
            && let Err(at) = excluded.binary_search(&self.pool.number)
        {
            excluded.insert(at, self.pool.number);
        }
        self.backlog.put_back(work, times, now)
    }

    /// Ends the works that wait at these places among those that go out again.
    pub(crate) fn discard(&self, places: &[u64], now: Instant) {
        let mut state = self.backlog.state.lock();
        let works: SmallVec<[T; 2]> = places.iter().filter_map(|place| state.retries.take(*place)).collect();
        state.note_empty(now);
        drop(state);
        self.backlog.room_changed();
        works.into_iter().for_each(T::discard);
    }

    /// The mean process time of the other handlers, if one is known.
    pub(crate) fn process_time_elsewhere(&self) -> Option<Duration> {
        self.backlog.process_time_beside(self.pool)
    }

    /// Whether the next work is better left to another handler; the worker is woken when that may have changed.
    pub(crate) fn holds_off(&self) -> bool {
        let mut state = self.backlog.state.lock();
        let has_alternative = state.gates.iter().any(|(index, gate)| index != self.pool.index && gate.is_open());
        let gate = &mut state.gates[self.pool.index];
        let holds_off = has_alternative && gate.access != Access::Ended;
        gate.seats[self.index as usize].is_holding_off = holds_off;
        holds_off
    }

    /// Wakes the next worker of this thread for work that waits.
    pub(crate) fn pass_on(&self) {
        let mut state = self.backlog.state.lock();
        let thread = state.gates[self.pool.index].thread;
        let next = state.wake_next(thread);
        drop(state);
        wake(next);
    }
}

impl<T: Waiting> Drop for Seat<T> {
    fn drop(&mut self) {
        let mut state = self.backlog.state.lock();
        let gate = &mut state.gates[self.pool.index];
        gate.finish(self.index);
        if gate.seats.remove(self.index as usize).is_idle {
            gate.idle.retain(|index| *index != self.index);
        }
        let thread = gate.thread;
        if gate.access == Access::Ended && gate.seats.is_empty() {
            state.remove_gate(self.pool.index);
        }
        if state.threads[thread].woken == Some((self.pool.index, self.index)) {
            state.threads[thread].woken = None;
        }
        if state.gate(self.pool).is_some() {
            state.list(self.pool.index);
        }
        let next = state.wake_any(thread);
        drop(state);
        wake(next);
        self.backlog.room_changed();
    }
}

/// Takes the work that this handler is to serve next.
#[inline]
fn next_work<T: Waiting>(retries: &mut Retries<T>, lanes: &mut Lanes<T>, handler: u64) -> Option<T> {
    if retries.is_empty() { lanes.pop() } else { retries.pop_for(handler).or_else(|| lanes.pop()) }
}

fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(known) => known.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}
