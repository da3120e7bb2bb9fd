//! What Graphite has of it, when StatsD has told it.

use std::collections::BTreeMap;

use crate::statsd::{assert_every_outcome, assert_is_what_happened, prefix, run};
use crate::support::{Graphite, Installed, Statsd, StatsdPorts, node, settled};
use crate::traffic::{Scene, of_every_outcome};

/// The sum of all that Graphite has of each counter, by its name in StatsD.
fn counted(graphite: &Graphite) -> BTreeMap<String, f64> {
    let series =
        ["stats_counts.kanaloa.*.*.*.*", "stats_counts.kanaloa.*.*.*.*.*"].map(|target| graphite.series(target));
    let sum =
        |(name, values): (String, Vec<f64>)| (name.trim_start_matches("stats_counts.").to_owned(), values.iter().sum());
    series.into_iter().flatten().map(sum).collect()
}

#[test]
fn its_sums_are_what_happened_and_every_query_of_the_dashboard_has_data() {
    let Some(installed) = Installed::with(&[Statsd::PARTS, Graphite::PARTS].concat()) else { return };
    let graphite = Graphite::start(&installed);
    let statsd = Statsd::before_graphite(&installed, StatsdPorts::free(), graphite.lines);
    let happened = run(of_every_outcome(&Scene::with_statsd(statsd.ports.udp)));
    assert_every_outcome(&happened);
    let expected: BTreeMap<_, _> = happened
        .iter()
        .flat_map(|happened| {
            let of = |(name, count)| (format!("{}{name}", prefix(happened.dispatcher)), count as f64);
            happened.counters().into_iter().map(of).collect::<Vec<_>>()
        })
        .collect();
    let only_own = |counted: BTreeMap<String, f64>| -> BTreeMap<String, f64> {
        counted.into_iter().filter(|(name, _)| expected.contains_key(name)).collect()
    };
    settled(&expected, || only_own(counted(&graphite)));
    assert_is_what_happened(&counted(&graphite), &happened);

    // Each time that was measured is one that StatsD counted.
    let counts = |series: Vec<(String, Vec<f64>)>| series.iter().flat_map(|(_, values)| values).sum::<f64>();
    let shop = prefix("Käse.eu");
    let times = || counts(graphite.series(&format!("stats.timers.{shop}*.work.processTime.count")));
    assert_eq!(settled(&40.0, times), 40.0);
    let opened = || graphite.series(&format!("stats.gauges.{}*.worker.circuitBreakerOpened", prefix("breaker")));
    settled(&true, || opened().iter().flat_map(|(_, values)| values).any(|value| *value == 1.0));
    assert!(opened().iter().flat_map(|(_, values)| values).any(|value| *value == 1.0), "{:?}", opened());

    node("queries.mjs", ["graphite", &format!("http://{}", graphite.at)]);
}
