//! A timer that costs nothing where time does not run out.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is not moved when its end is put off, but when it goes off too early.
#[derive(Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Resolves at `deadline`. It is to be polled by one task only, and may wake it before.
    pub(super) fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.is_elapsed() || timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        } else if timer.deadline() < deadline {
            return Poll::Pending;
        }
        timer.as_mut().poll(cx)
    }
}
