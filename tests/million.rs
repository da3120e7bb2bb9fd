//! A million works, of every outcome there is: StatsD, Prometheus, the recorder of the `metrics` facade, a reporter and the
//! library's own counters tell the same numbers. Wants `--release`.
//!
//! ```text
//! cargo test --release --test million
//! ```

#[path = "actors/support.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod support;

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures::future::join_all;
use kanaloa::config::Settings;
use kanaloa::metrics::Monitor;
use kanaloa::{Call, HandlerSource, PushingDispatcher, Rejections, Shutdown, Totals, Work, handler_fn};
use tokio::time::Instant;

use support::*;

const ROUNDS: u64 = 2_000;
/// Works of a round, the refused ones included.
const WORKS: u64 = 500;

/// Adds up all that arrives, until it is told to end and nothing more comes.
struct Statsd {
    port: u16,
    is_over: Arc<AtomicBool>,
    sums: thread::JoinHandle<BTreeMap<String, u64>>,
}

impl Statsd {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (port, is_over) = (socket.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&is_over);
        let sums = thread::spawn(move || {
            let (mut sums, mut packet) = (BTreeMap::new(), [0; 2048]);
            loop {
                match socket.recv(&mut packet) {
                    Ok(length) => add(&mut sums, std::str::from_utf8(&packet[..length]).unwrap()),
                    Err(_) if ends.load(Ordering::SeqCst) => return sums,
                    Err(_) => {}
                }
            }
        });
        Statsd { port, is_over, sums }
    }

    fn sums(self) -> BTreeMap<String, u64> {
        self.is_over.store(true, Ordering::SeqCst);
        self.sums.join().unwrap()
    }
}

/// Counters by what follows the host.
fn add(sums: &mut BTreeMap<String, u64>, packet: &str) {
    for line in packet.lines() {
        let (name, value) = line.split_once(':').unwrap();
        if let Some(count) = value.strip_suffix("|c") {
            let name = name.splitn(4, '.').last().unwrap().to_owned();
            *sums.entry(name).or_default() += count.parse::<u64>().unwrap();
        }
    }
}

/// What a text that Prometheus scrapes says, by name and labels without the dispatcher's.
fn scraped(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && line.contains("_total{"));
    let parts = lines.map(|line| line.rsplit_once(' ').unwrap());
    parts.map(|(name, value)| (name.replace("dispatcher=\"shop\"", ""), value.parse::<f64>().unwrap() as u64)).collect()
}

fn handler(name: &str) -> HandlerSource<u64, u64, u64> {
    HandlerSource::new(handler_fn(name, |n: u64| async move {
        match n % 10 {
            0 => std::future::pending().await,
            1 => Err(n),
            2 => panic!("as some do"),
            _ => {
                sleep_ms(1 + n % 7).await;
                Ok(n)
            }
        }
    }))
}

