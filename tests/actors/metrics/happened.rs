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
        let rejections = shop.rejections();
        assert_eq!((rejections.queue_full, rejections.shutting_down), (2, 1));
        let expected = [
            ("work.received", received),
            ("work.completed", completed),
            ("work.failed", failed),
            ("work.timedOut", timed_out),
            ("work.rejected", rejected),
            ("work.rejectedBy.queueFull", rejections.queue_full),
            ("work.rejectedBy.shuttingDown", rejections.shutting_down),
            ("work.shedded", shed),
            ("work.abandoned", abandoned),
            ("till.work.completed", completed),
            ("till.work.failed", failed),
            ("till.work.timedOut", timed_out),
            ("till.work.cancelled", abandoned),
        ];
        sums_are(&statsd.lines(), expected);
    });
}

#[test]
fn times_are_those_of_the_works() {
    let lines = lines_of("default-dispatcher.worker-pool.starting-pool-size = 1", &[20, 1, 30]);
    let times = of_kind(&lines, "|ms");
    assert_eq!(times["queue.waitTime"], ["0", "0", "0"]);
    // Of those that were answered with success; each to within 3.2 %, and their sum exactly.
    are_all(&times["till.work.processTime"], &[20.0, 30.0]);
    let statsd = Statsd::start();
    virtual_time(async {
        let more = "default-dispatcher.worker-pool.starting-pool-size = 1";
        let shop = shop(settings(statsd.port(), more)).await;
        join_all([shop.call(20), shop.call(30), shop.call(40)]).await;
        shop.shutdown().await;
        are_all(&of_kind(&statsd.lines(), "|ms")["queue.waitTime"], &[0.0, 20.0, 50.0]);
    });
}

#[test]
fn works_that_go_out_again_are_told_where_they_do() {
    let statsd = Statsd::start();
    let more = "default-dispatcher { work-settings { work-retry = 1, service-timeout = 90ms, retry-budget.per-second = 100 } }";
    virtual_time(async {
        let builder = PushingDispatcher::builder("shop").settings(settings(statsd.port(), more)).clone_requests();
        let shop = builder.handler_from(till("till")).start().unwrap();
        settle().await;
        // Odd numbers fail, and are tried again.
        for n in [2, 1, 3] {
            let _ = shop.call(n).await;
        }
        let _ = shop.call(kanaloa::Work::new(4).concurrent_calls(2)).await;
        shop.shutdown().await;
        let sums = sums(&statsd.lines());
        assert_eq!((sums["till.work.failed"], sums["till.work.retried"], sums["work.failed"]), (4, 2, 2));
        assert_eq!((sums["till.work.hedged"], sums["work.completed"]), (1, 2));
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
            gauge("queue.burstMode", "0"),
            gauge("queue.expectedWait", "0"),
            gauge("till.pool.size", "4"),
            gauge("till.pool.utilized", "4"),
            gauge("till.worker.circuitBreakerOpened", "0"),
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
        // What is left behind where gauges stand for ever.
        shop.shutdown().await;
        assert_eq!(of_kind(&statsd.lines(), "|g")["queue.dropRate"].last().unwrap(), "0");
    });
}

#[test]
fn a_circuit_breaker_counts_as_opened_until_it_is_closed() {
    let statsd = Statsd::start();
    let more = "default-dispatcher { circuit-breaker.enabled = on, work-settings.service-timeout = 90ms }";
    virtual_time(async {
        let shop = shop(settings(statsd.port(), more)).await;
        for n in [2, 2, 2, 2, 0, 0, 0, 0] {
            let _ = shop.call(n).await;
        }
        // At 368 ms it opens, for a second, and is half-open until as many have succeeded as each step asks for: 1, 1, 1 and 4.
        let mut opened = Vec::new();
        let mut timed_out = 0;
        for calls in [0, 0, 0, 6, 1, 0] {
            sleep_ms(480).await;
            for _ in 0..calls {
                assert_eq!(shop.call(2).await, Ok(2));
            }
            sleep_ms(20 - 2 * calls).await;
            settle().await;
            let lines = statsd.next_with(&["circuitBreakerOpened"]);
            timed_out += sums(&lines).get("till.work.timedOut").copied().unwrap_or_default();
            opened.extend(of_kind(&lines, "|g").remove("till.worker.circuitBreakerOpened").unwrap());
        }
        assert_eq!((opened, timed_out), (["1", "1", "1", "1", "1", "0"].map(str::to_owned).into(), 4));
    });
}

