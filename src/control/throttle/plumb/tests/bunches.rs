use super::*;

/// 20 that end together each 0.1 s.
fn bunches(plumb: &mut Plumb, count: usize) {
    for _ in 0..count {
        let now = plumb.now + Duration::from_millis(100);
        for _ in 0..20 {
            plumb.record(&Attempt {
                now,
                process_time: Duration::from_millis(100),
                outcome: Outcome::Success,
                in_flight: 20,
            });
        }
    }
}

#[test]
fn a_change_within_one_leaves_only_whole_ones_to_measure() {
    for passing in [1, 7, 19, 20] {
        let mut plumb = unbounded();
        (plumb.limit, plumb.target, plumb.phase) = (20, 20.0, Phase::Measuring);
        plumb.drive.stop();
        plumb.intake = Intake::after(passing);
        // the rest of the first passes by too, two are a window, and the next ends it
        bunches(&mut plumb, 3);
        assert_eq!(plumb.window.count(), 40.0, "{passing} passing");
        let reading = plumb.window.read(1.0);
        assert_close(reading.elapsed, 0.2);
        assert_close(reading.slot_time, 0.1);
        bunches(&mut plumb, 1);
        assert_eq!(plumb.window.count(), 20.0, "{passing} passing");
    }
}
