//! How long something is waited for.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// How long something is waited for each time that it is. As long as nothing has to be waited for it costs nothing.
#[derive(Debug)]
pub(crate) struct Patience {
    time: Duration,
    /// There is one while something is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(crate) fn new(time: Duration) -> Self {
        Patience { time, timer: None }
    }

    /// Ready when it has been waited for so long, from the first time that this was asked since the last [`renew`](Self::renew).
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let time = self.time;
        self.timer.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx)
    }

    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    /// What was waited for has come.
    pub(crate) fn renew(&mut self) {
        self.timer = None;
    }
}
