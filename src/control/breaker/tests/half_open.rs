use super::*;

fn slow_after_a_second() -> BreakerRules {
    BreakerRules { slow_call_duration: Some(secs(1)), ..BreakerRules::default() }
}

#[test]
fn takes_as_many_successes_to_the_next_step_as_a_step_has_slots() {
    let mut bench = Bench::half_open(0);
    let next = [1, 2, 3].map(|step| BreakerState::HalfOpen { step }).into_iter().chain([BreakerState::Closed]);
    for (slots, next) in [1, 5, 25, 100].into_iter().zip(next) {
        (1..slots).for_each(|_| assert_eq!(bench.end(Outcome::Success), None));
        assert_eq!(bench.end(Outcome::Success), Some(next));
    }
}

#[test]
fn successes_of_earlier_attempts_count() {
    let mut bench = Bench::half_open(1);
    (0..4).for_each(|_| assert_eq!(bench.end_after(Outcome::Success, secs(60)), None));
    assert_eq!(bench.end_after(Outcome::Success, secs(60)), Some(BreakerState::HalfOpen { step: 2 }));
}

#[test]
fn whatever_else_comes_of_earlier_attempts_does_not() {
    let mut bench = Bench::half_open_with(slow_after_a_second(), 0);
    for outcome in [Outcome::Failure, Outcome::Timeout, Outcome::Cancelled, Outcome::Success] {
        (0..100).for_each(|_| assert_eq!(bench.end_after(outcome, secs(60)), None, "{outcome:?}"));
    }
}

#[test]
fn an_attempt_is_earlier_if_it_started_before_it_opened() {
    // It opened 1.1 s ago.
    let mut bench = Bench::half_open(0);
    assert_eq!(bench.end_after(Outcome::Failure, Duration::from_millis(1101)), None);
    assert_eq!(bench.end_after(Outcome::Failure, Duration::from_millis(1100)), bench.opens(2000, Cause::Errors));
}

#[test]
fn the_row_of_timeouts_that_opened_it_does_not_go_on() {
    let mut bench = Bench::opened();
    bench.breaker.open_time_over(at(1000));
    // The first of 3 slots of 300.
    let timeout = Attempt { now: at(2000), process_time: QUICK, outcome: Outcome::Timeout, in_flight: 1 };
    assert_eq!(bench.breaker.record(&timeout, 300), None);
}

#[test]
fn with_one_slot_the_first_that_goes_wrong_opens_it() {
    for error_rate_threshold in [0.0, 0.5, 1.0] {
        let rules = BreakerRules { error_rate_threshold, ..slow_after_a_second() };
        for (outcome, cause) in [(Outcome::Failure, Cause::Errors), (Outcome::Timeout, Cause::Timeouts)] {
            let mut bench = Bench::half_open_with(rules, 0);
            assert_eq!(bench.end(outcome), bench.opens(2000, cause));
        }
        let mut bench = Bench::half_open_with(rules, 0);
        bench.wait(secs(2));
        assert_eq!(bench.end_after(Outcome::Success, secs(2)), bench.opens(2000, Cause::SlowCalls));
    }
}

#[test]
fn with_more_slots_it_takes_more_than_the_threshold() {
    // Half of 100 is 50.
    let mut bench = Bench::half_open(3);
    (0..50).for_each(|_| assert_eq!(bench.end(Outcome::Failure), None));
    assert_eq!(bench.end(Outcome::Failure), bench.opens(2000, Cause::Errors));
}

#[test]
fn a_threshold_of_one_takes_all_slots() {
    let mut bench = Bench::half_open_with(BreakerRules { error_rate_threshold: 1.0, ..BreakerRules::default() }, 1);
    (0..4).for_each(|_| assert_eq!(bench.end(Outcome::Failure), None));
    assert_eq!(bench.end(Outcome::Failure), bench.opens(2000, Cause::Errors));
}

#[test]
fn each_step_counts_for_itself() {
    let mut bench = Bench::half_open(1);
    // More than half of 5 would be 3.
    (0..2).for_each(|_| _ = bench.end(Outcome::Failure));
    (0..5).for_each(|_| _ = bench.end(Outcome::Success));
    assert_eq!(bench.breaker.state(), BreakerState::HalfOpen { step: 2 });
    (0..12).for_each(|_| assert_eq!(bench.end(Outcome::Failure), None));
    assert_eq!(bench.end(Outcome::Failure), bench.opens(2000, Cause::Errors));
}

#[test]
fn timeouts_in_a_row_open_it_even_if_they_are_few() {
    // More than half of 100 would be 51.
    let mut bench = Bench::half_open(3);
    bench.time_out_in_a_row(3);
    assert_eq!(bench.end(Outcome::Success), None);
    bench.time_out_in_a_row(3);
    assert_eq!(bench.end(Outcome::Failure), None, "a reply ends the row");
    bench.time_out_in_a_row(3);
    assert_eq!(bench.end(Outcome::Timeout), bench.opens(2000, Cause::Timeouts));
}
