//! How many works there were of each kind.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::RejectionReason;

/// How many works there were of each kind since the start.
///
/// At every moment at which no thread is between two of its steps,
/// `received = completed + failed + timed_out + rejected + abandoned + queued + in_flight`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Totals {
    /// Works submitted, refused ones included.
    pub received: u64,
    /// Works the service answered with success.
    pub completed: u64,
    /// Works that failed at the service.
    pub failed: u64,
    /// Works that nobody answered in time.
    pub timed_out: u64,
    /// Works that were not handed to the service, shed ones included.
    pub rejected: u64,
    /// Of the rejected: works that had been queued first.
    pub shed: u64,
    /// Works whose caller left before the end.
    pub abandoned: u64,
    /// Works waiting now.
    pub queued: u64,
    /// Works at a handler now.
    pub in_flight: u64,
}

/// How many works were rejected, by reason. Together they are [`Totals::rejected`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Rejections {
    /// More arrived than the service could handle.
    pub over_capacity: u64,
    /// They were queued, and had waited for so long that they would hardly have been answered in time.
    pub waited_too_long: u64,
    /// The queue held as many works as it may.
    pub queue_full: u64,
    /// The answer would have come after their deadline.
    pub deadline_cannot_be_met: u64,
    /// There was no handler that could take them.
    pub no_handlers: u64,
    /// The dispatcher took no more work.
    pub shutting_down: u64,
}

impl Totals {
    /// Adds those of another dispatcher.
    pub(crate) fn merge(&mut self, others: &Totals) {
        self.received += others.received;
        self.completed += others.completed;
        self.failed += others.failed;
        self.timed_out += others.timed_out;
        self.rejected += others.rejected;
        self.shed += others.shed;
        self.abandoned += others.abandoned;
        self.queued += others.queued;
        self.in_flight += others.in_flight;
    }
}

impl Rejections {
    /// Adds those of another dispatcher.
    pub(crate) fn merge(&mut self, others: &Rejections) {
        *self = Self::counted(|reason| self.of(reason) + others.of(reason));
    }

    /// How many there were for this reason.
    pub fn of(&self, reason: RejectionReason) -> u64 {
        match reason {
            RejectionReason::OverCapacity => self.over_capacity,
            RejectionReason::WaitedTooLong => self.waited_too_long,
            RejectionReason::QueueFull => self.queue_full,
            RejectionReason::DeadlineCannotBeMet => self.deadline_cannot_be_met,
            RejectionReason::NoHandlers => self.no_handlers,
            RejectionReason::ShuttingDown => self.shutting_down,
        }
    }

    pub(super) fn counted(count: impl Fn(RejectionReason) -> u64) -> Self {
        Rejections {
            over_capacity: count(RejectionReason::OverCapacity),
            waited_too_long: count(RejectionReason::WaitedTooLong),
            queue_full: count(RejectionReason::QueueFull),
            deadline_cannot_be_met: count(RejectionReason::DeadlineCannotBeMet),
            no_handlers: count(RejectionReason::NoHandlers),
            shutting_down: count(RejectionReason::ShuttingDown),
        }
    }
}

/// Counts by reason.
#[derive(Debug, Default)]
pub(super) struct ByReason([AtomicU64; RejectionReason::ALL.len()]);

impl ByReason {
    pub(super) fn of_one(&self, reason: RejectionReason) -> &AtomicU64 {
        // By its place in `RejectionReason::ALL`, which is that of its declaration.
        &self.0[reason as usize]
    }

    pub(super) fn of(&self, reason: RejectionReason) -> u64 {
        self.of_one(reason).load(Ordering::Relaxed)
    }

    pub(super) fn sum(&self, order: Ordering) -> u64 {
        self.0.iter().map(|count| count.load(order)).sum()
    }
}
