//! Each law that can be chosen is the one that acts, and each of its settings reaches it. What they mean is tested with
//! the laws themselves: here a run with one setting changed must differ from the run without, which is repeatable.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kanaloa::config::{
    AutothrottleAlgorithm, AutothrottleSettings, BackPressureAlgorithm, BackPressureSettings, DispatcherSettings,
};
use kanaloa::{CallError, DispatcherHandle, PushingDispatcher, Rejection, handler_fn};
use tokio::time::{Instant, sleep_until};

use crate::support::*;

/// What was seen of a dispatcher at one moment: its concurrency limit, drop rate, and works refused so far.
type Sight = (usize, f64, u64);

const MOMENTS: u64 = 200;

/// Sends 400 works a second for 12 s to a service with 20 slots of 100 ms (so that it could do 200), with a rest from 6
/// to 9 s, and one in seven failing. Looks every 60 ms.
fn run(settings: DispatcherSettings, seed: u64) -> Vec<Sight> {
    virtual_time(async move {
        let slots = Arc::new(tokio::sync::Semaphore::new(20));
        let count = AtomicU32::new(0);
        let service = handler_fn("service", move |(): ()| {
            let (slots, fails) = (Arc::clone(&slots), count.fetch_add(1, Ordering::Relaxed) % 7 == 6);
            async move {
                let _slot = slots.acquire().await;
                sleep_ms(100).await;
                if fails { Err(()) } else { Ok(()) }
            }
        });
        let builder = PushingDispatcher::builder("any").settings(settings).clock(ms(0)).seed(seed);
        let handle = builder.handler(service).start().unwrap();
        let start = Instant::now();
        let sights = Rc::new(RefCell::new(Vec::new()));
        let watching = actix::spawn(watch(handle.clone(), start, Rc::clone(&sights)));
        for n in 0..4_800 {
            sleep_until(start + ms(10 * n / 4)).await;
            if !(2_400..3_600).contains(&n) {
                let _ = handle.tell(());
            }
        }
        watching.await.unwrap();
        sights.take()
    })
}

async fn watch(handle: DispatcherHandle<(), (), ()>, start: Instant, sights: Rc<RefCell<Vec<Sight>>>) {
    for n in 0..MOMENTS {
        sleep_until(start + ms(60 * n)).await;
        let status = status(&handle).await;
        let limit = status.pools.first().map_or(0, |pool| pool.limit);
        sights.borrow_mut().push((limit, status.drop_rate, status.totals.rejected));
    }
}

fn throttled_by(algorithm: AutothrottleAlgorithm) -> DispatcherSettings {
    let mut settings = DispatcherSettings::default();
    settings.worker_pool.starting_pool_size = 30;
    settings.worker_pool.max_pool_size = 60;
    settings.back_pressure = None;
    // So short that it is empty soon after the rest begins.
    settings.queue.capacity = 50;
    // A service that fails so often would be held.
    settings.circuit_breaker = None;
    if let Some(autothrottle) = &mut settings.autothrottle {
        autothrottle.algorithm = algorithm;
        autothrottle.resize_interval = ms(120);
        // Without effect as it stands by default, and the ratio with it.
        autothrottle.downsize_after_under_utilization = Some(ms(1_000));
        // The larger of the two ranges holds: now one, now the other.
        (autothrottle.optimization_min_range, autothrottle.optimization_range_ratio) = (5, 0.1);
    }
    settings
}

fn regulated_by(algorithm: BackPressureAlgorithm) -> DispatcherSettings {
    let mut settings = fixed(20);
    settings.circuit_breaker = None;
    if let Some(back_pressure) = &mut settings.back_pressure {
        back_pressure.algorithm = algorithm;
        back_pressure.reference_delay = ms(300);
    }
    settings
}

fn limits(sights: &[Sight]) -> Vec<usize> {
    sights.iter().map(|(limit, ..)| *limit).collect()
}

