//! What Graphite has of it, when StatsD has told it.

use std::collections::BTreeMap;

use crate::statsd::{assert_every_outcome, assert_is_what_happened, prefix, run};
use crate::support::{Directory, Graphite, Installed, Names, Statsd, generated, node, settled};
use crate::traffic::{Happened, Scene, of_every_outcome};

/// The sum of all that Graphite has of each counter, by its name in StatsD.
fn counted(graphite: &Graphite, names: Names) -> BTreeMap<String, f64> {
    let (begin, end) = match names {
        Names::Legacy => ("stats_counts.", ""),
        Names::New => ("stats.counters.", ".count"),
    };
    let of_nodes = |nodes: &str| graphite.series(&format!("{begin}kanaloa.*.*.{nodes}{end}"));
    let name = |path: &str| path.strip_prefix(begin).and_then(|name| name.strip_suffix(end)).expect(path).to_owned();
    let all = ["*.*", "*.*.*"].map(of_nodes).into_iter().flatten();
    all.map(|(path, values)| (name(&path), values.iter().sum())).collect()
}

/// Waits until Graphite has all that happened; then it has nothing else.
fn assert_has(graphite: &Graphite, names: Names, happened: &[Happened]) {
    assert_every_outcome(happened);
    let of = |happened: &Happened| {
        let prefix = prefix(happened.dispatcher);
        let named = move |(name, count)| (format!("{prefix}{name}"), count as f64);
        happened.counters().into_iter().map(named).collect::<Vec<_>>()
    };
    let expected: BTreeMap<_, _> = happened.iter().flat_map(of).collect();
    settled(&expected, || {
        let mut counted = counted(graphite, names);
        counted.retain(|name, _| expected.contains_key(name));
        counted
    });
    assert_is_what_happened(&counted(graphite, names), happened);
}

#[test]
fn its_sums_are_what_happened_and_every_query_of_the_dashboard_has_data() {
    let Some(installed) = Installed::with(&[Statsd::PARTS, Graphite::PARTS].concat()) else { return };
    let graphite = Graphite::start(&installed);
    let statsd = Statsd::before_graphite(&installed, graphite.lines, Names::Legacy);
    let happened = run(of_every_outcome(&Scene::with_statsd(statsd.ports.udp)));
    assert_has(&graphite, Names::Legacy, &happened);

    // Each time that was measured is one that StatsD counted.
    let values = |series: Vec<(String, Vec<f64>)>| series.into_iter().flat_map(|(_, values)| values);
    let shop = prefix("Käse.eu");
    let times = || values(graphite.series(&format!("stats.timers.{shop}*.work.processTime.count"))).sum::<f64>();
    assert_eq!(settled(&40.0, times), 40.0);
    let opened = format!("stats.gauges.{}*.worker.circuitBreakerOpened", prefix("breaker"));
    let opened = || values(graphite.series(&opened)).fold(0.0, f64::max);
    assert_eq!(settled(&1.0, opened), 1.0);

    node("queries.mjs", ["graphite", &format!("http://{}", graphite.at)]);
}

#[test]
fn every_query_has_data_with_the_new_names_of_statsd_too() {
    let Some(installed) = Installed::with(&[Statsd::PARTS, Graphite::PARTS].concat()) else { return };
    let graphite = Graphite::start(&installed);
    let statsd = Statsd::before_graphite(&installed, graphite.lines, Names::New);
    let happened = run(of_every_outcome(&Scene::with_statsd(statsd.ports.udp)));
    assert_has(&graphite, Names::New, &happened);
    let directory = Directory::new("dashboard");
    let file = directory.with("dashboard.json", &generated("--new-namespace"));
    node("queries.mjs", ["graphite", &format!("http://{}", graphite.at), file.to_str().unwrap()]);
}
