//! Where the answers to what was taken from a source arrive.

use std::task::Waker;

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::dispatcher::CallError;

/// An answer, and the key of the item that it is to.
pub(super) type Keyed<Res, Err> = (u32, Result<Res, CallError<Err>>);

/// Where the answers to what was taken from a source arrive, from the threads of all handlers. A channel of its own for
/// each item would cost two allocations and a waker.
#[derive(Debug)]
pub(crate) struct Answers<Res, Err> {
    /// `None` when nobody takes them any more.
    arrived: Mutex<Option<Vec<Keyed<Res, Err>>>>,
    taker: AtomicWaker,
}

impl<Res, Err> Answers<Res, Err> {
    pub(super) fn new() -> Self {
        Answers { arrived: Mutex::new(Some(Vec::new())), taker: AtomicWaker::new() }
    }

    /// Gives the answer back if nobody takes it any more.
    pub(crate) fn push(
        &self,
        key: u32,
        answer: Result<Res, CallError<Err>>,
    ) -> Result<(), Result<Res, CallError<Err>>> {
        let mut arrived = self.arrived.lock();
        let Some(answers) = arrived.as_mut() else {
            drop(arrived);
            return Err(answer);
        };
        let is_first = answers.is_empty();
        answers.push((key, answer));
        drop(arrived);
        // Whoever takes them takes all.
        if is_first {
            self.taker.wake();
        }
        Ok(())
    }

    /// `taker` is woken when there are some.
    pub(super) fn watch(&self, taker: &Waker) {
        self.taker.register(taker);
    }

    /// Moves all that are there into `batch`, which must be empty: the two vectors change places.
    pub(super) fn take(&self, batch: &mut Vec<Keyed<Res, Err>>) {
        debug_assert!(batch.is_empty());
        if let Some(answers) = self.arrived.lock().as_mut() {
            std::mem::swap(answers, batch);
        }
    }

    /// Takes no more, and returns those that are there.
    pub(super) fn close(&self) -> Vec<Keyed<Res, Err>> {
        self.arrived.lock().take().unwrap_or_default()
    }
}
