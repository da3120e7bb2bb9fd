//! What the StatsD daemon has is what happened.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::support::{Installed, PATIENCE, Statsd, StatsdPorts};
use crate::traffic::{Happened, Scene, Watched, many_handlers, of_every_outcome};

/// Runs a future in a System of its own.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    actix::System::new().block_on(future)
}

/// What StatsD is to make of a name.
fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// What the names of a dispatcher begin with.
pub(crate) fn prefix(dispatcher: &str) -> String {
    format!("kanaloa.{}.{}.", clean(dispatcher), clean(&hostname::get().unwrap().to_string_lossy()))
}

/// Of the names of one dispatcher: those of its own, and those of each handler.
type Parts = (BTreeMap<String, f64>, BTreeMap<String, BTreeMap<String, f64>>);

pub(crate) fn parts(all: &BTreeMap<String, f64>, dispatcher: &str) -> Parts {
    let prefix = prefix(dispatcher);
    let mut parts = Parts::default();
    for (name, value) in all.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, *value))) {
        match name.split_once('.').expect(name) {
            ("work" | "queue", _) => _ = parts.0.insert(name.to_owned(), value),
            (handler, rest) => _ = parts.1.entry(handler.to_owned()).or_default().insert(rest.to_owned(), value),
        }
    }
    parts
}

/// The sum over all handlers of what happened there.
fn summed(handlers: &BTreeMap<String, BTreeMap<String, f64>>) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for (name, value) in handlers.values().flatten().filter(|(name, _)| name.starts_with("work.")) {
        *sums.entry(name.clone()).or_default() += value;
    }
    sums
}

fn as_numbers(counts: BTreeMap<String, u64>) -> BTreeMap<String, f64> {
    counts.into_iter().map(|(name, count)| (name, count as f64)).collect()
}

