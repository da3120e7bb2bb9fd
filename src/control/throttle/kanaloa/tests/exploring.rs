use super::*;

fn steps(rules: KanaloaRules, seed: u64) -> Vec<i64> {
    let mut throttle = Kanaloa::new(rules, seed);
    let step = |_| {
        throttle.limit = 80;
        throttle.sample(&busy(80)).unwrap() as i64 - 80
    };
    (0..10_000).map(step).collect()
}

#[test]
fn steps_are_shorter_than_the_longest_and_one_is_twice_as_likely() {
    let steps = steps(exploring(), 23);
    let share = |size| steps.iter().filter(|step| step.abs() == size).count() as f64 / 1e4;
    // 0 and 1 of 0..5 both make 1. Four standard deviations of a share of 0.2 are 0.016.
    for (size, expected) in [(0, 0.0), (1, 0.4), (2, 0.2), (3, 0.2), (4, 0.2), (5, 0.0)] {
        assert!((share(size) - expected).abs() < 0.02, "{size}: {}", share(size));
    }
}

#[test]
fn goes_down_as_often_as_told() {
    for (chance, expected) in [(0.0, 0.0), (0.7, 0.7), (1.0, 1.0)] {
        let rules = KanaloaRules { chance_of_scaling_down_when_full: chance, ..exploring() };
        let down = steps(rules, 23).iter().filter(|&&step| step < 0).count() as f64 / 1e4;
        assert!((down - expected).abs() < 0.02, "{chance}: {down}");
    }
}

#[test]
fn happens_as_often_as_told() {
    // 80 is the best: to optimise is to stay.
    let mut throttle = at_80_knowing(&[(70, 1.0, 100)], KanaloaRules::default());
    let moves = (0..10_000).filter(|_| {
        throttle.limit = 80;
        throttle.sample(&busy(80)).is_some()
    });
    let share = moves.count() as f64 / 1e4;
    assert!((share - 0.3).abs() < 0.02, "{share}");
}

#[test]
fn is_all_it_does_while_one_size_is_known() {
    for seed in 0..100 {
        assert!(Kanaloa::new(optimizing(), seed).sample(&busy(80)).is_some());
    }
}

#[test]
fn is_the_same_with_the_same_seed_only() {
    assert_eq!(steps(exploring(), 5), steps(exploring(), 5));
    assert_ne!(steps(exploring(), 5), steps(exploring(), 6));
}

#[test]
fn takes_a_step_of_one_if_told_none() {
    for max_explore_step_size in [0, 1] {
        let steps = steps(KanaloaRules { max_explore_step_size, ..exploring() }, 1);
        assert!(steps.iter().all(|step| step.abs() == 1));
    }
}

#[test]
fn stays_within_the_bounds() {
    for (down, size) in [(1.0, 5), (0.0, 400)] {
        let rules = KanaloaRules { starting_pool_size: size, chance_of_scaling_down_when_full: down, ..exploring() };
        let mut throttle = Kanaloa::new(rules, 1);
        (0..100).for_each(|_| assert_eq!(throttle.sample(&busy(size)), None));
    }
}
