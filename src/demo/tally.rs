//! Running counts, written by the load generator and read by the progress bar and the sampler.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::observation::{Fault, Outcome};

#[derive(Debug, Default)]
pub(crate) struct Tally {
    sent: AtomicU64,
    in_flight: AtomicUsize,
    outcomes: [AtomicU64; Outcome::COUNT],
    first_failure: OnceLock<String>,
}

impl Tally {
    /// Counts a request in.
    pub(crate) fn begin(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request out that was counted in.
    pub(crate) fn end(&self, answer: &Result<(), Fault>, outcome: Outcome) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
        if let Err(Fault::Failed(reason)) = answer {
            self.first_failure.get_or_init(|| reason.clone());
        }
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Requests whose clients wait.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Ordering::Relaxed)
    }

    /// Why the first request failed that did.
    pub(crate) fn first_failure(&self) -> Option<&str> {
        self.first_failure.get().map(String::as_str)
    }
}
