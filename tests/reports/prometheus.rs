//! What Prometheus scrapes.

use std::collections::BTreeMap;

use futures::future::join_all;
use kanaloa::metrics::Monitor;

use super::*;

/// Each series by its name and labels.
fn series(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').map(|(name, value)| (name, value.parse().unwrap())).expect(line)).collect()
}

#[test]
fn what_is_scraped_is_what_happened() {
    virtual_time(async {
        let monitor = Monitor::new();
        let shop = shop("").monitor(&monitor).start().unwrap();
        settle().await;
        for n in [2, 20, 1, 0] {
            let _ = shop.call(n).await;
        }
        let calls = calls(&shop, 10, 50).await;
        settle().await;
        let text = monitor.prometheus();
        let series = series(&text);
        for (name, value) in [
            ("kanaloa_works_received_total{dispatcher=\"shop\"}", 14.0),
            ("kanaloa_works_completed_total{dispatcher=\"shop\"}", 2.0),
            ("kanaloa_works_failed_total{dispatcher=\"shop\"}", 1.0),
            ("kanaloa_works_timed_out_total{dispatcher=\"shop\"}", 1.0),
            ("kanaloa_works_rejected_total{dispatcher=\"shop\",reason=\"queue_full\"}", 2.0),
            ("kanaloa_works_rejected_total{dispatcher=\"shop\",reason=\"over_capacity\"}", 0.0),
            ("kanaloa_works_abandoned_total{dispatcher=\"shop\"}", 0.0),
            ("kanaloa_queue_length{dispatcher=\"shop\"}", 4.0),
            ("kanaloa_works_in_flight{dispatcher=\"shop\"}", 4.0),
            ("kanaloa_wait_time_seconds_count{dispatcher=\"shop\"}", 8.0),
            ("kanaloa_handler_attempts_total{dispatcher=\"shop\",handler=\"till\",outcome=\"timed_out\"}", 1.0),
            ("kanaloa_handler_concurrency_limit{dispatcher=\"shop\",handler=\"till\"}", 4.0),
            ("kanaloa_handler_in_flight{dispatcher=\"shop\",handler=\"till\"}", 4.0),
            ("kanaloa_handler_circuit_state{dispatcher=\"shop\",handler=\"till\",state=\"closed\"}", 1.0),
            ("kanaloa_handler_circuit_state{dispatcher=\"shop\",handler=\"till\",state=\"open\"}", 0.0),
            ("kanaloa_handler_process_time_seconds_bucket{dispatcher=\"shop\",handler=\"till\",le=\"0.002\"}", 1.0),
            ("kanaloa_handler_process_time_seconds_bucket{dispatcher=\"shop\",handler=\"till\",le=\"0.016\"}", 1.0),
            ("kanaloa_handler_process_time_seconds_bucket{dispatcher=\"shop\",handler=\"till\",le=\"0.032\"}", 2.0),
            ("kanaloa_handler_process_time_seconds_bucket{dispatcher=\"shop\",handler=\"till\",le=\"+Inf\"}", 2.0),
            ("kanaloa_handler_process_time_seconds_sum{dispatcher=\"shop\",handler=\"till\"}", 0.022),
        ] {
            assert_eq!(series.get(name), Some(&value), "{name}\n{text}");
        }
        join_all(calls).await;
    });
}

#[test]
fn names_may_be_anything() {
    virtual_time(async {
        let monitor = Monitor::new();
        let builder = PushingDispatcher::<u64, u64, u64>::builder("Käse \"a\\b\"\n.eu").monitor(&monitor);
        let shop = builder.handler_from(till("ü {x=\"y\"}")).start().unwrap();
        settle().await;
        let text = monitor.prometheus();
        let expected = r#"kanaloa_handler_in_flight{dispatcher="Käse \"a\\b\"\n.eu",handler="ü {x=\"y\"}"} 0"#;
        assert!(text.lines().any(|line| line == expected), "{text}");
        drop(shop);
    });
}

#[test]
fn a_thousand_handlers_are_a_hundred_and_others() {
    virtual_time(async {
        let monitor = Monitor::new();
        let shop = shop("queue.capacity = 2000").monitor(&monitor).start().unwrap();
        for n in 0..1000 {
            shop.add_handler(till(&format!("h{n}"))).await.unwrap();
        }
        settle().await;
        let text = monitor.prometheus();
        let limits: Vec<_> = series(&text)
            .into_iter()
            .filter_map(|(name, value)| name.starts_with("kanaloa_handler_concurrency_limit").then_some(value))
            .collect();
        assert_eq!(limits.len(), 101);
        assert_eq!(limits.iter().sum::<f64>(), 4004.0);
        assert!(series(&text).len() < 5000, "{}", series(&text).len());
        // Whoever leaves, what they did is told.
        let calls: Vec<_> = (0..1001).map(|_| shop.call(2)).collect();
        join_all(calls).await;
        let completed = || {
            let text = monitor.prometheus();
            let attempts = series(&text).into_iter().filter(|(name, _)| name.contains("outcome=\"completed\""));
            attempts.map(|(_, count)| count).sum::<f64>()
        };
        assert_eq!(completed(), 1001.0);
        // Once they have left for five minutes, so have their series.
        for n in 0..1000 {
            shop.remove_handler(&format!("h{n}")).await.unwrap();
        }
        assert_eq!(completed(), 1001.0);
        sleep_ms(300_000).await;
        let text = monitor.prometheus();
        let limits = series(&text).into_keys().filter(|name| name.starts_with("kanaloa_handler_concurrency_limit"));
        assert_eq!(
            limits.collect::<Vec<_>>(),
            ["kanaloa_handler_concurrency_limit{dispatcher=\"shop\",handler=\"till\"}"]
        );
    });
}

#[test]
fn every_series_has_help_and_stands_with_its_like() {
    virtual_time(async {
        let monitor = Monitor::new();
        let shops = ["shop", "other"].map(|name| {
            PushingDispatcher::builder(name)
                .settings(settings(""))
                .handler_from(till("till"))
                .monitor(&monitor)
                .start()
                .unwrap()
        });
        settle().await;
        let text = monitor.prometheus();
        let mut families = Vec::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(help.ends_with('.') && help.len() > 10, "{line}");
                families.push(name);
            } else if !line.starts_with('#') {
                assert!(line.starts_with(families.last().unwrap()), "{line}");
            }
        }
        let mut unique = families.clone();
        unique.dedup();
        assert_eq!(families, unique);
        assert_eq!(families.len(), 22);
        drop(shops);
    });
}
