//! Notices that the service has stopped answering.

/// Fewer timeouts than this are no sign, however few answers there are.
const FEWEST_TIMEOUTS: usize = 4;

/// Timeouts and answers since the last decision.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Silence {
    timeouts: usize,
    answers: usize,
}

impl Silence {
    /// A success came.
    pub(super) fn answered(&mut self) {
        self.answers += 1;
    }

    /// A timeout came; tells whether the service is silent: as many timeouts as the limit lets run at once, and more
    /// than answers.
    pub(super) fn timed_out(&mut self, limit: usize) -> bool {
        self.timeouts += 1;
        self.timeouts >= limit.max(FEWEST_TIMEOUTS) && self.timeouts > self.answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_limit_of_timeouts_and_at_least_four() {
        for (limit, enough) in [(1, 4), (4, 4), (10, 10)] {
            let mut silence = Silence::default();
            assert!((1..enough).all(|_| !silence.timed_out(limit)));
            assert!(silence.timed_out(limit));
        }
    }

    #[test]
    fn takes_more_timeouts_than_answers() {
        let mut silence = Silence::default();
        (0..6).for_each(|_| silence.answered());
        assert!((0..6).all(|_| !silence.timed_out(4)));
        assert!(silence.timed_out(4));
    }
}
