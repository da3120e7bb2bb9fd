//! The body of a request, as it streams from the client to an upstream.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use thiserror::Error;

use crate::http::patience::Patience;
use crate::time::Instant;

/// The body of a request that the client still sends. What the client does wrong there is not the upstream's fault, and how
/// long it takes is not held against the upstream.
#[derive(Debug)]
pub(crate) struct Upload {
    /// What was read ahead.
    first: Option<Bytes>,
    rest: Incoming,
    patience: Patience,
    /// How much more it may have.
    left: Option<u64>,
    /// Since when the client is waited for.
    waiting_since: Option<Instant>,
    notes: Arc<UploadNotes>,
}

/// What is known of an upload, for those who have only the answer.
#[derive(Debug, Default)]
pub(crate) struct UploadNotes {
    waited_ns: AtomicU64,
    is_waiting: AtomicBool,
    /// An [`UploadError`]; 0 for none.
    error: AtomicU8,
}

/// What is wrong with a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[repr(u8)]
pub(crate) enum UploadError {
    /// It has more than the route allows.
    #[error("the request's body is larger than the route's max-request-body")]
    TooLarge = 1,
    /// The client has sent nothing of it for too long.
    #[error("the client has sent nothing of the request's body for the request-body-idle-timeout")]
    TimedOut,
    /// The client has broken off, or sends what is not HTTP.
    #[error("the client has broken off the request's body")]
    BrokenOff,
}

impl UploadNotes {
    /// How long the client was waited for.
    pub(super) fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited_ns.load(Ordering::Relaxed))
    }

    /// Whether the client is waited for now.
    pub(super) fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }

    pub(super) fn error(&self) -> Option<UploadError> {
        match self.error.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(UploadError::TooLarge),
            2 => Some(UploadError::TimedOut),
            _ => Some(UploadError::BrokenOff),
        }
    }

    fn waited_for(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.waited_ns.fetch_add(ns, Ordering::Relaxed);
    }
}

impl Upload {
    /// `most`: how many bytes it may have; `idle_timeout`: how long the client may send nothing.
    pub(super) fn new(rest: Incoming, most: Option<u64>, idle_timeout: Duration) -> Self {
        Upload {
            first: None,
            rest,
            patience: Patience::new(idle_timeout),
            left: most,
            waiting_since: None,
            notes: Arc::default(),
        }
    }

    pub(super) fn notes(&self) -> Arc<UploadNotes> {
        Arc::clone(&self.notes)
    }

    /// Reads the whole if it has no more than so many bytes; otherwise what was read goes out first.
    ///
    /// # Errors
    ///
    /// What the client did wrong.
    pub(super) async fn keep(mut self, most: usize) -> Result<Kept, UploadError> {
        if self.rest.size_hint().lower() > most as u64 {
            return Ok(Kept::Part(self));
        }
        let (mut whole, mut length) = (Vec::new(), 0);
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            // Trailers of a request that is kept are lost: upstreams get a length instead of chunks.
            let Ok(data) = frame?.into_data() else { continue };
            length += data.len();
            whole.push(data);
            if length > most {
                self.first = Some(joined(whole));
                // No upstream has it yet: what the client took until here is nothing to be taken off an upstream's time.
                self.notes = Arc::default();
                return Ok(Kept::Part(self));
            }
        }
        Ok(Kept::Whole(joined(whole)))
    }

    fn fail(&mut self, error: UploadError) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        self.notes.error.store(error as u8, Ordering::Relaxed);
        Poll::Ready(Some(Err(error)))
    }
}

/// What became of a body that was to be kept.
#[derive(Debug)]
pub(crate) enum Kept {
    Whole(Bytes),
    /// It is larger than what may be kept.
    Part(Upload),
}

fn joined(mut parts: Vec<Bytes>) -> Bytes {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => parts.concat().into(),
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let polled = Pin::new(&mut this.rest).poll_frame(cx);
        let Poll::Ready(frame) = polled else {
            if this.waiting_since.is_none() {
                this.waiting_since = Some(Instant::now());
                this.notes.is_waiting.store(true, Ordering::Relaxed);
            }
            ready!(this.patience.poll_over(cx));
            return this.fail(UploadError::TimedOut);
        };
        this.patience.renew();
        if let Some(since) = this.waiting_since.take() {
            this.notes.is_waiting.store(false, Ordering::Relaxed);
            this.notes.waited_for(Instant::now().saturating_duration_since(since));
        }
        match frame {
            Some(Ok(frame)) => {
                if let (Some(left), Some(data)) = (&mut this.left, frame.data_ref()) {
                    match left.checked_sub(data.len() as u64) {
                        Some(rest) => *left = rest,
                        None => return this.fail(UploadError::TooLarge),
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(_)) => this.fail(UploadError::BrokenOff),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(first + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(first + upper);
        }
        hint
    }
}
