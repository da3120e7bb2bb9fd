//! What arrives is what happened.

use futures::future::join_all;
use kanaloa::{CallError, Failure, Timeout, Totals};
use tokio::time::Instant;

use super::*;

#[test]
fn the_sums_of_the_counters_are_the_totals() {
    let statsd = Statsd::start();
    let more = "default-dispatcher { work-settings.service-timeout = 90ms, queue.capacity = 4, update-interval = 7ms }";
    virtual_time(async {
        let shop = shop(settings(statsd.port(), more)).await;
        for n in [2, 4, 6, 1, 3, 8, 0, 10, 0] {
            let _ = shop.call(n).await;
        }
        let abandoned = shop.call(50);
        settle().await;
        drop(abandoned);
        // Four are served, four wait, two are refused.
        let served: Vec<_> = (0..4).map(|_| shop.call(20)).collect();
        settle().await;
        let others: Vec<_> = (0..6).map(|_| shop.call(20)).collect();
        join_all(served).await;
        join_all(others).await;
        // Four are cut off, one is shed.
        let rest: Vec<_> = (0..4).map(|_| shop.call(50)).collect();
        settle().await;
        let last = shop.call(50);
        assert_eq!(shop.shutdown_within(ms(0)).await, Shutdown::CutOff { queued: 1, in_flight: 4 });
        assert!(join_all(rest).await.iter().all(|answer| *answer == Err(CallError::Failed(Failure::CutOff))));
        assert!(matches!(last.await, Err(CallError::Rejected(_))));

        let totals = shop.totals();
        assert_adds_up(totals);
        let Totals { received, completed, failed, timed_out, rejected, shed, abandoned, .. } = totals;
        assert_eq!((received, completed, failed, timed_out), (25, 13, 6, 2));
        assert_eq!((rejected, shed, abandoned), (3, 1, 1));
        let expected = [
            ("work.received", received),
            ("work.rejected", rejected),
            ("work.shedded", shed),
            ("till.work.completed", completed),
            ("till.work.failed", failed),
            ("till.work.timedOut", timed_out),
        ];
        sums_are(&statsd.lines(), expected);
    });
}

#[test]
fn times_are_those_of_the_works() {
    let lines = lines_of("default-dispatcher.worker-pool.starting-pool-size = 1", &[20, 1, 30]);
    let times = of_kind(&lines, "|ms");
    assert_eq!(times["queue.waitTime"], ["0", "0", "0"]);
    // Of those that were answered with success.
    assert_eq!(times["till.work.processTime"], ["20", "30"]);
    let statsd = Statsd::start();
    virtual_time(async {
        let more = "default-dispatcher.worker-pool.starting-pool-size = 1";
        let shop = shop(settings(statsd.port(), more)).await;
        join_all([shop.call(20), shop.call(30), shop.call(40)]).await;
        shop.shutdown().await;
        assert_eq!(of_kind(&statsd.lines(), "|ms")["queue.waitTime"], ["0", "20", "50"]);
    });
}

#[test]
fn gauges_are_what_there_is() {
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), "default-dispatcher.queue.capacity = 100")).await;
        let calls: Vec<_> = (0..6).map(|_| shop.call(600)).collect();
        sleep_ms(510).await;
        let gauge = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        let expected = [
            gauge("queue.length", "2"),
            gauge("queue.dropRate", "0"),
            gauge("till.pool.size", "4"),
            gauge("till.pool.utilized", "4"),
        ];
        assert_eq!(of_kind(&lines(&[statsd.next()]), "|g"), expected.into());
        join_all(calls).await;
        shop.shutdown().await;
        // What is left behind.
        let gauges = of_kind(&statsd.lines(), "|g");
        assert_eq!(gauges["queue.length"].last().unwrap(), "0");
        assert_eq!(gauges["till.pool.size"].last().unwrap(), "0");
        assert_eq!(gauges["till.pool.utilized"].last().unwrap(), "0");
    });
}

