//! The body of an answer, as it streams from an upstream to the client.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use thiserror::Error;

use crate::TailEnd;
use crate::http::patience::Patience;
use crate::time::Instant;

/// The body of an answer. It says when the upstream has sent its last byte: until then the slot is taken.
#[derive(Debug)]
pub(crate) struct Download {
    /// What was there with the head.
    first: Option<Frame<Bytes>>,
    body: Incoming,
    patience: Patience,
    /// Until the end, if the slot is held for that long.
    tail: Option<TailEnd>,
    /// When the client last took something; how long it has let the upstream wait comes out when it asks for more.
    taken_at: Option<Instant>,
    held_up: Duration,
}

/// Why an answer ends before its end.
#[derive(Debug, Error)]
pub(crate) enum DownloadError {
    #[error("the upstream has broken off: {0}")]
    BrokenOff(#[from] hyper::Error),
    #[error("the upstream has sent nothing for the body-idle-timeout of {0:?}")]
    TimedOut(Duration),
}

impl Download {
    pub(super) fn new(body: Incoming, idle_timeout: Duration) -> Self {
        let (patience, held_up) = (Patience::new(idle_timeout), Duration::ZERO);
        Download { first: None, body, patience, tail: None, taken_at: None, held_up }
    }

    /// Takes what is there already, which is the whole of most bodies. Returns whether more is to come.
    ///
    /// # Errors
    ///
    /// When the upstream has broken off.
    pub(super) async fn begin(&mut self) -> Result<bool, hyper::Error> {
        if self.body.is_end_stream() {
            return Ok(false);
        }
        match poll_fn(|cx| Poll::Ready(Pin::new(&mut self.body).poll_frame(cx))).await {
            Poll::Ready(Some(frame)) => {
                self.first = Some(frame?);
                Ok(!self.body.is_end_stream())
            }
            Poll::Ready(None) => Ok(false),
            Poll::Pending => Ok(true),
        }
    }

    /// Has `tail` told when it ends; `held_up` is how long the client has let the upstream wait before.
    pub(super) fn tell(&mut self, tail: TailEnd, held_up: Duration) {
        (self.tail, self.held_up) = (Some(tail), held_up);
    }

    fn end(&mut self, how: impl FnOnce(TailEnd, Duration)) {
        if let Some(tail) = self.tail.take() {
            how(tail, self.held_up);
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            if this.tail.is_some() {
                this.taken_at = Some(Instant::now());
            }
            return Poll::Ready(Some(Ok(first)));
        }
        let taken_at = this.taken_at.take();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        let Poll::Ready(frame) = polled else {
            let time = this.patience.time();
            ready!(this.patience.poll_over(cx));
            this.end(TailEnd::timed_out);
            return Poll::Ready(Some(Err(DownloadError::TimedOut(time))));
        };
        this.patience.renew();
        match frame {
            Some(Ok(frame)) => {
                if this.tail.is_some() {
                    // Only if there was something to take at once has the client let the upstream wait.
                    let now = Instant::now();
                    this.held_up += taken_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
                    this.taken_at = Some(now);
                    // The last frame is not followed by another question if the length is known.
                    if this.body.is_end_stream() {
                        this.end(TailEnd::complete);
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                this.end(TailEnd::failed);
                Poll::Ready(Some(Err(error.into())))
            }
            None => {
                this.end(TailEnd::complete);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(first + rest.lower());
        if let Some(upper) = rest.upper() {
            hint.set_upper(first + upper);
        }
        hint
    }
}
