use super::*;

#[test]
fn doubles_each_window_until_a_quarter_is_queue_and_then_takes_the_knee() {
    let (mut plumb, mut service) = (unbounded(), Service::new(20, 0.1));
    // 4 set the scale, 8 are a window, which the next one ends
    assert_eq!(service.answers_to_change(&mut plumb), (4 + 8 + 1, 8));
    // those of the old limit pass, a window of the limit
    assert_eq!(service.answers_to_change(&mut plumb), (4 + 8 + 1, 16));
    assert_eq!(service.answers_to_change(&mut plumb), (8 + 16 + 1, 32));
    // 32 in flight take 0.16 s: 200/s · 0.06 s = 12 wait, the knee is at 20, the goal 0.3·√32·(20/32)^¼ = 1.51
    assert_eq!(service.answers_to_change(&mut plumb), (16 + 32 + 1, 22));
    assert_close(plumb.target, 20.0 + 0.3 * 32f64.sqrt() * (20.0_f64 / 32.0).powf(0.25));
}

#[test]
fn keeps_the_last_good_target_when_growth_meets_a_queue_unless_throughput_refutes_it() {
    let after = |slots: f64| {
        let (mut plumb, mut service) = (unbounded(), Service::new(20, 0.1));
        service.until(&mut plumb, |plumb| plumb.limit() == 32);
        // slots lost meanwhile
        service.slots = slots;
        assert_eq!(service.answers_to_change(&mut plumb).1, plumb.limit());
        plumb.target
    };
    // 32 − 12 wait, which shows a knee of 12, but 16 was good a moment ago. After 8 + 8 + 16 successes without a queue
    // equal times count as varying by ¼ + 16/(16 + 32), and 32 more leave 12·(1 + 3·√(0.5833·(1/32 + 1/32))) = 18.9
    assert_close(after(12.0), 16.0);
    // 6·1.573
    assert_close(after(6.0), 6.0 * (1.0 + 3.0 * (7.0f64 / 12.0 / 16.0).sqrt()));
}

#[test]
fn growth_speeds_up_while_it_finds_no_queue() {
    // a squared coefficient of variation of ¼
    let (mut plumb, mut service) = settled_before(Service { spread: 0.5, ..Service::new(20, 0.1) });
    service.slots = 200.0;
    // windows of 2·20 to 2·40 answers: more than 9; of 80 to 400: fewer than 9
    assert!(service.until(&mut plumb, |plumb| plumb.target > 40.0) > 9 * 60);
    assert!(service.until(&mut plumb, |plumb| plumb.target > 195.0) < 9 * 240);
    service.run(&mut plumb, 5000);
    assert!((200.0..210.0).contains(&plumb.target), "{}", plumb.target);
}

#[test]
fn growth_is_bold_at_once_where_equal_times_show_no_queue() {
    let (mut plumb, mut service) = settled(20, 0.1);
    service.slots = 200.0;
    // where they vary it takes more than 9 such windows
    assert!(service.until(&mut plumb, |plumb| plumb.target > 40.0) < 8 * 60);
}

#[test]
fn small_errors_are_corrected_by_little_and_large_ones_at_once() {
    let plumb = |queue: f64, wanted: f64| {
        let mut plumb = unbounded();
        plumb.target = 16.0;
        plumb.drive.stop();
        plumb.steer(queue, wanted, 1.0);
        plumb.target
    };
    // up: 0.15 of 0.8, doubled by each 0.35 of drive; the queue is at half the goal, where the drive rests
    let goal = 0.3 * 4.0 * 1.25f64.powf(0.25);
    assert_close(plumb(0.5 * goal, 16.8), 16.12);
    // at most √target at a time: 8 is one noise too much, and the correction of 16/(2·4) is 1
    assert_close(plumb(0.5 * goal, 32.0), 20.0);
    // down: a quarter at least
    assert_close(plumb(goal, 15.6), 15.9);
    // −4 is corrected by 4/(2·4)
    assert_close(plumb(goal, 12.0), 14.0);
}

#[test]
fn headroom_stops_growth_unless_the_queue_is_below_its_goal() {
    let grown = |queue: f64| {
        let mut plumb = unbounded();
        plumb.target = 16.0;
        plumb.drive.stop();
        plumb.headroom.starved(100.0);
        plumb.steer(queue, 18.0, 1.0);
        plumb.target > 16.0
    };
    assert!(grown(0.5));
    assert!(!grown(1.5));
}
