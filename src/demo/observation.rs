//! What the load generator saw of one request.

use std::time::Duration;

use super::plan::GOOD_WITHIN;

/// One request and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observation {
    /// When it was to be sent, from the start of the run.
    pub(crate) scheduled: Duration,
    /// From then to the answer. A request that is sent late has waited already.
    pub(crate) latency: Duration,
    pub(crate) outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered within [`GOOD_WITHIN`].
    Good,
    /// Answered later.
    Late,
    /// Refused: the service has not seen it.
    Rejected,
    /// Its client gave up.
    TimedOut,
    /// It could not be sent, or the answer was an error.
    Failed,
}

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Rejected,
    TimedOut,
    /// With the reason.
    Failed(String),
}

impl Outcome {
    pub(crate) const COUNT: usize = 5;

    pub(crate) fn of(answer: &Result<(), Fault>, latency: Duration) -> Self {
        match answer {
            Ok(()) if latency <= GOOD_WITHIN => Outcome::Good,
            Ok(()) => Outcome::Late,
            Err(Fault::Rejected) => Outcome::Rejected,
            Err(Fault::TimedOut) => Outcome::TimedOut,
            Err(Fault::Failed(_)) => Outcome::Failed,
        }
    }

    /// Whether its latency says something about the service: it was taken in, and either answered or waited for in
    /// vain. Without those that gave up, the worst overload would look the fastest.
    pub(crate) fn was_accepted(self) -> bool {
        matches!(self, Outcome::Good | Outcome::Late | Outcome::TimedOut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_up_to_a_second() {
        assert_eq!(Outcome::of(&Ok(()), Duration::from_secs(1)), Outcome::Good);
        assert_eq!(Outcome::of(&Ok(()), Duration::from_nanos(1_000_000_001)), Outcome::Late);
    }

    #[test]
    fn a_fast_refusal_or_failure_is_never_good() {
        assert_eq!(Outcome::of(&Err(Fault::Rejected), Duration::ZERO), Outcome::Rejected);
        assert_eq!(Outcome::of(&Err(Fault::TimedOut), Duration::ZERO), Outcome::TimedOut);
        assert_eq!(Outcome::of(&Err(Fault::Failed(String::new())), Duration::ZERO), Outcome::Failed);
    }
}
