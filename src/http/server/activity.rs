//! What is going on on a connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Sleep, Timer};
use tokio::time::{Duration, Instant};

/// What hyper and the socket have seen of a connection. Whoever times it out looks here, so that no timer is touched by
/// a request that goes well.
///
/// All is done on one thread, except that an upgraded connection may go to another; hence atomics, without an order.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Which head is waited for, counted from 1; 0: none yet.
    awaited: AtomicU64,
    awaiting: AtomicBool,
    received: AtomicBool,
    /// Bytes, with those that are TLS's.
    sent: AtomicU64,
    blocked: AtomicBool,
    ended: AtomicBool,
    listening: AtomicBool,
    asked: AtomicBool,
}

impl Activity {
    /// HTTP/1: the next head is waited for, and nothing of it has come.
    pub(super) fn await_head(&self) {
        self.awaited.fetch_add(1, Ordering::Relaxed);
        self.received.store(false, Ordering::Relaxed);
        self.awaiting.store(true, Ordering::Relaxed);
    }

    /// HTTP/1: the head has come.
    pub(super) fn have_head(&self) {
        self.awaiting.store(false, Ordering::Relaxed);
    }

    /// Which head is waited for, if one is.
    pub(super) fn awaits(&self) -> Option<u64> {
        self.awaiting.load(Ordering::Relaxed).then(|| self.awaited.load(Ordering::Relaxed))
    }

    /// Which head was waited for last.
    pub(super) fn last_awaited(&self) -> u64 {
        self.awaited.load(Ordering::Relaxed)
    }

    /// Bytes have come from the client.
    pub(super) fn receive(&self) {
        self.received.store(true, Ordering::Relaxed);
    }

    /// Whether something of the awaited head has come.
    pub(super) fn has_received(&self) -> bool {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn send(&self, bytes: usize) {
        // A usize is at most 64 bits.
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes that the client's socket has taken.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether the client takes nothing of what is to be sent.
    pub(super) fn set_blocked(&self, is_blocked: bool) {
        self.blocked.store(is_blocked, Ordering::Relaxed);
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Whether more of the client is waited for, so that its leaving would be noticed.
    pub(super) fn set_listening(&self, is_listening: bool) {
        self.listening.store(is_listening, Ordering::Relaxed);
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    /// Has the socket fail, the next time that hyper flushes it, if the client has left.
    pub(super) fn ask_whether_left(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Whether the socket is to look if the client has left.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) && self.asked.swap(false, Ordering::Relaxed)
    }

    /// The client sends no more.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

/// Tells of the moment from which hyper waits for a head: it starts a timer then, when it has one. This is the only
/// sign that it has dealt with all of a request and its answer, and that it holds nothing worth keeping.
pub(super) struct HeadWatch {
    activity: Arc<Activity>,
    /// hyper adds its timeout to this; nobody looks at the sum.
    anything: Instant,
}

impl HeadWatch {
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        Self { activity, anything: Instant::now() }
    }
}

#[expect(clippy::disallowed_types, reason = "hyper's trait has it, and no time is told by it")]
impl Timer for HeadWatch {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Forever)
    }

    fn sleep_until(&self, _: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        self.activity.await_head();
        // Of no size, so it is not allocated.
        Box::pin(Forever)
    }

    fn now(&self) -> std::time::Instant {
        self.anything.into_std()
    }
}

struct Forever;

impl Future for Forever {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Forever {}
