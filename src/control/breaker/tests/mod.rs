//! What a [`Breaker`] promises, one file per state.

mod closed;
mod half_open;
mod open;
mod recovery;
mod stalled;

use super::*;

/// The concurrency limit: steps of 1, 5, 25 and 100 slots.
const LIMIT: usize = 100;

const QUICK: Duration = Duration::from_millis(100);

fn at(milliseconds: u64) -> Duration {
    Duration::from_secs(1_700_000_000) + Duration::from_millis(milliseconds)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A breaker and the time.
#[derive(Debug, Clone)]
struct Bench {
    breaker: Breaker,
    now: Duration,
}

impl Bench {
    fn new() -> Self {
        Self::with(BreakerRules::default())
    }

    fn with(rules: BreakerRules) -> Self {
        Bench { breaker: Breaker::new(rules), now: at(0) }
    }

    /// Opened by timeouts at time 0.
    fn opened() -> Self {
        Self::opened_with(BreakerRules::default())
    }

    fn opened_with(rules: BreakerRules) -> Self {
        let mut bench = Self::with(rules);
        bench.time_out_in_a_row(rules.timeout_count_threshold + 1);
        assert!(matches!(bench.breaker.state(), BreakerState::Open { cause: Cause::Timeouts, .. }));
        bench
    }

    /// Half-open, in this step, with time gone on since it opened.
    fn half_open_with(rules: BreakerRules, step: usize) -> Self {
        let mut bench = Self::opened_with(rules);
        bench.wait(secs(1));
        assert_eq!(bench.breaker.open_time_over(bench.now), Some(BreakerState::HalfOpen { step: 0 }));
        bench.wait(QUICK);
        let successes = [0, 1, 1 + 5, 1 + 5 + 25][step];
        (0..successes).for_each(|_| _ = bench.end(Outcome::Success));
        assert_eq!(bench.breaker.state(), BreakerState::HalfOpen { step });
        bench
    }

    fn half_open(step: usize) -> Self {
        Self::half_open_with(BreakerRules::default(), step)
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// Ends an attempt that started just now.
    fn end(&mut self, outcome: Outcome) -> Option<BreakerState> {
        self.end_after(outcome, Duration::ZERO)
    }

    fn end_after(&mut self, outcome: Outcome, process_time: Duration) -> Option<BreakerState> {
        self.breaker.record(&Attempt { now: self.now, process_time, outcome, in_flight: 1 }, LIMIT)
    }

    fn time_out_in_a_row(&mut self, count: u32) {
        (0..count).for_each(|_| _ = self.end(Outcome::Timeout));
    }

    fn opens(&self, milliseconds: u64, cause: Cause) -> Option<BreakerState> {
        Some(BreakerState::Open { until: self.now + Duration::from_millis(milliseconds), cause })
    }
}

#[test]
fn limit_is_all_nothing_or_a_share_of_at_least_one() {
    let closed = Breaker::new(BreakerRules::default());
    assert_eq!([0, 1, 20].map(|limit| closed.limit(limit)), [1, 1, 20]);
    assert_eq!(Bench::opened().breaker.limit(LIMIT), 0);
    // 1, 5, 25 and 100 %, rounded up
    for (limit, by_step) in
        [(0, [1, 1, 1, 1]), (1, [1, 1, 1, 1]), (20, [1, 1, 5, 20]), (30, [1, 2, 8, 30]), (1000, [10, 50, 250, 1000])]
    {
        for (step, expected) in by_step.into_iter().enumerate() {
            assert_eq!(Bench::half_open(step).breaker.limit(limit), expected, "step {step} of {limit}");
        }
    }
    assert_eq!(Bench::half_open(3).breaker.limit(usize::MAX), usize::MAX);
}

#[test]
fn states_say_what_is_let_through_and_why() {
    assert_eq!(Bench::new().breaker.state().to_string(), "closed");
    assert_eq!(Bench::opened().breaker.state().to_string(), "open: too many timeouts in a row");
    let mut failing = Bench::new();
    (0..20).for_each(|_| _ = failing.end(Outcome::Failure));
    assert_eq!(failing.breaker.state().to_string(), "open: too many calls failed");
    let mut slow = Bench::with(BreakerRules { slow_call_duration: Some(secs(1)), ..BreakerRules::default() });
    (0..20).for_each(|_| _ = slow.end_after(Outcome::Success, secs(2)));
    assert_eq!(slow.breaker.state().to_string(), "open: too many calls were slow");
    let mut stalled = Bench::new();
    stalled.breaker.stalled(stalled.now, stalled.now);
    assert_eq!(stalled.breaker.state().to_string(), "open: no answer to any call in flight");
    for (step, percent) in [1, 5, 25, 100].into_iter().enumerate() {
        let expected = format!("half-open: trying {percent} % of the limit");
        assert_eq!(Bench::half_open(step).breaker.state().to_string(), expected);
    }
}

#[test]
fn stall_threshold_is_five_process_times_and_at_least_a_second() {
    assert_eq!(stall_threshold(None), None);
    for (process_time, expected) in [(0, 1000), (199, 1000), (200, 1000), (201, 1005), (2000, 10_000)] {
        let process_time = Duration::from_millis(process_time);
        assert_eq!(stall_threshold(Some(process_time)), Some(Duration::from_millis(expected)));
    }
    assert_eq!(stall_threshold(Some(Duration::MAX)), Some(Duration::MAX));
}
