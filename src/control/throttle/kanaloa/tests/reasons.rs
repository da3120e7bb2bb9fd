//! What it says of itself.

use super::*;

/// What it says after this sample.
#[track_caller]
fn assert_says(throttle: &mut Kanaloa, sample: &PoolSample, expected: &str) {
    throttle.sample(sample);
    assert_eq!(throttle.reason().to_string(), expected);
}

#[test]
fn nothing_is_known_at_first_nor_after_a_sample_that_is_too_short() {
    let mut throttle = Kanaloa::new(exploring(), 1);
    let starting = "starting: too few process times are known yet";
    assert_eq!(throttle.reason().to_string(), starting);
    assert_says(&mut throttle, &PoolSample { elapsed: Duration::ZERO, ..busy(80) }, starting);
}

#[test]
fn it_explores() {
    for (chance_of_scaling_down_when_full, expected) in [
        (1.0, "exploring: a step down from 80 while all slots are taken, to see how fewer do"),
        (0.0, "exploring: a step up from 80 while all slots are taken, to see how more do"),
    ] {
        let rules = KanaloaRules { chance_of_scaling_down_when_full, ..exploring() };
        assert_says(&mut Kanaloa::new(rules, 1), &busy(80), expected);
    }
}

#[test]
fn it_optimizes() {
    let there = "optimising: half-way from 80 to 90, which did best of the limits near it";
    assert_says(&mut at_80_knowing(&[(90, 300.0, 100)], optimizing()), &busy(80), there);
    let here = "optimising: 80 did best of the limits near it";
    assert_says(&mut at_80_knowing(&[(90, 100.0, 100)], optimizing()), &busy(80), here);
}

#[test]
fn it_waits_and_then_downsizes_while_it_is_under_utilized() {
    let rules = KanaloaRules { downsize_after_under_utilization: Some(Duration::from_secs(30)), ..exploring() };
    let mut throttle = Kanaloa::new(rules, 1);
    let under = "demand is below the limit: no more than 49 slots taken at once";
    assert_says(&mut throttle, &idle(80, 0, 49), under);
    assert_says(&mut throttle, &idle(80, 30, 10), under);
    let lowered = "lowered: demand was below the limit for 31 s, with no more than 49 slots taken at once";
    assert_says(&mut throttle, &idle(80, 31, 10), lowered);
}

#[test]
fn bounds_hold_it() {
    for (down, size, expected) in
        [(1.0, 5, "held at the smallest limit allowed, 5"), (0.0, 400, "held at the largest limit allowed, 400")]
    {
        let rules = KanaloaRules { starting_pool_size: size, chance_of_scaling_down_when_full: down, ..exploring() };
        assert_says(&mut Kanaloa::new(rules, 1), &busy(size), expected);
    }
}
