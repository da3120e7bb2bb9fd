//! What it says of itself, in the situations that bring it about.

use super::sharing;
use super::*;

/// Its next phrases, the present one first, so many as are expected, while calls end.
#[track_caller]
fn assert_says<const N: usize>(plumb: &mut Plumb, expected: [&str; N], mut answer: impl FnMut(&mut Plumb)) {
    let mut all = vec![plumb.reason().to_string()];
    for _ in 0..MANY {
        if all.len() == N {
            break;
        }
        answer(plumb);
        all.push(plumb.reason().to_string());
        all.dedup();
    }
    assert_eq!(all, expected);
}

#[test]
fn a_start_grows_until_it_meets_a_queue_and_then_steers() {
    let (mut plumb, mut service) = (unbounded(), Service::new(20, 0.1));
    let expected = [
        "starting: too few process times are known yet",
        "growing: no queue inside the service yet",
        // at 32, see `growth`
        "growth met a queue of 12 inside the service: knee about 20",
        "steering: knee about 20.1, 1.4 of queue held on purpose",
    ];
    assert_says(&mut plumb, expected, |plumb| _ = service.answer(plumb));
}

#[test]
fn growth_goes_on_while_less_than_a_quarter_is_queue() {
    let (mut plumb, mut service) = (unbounded(), Service::new(14, 0.1));
    service.until(&mut plumb, |plumb| plumb.limit() == 32);
    assert_eq!(plumb.reason().to_string(), "growing: only 2 of 16 in flight wait inside the service");
}

#[test]
fn a_dip_is_a_moment() {
    let (mut plumb, mut service) = settled(20, 0.1);
    let expected = [
        "steering: knee about 20, 1.4 of queue held on purpose",
        "dip: a moment below the target of 21.4 to see process times without a queue",
        "steering: knee about 20, 1.4 of queue held on purpose",
    ];
    assert_says(&mut plumb, expected, |plumb| _ = service.answer(plumb));
}

#[test]
fn a_check_finds_fewer_slots() {
    let (mut plumb, mut service) = settled(20, 0.1);
    service.slots = 10.0;
    let expected = [
        "steering: knee about 20, 1.4 of queue held on purpose",
        "checking whether a queue of 11 is one: limit cut from 21 to see if process times fall",
        "fewer slots than a limit of 21: process times fell with the limit, knee about 11",
    ];
    assert_says(&mut plumb, expected, |plumb| _ = service.answer(plumb));
}

#[test]
fn a_check_finds_a_slower_service() {
    let (mut plumb, mut service) = settled(20, 0.1);
    service.time = 0.3;
    let expected = [
        "steering: knee about 20, 1.4 of queue held on purpose",
        "checking whether a queue of 14.3 is one: limit cut from 21 to see if process times fall",
        // the first check after an alarm is not trusted
        "checking whether a queue of 7.3 is one: limit cut from 11 to see if process times fall",
        "the service became slower: process times, now 300 ms, did not fall with the limit",
    ];
    assert_says(&mut plumb, expected, |plumb| _ = service.answer(plumb));
}

#[test]
fn a_lack_of_demand_rests_and_a_burst_after_it_has_headroom() {
    let (mut plumb, mut service) = settled(20, 0.1);
    for _ in 0..2 * 2 * 22 {
        service.answer_with(&mut plumb, 5);
    }
    let expected = [
        "demand is below the limit: 5 in flight on average; it has headroom above the target of 21.4",
        "burst: demand fills the limit again, with headroom above a target of 20.3",
        "steering: knee about 19.1, 1.3 of queue held on purpose",
    ];
    assert_says(&mut plumb, expected, |plumb| _ = service.answer(plumb));
}

#[test]
fn a_silence_tells_the_limit_before_its_first_timeout_until_an_answer_comes() {
    let (mut plumb, mut service) = settled(20, 0.1);
    service.run(&mut plumb, 1); // no answer is left to count
    let expected = [
        "steering: knee about 20, 1.4 of queue held on purpose",
        "service silent: timeouts prevail, the limit was 21 before",
    ];
    assert_says(&mut plumb, expected, |plumb| _ = service.fail(plumb, Outcome::Timeout));
    while plumb.limit() > 2 {
        service.fail(&mut plumb, Outcome::Timeout);
    }
    let expected = [
        "service silent: timeouts prevail, the limit was 21 before",
        "starting anew: the service answers after a silence",
        "growing: no queue inside the service yet",
    ];
    assert_says(&mut plumb, expected, |plumb| _ = service.answer(plumb));
}

#[test]
fn times_beyond_all_that_is_known_start_it_over() {
    let (mut plumb, mut service) = settled(20, 0.1);
    service.time = 100.0;
    service.until(&mut plumb, |plumb| matches!(plumb.phase, Phase::Cold(_)));
    let expected = ["starting over: process times left the known range", "growing: no queue inside the service yet"];
    assert_says(&mut plumb, expected, |plumb| _ = service.answer(plumb));
}

#[test]
fn bounds_are_told_where_they_and_not_the_service_hold_it() {
    let (mut plumb, mut service) = (Plumb::new(4, 1, 10), Service::new(20, 0.1));
    service.run(&mut plumb, 200);
    assert_eq!(plumb.reason().to_string(), "held at the largest limit allowed, 10");
    // slots fall away, more of them than the smallest limit gives way to
    let (mut plumb, mut service) = (Plumb::new(4, 10, 100), Service::new(20, 0.1));
    service.run(&mut plumb, 2000);
    service.slots = 3.0;
    let expected = [
        "steering: knee about 20, 1.4 of queue held on purpose",
        "steering: knee about 19.9, 1.4 of queue held on purpose",
        "checking whether a queue of 18 is one: limit cut from 21 to see if process times fall",
        "checking whether a queue of 8 is one: limit cut from 11 to see if process times fall",
        "fewer slots than a limit of 11: process times fell with the limit, knee about 10",
        "held at the smallest limit allowed, 10",
    ];
    assert_says(&mut plumb, expected, |plumb| _ = service.answer(plumb));
}

#[test]
fn a_queue_that_process_times_hide_is_told_as_such() {
    let mut plumb = unbounded();
    let by_throughput = (0..MANY / 50).any(|_| {
        sharing::run(&mut plumb, 20.0, 50);
        let says = plumb.reason().to_string();
        says.starts_with("steering by throughput, which shows a hidden queue: knee about 2")
    });
    assert!(by_throughput, "{}", plumb.reason());
    sharing::run(&mut plumb, 20.0, 20_000);
    let from = (0..MANY / 5).find_map(|_| {
        sharing::run(&mut plumb, 10.0, 5);
        if let Reason::CheckingThroughput { from } = plumb.reason() { Some(from) } else { None }
    });
    let from = from.expect("fewer slots are checked in the end");
    assert_eq!(plumb.limit(), from.div_ceil(2));
    let checking = format!("checking whether a queue is hidden: limit cut from {from} to see if throughput stays");
    assert_eq!(plumb.reason().to_string(), checking);
}
