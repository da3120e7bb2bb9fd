//! How many connections may be open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Places for connections, of all threads.
#[derive(Debug)]
pub(super) struct Slots {
    limit: AtomicUsize,
    /// With those of threads that wait for a connection to put there.
    taken: AtomicUsize,
    open: AtomicUsize,
    freed: Notify,
    emptied: Notify,
}

impl Slots {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicUsize::new(limit),
            taken: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            freed: Notify::new(),
            emptied: Notify::new(),
        })
    }

    /// Those above a lower limit stay.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::SeqCst);
        self.freed.notify_waiters();
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(super) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let limit = self.limit.load(Ordering::SeqCst);
        self.taken
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| (taken < limit).then_some(taken + 1))
            .ok()
            .map(|_| Slot { slots: self.clone(), is_open: false })
    }

    /// Takes one above the limit.
    pub(super) fn take_anyway(self: &Arc<Self>) -> Slot {
        self.taken.fetch_add(1, Ordering::SeqCst);
        Slot { slots: self.clone(), is_open: false }
    }

    /// Takes one when there is one.
    ///
    /// # Cancel safety
    /// Nothing is taken, and whoever waits beside is not held up.
    pub(super) async fn take(self: &Arc<Self>) -> Slot {
        loop {
            let freed = self.freed();
            tokio::pin!(freed);
            // From here on nothing that is freed is missed.
            freed.as_mut().enable();
            if let Some(slot) = self.try_take() {
                return slot;
            }
            freed.await;
        }
    }

    /// Resolves when one has been freed.
    pub(super) fn freed(&self) -> tokio::sync::futures::Notified<'_> {
        self.freed.notified()
    }

    /// Resolves when none is open.
    pub(super) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.open() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// The place of one connection.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    is_open: bool,
}

impl Slot {
    /// There is a connection in it now.
    pub(super) fn open(mut self) -> Self {
        self.slots.open.fetch_add(1, Ordering::SeqCst);
        self.is_open = true;
        self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.taken.fetch_sub(1, Ordering::SeqCst);
        // All that wait, which are threads, for one may wait for something else beside.
        self.slots.freed.notify_waiters();
        if self.is_open && self.slots.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.slots.emptied.notify_waiters();
        }
    }
}
