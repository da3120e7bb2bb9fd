//! Each setting does what it says.

use std::convert::Infallible;

use futures::future::join_all;
use kanaloa::{PushingDispatcher, handler_fn};
use tokio::time::Instant;

use super::*;

#[test]
fn enabled_off_reports_nothing() {
    assert_eq!(lines_of("default-dispatcher.metrics.enabled = off", &[2, 1]), Vec::<String>::new());
    assert_ne!(lines_of("default-dispatcher.metrics.enabled = on", &[2, 1]), Vec::<String>::new());
}

#[test]
fn update_interval_is_the_time_between_two_reports() {
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), "default-dispatcher.update-interval = 3s")).await;
        for _ in 0..2 {
            let start = Instant::now();
            while start.elapsed() < ms(3000) {
                let _ = shop.call(1000).await;
            }
            sleep_ms(1).await;
            assert_eq!(sums(&lines(&[statsd.next()]))["work.received"], 3);
        }
    });
}

#[test]
fn host_is_where_reports_go() {
    // Nobody has that name, so they do not come to where others would.
    assert_eq!(lines_of("statsD.host = no-such-host.invalid", &[2]), Vec::<String>::new());
    sums_are(
        &lines_of("statsD.host = localhost", &[2]),
        [("work.received", 1), ("work.completed", 1), ("till.work.completed", 1)],
    );
}

#[test]
fn port_is_where_reports_go() {
    let other = Statsd::start();
    assert_eq!(lines_of(&format!("statsD.port = {}", other.port()), &[2]), Vec::<String>::new());
    sums_are(&other.lines(), [("work.received", 1), ("work.completed", 1), ("till.work.completed", 1)]);
}

