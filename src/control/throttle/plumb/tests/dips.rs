use super::*;

#[test]
fn show_the_base_without_a_queue_and_end_after_a_window() {
    let (mut plumb, mut service) = settled(20, 0.1);
    plumb.base.rescale(0.098);
    service.until(&mut plumb, |plumb| plumb.mode != Mode::High);
    // goal and depth are 0.3·√n each
    let below = plumb.target - plumb.goal() - 0.3 * plumb.target.sqrt();
    assert_eq!(plumb.limit(), below.round() as usize);
    let (begin, limit) = (service.now, plumb.limit());
    let Intake::Skipping(to_pass) = plumb.intake else { panic!("{:?}", plumb.intake) };
    // the window is over when the success after it came
    assert_eq!(service.answers_to_change(&mut plumb).0, to_pass + 2 * limit + 1);
    assert_eq!(plumb.mode, Mode::High);
    assert_close(plumb.base.get().unwrap(), 0.099);
    // on a grid of 2 s, the power nearest to 18 · 0.1 s
    let from_grid = begin.as_secs_f64() % 2.0;
    assert!(from_grid < 0.01, "{from_grid}");
}

#[test]
fn less_than_no_queue_replaces_the_base_at_once() {
    let mut plumb = unbounded();
    plumb.target = 20.0;
    plumb.base.reset(0.2);
    (0..9).for_each(|_| plumb.base.learn_from_dip(0.2));
    plumb.scale = Scale::unknown();
    let reading = Reading {
        elapsed: 0.2,
        slot_time: 0.1,
        count: 38.0,
        throughput: 190.0,
        in_flight: 19.0,
        mean_time: 1.0,
        variation: 0.125,
        soft_minimum: 0.1,
        scale_fits: true,
        full: true,
    };
    plumb.end_low(&reading, plumb.queue(&reading), None);
    assert_eq!(plumb.base.get(), Some(0.1));
}

#[test]
fn a_queue_in_a_dip_is_checked() {
    let (mut plumb, mut service) = settled(20, 0.1);
    service.until(&mut plumb, |plumb| plumb.mode != Mode::High);
    service.slots = 13.0;
    service.answers_to_change(&mut plumb);
    assert!(plumb.mode.is_check(), "{:?}", plumb.mode);
}

#[test]
fn a_new_scale_is_measured_twice_within_the_dip() {
    let mut plumb = unbounded();
    plumb.target = 20.0;
    (plumb.mode, plumb.limit) = (Mode::Low { rescaled: None }, 19);
    plumb.base.reset(0.1);
    // the scale of 1 s is far from half of 0.1 s
    let reading = Reading {
        elapsed: 0.2,
        slot_time: 0.1,
        count: 38.0,
        throughput: 190.0,
        in_flight: 19.0,
        mean_time: 0.1,
        variation: 0.0,
        soft_minimum: 0.105,
        scale_fits: true,
        full: true,
    };
    (0..40).for_each(|_| plumb.scale.learn(&reading));
    plumb.end_low(&reading, plumb.queue(&reading), None);
    let Mode::Low { rescaled: Some(queue_time) } = plumb.mode else { panic!("{:?}", plumb.mode) };
    assert_close(queue_time, 0.5 * 0.005);
    assert_close(plumb.scale.tau(), 0.05);
    plumb.end_low(&Reading { soft_minimum: 0.104, ..reading }, 0.0, Some(queue_time));
    assert_eq!(plumb.mode, Mode::High);
    assert_close(plumb.base.get().unwrap(), 0.104 - queue_time);
}

#[test]
fn none_at_a_limit_of_one() {
    let (mut plumb, mut service) = (Plumb::new(1, 1, 1), Service::new(1, 0.1));
    for _ in 0..10_000 {
        assert_eq!(service.answer(&mut plumb), None);
        assert_eq!(plumb.mode, Mode::High);
    }
}
