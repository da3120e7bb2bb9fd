//! What a run came to.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::dispatcher::{CallError, Failure};

/// What a run came to, or has come to so far.
///
/// When it has ended, `taken = succeeded + failed.total()`. That nothing of what was taken failed is not yet a success: a
/// source that panicked may have had more. [`is_complete`](Self::is_complete) says whether it is one.
///
/// Shown, it is one line: `980 of 1000 succeeded in 12.3s: 15 failed at the service, 5 timed out; the source was exhausted`.
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

impl Summary {
    /// Whether the source had nothing more, a handler succeeded with everything, and every result went where it was to go.
    ///
    /// `false` also after a [`shutdown`](crate::PullingHandle::shutdown), where the source may have had more, and where a
    /// [`Source`](crate::Source) gave again what it had got back, each failure of which counts.
    pub fn is_complete(&self) -> bool {
        self.end == RunEnd::Exhausted && self.failed.total() == 0 && self.undelivered == 0
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Summary { taken, succeeded, failed, undelivered, elapsed, end, left_behind, .. } = self;
        write!(f, "{succeeded} of {taken} succeeded in {elapsed:.1?}")?;
        let FailureCounts { service, panicked, unanswered, cut_off, timed_out, rejected } = failed;
        let shortfalls = [
            (service, "failed at the service"),
            (panicked, "panicked"),
            (unanswered, "unanswered"),
            (cut_off, "cut off"),
            (timed_out, "timed out"),
            (rejected, "rejected"),
            (undelivered, "undelivered"),
        ];
        for (n, (count, what)) in shortfalls.into_iter().filter(|(count, _)| **count > 0).enumerate() {
            write!(f, "{} {count} {what}", if n == 0 { ":" } else { "," })?;
        }
        write!(f, "; {end}")?;
        if *left_behind { f.write_str(", while the iterator was still asked for an item") } else { Ok(()) }
    }
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
    /// There was no handler left, or none came within `initial-grace-period`, no provider lived that could bring one, and
    /// `shutdown-on-all-worker-death` is on.
    NoHandlers,
    /// Its arbiter or its actix System ended.
    Stopped,
}

impl Display for RunEnd {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            RunEnd::Exhausted => f.write_str("the source was exhausted"),
            RunEnd::ShutDown => f.write_str("it was shut down"),
            RunEnd::SourcePanicked(message) => write!(f, "the source panicked: {message}"),
            RunEnd::ResultsGone(error) => write!(f, "nobody took the results any more: {error}"),
            RunEnd::NoHandlers => f.write_str("there was no handler"),
            RunEnd::Stopped => f.write_str("its arbiter or its actix System ended"),
        }
    }
}
