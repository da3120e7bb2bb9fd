//! Where callers leave their work.

use std::mem;

use actix::Addr;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Doorbell, QueueActor, Waiting};
use crate::dispatcher::Rejection;

/// Where callers leave their work, from any thread, until the [`QueueActor`] fetches it.
#[derive(Debug)]
pub(crate) struct Intake<T: Waiting> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T: Waiting> {
    works: Vec<T>,
    /// When the first of the works came.
    opened: Instant,
    /// Who fetches; `None` before the start and after the end.
    owner: Option<Addr<QueueActor<T>>>,
    closed: bool,
}

impl<T: Waiting> Intake<T> {
    pub(crate) fn new() -> Self {
        Intake { state: Mutex::new(State { works: Vec::new(), opened: Instant::now(), owner: None, closed: false }) }
    }

    /// Leaves a work; it is answered at once if nobody will fetch it any more.
    pub(crate) fn push(&self, work: T) {
        let mut state = self.state.lock();
        if state.closed {
            drop(state);
            return work.refuse(Rejection::ShuttingDown);
        }
        // The owner fetches all that is there, so one ring serves until it has come.
        if state.works.is_empty() {
            state.opened = Instant::now();
            if let Some(owner) = &state.owner {
                owner.do_send(Doorbell);
            }
        }
        state.works.push(work);
    }

    /// From now on `owner` is rung for. What has been left before is there for it to fetch.
    pub(crate) fn open(&self, owner: Addr<QueueActor<T>>) {
        let mut state = self.state.lock();
        if !state.closed {
            state.owner = Some(owner);
        }
    }

    /// Moves all works into `batch`, which must be empty: the two vectors change places, so that neither is allocated
    /// anew. The clock is read for the first work of a batch only; the others are taken to have come evenly since then,
    /// which is at once unless the owner's thread was held up.
    pub(crate) fn fetch(&self, batch: &mut Vec<T>, now: Instant) {
        debug_assert!(batch.is_empty());
        let mut state = self.state.lock();
        mem::swap(&mut state.works, batch);
        let opened = state.opened;
        drop(state);
        let step = now.saturating_duration_since(opened) / u32::try_from(batch.len().max(1)).unwrap_or(u32::MAX);
        let mut at = opened;
        for work in batch {
            work.arrived(at);
            at += step;
        }
    }

    /// Takes no more work; what is there is answered.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let owner = state.owner.take();
        let works = mem::take(&mut state.works);
        drop(state);
        drop(owner);
        for work in works {
            work.refuse(Rejection::ShuttingDown);
        }
    }
}
