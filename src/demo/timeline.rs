//! A run second by second, each request counted in the second for which it was scheduled: a column says what became of
//! those who came then.

use std::time::Duration;

use super::observation::{Observation, Outcome};
use crate::report::percentile;

/// One second of a run, or what there was of its last.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bucket {
    /// Seconds from the start of the run.
    pub(crate) start: f64,
    /// Requests per second, by [`Outcome`].
    rates: [f64; Outcome::COUNT],
    /// Latency of those that were accepted.
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
}

impl Bucket {
    pub(crate) fn rate(&self, outcome: Outcome) -> f64 {
        self.rates[outcome as usize]
    }
}

/// The seconds of a run that was this long.
pub(crate) fn buckets(observations: &[Observation], duration: Duration) -> Vec<Bucket> {
    let count = duration.as_secs() as usize + usize::from(duration.subsec_nanos() > 0);
    let mut counts = vec![[0_u64; Outcome::COUNT]; count];
    let mut accepted = vec![Vec::new(); count];
    for observation in observations {
        let second = observation.scheduled.as_secs() as usize;
        // An interrupt may come between the last request and the look at the clock.
        let Some(counts) = counts.get_mut(second) else { continue };
        counts[observation.outcome as usize] += 1;
        if observation.outcome.was_accepted() {
            accepted[second].push(observation.latency);
        }
    }
    let bucket = |second: usize| {
        let length = (duration - Duration::from_secs(second as u64)).as_secs_f64().min(1.0);
        accepted[second].sort_unstable();
        Bucket {
            start: second as f64,
            rates: counts[second].map(|count| count as f64 / length),
            p50: percentile(&accepted[second], 50),
            p99: percentile(&accepted[second], 99),
        }
    };
    (0..count).map(bucket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(scheduled_ms: u64, latency_ms: u64, outcome: Outcome) -> Observation {
        let scheduled = Duration::from_millis(scheduled_ms);
        Observation { scheduled, latency: Duration::from_millis(latency_ms), outcome }
    }

    #[test]
    fn a_request_counts_when_it_was_scheduled_not_when_it_was_answered() {
        let buckets = buckets(
            &[
                seen(0, 100, Outcome::Good),
                seen(999, 4_000, Outcome::Late),
                seen(1_000, 1, Outcome::Rejected),
                seen(1_500, 5_000, Outcome::TimedOut),
                seen(1_999, 2, Outcome::Failed),
            ],
            Duration::from_secs(3),
        );
        assert_eq!(buckets.iter().map(|bucket| bucket.start).collect::<Vec<_>>(), [0.0, 1.0, 2.0]);
        assert_eq!(buckets[0].rates, [1.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(buckets[1].rates, [0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(buckets[2].rates, [0.0; 5]);
    }

    #[test]
    fn latency_is_that_of_the_accepted() {
        let seconds = buckets(
            &[
                seen(3, 300, Outcome::Late),
                seen(1, 100, Outcome::Good),
                seen(2, 1, Outcome::Rejected),
                seen(4, 2, Outcome::Failed),
                seen(5, 5_000, Outcome::TimedOut),
            ],
            Duration::from_secs(2),
        );
        assert_eq!(seconds[0].p50, Some(Duration::from_millis(300)));
        assert_eq!(seconds[0].p99, Some(Duration::from_millis(5_000)));
        assert_eq!((seconds[1].p50, seconds[1].p99), (None, None));
    }

    #[test]
    fn the_last_second_of_an_interrupted_run_is_not_shown_too_low() {
        let buckets = buckets(&[seen(1_100, 1, Outcome::Good)], Duration::from_millis(1_250));
        assert_eq!(buckets.len(), 2);
        assert_eq!(buckets[1].rate(Outcome::Good), 4.0);
    }

    #[test]
    fn what_was_scheduled_after_the_end_is_left_out() {
        assert_eq!(buckets(&[seen(1_000, 1, Outcome::Good)], Duration::from_secs(1))[0].rates, [0.0; 5]);
    }
}
