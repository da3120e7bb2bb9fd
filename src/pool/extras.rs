//! What may go to handlers beyond the first attempt of each work.

use std::time::Duration;

use parking_lot::Mutex;

use crate::config::{ConcurrentDelay, WorkSettings};
use crate::control::budget::{Budget, BudgetRules};
use crate::control::response_times::ResponseTimes;
use crate::time::Instant;

/// How soon it is looked for budget again that only requests can bring.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

/// What may go to handlers beyond the first attempt of each work, counted for all handlers of a dispatcher together.
/// It is asked by workers of all threads, and only about works that may go out more than once.
#[derive(Debug)]
pub(crate) struct Extras {
    start: Instant,
    /// `None`: without limit.
    retries: Option<Mutex<Budget>>,
    copies: Option<Mutex<CopyBudget>>,
    /// `None` where nobody asks for it.
    response_times: Option<Mutex<ResponseTimes>>,
}

/// What copies that go out late may add to the load. They are off while the dispatcher refuses works, and for a while
/// afterwards.
#[derive(Debug)]
struct CopyBudget {
    budget: Budget,
    calm_after_refusal: Duration,
    /// How many refusals there were when that was last looked at.
    refusals: u64,
    /// When that number was found to have grown.
    refused_at: Option<Duration>,
}

impl CopyBudget {
    fn look(&mut self, now: Duration, refusals: u64) {
        if refusals > self.refusals {
            (self.refusals, self.refused_at) = (refusals, Some(now));
        }
    }

    fn is_calm(&self, now: Duration) -> bool {
        self.refused_at.is_none_or(|at| now.saturating_sub(at) >= self.calm_after_refusal)
    }
}

impl Extras {
    pub(crate) fn new(work: &WorkSettings) -> Self {
        let retries = work.retry_budget.as_ref().map(|budget| BudgetRules {
            ratio: budget.ratio,
            per_second: budget.per_second,
            window: budget.window,
        });
        let copies = work.concurrent_budget.as_ref().map(|budget| {
            let rules = BudgetRules { ratio: budget.ratio, per_second: budget.per_second, window: budget.window };
            CopyBudget {
                budget: Budget::new(rules),
                calm_after_refusal: budget.calm_after_refusal,
                refusals: 0,
                refused_at: None,
            }
        });
        let measures = work.concurrent_delay == ConcurrentDelay::Percentile95;
        Extras {
            start: Instant::now(),
            retries: retries.map(|rules| Mutex::new(Budget::new(rules))),
            copies: copies.map(Mutex::new),
            response_times: measures.then(|| Mutex::new(ResponseTimes::new())),
        }
    }

    /// A work that may go out more than once goes to a handler for the first time. `refusals`: how many works the dispatcher
    /// has refused since its start.
    pub(crate) fn began(&self, now: Instant, refusals: u64) {
        let now = self.since_start(now);
        if let Some(retries) = &self.retries {
            retries.lock().deposit(now);
        }
        if let Some(copies) = &self.copies {
            let copies = &mut *copies.lock();
            copies.look(now, refusals);
            copies.budget.deposit(now);
        }
    }

    /// So many works have been refused since the start. To be told now and then, or a refusal that was long ago is taken for
    /// a new one when the next copy asks.
    pub(crate) fn refused(&self, now: Instant, refusals: u64) {
        if let Some(copies) = &self.copies {
            copies.lock().look(self.since_start(now), refusals);
        }
    }

    /// Takes a retry, if there is one.
    pub(crate) fn takes_retry(&self, now: Instant) -> bool {
        self.retries.as_ref().is_none_or(|retries| retries.lock().withdraw(self.since_start(now)))
    }

    /// When there may be a retry again, where there is none now.
    pub(crate) fn next_retry(&self, now: Instant) -> Instant {
        let next = self.retries.as_ref().and_then(|retries| retries.lock().next(self.since_start(now)));
        let at = next.and_then(|next| self.start.checked_add(next)).filter(|at| *at > now);
        // With no prospect of one, requests that come may still bring it.
        at.unwrap_or(now + LOOKS_AGAIN)
    }

    /// Takes a copy that goes out late, if there is one.
    pub(crate) fn takes_copy(&self, now: Instant, refusals: u64) -> bool {
        let Some(copies) = &self.copies else { return true };
        let (copies, now) = (&mut *copies.lock(), self.since_start(now));
        copies.look(now, refusals);
        copies.is_calm(now) && copies.budget.withdraw(now)
    }

    /// The first copy of a work has taken so long until it was answered, or longer if it was given up.
    pub(crate) fn took(&self, now: Instant, time: Duration) {
        if let Some(times) = &self.response_times {
            times.lock().add(self.since_start(now), time);
        }
    }

    /// Within what time 95 of 100 answers come, if that is known.
    pub(crate) fn percentile_95(&self) -> Option<Duration> {
        self.response_times.as_ref()?.lock().percentile_95()
    }

    fn since_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }
}
