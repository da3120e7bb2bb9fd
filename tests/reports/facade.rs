//! What a recorder of the `metrics` facade gets: that of another crate shows what is scraped itself.

use std::collections::BTreeMap;

use futures::future::join_all;
use kanaloa::metrics::{Facade, Monitor};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use super::*;

fn series(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let parts = lines.map(|line| line.rsplit_once(' ').expect(line));
    // Sums of floats come to the same but for rounding.
    parts.map(|(name, value)| (name.to_owned(), (value.parse::<f64>().unwrap() * 1e6).round() / 1e6)).collect()
}

#[test]
fn a_recorder_is_told_what_is_scraped() {
    let bounds = kanaloa::metrics::Distribution::BOUNDS;
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("seconds".to_owned()), &bounds);
    let recorder = builder.unwrap().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        virtual_time(async {
            let monitor = Monitor::new();
            let shop = shop("update-interval = 10ms").monitor(&monitor).reporter(Facade::default()).start().unwrap();
            settle().await;
            for n in [2, 20, 1, 0, 6] {
                let _ = shop.call(n).await;
            }
            join_all(calls(&shop, 10, 52).await).await;
            shop.shutdown().await;
            let mut scraped = series(&monitor.prometheus());
            scraped.remove("kanaloa_build_info{version=\"0.1.0\"}");
            let mut recorded = series(&recorder.handle().render());
            // It leaves out histograms that are not used, of which there are none.
            assert_eq!(recorded.len(), scraped.len());
            for (name, value) in &scraped {
                assert_eq!(recorded.remove(name).as_ref(), Some(value), "{name}");
            }
        });
    });
}
