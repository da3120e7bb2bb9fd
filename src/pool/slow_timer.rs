//! A timer for deadlines that are hardly ever reached.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Sleep, sleep_until};

use crate::time::Instant;

/// One timer for one deadline after another. Most are never reached, so a later deadline does not move the timer: it
/// is left to go off early, once in the length of a timeout, and set again then.
#[derive(Debug, Default)]
pub(crate) struct SlowTimer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl SlowTimer {
    /// Ready when `deadline` has passed.
    pub(crate) fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = deadline.as_tokio();
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            if deadline < sleep.deadline() {
                sleep.as_mut().reset(deadline);
            }
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    async fn wait(timer: &mut SlowTimer, deadline: Instant) {
        poll_fn(|cx| timer.poll(deadline, cx)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn goes_off_at_each_deadline_whatever_the_order() {
        let (mut timer, start) = (SlowTimer::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let first = poll_fn(|cx| Poll::Ready(timer.poll(at(50), cx))).await;
        assert!(first.is_pending());
        for ms in [20, 40, 70, 71, 71] {
            wait(&mut timer, at(ms)).await;
            assert_eq!(Instant::now(), at(ms));
        }
        // Going off with nobody interested in between changes nothing.
        sleep_until(at(100).as_tokio()).await;
        wait(&mut timer, at(120)).await;
        assert_eq!(Instant::now(), at(120));
    }
}
