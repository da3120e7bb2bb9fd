//! What a caller is told when there is no response.

use std::time::Duration;

use thiserror::Error;

/// Why a work has no response. Every work that is not answered ends in exactly one of these.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CallError<E> {
    /// It was not handed to the service.
    #[error("rejected: {0}")]
    Rejected(Rejection),
    /// It was handed to the service and failed there.
    #[error("failed: {0}")]
    Failed(Failure<E>),
    /// Nobody answered in time.
    #[error("timed out: {0}")]
    TimedOut(Timeout),
}

/// Why a work was not handed to the service. Nothing has happened to it: it may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// More arrives than the service can handle.
    #[error("over capacity, expected wait {expected_wait:?}, drop rate {drop_rate:.2}")]
    OverCapacity {
        /// How long it would have waited for the service.
        expected_wait: Duration,
        /// The share of works refused lately: 0 to 1.
        drop_rate: f64,
    },
    /// It was queued, and shed when it had waited for so long that it would hardly have been answered in time.
    #[error("shed after waiting for {waited:?}, drop rate {drop_rate:.2}")]
    WaitedTooLong {
        /// How long it has waited.
        waited: Duration,
        /// The share of works refused lately: 0 to 1.
        drop_rate: f64,
    },
    /// The queue holds as many works as it may.
    #[error("queue full, {capacity} works waiting")]
    QueueFull {
        /// How many it may hold.
        capacity: usize,
    },
    /// The answer would come after the work's deadline.
    #[error("deadline cannot be met, {left:?} left and {expected:?} needed")]
    DeadlineCannotBeMet {
        /// How long until the deadline.
        left: Duration,
        /// How long the answer would have taken.
        expected: Duration,
    },
    /// There is no handler that could take it.
    #[error("no handlers")]
    NoHandlers,
    /// The dispatcher takes no more work, or it ended before the work was handed to the service.
    #[error("shutting down")]
    ShuttingDown,
}

/// The kinds of [`Rejection`], without their particulars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionReason {
    /// See [`Rejection::OverCapacity`].
    OverCapacity,
    /// See [`Rejection::WaitedTooLong`].
    WaitedTooLong,
    /// See [`Rejection::QueueFull`].
    QueueFull,
    /// See [`Rejection::DeadlineCannotBeMet`].
    DeadlineCannotBeMet,
    /// See [`Rejection::NoHandlers`].
    NoHandlers,
    /// See [`Rejection::ShuttingDown`].
    ShuttingDown,
}

impl RejectionReason {
    /// All there are.
    pub const ALL: [RejectionReason; 6] = [
        RejectionReason::OverCapacity,
        RejectionReason::WaitedTooLong,
        RejectionReason::QueueFull,
        RejectionReason::DeadlineCannotBeMet,
        RejectionReason::NoHandlers,
        RejectionReason::ShuttingDown,
    ];

    /// What it is called in reports: `over_capacity`, and so on.
    pub fn name(self) -> &'static str {
        match self {
            RejectionReason::OverCapacity => "over_capacity",
            RejectionReason::WaitedTooLong => "waited_too_long",
            RejectionReason::QueueFull => "queue_full",
            RejectionReason::DeadlineCannotBeMet => "deadline_cannot_be_met",
            RejectionReason::NoHandlers => "no_handlers",
            RejectionReason::ShuttingDown => "shutting_down",
        }
    }
}

impl Rejection {
    /// Of which kind it is.
    pub fn reason(&self) -> RejectionReason {
        match self {
            Rejection::OverCapacity { .. } => RejectionReason::OverCapacity,
            Rejection::WaitedTooLong { .. } => RejectionReason::WaitedTooLong,
            Rejection::QueueFull { .. } => RejectionReason::QueueFull,
            Rejection::DeadlineCannotBeMet { .. } => RejectionReason::DeadlineCannotBeMet,
            Rejection::NoHandlers => RejectionReason::NoHandlers,
            Rejection::ShuttingDown => RejectionReason::ShuttingDown,
        }
    }
}

/// How a work failed at the service.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Failure<E> {
    /// The service's own error.
    #[error("{0}")]
    Service(E),
    /// The handler panicked with this message.
    #[error("handler panicked: {0}")]
    Panicked(String),
    /// The handler took the request and dropped it without an answer.
    #[error("the handler did not answer")]
    Unanswered,
    /// The handler ended and did not answer.
    #[error("handler gone")]
    HandlerGone,
    /// The handler was removed, or the dispatcher shut down, and there was no answer in the time that was left for it:
    /// see `default-shutdown-timeout`.
    #[error("cut off before the handler answered")]
    CutOff,
    /// Copies of it went to handlers, and all came to nothing: what each came to, in the order in which they did. Of a
    /// copy that was tried again it is the last that counts. If none was answered in time, that is told as a
    /// [`Timeout`] instead.
    #[error("all {} copies failed: {}", .0.len(), each(.0))]
    Copies(Vec<CopyFailure<E>>),
}

/// What one copy of a request came to.
#[derive(Debug, Clone, PartialEq)]
pub struct CopyFailure<E> {
    /// The name of the handler where it was.
    pub handler: String,
    /// What became of it there.
    pub error: CallError<E>,
}

fn each<E: std::fmt::Display>(failures: &[CopyFailure<E>]) -> String {
    let each: Vec<_> = failures.iter().map(|failure| format!("{}: {}", failure.handler, failure.error)).collect();
    each.join("; ")
}

/// What the caller of a work is told whose copies came to these; `None` if there are none.
pub(super) fn all_failed<E>(mut failures: Vec<CopyFailure<E>>) -> Option<CallError<E>> {
    let were_not_answered = failures.iter().all(|failure| matches!(failure.error, CallError::TimedOut(_)));
    if failures.len() > 1 && !were_not_answered {
        return Some(CallError::Failed(Failure::Copies(failures)));
    }
    failures.pop().map(|failure| failure.error)
}

/// Which time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Timeout {
    /// `service-timeout`: the handler did not answer in time.
    #[error("no answer from the handler within the service-timeout of {0:?}")]
    Service(Duration),
    /// `request-timeout`: too long since the work was received.
    #[error("no answer within the request-timeout of {0:?}")]
    Request(Duration),
    /// The work's own deadline.
    #[error("no answer before its deadline")]
    Deadline,
}