#[test]
fn the_drop_rate_is_that_of_the_status() {
    let statsd = Statsd::start();
    // Between two samples of the queue, so that both see the same.
    let more = "default-dispatcher { back-pressure.enabled = on, update-interval = 495ms, worker-pool.starting-pool-size = 1 }";
    virtual_time(async {
        let shop = shop(settings(statsd.port(), more)).await;
        let calls = (0..49).map(|_| {
            let calls = (0..4).map(|_| shop.call(20)).collect::<Vec<_>>();
            async {
                sleep_ms(10).await;
                calls
            }
        });
        let mut waiting = Vec::new();
        for calls in calls {
            waiting.extend(calls.await);
        }
        sleep_ms(6).await;
        let rate = status(&shop).await.drop_rate;
        assert!(rate > 0.1 && rate < 1.0, "{rate}");
        assert_eq!(of_kind(&lines(&[statsd.next()]), "|g")["queue.dropRate"], [rate.to_string()]);
    });
}

#[test]
fn a_circuit_breaker_that_opens_is_counted() {
    let more = "default-dispatcher { circuit-breaker.enabled = on, work-settings.service-timeout = 90ms }";
    let lines = lines_of(more, &[2, 2, 2, 2, 0, 0, 0, 0]);
    assert_eq!(sums(&lines)["till.worker.circuitBreakerOpened"], 1);
    assert_eq!(sums(&lines)["till.work.timedOut"], 4);
}

#[test]
fn handlers_that_come_and_go_are_counted_to_the_last() {
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), "")).await;
        shop.add_handler(till("other")).await.unwrap();
        shop.remove_handler("till").await.unwrap();
        join_all([shop.call(2), shop.call(2)]).await;
        shop.remove_handler("other").await.unwrap();
        sleep_ms(510).await;
        let lines = lines(&[statsd.next()]);
        sums_are(&lines, [("work.received", 2), ("other.work.completed", 2)]);
        assert_eq!(of_kind(&lines, "|g")["other.pool.size"], ["0"]);
        // One of the same name is counted anew, the other is not reported any more.
        shop.add_handler(till("other")).await.unwrap();
        settle().await;
        let _ = shop.call(2).await;
        shop.shutdown().await;
        let lines = statsd.lines();
        sums_are(&lines, [("work.received", 1), ("other.work.completed", 1)]);
        assert_eq!(of_kind(&lines, "|g").get("till.pool.size"), None);
    });
}

#[test]
fn what_is_counted_while_statsd_is_out_of_reach_or_gone_changes_nothing_for_callers() {
    let deserted = Statsd::start().port();
    let run = |settings: DispatcherSettings| {
        virtual_time(async {
            let shop = shop(settings).await;
            let start = Instant::now();
            let mut answers = Vec::new();
            for round in 1..20 {
                let calls = [2, 1, 0, 100 * round, 40].map(|n| timed(shop.call(n), start));
                answers.extend(join_all(calls).await);
            }
            (answers, shop.totals(), shop.shutdown().await)
        })
    };
    let timeout = "default-dispatcher.work-settings.service-timeout = 800ms";
    let off = run(settings(deserted, &format!("{timeout}\ndefault-dispatcher.metrics.enabled = off")));
    assert!(off.0.contains(&(Err(CallError::TimedOut(Timeout::Service(ms(800)))), 800)));
    assert_eq!(run(settings(deserted, timeout)), off);
    assert_eq!(run(settings(deserted, &format!("{timeout}\nstatsD.host = no-such-host.invalid"))), off);
}

#[test]
fn a_system_that_ends_before_its_dispatcher_reports_for_the_last_time() {
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), "")).await;
        let _ = shop.call(2).await;
    });
    let mut all = Vec::new();
    while all.len() < 2 {
        let lines = lines(&[statsd.next()]);
        all.extend(lines.into_iter().filter(|line| line.ends_with("|c")));
    }
    sums_are(&all, [("work.received", 1), ("till.work.completed", 1)]);
}
