//! What a run came to.

use std::time::Duration;

use crate::dispatcher::{CallError, Failure};

/// What a run came to, or has come to so far.
///
/// When it has ended, `taken = succeeded + failed.total()`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// Items taken from the source.
    pub taken: u64,
    /// Items that a handler succeeded with.
    pub succeeded: u64,
    /// The others, by kind.
    pub failed: FailureCounts,
    /// Items acknowledged to a [`Source`](crate::Source): all that succeeded. 0 for iterators and streams.
    pub acked: u64,
    /// Items handed back to a [`Source`](crate::Source): all that failed. 0 for iterators and streams.
    pub handed_back: u64,
    /// Results that were given to the sink, the channel or the callback.
    pub delivered: u64,
    /// Results that were not, because nobody was there any more or the time of a shutdown was over. 0 where nobody asked
    /// for results.
    pub undelivered: u64,
    /// From the start to the end.
    pub elapsed: Duration,
    /// How it ended.
    pub end: RunEnd,
    /// Whether it ended while the iterator's `next` had not returned. What that returns then, if ever, is dropped.
    pub left_behind: bool,
}

/// Items that came to nothing, by kind. Of one whose copies all failed the last counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FailureCounts {
    /// The handler said that it failed.
    pub service: u64,
    /// The handler panicked.
    pub panicked: u64,
    /// The handler dropped the item without an answer, or was gone.
    pub unanswered: u64,
    /// The handler was removed, or the dispatcher shut down, and its time was over.
    pub cut_off: u64,
    /// Nobody answered in time.
    pub timed_out: u64,
    /// They were not handed to a handler.
    pub rejected: u64,
}

impl FailureCounts {
    /// All together.
    pub fn total(&self) -> u64 {
        self.service + self.panicked + self.unanswered + self.cut_off + self.timed_out + self.rejected
    }

    pub(super) fn count<E>(&mut self, error: &CallError<E>) {
        let counter = match error {
            CallError::Rejected(_) => &mut self.rejected,
            CallError::TimedOut(_) => &mut self.timed_out,
            CallError::Failed(Failure::Service(_)) => &mut self.service,
            CallError::Failed(Failure::Panicked(_)) => &mut self.panicked,
            CallError::Failed(Failure::Unanswered | Failure::HandlerGone) => &mut self.unanswered,
            CallError::Failed(Failure::CutOff) => &mut self.cut_off,
            CallError::Failed(Failure::Copies(copies)) => match copies.last() {
                Some(last) => return self.count(&last.error),
                None => &mut self.service,
            },
        };
        *counter += 1;
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEnd {
    /// The source had nothing more, and everything taken was done with.
    Exhausted,
    /// It was told to.
    ShutDown,
    /// The source panicked with this message; what had been taken before was finished.
    SourcePanicked(String),
    /// The sink failed with this error, the receiver was dropped, or the callback panicked: as a shutdown.
    ResultsGone(String),
    /// There was no handler left, and `shutdown-on-all-worker-death` is on.
    NoHandlers,
    /// Its arbiter or its actix System ended.
    Stopped,
}
