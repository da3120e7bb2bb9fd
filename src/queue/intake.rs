//! Where callers leave their work.

use std::mem;

use crate::time::Instant;
use actix::Addr;
use parking_lot::Mutex;

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

    /// How many works have not been fetched yet.
    pub(crate) fn len(&self) -> usize {
        self.state.lock().works.len()
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex as StdMutex};
    use std::time::Duration;

    use super::*;
    use crate::queue::{Excluded, Patience};

    type Log = Arc<StdMutex<Vec<u32>>>;

    /// Writes down that it was refused.
    #[derive(Debug)]
    struct Item {
        id: u32,
        at: Option<Instant>,
        refused: Log,
    }

    impl Waiting for Item {
        fn class(&self) -> usize {
            0
        }
        fn arrived(&mut self, at: Instant) {
            self.at.get_or_insert(at);
        }
        fn sheds_at(&self) -> Option<Instant> {
            None
        }
        fn expires_at(&self, _: Patience) -> Option<Instant> {
            None
        }
        fn expire(self, _: Instant, _: Patience, _: f64) {}
        fn refuse(self, _: Rejection) {
            self.refused.lock().unwrap().push(self.id);
        }
        fn waits_at(&mut self, _: u64) {}
        fn is_over(&self) -> bool {
            false
        }
        fn discard(self) {}
        fn excluded(&mut self) -> Option<&mut Excluded> {
            None
        }
    }

    #[test]
    fn what_comes_before_the_end_and_after_it_is_refused() {
        let (intake, refused) = (Intake::new(), Log::default());
        let item = |id| Item { id, at: None, refused: Arc::clone(&refused) };
        intake.push(item(1));
        let mut batch = Vec::new();
        intake.fetch(&mut batch, Instant::now());
        assert_eq!(batch.len(), 1);
        intake.push(item(2));
        intake.close();
        assert_eq!(*refused.lock().unwrap(), [2]);
        intake.push(item(3));
        assert_eq!(*refused.lock().unwrap(), [2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn works_of_a_batch_are_taken_to_have_come_evenly_unless_they_know() {
        let (intake, start) = (Intake::new(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        for id in 0..4 {
            let known = (id == 2).then(|| at(39));
            intake.push(Item { id, at: known, refused: Log::default() });
        }
        tokio::time::advance(Duration::from_millis(40)).await;
        let mut batch = Vec::new();
        intake.fetch(&mut batch, Instant::now());
        let times: Vec<_> = batch.iter().map(|item| item.at).collect();
        assert_eq!(times, [Some(at(0)), Some(at(10)), Some(at(39)), Some(at(30))]);
        // The next batch begins with its own first.
        tokio::time::advance(Duration::from_millis(60)).await;
        intake.push(Item { id: 4, at: None, refused: Log::default() });
        batch.clear();
        intake.fetch(&mut batch, Instant::now());
        assert_eq!(batch[0].at, Some(at(100)));
    }
}
