//! A throttle that does not throttle by itself.

use super::{Reason, Throttle};
use crate::control::Attempt;

/// Stays at the concurrency limit it was given, whatever happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    limit: usize,
}

impl Fixed {
    /// A limit for ever: 0 counts as 1, since a handler that may never be called is of no use.
    pub fn new(limit: usize) -> Self {
        Fixed { limit: limit.max(1) }
    }
}

impl Throttle for Fixed {
    fn record(&mut self, _: &Attempt) -> Option<usize> {
        None
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn reason(&self) -> Reason {
        Reason::Fixed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::control::Outcome;

    #[test]
    fn nothing_moves_it() {
        let mut throttle = Fixed::new(7);
        for outcome in [Outcome::Success, Outcome::Failure, Outcome::Timeout, Outcome::Cancelled] {
            for second in 0..100 {
                let now = Duration::from_secs(second);
                let attempt = Attempt { now, process_time: Duration::from_secs(second), outcome, in_flight: 7 };
                assert_eq!(throttle.record(&attempt), None);
            }
        }
        assert_eq!(throttle.limit(), 7);
        assert_eq!(throttle.reason().to_string(), "fixed: this limit was told");
    }

    #[test]
    fn is_at_least_one() {
        assert_eq!(Fixed::new(0).limit(), 1);
    }
}