#[test]
fn namespace_is_what_names_begin_with() {
    let lines = lines_of("default-dispatcher.metrics.statsD.namespace = eu.north", &[2]);
    let received = prefix().replacen("kanaloa.", "eu.north.", 1) + "work.received:1|c";
    assert!(lines.contains(&received), "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("eu.north.shop.")), "{lines:?}");
}

#[test]
fn event_sample_rate_is_the_share_of_the_times() {
    let rate = |rate: &str| {
        lines_of(
            &format!("default-dispatcher.metrics.statsD.event-sample-rate = {rate}"),
            &[2, 4, 6, 8, 10, 12, 14, 16],
        )
    };
    let quarter = rate("0.25");
    let times = of_kind(&quarter, "|ms|@0.25");
    // Each stands for four: for a quarter of the ranks.
    are_about(&times["till.work.processTime"], &[6.0, 14.0]);
    assert_eq!(times["queue.waitTime"], ["0", "0"]);
    assert!(of_kind(&quarter, "|ms").is_empty());
    // Counters are exact whatever it says.
    sums_are(&quarter, [("work.received", 8), ("work.completed", 8), ("till.work.completed", 8)]);
    let all = [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0];
    are_about(&of_kind(&rate("1"), "|ms")["till.work.processTime"], &all);
}

#[test]
fn of_many_times_fewer_are_reported_and_statsd_is_told() {
    let lines = lines_of("", &[2; 600]);
    let reported = |kind: &str| of_kind(&lines, kind).remove("till.work.processTime").unwrap_or_default().len();
    // 250 works in each interval of half a second: all of them. Then all at once.
    assert_eq!(reported("|ms"), 600);
    let statsd = Statsd::start();
    virtual_time(async {
        let shop = shop(settings(statsd.port(), "")).await;
        join_all((0..500).map(|_| shop.call(2))).await;
        shop.shutdown().await;
        let lines = statsd.lines();
        assert_eq!(of_kind(&lines, "|ms|@0.5")["till.work.processTime"].len(), 250);
        assert_eq!(sums(&lines)["till.work.completed"], 500);
    });
}

/// The reports of four intervals, in each of which there is a work.
fn intervals(more: &str) -> [Vec<String>; 4] {
    let statsd = Statsd::start();
    virtual_time(async {
        // One of the timers, so that there is something in every report.
        let shop = shop(settings(statsd.port(), more)).await;
        let report = async || {
            let _ = shop.call(10).await;
            sleep_ms(490).await;
            settle().await;
            lines(&[statsd.next()])
        };
        [report().await, report().await, report().await, report().await]
    })
}

#[test]
fn status_sample_rate_is_the_share_of_the_intervals_with_gauges() {
    let of = |rate: &str| {
        let rate = format!("default-dispatcher.metrics.statsD.status-sample-rate = {rate}");
        intervals(&rate).map(|lines| of_kind(&lines, "|g").len())
    };
    assert_eq!(of("1"), [7, 7, 7, 7]);
    assert_eq!(of("0.5"), [7, 0, 7, 0]);
    assert_eq!(of("0.25"), [7, 0, 0, 0]);
}

#[test]
fn default_sample_rate_is_the_share_of_the_intervals_with_counters_and_none_is_lost() {
    let of = |rate: &str| {
        let reports = intervals(&format!("statsD.default-sample-rate = {rate}"));
        reports.map(|lines| sums(&lines).get("work.received").copied().unwrap_or_default())
    };
    assert_eq!(of("1"), [1, 1, 1, 1]);
    assert_eq!(of("0.5"), [1, 0, 2, 0]);
    // What has not been reported at the end is.
    let lines = lines_of("statsD.default-sample-rate = 0.01", &[200; 20]);
    sums_are(&lines, [("work.received", 20), ("work.completed", 20), ("till.work.completed", 20)]);
}

#[test]
fn multi_metrics_is_whether_a_packet_carries_several() {
    let packets = packets_of("statsD.multi-metrics = off", &[2, 1]);
    assert!(packets.len() > 5 && packets.iter().all(|packet| packet.lines().count() == 1), "{packets:?}");
    let together = packets_of("statsD.multi-metrics = on", &[2, 1]);
    assert_eq!(together.len(), 1);
    assert_eq!(lines(&together), lines(&packets));
}

#[test]
fn packet_buffer_size_is_what_a_packet_has_at_most() {
    let calls = [2, 4, 6, 8, 10, 12, 14, 16];
    // Room for two lines and not for three, as long as names are here.
    let longest = lines_of("", &calls).iter().map(String::len).max().unwrap();
    let size = (2 * longest + 1).max(64);
    let packets = packets_of(&format!("statsD.packet-buffer-size = {size}"), &calls);
    assert!(packets.iter().any(|packet| packet.lines().count() > 1), "{packets:?}");
    for packet in &packets {
        assert!(packet.len() <= size, "{packet}");
    }
    for pair in packets.windows(2) {
        let first = pair[1].lines().next().unwrap();
        assert!(pair[0].len() + 1 + first.len() > size, "{pair:?}");
    }
    // What does not fit goes alone.
    let namespace = format!("default-dispatcher.metrics.statsD.namespace = {}", "x".repeat(100));
    let packets = packets_of(&format!("{namespace}\nstatsD.packet-buffer-size = 64"), &calls);
    assert!(packets.len() > 5 && packets.iter().all(|packet| packet.lines().count() == 1), "{packets:?}");
}

#[test]
fn names_of_any_kind_are_made_such_that_statsd_reads_them() {
    let statsd = Statsd::start();
    virtual_time(async {
        let echo = handler_fn("a:b|c@d e/f.g", |n: u64| async move { Ok::<_, Infallible>(n) });
        let dispatcher =
            PushingDispatcher::builder("Käse.eu").settings(settings(statsd.port(), "")).handler(echo).start().unwrap();
        assert_eq!(dispatcher.call(1).await, Ok(1));
        dispatcher.shutdown().await;
    });
    let lines = statsd.lines();
    let completed = prefix().replacen(".shop.", ".K_se_eu.", 1) + "a_b_c_d_e_f_g.work.completed:1|c";
    assert!(lines.contains(&completed), "{lines:?}");
    for line in lines {
        assert_eq!((line.is_ascii(), line.matches(':').count()), (true, 1), "{line}");
        assert_eq!(
            line.split(':').next().unwrap().split('.').count(),
            if line.contains("a_b_") { 6 } else { 5 },
            "{line}"
        );
    }
}

#[test]
fn handlers_whose_names_become_the_same_are_told_together() {
    let statsd = Statsd::start();
    virtual_time(async {
        let builder = PushingDispatcher::builder("shop").settings(settings(statsd.port(), ""));
        let shop = builder.handler_from(till("東京")).handler_from(till("大阪")).start().unwrap();
        settle().await;
        let calls: Vec<_> = (0..6).map(|_| shop.call(600)).collect();
        sleep_ms(510).await;
        let gauges = of_kind(&lines(&[statsd.next()]), "|g");
        assert_eq!(
            (&*gauges["__.pool.size"], &*gauges["__.pool.utilized"]),
            (&["8".to_owned()][..], &["6".to_owned()][..])
        );
        assert_eq!(gauges["__.worker.circuitBreakerOpened"], ["0"]);
        futures::future::join_all(calls).await;
        shop.shutdown().await;
    });
    assert_eq!(sums(&statsd.lines())["__.work.completed"], 6);
}
