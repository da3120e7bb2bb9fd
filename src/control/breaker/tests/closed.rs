use super::*;

#[test]
fn one_timeout_in_a_row_more_than_the_threshold_opens_it() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        assert_eq!(bench.end(Outcome::Timeout), None);
    }
    assert_eq!(bench.end(Outcome::Timeout), bench.opens(1000, Cause::Timeouts));
}

#[test]
fn a_threshold_of_none_opens_it_at_the_first_timeout() {
    let mut bench = Bench::with(BreakerRules { timeout_count_threshold: 0, ..BreakerRules::default() });
    assert_eq!(bench.end(Outcome::Failure), None);
    assert_eq!(bench.end(Outcome::Timeout), bench.opens(1000, Cause::Timeouts));
}

#[test]
fn any_reply_ends_the_row_of_timeouts() {
    for reply in [Outcome::Success, Outcome::Failure] {
        // Too few calls for a share.
        let mut bench = Bench::with(BreakerRules { minimum_calls: u32::MAX, ..BreakerRules::default() });
        for _ in 0..100 {
            bench.time_out_in_a_row(3);
            assert_eq!(bench.end(reply), None);
        }
        assert_eq!(bench.breaker.state(), BreakerState::Closed);
    }
}

#[test]
fn cancelled_attempts_say_nothing() {
    let mut bench = Bench::new();
    bench.time_out_in_a_row(3);
    for _ in 0..100 {
        assert_eq!(bench.end(Outcome::Cancelled), None);
    }
    assert_eq!(bench.end(Outcome::Timeout), bench.opens(1000, Cause::Timeouts), "the row goes on");

    let mut bench = Bench::new();
    (0..10).for_each(|_| _ = bench.end(Outcome::Failure));
    (0..90).for_each(|_| _ = bench.end(Outcome::Cancelled));
    assert_eq!(bench.breaker.state(), BreakerState::Closed, "10 calls, not 100, and so no share");
    (0..9).for_each(|_| _ = bench.end(Outcome::Success));
    // 11 of 20
    assert_eq!(bench.end(Outcome::Failure), bench.opens(1000, Cause::Errors));
}

#[test]
fn one_that_another_copy_outran_is_a_call_that_has_not_failed() {
    let mut bench = Bench::new();
    (0..10).for_each(|_| bench.breaker.outrun(bench.now));
    (0..10).for_each(|_| assert_eq!(bench.end(Outcome::Failure), None, "10 of 20 are not more than half"));
    assert_eq!(bench.end(Outcome::Failure), bench.opens(1000, Cause::Errors));
    // It ends no row of timeouts, and is no success to a breaker that is not closed.
    let mut bench = Bench::new();
    bench.time_out_in_a_row(3);
    bench.breaker.outrun(bench.now);
    assert_eq!(bench.end(Outcome::Timeout), bench.opens(1000, Cause::Timeouts));
    let mut bench = Bench::half_open(0);
    bench.breaker.outrun(bench.now);
    assert_eq!(bench.breaker.state(), BreakerState::HalfOpen { step: 0 });
}

#[test]
fn more_than_the_threshold_of_errors_opens_it() {
    let mut bench = Bench::new();
    (0..10).for_each(|_| _ = bench.end(Outcome::Success));
    (0..10).for_each(|_| assert_eq!(bench.end(Outcome::Failure), None, "10 of 20 are not more than half"));
    // 11 of 21
    assert_eq!(bench.end(Outcome::Failure), bench.opens(1000, Cause::Errors));
}

#[test]
fn timeouts_are_errors_too() {
    let mut bench = Bench::new();
    (0..9).for_each(|_| _ = bench.end(Outcome::Success));
    for _ in 0..5 {
        bench.time_out_in_a_row(1);
        assert_eq!(bench.end(Outcome::Failure), None);
    }
    // 11 of 20
    assert_eq!(bench.end(Outcome::Timeout), bench.opens(1000, Cause::Errors));
}

