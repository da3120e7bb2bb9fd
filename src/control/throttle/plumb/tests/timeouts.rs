use super::*;

#[test]
fn a_limit_of_timeouts_halves_it_each_time() {
    let (mut plumb, mut service) = settled(20, 0.1);
    service.run(&mut plumb, 1); // no answer is left to count
    let (mut limit, mut target) = (plumb.limit(), plumb.target);
    while limit > 1 {
        (1..limit.max(4)).for_each(|_| assert_eq!(service.fail(&mut plumb, Outcome::Timeout), None));
        target = (target / 2.0).max(1.0);
        assert_eq!(service.fail(&mut plumb, Outcome::Timeout), Some(target as usize));
        limit = plumb.limit();
    }
    (0..100).for_each(|_| assert_eq!(service.fail(&mut plumb, Outcome::Timeout), None));
}

#[test]
fn the_next_success_starts_cold() {
    let (mut plumb, mut service) = settled(20, 0.1);
    while plumb.limit() > 4 {
        service.fail(&mut plumb, Outcome::Timeout);
    }
    assert_eq!(plumb.phase, Phase::Silent);
    // it is back, five times as fast and with more slots
    (service.time, service.slots) = (0.02, 40.0);
    assert_eq!(plumb.limit(), 2);
    assert_eq!(service.answers_to_change(&mut plumb), (2 + 8 + 1, 5), "twice 2.7");
    service.run(&mut plumb, 2000);
    assert!((38.0..46.0).contains(&plumb.target), "{}", plumb.target);
    assert!((plumb.base.get().unwrap() / 0.02 - 1.0).abs() < 0.1, "{:?}", plumb.base);
}

#[test]
fn more_answers_than_timeouts_mean_that_it_lives() {
    let (mut plumb, mut service) = settled(20, 0.1);
    for _ in 0..2000 {
        service.run(&mut plumb, 2);
        service.fail(&mut plumb, Outcome::Timeout);
        assert_eq!(plumb.phase, Phase::Measuring);
    }
}

#[test]
fn never_below_the_minimum() {
    let (mut plumb, service) = (Plumb::new(20, 3, 50), Service::new(20, 0.1));
    for _ in 0..1000 {
        service.fail(&mut plumb, Outcome::Timeout);
    }
    assert_eq!(plumb.limit(), 3);
}