#[test]
fn a_run_repeats_exactly_and_the_seed_decides() {
    let run = |seed| run(throttled_by(AutothrottleAlgorithm::Kanaloa), seed);
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn the_throttle_is_the_one_that_was_chosen() {
    let limits = |algorithm| limits(&run(throttled_by(algorithm), 1));
    let (plumb, kanaloa, fixed) = (
        limits(AutothrottleAlgorithm::Plumb),
        limits(AutothrottleAlgorithm::Kanaloa),
        limits(AutothrottleAlgorithm::Fixed),
    );
    assert_eq!(fixed[1..], [30; MOMENTS as usize - 1]);
    // One starts small and doubles, the other makes small steps from where it was told to start.
    assert!(plumb[1] < 10, "{plumb:?}");
    let steps = kanaloa[1..].windows(2).filter(|pair| pair[0] != pair[1]).collect::<Vec<_>>();
    assert!((5..=100).contains(&steps.len()), "{kanaloa:?}");
    assert!(steps.iter().all(|pair| pair[0].abs_diff(pair[1]) <= 10), "{kanaloa:?}");
}

#[test]
fn the_throttles_to_compare_with_start_at_twenty_and_are_those_that_were_chosen() {
    let run = |algorithm| limits(&run(throttled_by(algorithm), 1));
    let [gradient2, vegas, aimd] =
        [AutothrottleAlgorithm::Gradient2, AutothrottleAlgorithm::Vegas, AutothrottleAlgorithm::Aimd].map(run);
    for limits in [&gradient2, &vegas, &aimd] {
        assert_eq!(limits[1], 20, "{limits:?}");
        assert!(limits[1..].iter().all(|limit| (1..=60).contains(limit)), "{limits:?}");
    }
    // Nothing times out, and nothing takes 5 s: one goes up by ones and never down.
    assert!(aimd[1..].is_sorted() && aimd.last() == Some(&60), "{aimd:?}");
    // One has a lowest limit of 20, the other none. Both have seen the queue inside the service.
    assert!(gradient2[1..].iter().all(|limit| *limit >= 20), "{gradient2:?}");
    assert!(!gradient2[1..].is_sorted() && !vegas[1..].is_sorted(), "{gradient2:?}\n{vegas:?}");
    assert_ne!(gradient2, vegas);
}

#[test]
fn each_setting_of_the_original_s_throttle_has_its_effect() {
    type Change = (&'static str, fn(&mut AutothrottleSettings));
    let changes: [Change; 10] = [
        ("resize-interval", |s| s.resize_interval = ms(300)),
        ("chance-of-scaling-down-when-full", |s| s.chance_of_scaling_down_when_full = 0.0),
        ("optimization-min-range", |s| s.optimization_min_range = 1),
        ("optimization-range-ratio", |s| s.optimization_range_ratio = 1.0),
        ("max-explore-step-size", |s| s.max_explore_step_size = 12),
        ("exploration-ratio", |s| s.exploration_ratio = 1.0),
        ("weight-of-latest-metric", |s| s.weight_of_latest_metric = 1.0),
        ("weight-of-latency", |s| s.weight_of_latency = 0.9),
        ("downsize-after-under-utilization", |s| s.downsize_after_under_utilization = None),
        ("downsize-ratio", |s| s.downsize_ratio = 0.5),
    ];
    // What one seed never meets, another does.
    let run_all = |settings: &DispatcherSettings| [1, 2, 3].map(|seed| limits(&run(settings.clone(), seed)));
    let settings = throttled_by(AutothrottleAlgorithm::Kanaloa);
    let before = run_all(&settings);
    for (key, change) in changes {
        let mut settings = settings.clone();
        change(settings.autothrottle.as_mut().unwrap());
        assert!(run_all(&settings) != before, "{key} has no effect");
    }
}

#[test]
fn the_bounds_hold_for_every_throttle() {
    for algorithm in [
        AutothrottleAlgorithm::Plumb,
        AutothrottleAlgorithm::Kanaloa,
        AutothrottleAlgorithm::Fixed,
        AutothrottleAlgorithm::Gradient2,
        AutothrottleAlgorithm::Vegas,
        AutothrottleAlgorithm::Aimd,
    ] {
        let mut settings = throttled_by(algorithm);
        (settings.worker_pool.min_pool_size, settings.worker_pool.max_pool_size) = (12, 14);
        let limits = limits(&run(settings, 1));
        assert!(limits[1..].iter().all(|limit| (12..=14).contains(limit)), "{algorithm:?}: {limits:?}");
    }
    // Off, it stays where it starts, within the bounds.
    let mut settings = throttled_by(AutothrottleAlgorithm::Plumb);
    settings.autothrottle = None;
    assert_eq!(limits(&run(settings, 1))[1..], [30; MOMENTS as usize - 1]);
}

#[test]
fn the_regulator_is_the_one_that_was_chosen() {
    let run = |algorithm| run(regulated_by(algorithm), 1);
    let [wait, pie, kanaloa] =
        [BackPressureAlgorithm::ExpectedWait, BackPressureAlgorithm::Pie, BackPressureAlgorithm::Kanaloa].map(run);
    let refused = |sights: &[Sight]| sights.last().map_or(0, |(.., refused)| *refused);
    // 400 a second where 200 can be served: all of them refuse about half of what arrives in nine seconds.
    for sights in [&wait, &pie, &kanaloa] {
        assert!((1_200..2_400).contains(&refused(sights)), "{}", refused(sights));
    }
    assert!(wait != pie && pie != kanaloa && kanaloa != wait);
    // The original acts every update-interval, PIE ten times in the reference delay.
    let changes = |sights: &[Sight]| sights.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
    assert!(changes(&kanaloa) <= 24, "{}", changes(&kanaloa));
    assert!(changes(&pie) > 100, "{}", changes(&pie));
}

#[test]
fn each_setting_of_the_drop_laws_has_its_effect() {
    type Change = (&'static str, fn(&mut BackPressureSettings));
    let both: [Change; 5] = [
        ("reference-delay", |s| s.reference_delay = ms(150)),
        ("delay-factor-base", |s| s.delay_factor_base = Some(0.5)),
        ("delay-trend-factor-base", |s| s.delay_trend_factor_base = Some(0.3)),
        ("duration-of-burst-allowed", |s| s.duration_of_burst_allowed = Some(ms(3_000))),
        ("min-duration-before-burst-reset", |s| s.min_duration_before_burst_reset = Duration::from_secs(60)),
    ];
    let weight: Change = ("weight-of-latest-metric", |s| s.weight_of_latest_metric = 1.0);
    let cases = both
        .iter()
        .map(|change| (BackPressureAlgorithm::Pie, change))
        .chain(both.iter().chain([&weight]).map(|change| (BackPressureAlgorithm::Kanaloa, change)));
    for (algorithm, (key, change)) in cases {
        let mut settings = regulated_by(algorithm);
        settings.update_interval = ms(60);
        let before = run(settings.clone(), 1);
        let mut changed = settings;
        change(changed.back_pressure.as_mut().unwrap());
        assert!(run(changed, 1) != before, "{algorithm:?}: {key} has no effect");
    }
}

#[test]
fn the_original_s_regulator_acts_every_update_interval() {
    let first_refusal = |interval| {
        let mut settings = regulated_by(BackPressureAlgorithm::Kanaloa);
        settings.update_interval = ms(interval);
        run(settings, 1).iter().position(|(_, drop_rate, _)| *drop_rate > 0.0).map(|n| n * 60)
    };
    let (fast, slow) = (first_refusal(100).unwrap(), first_refusal(2_000).unwrap());
    assert!(fast < 2_000 && slow >= 2_000, "{fast} {slow}");
}

#[test]
fn the_reference_delay_is_where_refusing_begins() {
    for algorithm in [BackPressureAlgorithm::ExpectedWait, BackPressureAlgorithm::Pie] {
        let refused = [100, 1_000].map(|delay| {
            let mut settings = regulated_by(algorithm);
            settings.back_pressure.as_mut().unwrap().reference_delay = ms(delay);
            run(settings, 1).last().map_or(0, |(.., refused)| *refused)
        });
        assert!(refused[0] > refused[1], "{algorithm:?}: {refused:?}");
    }
}

#[test]
fn with_back_pressure_off_only_a_full_queue_refuses() {
    virtual_time(async {
        let mut settings = fixed_and_open(1);
        settings.queue.capacity = 10;
        let handle = sleeper(settings).start().unwrap();
        settle().await;
        let _running = handle.call(1_000_000);
        settle().await;
        let _calls: Vec<_> = (0..10).map(|_| handle.call(1)).collect();
        let full = CallError::Rejected(Rejection::QueueFull { capacity: 10 });
        assert_eq!(handle.call(1).await, Err(full));
    });
}