#[test]
fn fewer_than_the_minimum_of_calls_have_no_share() {
    let mut bench = Bench::new();
    (0..19).for_each(|_| assert_eq!(bench.end(Outcome::Failure), None));
    assert_eq!(bench.end(Outcome::Failure), bench.opens(1000, Cause::Errors));
}

#[test]
fn a_success_never_opens_it() {
    let mut bench = Bench::new();
    (0..15).for_each(|_| _ = bench.end(Outcome::Failure));
    (0..5).for_each(|_| assert_eq!(bench.end(Outcome::Success), None, "15 of 20 at the last"));
    // 16 of 21
    assert_eq!(bench.end(Outcome::Failure), bench.opens(1000, Cause::Errors));
}

#[test]
fn calls_that_left_the_window_do_not_count() {
    let mut bench = Bench::new();
    (0..19).for_each(|_| _ = bench.end(Outcome::Failure));
    bench.wait(secs(10));
    (0..19).for_each(|_| assert_eq!(bench.end(Outcome::Failure), None));
    assert_eq!(bench.end(Outcome::Failure), bench.opens(1000, Cause::Errors));
}

#[test]
fn a_threshold_of_one_never_opens_it() {
    let rules = BreakerRules { error_rate_threshold: 1.0, slow_call_rate_threshold: 1.0, ..slow_after_a_second() };
    let mut bench = Bench::with(rules);
    (0..1000).for_each(|_| assert_eq!(bench.end_after(Outcome::Failure, secs(2)), None));
    (0..1000).for_each(|_| assert_eq!(bench.end_after(Outcome::Success, secs(2)), None));
}

fn slow_after_a_second() -> BreakerRules {
    BreakerRules { slow_call_duration: Some(secs(1)), ..BreakerRules::default() }
}

#[test]
fn more_than_the_threshold_of_slow_calls_opens_it() {
    let mut bench = Bench::with(slow_after_a_second());
    (0..10).for_each(|_| assert_eq!(bench.end_after(Outcome::Success, secs(1)), None, "not longer than a second"));
    (0..10).for_each(|_| assert_eq!(bench.end_after(Outcome::Success, Duration::from_millis(1001)), None));
    let slow_failure = bench.end_after(Outcome::Failure, secs(2));
    assert_eq!(slow_failure, bench.opens(1000, Cause::SlowCalls), "11 of 21, however they end");
}

#[test]
fn no_call_is_slow_unless_told_from_when() {
    let mut bench = Bench::new();
    (0..1000).for_each(|_| assert_eq!(bench.end_after(Outcome::Success, secs(3600)), None));
}

#[test]
fn what_started_before_it_last_opened_does_not_open_it_again() {
    let mut bench = Bench::half_open(3);
    (0..100).for_each(|_| _ = bench.end(Outcome::Success));
    assert_eq!(bench.breaker.state(), BreakerState::Closed);
    bench.wait(secs(60));
    for outcome in [Outcome::Timeout, Outcome::Failure] {
        (0..100).for_each(|_| assert_eq!(bench.end_after(outcome, secs(62)), None));
    }
    bench.time_out_in_a_row(3);
    assert_eq!(bench.end(Outcome::Timeout), bench.opens(1000, Cause::Timeouts));
}

#[test]
fn begins_with_an_empty_window_and_no_row() {
    // Half-open, it saw a failure in each step and three timeouts in the last.
    let mut bench = Bench::half_open(2);
    (0..5).for_each(|_| _ = bench.end(Outcome::Failure));
    (0..25).for_each(|_| _ = bench.end(Outcome::Success));
    (0..99).for_each(|_| _ = bench.end(Outcome::Success));
    bench.time_out_in_a_row(3);
    assert_eq!(bench.end(Outcome::Success), Some(BreakerState::Closed));
    bench.time_out_in_a_row(3);
    (0..16).for_each(|_| assert_eq!(bench.end(Outcome::Failure), None));
    assert_eq!(bench.end(Outcome::Failure), bench.opens(1000, Cause::Errors), "the twentieth");
}
