//! A run in figures.

use std::time::Duration;

use serde_json::{Value, json};

use super::observation::{Observation, Outcome};
use super::plan::STEADY_AFTER;
use crate::report::percentile;

/// One run in figures. Rates are requests per second over the time in which requests were sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    pub(crate) offered: f64,
    pub(crate) good: f64,
    pub(crate) late: f64,
    pub(crate) rejected: f64,
    /// Those that timed out among them.
    pub(crate) failed: f64,
    pub(crate) timed_out: f64,
    /// Latency of those that were accepted.
    pub(crate) p50: Option<Duration>,
    pub(crate) p90: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    /// The same of those that were scheduled after [`STEADY_AFTER`].
    pub(crate) steady_p99: Option<Duration>,
    /// How long a refusal takes.
    pub(crate) rejection_p50: Option<Duration>,
    pub(crate) rejection_p99: Option<Duration>,
    /// Requests whose outcome is not known, as it was interrupted.
    pub(crate) unanswered: u64,
    /// Whether it was run to its end.
    pub(crate) complete: bool,
}

impl Summary {
    pub(crate) fn new(observations: &[Observation], duration: Duration, unanswered: u64, complete: bool) -> Self {
        let per_second = |count: usize| if duration.is_zero() { 0.0 } else { count as f64 / duration.as_secs_f64() };
        let rate = |outcome| per_second(observations.iter().filter(|seen| seen.outcome == outcome).count());
        let accepted = latencies(observations, |seen| seen.outcome.was_accepted());
        let steady = latencies(observations, |seen| seen.outcome.was_accepted() && seen.scheduled >= STEADY_AFTER);
        let rejections = latencies(observations, |seen| seen.outcome == Outcome::Rejected);
        let timed_out = rate(Outcome::TimedOut);
        Summary {
            offered: per_second(observations.len() + unanswered as usize),
            good: rate(Outcome::Good),
            late: rate(Outcome::Late),
            rejected: rate(Outcome::Rejected),
            failed: rate(Outcome::Failed) + timed_out,
            timed_out,
            p50: percentile(&accepted, 50),
            p90: percentile(&accepted, 90),
            p99: percentile(&accepted, 99),
            steady_p99: percentile(&steady, 99),
            rejection_p50: percentile(&rejections, 50),
            rejection_p99: percentile(&rejections, 99),
            unanswered,
            complete,
        }
    }

    /// As `--json` prints it. Times are in milliseconds, and null when there was nothing to time.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "offered_per_s": rounded(self.offered),
            "good_per_s": rounded(self.good),
            "late_per_s": rounded(self.late),
            "rejected_per_s": rounded(self.rejected),
            "failed_per_s": rounded(self.failed),
            "timed_out_per_s": rounded(self.timed_out),
            "p50_ms": milliseconds(self.p50),
            "p90_ms": milliseconds(self.p90),
            "p99_ms": milliseconds(self.p99),
            "p99_ms_after_5s": milliseconds(self.steady_p99),
            "rejection_p50_ms": milliseconds(self.rejection_p50),
            "rejection_p99_ms": milliseconds(self.rejection_p99),
            "unanswered": self.unanswered,
            "complete": self.complete,
        })
    }
}

fn latencies(observations: &[Observation], which: impl Fn(&Observation) -> bool) -> Vec<Duration> {
    let mut latencies: Vec<_> = observations.iter().filter(|seen| which(seen)).map(|seen| seen.latency).collect();
    latencies.sort_unstable();
    latencies
}

/// To thousandths: more digits would say more than was measured.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

fn milliseconds(time: Option<Duration>) -> Option<f64> {
    time.map(|time| rounded(time.as_secs_f64() * 1e3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(scheduled_ms: u64, latency_ms: u64, outcome: Outcome) -> Observation {
        let scheduled = Duration::from_millis(scheduled_ms);
        Observation { scheduled, latency: Duration::from_millis(latency_ms), outcome }
    }

    fn run() -> [Observation; 6] {
        [
            seen(0, 900, Outcome::Good),
            seen(1_000, 1_500, Outcome::Late),
            seen(2_000, 5_000, Outcome::TimedOut),
            seen(3_000, 1, Outcome::Failed),
            seen(5_000, 100, Outcome::Good),
            seen(6_000, 2, Outcome::Rejected),
        ]
    }

    #[test]
    fn every_request_has_one_outcome() {
        let summary = Summary::new(&run(), Duration::from_secs(8), 2, false);
        assert_eq!((summary.offered, summary.good, summary.late), (1.0, 0.25, 0.125));
        assert_eq!((summary.rejected, summary.failed, summary.timed_out), (0.125, 0.25, 0.125));
        let unanswered = 2.0 / 8.0;
        assert_eq!(summary.good + summary.late + summary.rejected + summary.failed + unanswered, summary.offered);
    }

    #[test]
    fn the_json_has_these_keys() {
        let summary = Summary::new(&run(), Duration::from_secs(8), 0, true);
        assert_eq!(
            summary.to_json(),
            json!({
                "offered_per_s": 0.75, "good_per_s": 0.25, "late_per_s": 0.125, "rejected_per_s": 0.125,
                "failed_per_s": 0.25, "timed_out_per_s": 0.125,
                "p50_ms": 900.0, "p90_ms": 5000.0, "p99_ms": 5000.0, "p99_ms_after_5s": 100.0,
                "rejection_p50_ms": 2.0, "rejection_p99_ms": 2.0, "unanswered": 0, "complete": true,
            })
        );
    }

    #[test]
    fn what_could_not_be_timed_is_null_and_nothing_is_not_a_number() {
        let json = Summary::new(&[], Duration::ZERO, 0, false).to_json();
        assert_eq!(
            (&json["offered_per_s"], &json["p99_ms"], &json["rejection_p50_ms"]),
            (&json!(0.0), &json!(null), &json!(null))
        );
    }
}
