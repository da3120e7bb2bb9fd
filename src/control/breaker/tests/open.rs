use super::*;

#[test]
fn ends_when_its_time_is_over_and_not_before() {
    let mut bench = Bench::opened();
    assert_eq!(bench.breaker.open_time_over(at(999)), None);
    assert_eq!(bench.breaker.open_time_over(at(1000)), Some(BreakerState::HalfOpen { step: 0 }));
    assert_eq!(bench.breaker.open_time_over(at(9999)), None, "no longer open");
    assert_eq!(Bench::new().breaker.open_time_over(at(9999)), None, "never was");
}

#[test]
fn lasts_longer_with_each_opening_in_a_row() {
    let mut bench = Bench::opened();
    for expected in [2000, 3000, 3000, 3000] {
        bench.wait(secs(3));
        bench.breaker.open_time_over(bench.now);
        assert_eq!(bench.end(Outcome::Timeout), bench.opens(expected, Cause::Timeouts));
    }
}

#[test]
fn lasts_as_long_as_the_first_once_it_was_closed() {
    let mut bench = Bench::half_open(0);
    assert_eq!(bench.end(Outcome::Failure), bench.opens(2000, Cause::Errors));
    bench.wait(secs(2));
    bench.breaker.open_time_over(bench.now);
    (0..1 + 5 + 25 + 100).for_each(|_| _ = bench.end(Outcome::Success));
    assert_eq!(bench.breaker.state(), BreakerState::Closed);
    bench.time_out_in_a_row(3);
    assert_eq!(bench.end(Outcome::Timeout), bench.opens(1000, Cause::Timeouts));
}

#[test]
fn a_factor_of_none_counts_as_one() {
    let mut bench = Bench::with(BreakerRules { max_open_factor: 0, ..BreakerRules::default() });
    bench.time_out_in_a_row(3);
    assert_eq!(bench.end(Outcome::Timeout), bench.opens(1000, Cause::Timeouts));
}

#[test]
fn a_success_ends_a_silence_at_once_and_is_the_first_of_the_trial() {
    for started_before in [Duration::ZERO, secs(60)] {
        let mut bench = Bench::opened();
        bench.wait(QUICK);
        // The first step of 1 slot is over with it.
        assert_eq!(bench.end_after(Outcome::Success, started_before), Some(BreakerState::HalfOpen { step: 1 }));
    }
    let mut bench = Bench::new();
    bench.breaker.stalled(bench.now, bench.now);
    assert_eq!(bench.end_after(Outcome::Success, secs(5)), Some(BreakerState::HalfOpen { step: 1 }));
    // 3 slots of 300: one of three successes
    let mut bench = Bench::opened();
    let success = Attempt { now: bench.now, process_time: QUICK, outcome: Outcome::Success, in_flight: 1 };
    assert_eq!(bench.breaker.record(&success, 300), Some(BreakerState::HalfOpen { step: 0 }));
    assert_eq!(bench.breaker.record(&success, 300), None);
    assert_eq!(bench.breaker.record(&success, 300), Some(BreakerState::HalfOpen { step: 1 }));
}

#[test]
fn a_success_does_not_end_errors_or_slow_calls() {
    let mut failing = Bench::new();
    (0..20).for_each(|_| _ = failing.end(Outcome::Failure));
    let mut slow = Bench::with(BreakerRules { slow_call_duration: Some(secs(1)), ..BreakerRules::default() });
    (0..20).for_each(|_| _ = slow.end_after(Outcome::Success, secs(2)));
    for (mut bench, cause) in [(failing, Cause::Errors), (slow, Cause::SlowCalls)] {
        let open = bench.opens(1000, cause);
        assert_eq!(Some(bench.breaker.state()), open);
        assert_eq!(bench.end(Outcome::Success), None);
        assert_eq!(Some(bench.breaker.state()), open);
    }
}

#[test]
fn nothing_but_a_success_changes_anything() {
    let mut bench = Bench::opened_with(BreakerRules { slow_call_duration: Some(secs(1)), ..BreakerRules::default() });
    for outcome in [Outcome::Failure, Outcome::Timeout, Outcome::Cancelled] {
        (0..100).for_each(|_| assert_eq!(bench.end_after(outcome, QUICK), None));
    }
    assert_eq!(bench.end_after(Outcome::Success, secs(2)), None, "a slow success is none");
    assert_eq!(bench.breaker.stalled(at(500), at(500)), None);
    assert_eq!(bench.breaker.open_time_over(at(1000)), Some(BreakerState::HalfOpen { step: 0 }));
}
