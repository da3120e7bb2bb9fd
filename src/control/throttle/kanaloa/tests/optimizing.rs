use super::*;

/// Where it goes from 80, which does 200/s at 100 ms.
fn goes_to(others: &[(usize, f64, u64)]) -> usize {
    let mut throttle = at_80_knowing(others, optimizing());
    throttle.sample(&busy(80));
    throttle.limit()
}

#[test]
fn goes_half_way_and_rounds_up() {
    for (best, expected) in [(90, 85), (83, 82), (81, 81), (79, 80), (78, 79), (77, 79), (70, 75)] {
        assert_eq!(goes_to(&[(best, 300.0, 100)]), expected, "towards {best}");
    }
}

#[test]
fn weighs_speed_four_times_as_much_as_process_time() {
    // 0.8·10 % − 0.2·39 % = +0.2 %, 0.8·10 % − 0.2·41 % = −0.2 %
    assert_eq!(goes_to(&[(90, 220.0, 139)]), 85);
    assert_eq!(goes_to(&[(90, 220.0, 141)]), 80);
    // −0.8·10 % + 0.2·41 %, −0.8·10 % + 0.2·39 %
    assert_eq!(goes_to(&[(90, 180.0, 59)]), 85);
    assert_eq!(goes_to(&[(90, 180.0, 61)]), 80);
}

#[test]
fn takes_the_best_of_all() {
    // +8 %, +20 %, +16 %
    assert_eq!(goes_to(&[(70, 220.0, 100), (72, 250.0, 100), (90, 240.0, 100)]), 76);
}

#[test]
fn without_a_process_time_only_speed_counts() {
    let mut throttle = at_80_knowing(&[(90, 201.0, 9999)], optimizing());
    throttle.sample(&PoolSample { process_time: None, ..busy(80) });
    assert_eq!(throttle.limit(), 85);
}

#[test]
fn looks_at_so_many_known_sizes_on_each_side() {
    // max(10, 0.4·80) = 32: known are 81, 82, .. and 79, 78, ..
    for (best, expected) in [(112, 96), (113, 80), (48, 64), (47, 80)] {
        let speed = |size| if size == best { 300.0 } else { 100.0 };
        let others = (40..=120).filter(|&size| size != 80).map(|size| (size, speed(size), 100));
        assert_eq!(goes_to(&others.collect::<Vec<_>>()), expected, "{best}");
    }
    // It is sizes that are counted, not slots.
    assert_eq!(goes_to(&[(280, 300.0, 100)]), 180);
}

#[test]
fn looks_at_ten_on_each_side_at_least() {
    let rules = KanaloaRules { starting_pool_size: 20, ..optimizing() };
    for (best, expected) in [(30, 25), (31, 20)] {
        let others: Vec<_> = (21..=40).map(|size| (size, if size == best { 300.0 } else { 100.0 }, 100)).collect();
        let mut throttle = at_80_knowing(&others, rules);
        throttle.sample(&busy(20));
        assert_eq!(throttle.limit(), expected, "{best}");
    }
}

#[test]
fn stays_if_others_are_no_better() {
    assert_eq!(goes_to(&[(70, 200.0, 100), (90, 200.0, 100)]), 80);
}

#[test]
fn of_equally_good_sizes_goes_to_the_nearest() {
    assert_eq!(goes_to(&[(90, 300.0, 100), (100, 300.0, 100)]), 85);
    assert_eq!(goes_to(&[(70, 300.0, 100), (60, 300.0, 100)]), 75);
}

#[test]
fn leaves_a_size_at_which_nothing_gets_done() {
    let mut throttle = at_80_knowing(&[(90, 1.0, 100), (70, 0.0, 1)], optimizing());
    throttle.sample(&PoolSample { done: 0, process_time: None, ..busy(80) });
    assert_eq!(throttle.limit(), 85);
}

#[test]
fn an_old_entry_wins_for_ever() {
    // The fault of the original that the docs tell: 90 has not been that fast for long.
    let mut throttle = at_80_knowing(&[(90, 300.0, 100)], optimizing());
    for _ in 0..100_000 {
        throttle.limit = 80;
        assert_eq!(throttle.sample(&busy(80)), Some(85));
    }
}