/// All of it and nothing else.
pub(crate) fn assert_is_what_happened(counters: &BTreeMap<String, f64>, happened: &[Happened]) {
    for happened in happened {
        let (own, handlers) = parts(counters, happened.dispatcher);
        assert_eq!(own, as_numbers(happened.counters()), "{happened:?}");
        let attempts = happened.attempts.iter().map(|(name, count)| (format!("work.{name}"), *count as f64));
        if !happened.attempts.is_empty() {
            assert_eq!(summed(&handlers), attempts.collect(), "{happened:?}");
        }
    }
    let known: Vec<_> = happened.iter().map(|happened| prefix(happened.dispatcher)).collect();
    let others: Vec<_> = counters.keys().filter(|name| name.starts_with("kanaloa.")).collect();
    let others: Vec<_> = others.iter().filter(|name| !known.iter().any(|known| name.starts_with(known))).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Every kind of outcome is among them.
pub(crate) fn assert_every_outcome(happened: &[Happened]) {
    let seen: std::collections::BTreeSet<_> =
        happened.iter().flat_map(|happened| happened.counters().into_keys()).collect();
    let reasons = ["overCapacity", "waitedTooLong", "queueFull", "deadlineCannotBeMet", "noHandlers", "shuttingDown"];
    let mut all: Vec<_> = reasons.iter().map(|reason| format!("work.rejectedBy.{reason}")).collect();
    let works = ["received", "completed", "failed", "timedOut", "rejected", "shedded", "abandoned"];
    all.extend(works.iter().map(|outcome| format!("work.{outcome}")));
    assert_eq!(seen, all.into_iter().collect());
}

#[test]
fn what_it_has_is_what_happened() {
    let Some(installed) = Installed::with(&Statsd::PARTS) else { return };
    let statsd = Statsd::keeping(&installed, StatsdPorts::free());
    let happened = run(of_every_outcome(&Scene::with_statsd(statsd.ports.udp)));
    assert_every_outcome(&happened);
    statsd.fence();
    let counters = statsd.counters();
    assert_is_what_happened(&counters, &happened);
    assert_eq!(counters["statsd.bad_lines_seen"], 0.0);

    // Names are those that were to be had, whatever characters they were made of.
    let (_, handlers) = parts(&counters, "Käse.eu");
    assert_eq!(handlers.keys().collect::<Vec<_>>(), ["till_1", "till_2_____"]);

    // Times are of what was completed, in milliseconds.
    let timers = statsd.timers();
    let mut times: Vec<f64> = Vec::new();
    for handler in ["till_1", "till_2_____"] {
        times.extend(&timers[&format!("{}{handler}.work.processTime", prefix("Käse.eu"))]);
    }
    times.sort_by(f64::total_cmp);
    assert_eq!(times.len(), 40);
    for (at, time) in times.iter().enumerate() {
        let slept = f64::from(2 * (at as u32 / 4) + 2);
        // Each is known to 3.2 %.
        assert!(*time >= 0.968 * slept && *time < 1000.0, "{time} ms for {slept} ms");
    }

    // A gauge stays where it was left; what has ended has nothing.
    let (own, handlers) = parts(&statsd.gauges(), "Käse.eu");
    assert_eq!((own["queue.length"], own["queue.dropRate"], own["queue.burstMode"]), (0.0, 0.0, 0.0));
    // 0 where it is not known, for want of back-pressure.
    let (expecting, _) = parts(&statsd.gauges(), "over");
    assert_eq!((own["queue.expectedWait"], expecting["queue.expectedWait"] >= 0.0), (0.0, true), "{expecting:?}");
    for (handler, gauges) in handlers {
        assert_eq!((gauges["pool.size"], gauges["pool.utilized"]), (0.0, 0.0), "{handler}");
        assert_eq!(gauges["worker.circuitBreakerOpened"], 0.0, "{handler}");
    }
}

#[test]
fn what_does_not_fit_into_a_packet_goes_alone_and_none_is_lost() {
    let Some(installed) = Installed::with(&Statsd::PARTS) else { return };
    for packets in ["packet-buffer-size = 64", "multi-metrics = off", "packet-buffer-size = 65507"] {
        let statsd = Statsd::keeping(&installed, StatsdPorts::free());
        let happened = run(async {
            let scene = Scene { more: format!("statsD {{ {packets} }}"), ..Scene::with_statsd(statsd.ports.udp) };
            let long = "a-name-that-is-longer-than-a-packet-of-the-smallest-size-may-be";
            let mut shop = Watched::start("shop", &scene, "", &[long]);
            shop.all([2, 4, 1, 3]).await;
            shop.end(&[("completed", 2), ("failed", 2)]).await
        });
        statsd.fence();
        let counters = statsd.counters();
        assert_is_what_happened(&counters, &[happened]);
        assert_eq!(counters["statsd.bad_lines_seen"], 0.0);
    }
}

#[test]
fn of_a_thousand_handlers_all_is_counted_under_a_hundred_names() {
    let Some(installed) = Installed::with(&Statsd::PARTS) else { return };
    let statsd = Statsd::keeping(&installed, StatsdPorts::free());
    let scene = Scene::with_statsd(statsd.ports.udp);
    let happened = run(async { many_handlers(&scene, 1000).await.end(&[]).await });
    statsd.fence();
    let counters = statsd.counters();
    assert_eq!(counters["statsd.bad_lines_seen"], 0.0);
    assert_eq!(happened.totals.completed, 3000);
    let (_, handlers) = parts(&counters, "many");
    assert_eq!(summed(&handlers)["work.completed"], 3000.0);
    assert_eq!((handlers.len(), handlers.contains_key("other")), (101, true), "{:?}", handlers.keys());
    assert_is_what_happened(&counters, &[happened]);
    let (_, gauges) = parts(&statsd.gauges(), "many");
    assert!(gauges.len() <= 101, "{:?}", gauges.keys());
}

#[test]
fn one_that_is_not_there_at_first_or_goes_for_a_while_gets_what_is_counted_meanwhile() {
    let Some(installed) = Installed::with(&Statsd::PARTS) else { return };
    let ports = StatsdPorts::free();
    let completed = |statsd: &Statsd| {
        statsd.fence();
        parts(&statsd.counters(), "shop").0.get("work.completed").copied().unwrap_or_default()
    };
    let reports = || tokio::time::sleep(Duration::from_secs(1));
    run(async {
        let mut shop = Watched::start("shop", &Scene::with_statsd(ports.udp), "update-interval = 300ms", &["till"]);
        // Nobody is there, which UDP does not say before something has been sent: that is lost, and nothing after it.
        shop.all([2]).await;
        reports().await;
        shop.all([2; 10]).await;
        let statsd = Statsd::keeping(&installed, ports);
        // It is tried again after ten seconds. All the time those who call notice nothing.
        let end = Instant::now() + PATIENCE;
        while completed(&statsd) == 0.0 && Instant::now() < end {
            shop.all([2]).await;
            reports().await;
        }
        reports().await;
        let known = shop.shop.totals().completed as f64;
        assert_eq!(completed(&statsd), known - 1.0);

        drop(statsd);
        reports().await;
        shop.all([2; 5]).await;
        reports().await;
        let statsd = Statsd::keeping(&installed, ports);
        // The end comes before it would be tried again, and is one more try.
        let happened = shop.end(&[]).await;
        assert_eq!(happened.totals.completed as f64, known + 5.0);
        assert_eq!(completed(&statsd), 5.0);
    });
}

#[test]
fn two_dispatchers_of_the_same_name_add_up() {
    let Some(installed) = Installed::with(&Statsd::PARTS) else { return };
    let statsd = Statsd::keeping(&installed, StatsdPorts::free());
    run(async {
        let scene = Scene::with_statsd(statsd.ports.udp);
        let mut both = ["one", "other"].map(|_| Watched::start("shop", &scene, "", &["till"]));
        for shop in &mut both {
            shop.all([2, 2, 1]).await;
        }
        // What is reported is so by the thread that waits here.
        let size_becomes = async |size: f64| {
            let end = Instant::now() + PATIENCE;
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                statsd.fence();
                let gauges = parts(&statsd.gauges(), "shop").1;
                match gauges.get("till") {
                    Some(till) if till["pool.size"] == size => return,
                    till => assert!(Instant::now() < end, "{till:?} is not {size}"),
                }
            }
        };
        size_becomes(8.0).await;
        let [one, other] = both;
        let one = one.end(&[]).await;
        size_becomes(4.0).await;
        let other = other.end(&[]).await;
        statsd.fence();
        let (own, handlers) = parts(&statsd.counters(), "shop");
        assert_eq!(one.counters(), other.counters());
        let twice = one.counters().into_iter().map(|(name, count)| (name, 2 * count)).collect();
        assert_eq!(own, as_numbers(twice));
        assert_eq!(handlers["till"]["work.completed"], 4.0);
    });
}
