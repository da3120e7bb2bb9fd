use super::*;

/// In a check that cut 20 to 15, with 100/s served in 0.2 s before and a base of 0.1 s.
fn checking(settled: bool) -> (Plumb, Check) {
    let mut plumb = unbounded();
    plumb.target = 20.0;
    plumb.limit = 15;
    plumb.base.reset(0.1);
    plumb.drive.stop();
    let check = Check {
        throughput: 100.0,
        slot_time: 0.2,
        soft_minimum: 0.2,
        limit: 20.0,
        target: 20.0,
        knee: None,
        least_knee: 0.0,
        settled,
        by_slot_time: false,
    };
    plumb.mode = Mode::Check(check);
    (plumb, check)
}

/// Ends the check with 15 in flight and this soft minimum, at 100/s.
fn ended(settled: bool, soft_minimum: f64) -> Plumb {
    let (mut plumb, check) = checking(settled);
    let (throughput, in_flight, mean_time) = (100.0, 15.0, 0.15);
    let reading = Reading {
        elapsed: 0.15,
        slot_time: mean_time,
        count: 15.0,
        throughput,
        in_flight,
        mean_time,
        variation: 0.0,
        soft_minimum,
        scale_fits: true,
        full: true,
    };
    plumb.end_check(&reading, plumb.queue(&reading), check);
    plumb
}

#[test]
fn time_that_falls_by_a_third_of_the_cut_was_a_queue() {
    // 100/s · 0.09 s = 9 ≥ 0.3 · 5, and 1 still waits, which is nothing
    let plumb = ended(true, 0.11);
    assert_eq!((plumb.mode, plumb.target), (Mode::High, 15.0));
    assert_eq!(plumb.base.get(), Some(0.1));
}

#[test]
fn time_that_stays_is_the_service_s_own() {
    // 100/s · 0.014 s = 1.4 < 1.5
    let plumb = ended(true, 0.186);
    assert_eq!((plumb.mode, plumb.target), (Mode::High, 20.0));
    assert_eq!(plumb.base.get(), Some(0.186));
}

#[test]
fn a_queue_that_is_left_is_checked_again() {
    // 100/s · 0.016 s = 1.6 ≥ 1.5, and 8.4 still wait: 15 − 8.4, but at most half
    let plumb = ended(true, 0.184);
    assert_eq!(plumb.limit, 8);
    let Mode::Check(check) = plumb.mode else { panic!("{:?}", plumb.mode) };
    assert_eq!((check.limit, check.target, check.settled), (15.0, 15.0, true));
}

#[test]
fn the_first_check_after_an_alarm_is_not_trusted() {
    let plumb = ended(false, 0.2);
    let Mode::Check(check) = plumb.mode else { panic!("{:?}", plumb.mode) };
    assert_eq!((check.target, check.settled), (20.0, true), "if it was the service, 20 is what to return to");
    assert_eq!(plumb.base.get(), Some(0.1));
}

#[test]
fn a_hidden_queue_is_checked_by_half_the_limit_and_for_long() {
    let (mut plumb, _) = checking(true);
    (plumb.mode, plumb.limit) = (Mode::High, 20);
    let reading = Reading {
        count: 40.0,
        elapsed: 0.2,
        throughput: 200.0,
        in_flight: 20.0,
        mean_time: 0.1,
        slot_time: 0.1,
        variation: 1.0,
        soft_minimum: 0.1,
        scale_fits: true,
        full: true,
    };
    plumb.proof.reset(&reading);
    plumb.enter_check(&reading, 1.0, Some(12.0), 20.0);
    assert_eq!(plumb.limit, 10);
    let Mode::Check(check) = plumb.mode else { panic!("{:?}", plumb.mode) };
    assert_eq!((check.least_knee, check.settled, check.by_slot_time), (12.0, true, true));
    // 64 for a variation of 1, but at most 8 limits
    assert_eq!(plumb.window_length(), 64.0);
    plumb.limit = 5;
    assert_eq!(plumb.window_length(), 40.0);
}

/// Ends a check by slot time, 0.2 s before, with 15 of 20 in flight.
fn ended_by_slot_time(slot_time: f64, knee: Option<f64>) -> Plumb {
    let (mut plumb, check) = checking(true);
    let check = Check { knee, by_slot_time: true, ..check };
    let reading = Reading {
        count: 64.0,
        elapsed: 64.0 * slot_time / 15.0,
        throughput: 15.0 / slot_time,
        in_flight: 15.0,
        mean_time: slot_time,
        slot_time,
        variation: 1.0,
        soft_minimum: 0.1,
        scale_fits: true,
        full: true,
    };
    plumb.end_check(&reading, 0.0, check);
    plumb
}

