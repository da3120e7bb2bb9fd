use super::*;

#[test]
fn loosens_the_limit_for_bursts_and_tightens_it_after_four_full_windows() {
    let (mut plumb, mut service) = settled(20, 0.1);
    let target = plumb.target;
    let loose = (1.4 * target + 1.0).round() as usize;
    for _ in 0..2 * 2 * 22 {
        service.answer_with(&mut plumb, 5);
    }
    assert_eq!(plumb.limit(), loose);
    assert_eq!(plumb.target, target, "the knee is not forgotten");
    // what runs at the tight limit passes, then come four full windows of the loose one, each of which shows a queue
    service.run(&mut plumb, 22 + 3 * 2 * loose);
    assert!(plumb.headroom.is_loose());
    service.run(&mut plumb, 2 * loose);
    assert!(!plumb.headroom.is_loose());
    service.run(&mut plumb, 2 * loose);
    assert!(plumb.limit() < 24, "{}", plumb.limit());
}

#[test]
fn never_lowers_the_target_for_lack_of_demand() {
    let (mut plumb, mut service) = settled(20, 0.1);
    let target = plumb.target;
    for _ in 0..10_000 {
        service.answer_with(&mut plumb, 1);
    }
    assert_eq!(plumb.target, target);
}

#[test]
fn takes_back_growth_that_was_never_filled() {
    let (mut plumb, mut service) = (unbounded(), Service::new(100, 0.1));
    service.until(&mut plumb, |plumb| plumb.limit() == 32);
    // 16 was filled, 32 is not: 1.25 · 14 = 17.5
    for _ in 0..16 + 32 + 1 {
        service.answer_with(&mut plumb, 14);
    }
    assert_close(plumb.target, 17.5);
}

#[test]
fn a_queue_shows_although_the_limit_is_not_reached() {
    let (mut plumb, mut service) = settled(20, 0.1);
    // another user of the service holds most slots: the limit is not filled, and yet work waits there
    service.slots = 5.0;
    let below = plumb.limit() - 1;
    // ends a window and begins the next, in which no dip shall be due
    service.answer_with(&mut plumb, below);
    plumb.dips.begin();
    for _ in 1..plumb.limit().div_ceil(2) {
        assert!(!plumb.mode.is_check());
        service.answer_with(&mut plumb, below);
    }
    assert!(plumb.mode.is_check() && !plumb.headroom.is_loose());
}

#[test]
fn slow_answers_in_a_row_are_no_queue_where_the_limit_is_not_filled() {
    let (mut plumb, mut service) = settled(20, 0.1);
    for _ in 0..2 * 2 * 22 {
        service.answer_with(&mut plumb, 6);
    }
    // below nine tenths of it
    let (limit, in_flight) = (plumb.limit(), plumb.limit() - 4);
    for count in 0..1000 {
        // every third takes ten times as long: the mean rises fourfold, and the soft minimum hardly
        service.time = if count % 3 == 0 { 1.0 } else { 0.1 };
        assert_eq!(service.answer_with(&mut plumb, in_flight), None, "{plumb:?}");
    }
    assert_eq!(plumb.limit(), limit);
}
