//! What viewers are sent.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::watch;

use super::MOST_VIEWERS;
use super::history::{History, Next};

/// A viewer that has lost its connection comes back after as much.
const RETRY: &str = "retry: 1000\n\n";

/// What the sampler tells and viewers read.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) history: Mutex<History>,
    /// Changes with every tick; `false` when there will be no more.
    lasts: watch::Sender<bool>,
    viewers: AtomicUsize,
}

impl Board {
    pub(super) fn new(history: History) -> Arc<Self> {
        Arc::new(Board { history: Mutex::new(history), lasts: watch::Sender::new(true), viewers: AtomicUsize::new(0) })
    }

    /// Has viewers look at what there is.
    pub(super) fn has_more(&self) {
        // What has ended does not go on.
        self.lasts.send_modify(|_| {});
    }

    /// There will be no more.
    pub(super) fn end(&self) {
        self.lasts.send_replace(false);
    }

    pub(super) fn viewers(&self) -> usize {
        self.viewers.load(Ordering::Relaxed)
    }
}

/// The server-sent events for one viewer, as bytes of `text/event-stream`: see [`Dashboard::events`](super::Dashboard::events).
///
/// All viewers share the bytes of an event. One that is slow is sent what it has missed when it asks for more, and nothing
/// is kept for it meanwhile.
///
/// # Cancel safety
///
/// Nothing is lost between one item and the next.
pub struct Events(Pin<Box<dyn Stream<Item = Bytes> + Send>>);

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Stream for Events {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.0.poll_next_unpin(cx)
    }
}

/// As many look at a dashboard as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{MOST_VIEWERS} viewers look at this dashboard, and there may be no more: close one")]
pub struct TooManyViewers;

impl Events {
    pub(super) fn new(board: &Arc<Board>, last_event_id: Option<&str>) -> Result<Self, TooManyViewers> {
        let place = Place::take(board)?;
        let seen = last_event_id.and_then(|id| board.history.lock().seen(id));
        let viewer = Viewer { lasts: board.lasts.subscribe(), place, seen };
        let retry = stream::iter([Bytes::from_static(RETRY.as_bytes())]);
        let events = stream::unfold(viewer, |mut viewer| async { Some((viewer.next().await?, viewer)) });
        Ok(Events(Box::pin(retry.chain(events))))
    }
}

struct Viewer {
    place: Place,
    lasts: watch::Receiver<bool>,
    /// The newest tick that it knows.
    seen: Option<u64>,
}

impl Viewer {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Before it is looked for what there is, so that no tick goes unnoticed that comes meanwhile.
            if !*self.lasts.borrow_and_update() {
                return None;
            }
            if let Some(Next { seen, event }) = self.place.0.history.lock().after(self.seen) {
                self.seen = Some(seen);
                return Some(event);
            }
            self.lasts.changed().await.ok()?;
        }
    }
}

/// The place of one viewer.
struct Place(Arc<Board>);

impl Place {
    fn take(board: &Arc<Board>) -> Result<Self, TooManyViewers> {
        let one_more = |viewers| (viewers < MOST_VIEWERS).then_some(viewers + 1);
        match board.viewers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Place(Arc::clone(board))),
            Err(_) => Err(TooManyViewers),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}
