use super::*;

#[test]
fn keeps_a_weighted_mean_by_size() {
    let mut throttle = Kanaloa::new(exploring(), 1);
    throttle.sample(&busy(80));
    // 100 in 0.5 s
    assert_logged(&throttle, 80, 200.0, Some(0.1));
    throttle.sample(&PoolSample { done: 50, process_time: Some(Duration::from_millis(200)), ..busy(80) });
    // 0.8·200 + 0.2·100; 0.8·0.1 + 0.2·0.2
    assert_logged(&throttle, 80, 180.0, Some(0.12));
    throttle.sample(&PoolSample { done: 10, ..busy(81) });
    assert_logged(&throttle, 81, 20.0, Some(0.1));
    assert_logged(&throttle, 80, 180.0, Some(0.12));
}

#[test]
fn keeps_the_process_time_while_all_fail() {
    let mut throttle = Kanaloa::new(exploring(), 1);
    throttle.sample(&PoolSample { process_time: None, ..busy(80) });
    assert_logged(&throttle, 80, 200.0, None);
    throttle.sample(&busy(80));
    assert_logged(&throttle, 80, 200.0, Some(0.1));
    // Failing twice as fast counts as work done.
    throttle.sample(&PoolSample { done: 200, process_time: None, ..busy(80) });
    assert_logged(&throttle, 80, 240.0, Some(0.1));
}

#[test]
fn counts_the_whole_time_in_which_nothing_got_done() {
    let mut throttle = Kanaloa::new(exploring(), 1);
    throttle.sample(&busy(80));
    throttle.sample(&PoolSample { done: 0, process_time: None, ..busy(80) });
    // 0.8·200
    assert_logged(&throttle, 80, 160.0, Some(0.1));
    throttle.sample(&busy(80));
    // 100 in 1 s: 0.8·160 + 0.2·100
    assert_logged(&throttle, 80, 148.0, Some(0.1));
    throttle.sample(&busy(80));
    // 100 in 0.5 s again: 0.8·148 + 0.2·200
    assert_logged(&throttle, 80, 158.4, Some(0.1));
}

#[test]
fn leaves_short_samples_to_the_next() {
    let mut throttle = Kanaloa::new(exploring(), 1);
    let short = |elapsed, done, ms| PoolSample {
        elapsed: Duration::from_millis(elapsed),
        done,
        process_time: Some(Duration::from_millis(ms)),
        ..busy(80)
    };
    assert_eq!(throttle.sample(&short(0, 1, 100)), None);
    assert_eq!(throttle.sample(&short(149, 9, 100)), None, "less than 0.3·500 ms");
    assert_eq!(throttle.log.len(), 0);
    throttle.sample(&short(51, 30, 200));
    // 40 in 200 ms; (10·0.1 + 30·0.2)/40
    assert_logged(&throttle, 80, 200.0, Some(0.175));
    throttle.sample(&short(150, 15, 100));
    // 100/s: 0.8·200 + 0.2·100; 0.8·0.175 + 0.2·0.1
    assert_logged(&throttle, 80, 180.0, Some(0.16));
}

#[test]
fn keeps_no_sample_of_a_pool_that_is_not_full() {
    let mut throttle = Kanaloa::new(optimizing(), 1);
    for second in 0..100 {
        assert_eq!(throttle.sample(&idle(80, second, 79)), None);
    }
    assert_eq!(throttle.log.len(), 0);
}

#[test]
fn does_not_mix_sizes_nor_what_was_before_a_calm() {
    let mut throttle = Kanaloa::new(exploring(), 1);
    throttle.sample(&PoolSample { done: 0, ..busy(80) });
    throttle.sample(&busy(81));
    assert_logged(&throttle, 81, 200.0, Some(0.1));
    throttle.sample(&PoolSample { done: 0, ..busy(82) });
    throttle.sample(&idle(82, 1, 5));
    throttle.sample(&busy(82));
    // 0.8·0 + 0.2·200, not 0.2·100
    assert_logged(&throttle, 82, 40.0, Some(0.1));
}

#[test]
fn takes_no_sample_without_a_length() {
    let mut throttle = Kanaloa::new(KanaloaRules { resize_interval: Duration::ZERO, ..exploring() }, 1);
    assert_eq!(throttle.sample(&PoolSample { elapsed: Duration::ZERO, ..busy(80) }), None);
    assert_eq!(throttle.log.len(), 0);
}