#[test]
fn all_tell_the_same() {
    // What panics says so; here some are meant to.
    let says = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref() != Some(&"as some do") {
            says(panic);
        }
    }));
    let statsd = Statsd::start();
    let text = format!(
        "kanaloa {{
           statsD {{ host = 127.0.0.1, port = {} }}
           default-dispatcher {{
             update-interval = 50ms
             metrics.enabled = on
             work-settings {{ service-timeout = 9ms, work-retry = 1, at-least-once = off }}
             worker-pool.starting-pool-size = 40
             autothrottle.algorithm = fixed
             circuit-breaker.enabled = off
             queue.capacity = 150
             back-pressure.reference-delay = 4ms
           }}
         }}",
        statsd.port
    );
    let settings = Settings::parse("test", &text).unwrap().dispatcher("shop");
    let monitor = Monitor::new();
    #[cfg(feature = "metrics")]
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let run = || {
        virtual_time(async {
            let builder = PushingDispatcher::builder("shop").settings(settings).monitor(&monitor).clone_requests();
            #[cfg(feature = "metrics")]
            let builder = builder.reporter(kanaloa::metrics::Facade::default());
            let shop = builder.handler_from(handler("a")).handler_from(handler("b")).start().unwrap();
            settle().await;
            for round in 0..ROUNDS {
                let deadline = |n: u64| Instant::now() + ms(1 + n % 5);
                let calls: Vec<Call<_, _>> = (0..WORKS)
                    .map(|n| match (round * WORKS + n) % 13 {
                        0..3 => shop.call(Work::new(n).deadline(deadline(n))),
                        3 => shop.call(Work::new(n).concurrent_calls(2)),
                        _ => shop.call(n),
                    })
                    .collect();
                sleep_ms(1).await;
                // Some leave.
                let stay = calls.into_iter().enumerate().filter(|(n, _)| n % 17 > 0).map(|(_, call)| call);
                join_all(stay).await;
            }
            // The last are cut off, refused, and come too late.
            let last: Vec<_> = (0..200).map(|_| shop.call(10)).collect();
            settle().await;
            assert!(matches!(shop.shutdown_within(ms(0)).await, Shutdown::CutOff { .. }));
            join_all(last).await;
            let happened = (shop.totals(), shop.rejections(), monitor.by_name().remove(0), monitor.prometheus());
            // What a handle still refuses is counted, but there is nobody any more to report it.
            let _ = shop.call(3).await;
            assert_eq!(monitor.by_name()[0].totals, shop.totals());
            assert_eq!(shop.totals().received, happened.0.received + 1);
            drop(shop);
            happened
        })
    };
    #[cfg(feature = "metrics")]
    let (totals, rejections, snapshot, prometheus) = metrics::with_local_recorder(&recorder, run);
    #[cfg(not(feature = "metrics"))]
    let (totals, rejections, snapshot, prometheus) = run();
    assert_adds_up(totals);
    let Totals { received, completed, failed, timed_out, rejected, shed, abandoned, queued, in_flight, .. } = totals;
    assert_eq!((received, queued, in_flight), (ROUNDS * WORKS + 200, 0, 0));
    let Rejections { over_capacity, waited_too_long, queue_full, deadline_cannot_be_met, shutting_down, .. } =
        rejections;
    let by_reason = [over_capacity, waited_too_long, queue_full, deadline_cannot_be_met, shutting_down];
    assert_eq!(rejected, by_reason.iter().sum::<u64>());
    eprintln!("{totals:?}\n{rejections:?}");
    for (n, outcome) in [completed, failed, timed_out, shed, abandoned].into_iter().chain(by_reason).enumerate() {
        assert!(outcome > 0, "outcome {n} did not happen: {totals:?}, {rejections:?}");
    }

    assert_eq!((snapshot.totals, snapshot.rejections), (totals, rejections));

    // The dispatcher's own, in the words of each.
    let own = [
        ("work.received", "works_received_total{}", received),
        ("work.completed", "works_completed_total{}", completed),
        ("work.failed", "works_failed_total{}", failed),
        ("work.timedOut", "works_timed_out_total{}", timed_out),
        ("work.shedded", "works_shed_total{}", shed),
        ("work.abandoned", "works_abandoned_total{}", abandoned),
        ("work.rejectedBy.overCapacity", "works_rejected_total{,reason=\"over_capacity\"}", over_capacity),
        ("work.rejectedBy.waitedTooLong", "works_rejected_total{,reason=\"waited_too_long\"}", waited_too_long),
        ("work.rejectedBy.queueFull", "works_rejected_total{,reason=\"queue_full\"}", queue_full),
        (
            "work.rejectedBy.deadlineCannotBeMet",
            "works_rejected_total{,reason=\"deadline_cannot_be_met\"}",
            deadline_cannot_be_met,
        ),
        ("work.rejectedBy.shuttingDown", "works_rejected_total{,reason=\"shutting_down\"}", shutting_down),
    ];
    let own = own.map(|(statsd, prometheus, count)| (statsd.to_owned(), format!("kanaloa_{prometheus}"), count));
    let of_handlers = snapshot.handlers.iter().flat_map(|handler| {
        let name = &handler.name;
        let attempts = |outcome| format!("kanaloa_handler_attempts_total{{,handler=\"{name}\",outcome=\"{outcome}\"}}");
        let again = |what| format!("kanaloa_handler_{what}_total{{,handler=\"{name}\"}}");
        [
            (format!("{name}.work.completed"), attempts("completed"), handler.completed),
            (format!("{name}.work.failed"), attempts("failed"), handler.failed),
            (format!("{name}.work.timedOut"), attempts("timed_out"), handler.timed_out),
            (format!("{name}.work.cancelled"), attempts("cancelled"), handler.cancelled),
            (format!("{name}.work.retried"), again("retries"), handler.retried),
            (format!("{name}.work.hedged"), again("hedges"), handler.hedged),
        ]
    });
    let mut sums = statsd.sums();
    assert_eq!(sums.remove("work.rejected"), Some(rejected));
    let prometheus = scraped(&prometheus);
    #[cfg(feature = "metrics")]
    let recorded = scraped(&recorder.handle().render());
    for (in_statsd, in_prometheus, count) in own.into_iter().chain(of_handlers) {
        assert!(count > 0, "{in_statsd} did not happen");
        assert_eq!(sums.remove(&in_statsd), Some(count), "{in_statsd} in StatsD");
        assert_eq!(prometheus.get(&in_prometheus), Some(&count), "{in_prometheus} in Prometheus");
        #[cfg(feature = "metrics")]
        assert_eq!(recorded.get(&in_prometheus), Some(&count), "{in_prometheus} in the recorder");
    }
    // There is nothing else.
    assert_eq!(sums, BTreeMap::new());
}
