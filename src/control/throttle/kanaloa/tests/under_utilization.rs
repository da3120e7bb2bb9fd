use super::*;

fn downsizing() -> KanaloaRules {
    KanaloaRules { downsize_after_under_utilization: Some(Duration::from_secs(30)), ..exploring() }
}

#[test]
fn of_more_than_the_time_lowers_it_to_a_share_of_the_highest() {
    let mut throttle = Kanaloa::new(downsizing(), 1);
    for second in 0..=30 {
        assert_eq!(throttle.sample(&idle(80, second, if second == 7 { 49 } else { 10 })), None);
    }
    // 0.8·49 = 39.2
    assert_eq!(throttle.sample(&idle(80, 31, 10)), Some(39));
    for second in 32..100 {
        assert_eq!(throttle.sample(&idle(39, second, 10)), None, "the same highest");
    }
    // 0.8·60
    assert_eq!(throttle.sample(&idle(39, 100, 60)), Some(48));
}

#[test]
fn begins_anew_after_the_pool_was_full() {
    let mut throttle = Kanaloa::new(downsizing(), 1);
    throttle.sample(&idle(80, 0, 70));
    throttle.sample(&busy(80));
    let limit = throttle.limit();
    for second in 20..=50 {
        assert_eq!(throttle.sample(&idle(limit, second, 10)), None);
    }
    assert_eq!(throttle.sample(&idle(limit, 51, 10)), Some(8));
}

#[test]
fn never_lowers_it_below_the_minimum() {
    let mut throttle = Kanaloa::new(downsizing(), 1);
    throttle.sample(&idle(80, 0, 0));
    assert_eq!(throttle.sample(&idle(80, 31, 0)), Some(5));
}

#[test]
fn without_a_time_changes_nothing() {
    let mut throttle = Kanaloa::new(exploring(), 1);
    throttle.sample(&idle(80, 0, 1));
    assert_eq!(throttle.sample(&idle(80, 1_000_000, 1)), None);
}