#[test]
fn slot_time_that_falls_by_half_of_the_cut_was_a_queue() {
    // from 0.2 s by 20·0.026/0.2 = 2.6 of 5, and by 2.4 of 5
    let fewer = "fewer slots than a limit of 20: process times fell with the limit, knee about 17.4";
    let slower = "the service became slower: process times, now 176 ms, did not fall with the limit";
    for (slot_time, target, said) in [(0.174, 17.4, fewer), (0.176, 20.0, slower)] {
        let plumb = ended_by_slot_time(slot_time, Some(12.0));
        assert_eq!(plumb.mode, Mode::High);
        assert_close(plumb.target, target);
        assert_eq!(plumb.reason().to_string(), said);
    }
}

#[test]
fn slot_time_that_falls_by_all_of_the_cut_may_fall_further() {
    // by 3.7 of 5, and by 3.8
    assert_eq!(ended_by_slot_time(0.163, Some(12.0)).mode, Mode::High);
    let plumb = ended_by_slot_time(0.162, Some(12.0));
    let Mode::Check(check) = plumb.mode else { panic!("{:?}", plumb.mode) };
    assert_eq!((check.limit, check.target, plumb.limit), (15.0, 15.0, 8));
    // unless throughput said that there are that many slots
    assert_eq!(ended_by_slot_time(0.162, Some(16.0)).mode, Mode::High);
}

#[test]
fn when_times_vary_a_soft_minimum_that_stays_is_no_verdict_yet() {
    let (mut plumb, check) = checking(true);
    let reading = Reading {
        count: 15.0,
        elapsed: 0.15,
        throughput: 100.0,
        in_flight: 15.0,
        mean_time: 0.15,
        slot_time: 0.15,
        variation: 1.0,
        soft_minimum: 0.2,
        scale_fits: true,
        full: true,
    };
    plumb.proof.reset(&reading);
    plumb.end_check(&reading, 0.0, check);
    assert_eq!(plumb.mode, Mode::Check(Check { by_slot_time: true, ..check }));
    assert_eq!(plumb.limit, 15);
    let checking = "checking whether a queue is hidden: limit cut from 20 to see if throughput stays";
    assert_eq!(plumb.reason().to_string(), checking);
}

#[test]
fn slots_that_fall_away_are_followed() {
    for left in [15, 10, 3] {
        let (mut plumb, mut service) = settled(20, 0.1);
        service.slots = left as f64;
        service.run(&mut plumb, 600);
        assert!((plumb.target - left as f64).abs() < 2.0, "{left} left, {}", plumb.target);
        assert!((plumb.base.get().unwrap() - 0.1).abs() < 0.02, "{left} left, {:?}", plumb.base);
    }
}

#[test]
fn a_slower_service_keeps_its_limit() {
    for slower in [2.0, 3.0, 10.0] {
        let (mut plumb, mut service) = settled(20, 0.1);
        service.time *= slower;
        service.run(&mut plumb, 1000);
        assert!((19.0..24.0).contains(&plumb.target), "× {slower}: {}", plumb.target);
        assert!((plumb.base.get().unwrap() / service.time - 1.0).abs() < 0.1, "× {slower}: {:?}", plumb.base);
    }
}

#[test]
fn a_faster_service_keeps_its_limit() {
    let (mut plumb, mut service) = settled(20, 0.1);
    service.time = 0.02;
    let limit = plumb.limit();
    service.run(&mut plumb, 2 * limit + 1);
    // nothing can be faster than without a queue: 21 ms and ½·√21 calls at 1000/s
    assert!((0.0232..0.0235).contains(&plumb.base.get().unwrap()), "{:?}", plumb.base);
    service.run(&mut plumb, 2000);
    assert!((19.0..24.0).contains(&plumb.target), "{}", plumb.target);
}

#[test]
fn half_a_window_is_enough_for_an_alarm() {
    let (mut plumb, mut service) = settled(40, 0.1);
    service.slots = 10.0;
    let limit = plumb.limit();
    let (answers, cut) = service.answers_to_change(&mut plumb);
    assert_eq!(answers, limit.div_ceil(2), "of {}", 2 * limit);
    assert!(plumb.mode.is_check() && cut < limit);
}