#[test]
fn handlers_that_come_and_go_are_counted_to_the_last() {
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), "")).await;
        shop.add_handler(till("second")).await.unwrap();
        shop.remove_handler("till").await.unwrap();
        join_all([shop.call(2), shop.call(2)]).await;
        shop.remove_handler("second").await.unwrap();
        sleep_ms(510).await;
        let lines = lines(&[statsd.next()]);
        sums_are(&lines, [("work.received", 2), ("work.completed", 2), ("second.work.completed", 2)]);
        assert_eq!(of_kind(&lines, "|g")["second.pool.size"], ["0"]);
        // One of the same name counts on.
        shop.add_handler(till("second")).await.unwrap();
        settle().await;
        let _ = shop.call(2).await;
        shop.shutdown().await;
        let lines = statsd.lines();
        sums_are(&lines, [("work.received", 1), ("work.completed", 1), ("second.work.completed", 1)]);
    });
}

#[test]
fn a_handler_that_has_left_is_not_reported_for_ever() {
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), "default-dispatcher.update-interval = 100s")).await;
        shop.add_handler(till("second")).await.unwrap();
        sleep_ms(50_000).await;
        shop.remove_handler("till").await.unwrap();
        let mut sizes = Vec::new();
        for _ in 0..5 {
            sleep_ms(100_000).await;
            settle().await;
            sizes.push(of_kind(&lines(&[statsd.next()]), "|g").remove("till.pool.size"));
        }
        let zero = || Some(vec!["0".to_owned()]);
        assert_eq!(sizes, [zero(), zero(), zero(), None, None]);
    });
}

#[test]
fn handlers_beyond_the_most_are_reported_together() {
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), "default-dispatcher.metrics.max-handlers = 3")).await;
        for n in 0..1000 {
            shop.add_handler(till(&format!("h{n}"))).await.unwrap();
        }
        settle().await;
        sleep_ms(500).await;
        settle().await;
        let sizes = of_kind(&statsd.next_with(&["h0.pool.size", "h1.pool.size", "other.pool.size"]), "|g");
        let sizes: Vec<_> = sizes.iter().filter(|(name, _)| name.ends_with("pool.size")).collect();
        let expected = [("h0", "4"), ("h1", "4"), ("other", "3992"), ("till", "4")];
        let expected = expected.map(|(name, size)| (format!("{name}.pool.size"), vec![size.to_owned()]));
        assert_eq!(sizes, expected.iter().map(|(name, size)| (name, size)).collect::<Vec<_>>());
        shop.remove_handler("h0").await.unwrap();
        // There is room for the next.
        shop.add_handler(till("new")).await.unwrap();
        join_all((0..2000).map(|_| shop.call(2))).await;
        assert_eq!(shop.shutdown().await, Shutdown::Finished);
        let sums = sums(&statsd.lines());
        let of_handlers = sums.iter().filter(|(name, _)| name.ends_with(".work.completed")).map(|(_, sum)| sum);
        assert_eq!((sums["work.completed"], of_handlers.sum::<u64>()), (2000, 2000));
        assert!(sums.contains_key("new.work.completed"), "{sums:?}");
    });
}

#[test]
fn two_dispatchers_of_one_name_are_reported_as_one() {
    let statsd = Statsd::start();
    virtual_time(async {
        let one = shop(settings(statsd.port(), "")).await;
        let two = shop(settings(statsd.port(), "")).await;
        let calls: Vec<_> = (0..3).map(|_| one.call(2000)).chain((0..2).map(|_| two.call(2000))).collect();
        let mut utilized = Vec::new();
        for _ in 0..2 {
            sleep_ms(505).await;
            settle().await;
            for report in [statsd.next(), statsd.next()] {
                utilized.extend(of_kind(&lines(&[report]), "|g").remove("till.pool.utilized").unwrap());
            }
        }
        // The first of all does not know of the other yet. They are sent by a thread each, whichever comes first.
        utilized.sort();
        assert_eq!(utilized, ["3", "5", "5", "5"]);
        join_all(calls).await;
        one.shutdown().await;
        two.shutdown().await;
        assert_eq!(one.totals().completed + two.totals().completed, 5);
    });
    let sums = sums(&statsd.lines());
    assert_eq!(sums["till.work.completed"], 5);
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
    while all.len() < 3 {
        let lines = lines(&[statsd.next()]);
        all.extend(lines.into_iter().filter(|line| line.ends_with("|c")));
    }
    sums_are(&all, [("work.received", 1), ("work.completed", 1), ("till.work.completed", 1)]);
}

#[test]
fn a_handler_that_is_back_is_counted_to_the_last_however_long_it_stays() {
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), "default-dispatcher.update-interval = 100s")).await;
        for _ in 0..3 {
            shop.call(2).await.unwrap();
        }
        shop.remove_handler("till").await.unwrap();
        shop.add_handler(till("till")).await.unwrap();
        let mut completed = 0;
        for _ in 0..5 {
            sleep_ms(100_000).await;
            settle().await;
            shop.call(2).await.unwrap();
            completed += sums(&lines(&[statsd.next()])).get("till.work.completed").copied().unwrap_or_default();
        }
        shop.shutdown().await;
        completed += sums(&statsd.lines())["till.work.completed"];
        assert_eq!(completed, 8);
    });
}
