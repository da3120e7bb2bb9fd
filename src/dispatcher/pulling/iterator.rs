//! An iterator, which may block, on a thread of its own.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use futures::task::AtomicWaker;
use parking_lot::{Condvar, Mutex};

use super::feed::{Feed, Next, exactly};
use super::source::HandBack;
use crate::panics::{drop_quietly, message_of};

/// The feeder's side of an iterator on a thread of its own. The thread takes what it has been allowed to and no more, and
/// hands each item over as soon as it has it: the next may never come.
pub(super) struct FromIterator<T> {
    exchange: Arc<Exchange<T>>,
    /// Fetched from the exchange, whose two sides would otherwise meet at its lock for each item.
    fetched: VecDeque<T>,
    total: Option<u64>,
    has_ended: bool,
}

/// Where the thread and the feeder meet.
struct Exchange<T> {
    state: Mutex<State<T>>,
    allowed: Condvar,
    feeder: AtomicWaker,
}

struct State<T> {
    items: VecDeque<T>,
    /// How many more may be taken than are here.
    allowance: usize,
    /// Whether the iterator is being asked for one.
    is_taking: bool,
    /// Whether the thread waits to be allowed to.
    is_waiting: bool,
    end: Option<End>,
    /// Whether nobody fetches any more.
    is_closed: bool,
}

enum End {
    Exhausted,
    Panicked(String),
}

impl<T: Send + 'static> FromIterator<T> {
    /// Starts the thread.
    pub(super) fn start<I>(dispatcher: &str, iterator: I) -> std::io::Result<Self>
    where
        I: Iterator<Item = T> + Send + 'static,
    {
        let total = catch_unwind(AssertUnwindSafe(|| iterator.size_hint())).ok().and_then(exactly);
        let exchange = Arc::new(Exchange {
            state: Mutex::new(State {
                items: VecDeque::new(),
                allowance: 0,
                is_taking: false,
                is_waiting: false,
                end: None,
                is_closed: false,
            }),
            allowed: Condvar::new(),
            feeder: AtomicWaker::new(),
        });
        let other_side = Arc::clone(&exchange);
        thread::Builder::new().name(format!("kanaloa-{dispatcher}-pull").replace('\0', "")).spawn(move || {
            let mut iterator = iterator;
            other_side.run(&mut iterator);
            drop_quietly(iterator);
        })?;
        Ok(FromIterator { exchange, fetched: VecDeque::new(), total, has_ended: false })
    }
}

impl<T> Exchange<T> {
    fn run(&self, iterator: &mut impl Iterator<Item = T>) {
        let mut state = self.state.lock();
        loop {
            while state.allowance == 0 && !state.is_closed {
                state.is_waiting = true;
                self.allowed.wait(&mut state);
                state.is_waiting = false;
            }
            if state.is_closed {
                return;
            }
            state.allowance -= 1;
            state.is_taking = true;
            drop(state);
            let next = catch_unwind(AssertUnwindSafe(|| iterator.next()));
            state = self.state.lock();
            state.is_taking = false;
            if state.is_closed {
                drop(state);
                return drop_quietly(next);
            }
            match next {
                Ok(Some(item)) => state.items.push_back(item),
                Ok(None) => state.end = Some(End::Exhausted),
                Err(panic) => state.end = Some(End::Panicked(message_of(panic))),
            }
            let has_ended = state.end.is_some();
            // Once it is awake the feeder fetches all that is there.
            if has_ended || state.items.len() == 1 {
                drop(state);
                self.feeder.wake();
                state = self.state.lock();
            }
            if has_ended {
                return;
            }
        }
    }
}

impl<T: Send + 'static> FromIterator<T> {
    /// Fetches what is there, and allows as many more to be taken as there is `room` for.
    fn fetch(&mut self, room: usize) -> Option<End> {
        let state = &mut *self.exchange.state.lock();
        if self.fetched.is_empty() {
            mem::swap(&mut self.fetched, &mut state.items);
        }
        let on_their_way = self.fetched.len() + state.items.len() + usize::from(state.is_taking);
        state.allowance = room.saturating_sub(on_their_way);
        if state.allowance > 0 && state.is_waiting {
            self.exchange.allowed.notify_one();
        }
        if self.fetched.is_empty() { state.end.take() } else { None }
    }
}

impl<T: Send + 'static> Feed for FromIterator<T> {
    type Item = T;
    type Token = ();

    const WANTS_TO_KNOW: bool = false;

    fn poll_next(&mut self, room: usize, cx: &mut Context<'_>) -> Poll<Next<T, ()>> {
        if let Some(item) = self.fetched.pop_front() {
            return Poll::Ready(Next::Item(item, ()));
        }
        if self.has_ended {
            return Poll::Ready(Next::Exhausted);
        }
        self.exchange.feeder.register(cx.waker());
        let end = self.fetch(room);
        if let Some(item) = self.fetched.pop_front() {
            return Poll::Ready(Next::Item(item, ()));
        }
        let Some(end) = end else { return Poll::Pending };
        self.has_ended = true;
        Poll::Ready(match end {
            End::Exhausted => Next::Exhausted,
            End::Panicked(message) => Next::Panicked(message),
        })
    }

    fn pause(&mut self) {
        self.exchange.state.lock().allowance = 0;
    }

    fn poll_paused(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.exchange.feeder.register(cx.waker());
        if self.exchange.state.lock().is_taking { Poll::Pending } else { Poll::Ready(()) }
    }

    fn taken(&mut self) -> Option<(T, ())> {
        if self.fetched.is_empty() {
            mem::swap(&mut self.fetched, &mut self.exchange.state.lock().items);
        }
        self.fetched.pop_front().map(|item| (item, ()))
    }

    fn ack(&mut self, (): ()) -> Result<(), String> {
        Ok(())
    }

    fn hand_back(&mut self, (): (), _: HandBack) -> Result<(), String> {
        Ok(())
    }

    fn total(&self) -> Option<u64> {
        self.total
    }
}

impl<T> Drop for FromIterator<T> {
    fn drop(&mut self) {
        let mut state = self.exchange.state.lock();
        state.is_closed = true;
        let items = mem::take(&mut state.items);
        drop(state);
        self.exchange.allowed.notify_one();
        drop_quietly((items, mem::take(&mut self.fetched)));
    }
}
