//! What it costs to be reported everywhere, in processor time, beside being reported nowhere.
//!
//! ```text
//! cargo bench --bench reporting --features metrics
//! ```
//!
//! Everywhere is: StatsD (on loopback, where nobody reads), Prometheus scraped once a second, a recorder of the `metrics` facade
//! rendered once a second, and the dashboard with one viewer.

mod support;

use std::net::UdpSocket;
use std::time::Duration;

use futures::StreamExt;
use kanaloa::DispatcherBuilder;
use kanaloa::config::Settings;
use kanaloa::dashboard::Dashboard;
use kanaloa::metrics::{Facade, Monitor};
use metrics_exporter_prometheus::PrometheusHandle;
use std::convert::Infallible;
use std::hint::black_box;
use support::{
    Handle, Stopwatch, dispatcher, dispatcher_with, in_system, in_turn, median, ratio, report, verdict, yield_once,
};
use tokio::time::{Instant, interval};

const CLIENTS: u64 = 64;
const ROUNDS: usize = 7;
/// Long enough for reports of each kind.
const RUN: Duration = Duration::from_secs(4);

/// Calls in a loop until it is time.
async fn call_until(handle: Handle, end: Instant) -> u64 {
    let mut answered = 0;
    while Instant::now() < end {
        for n in 0..100 {
            answered += u64::from(black_box(handle.call(n).await).is_ok());
        }
    }
    answered
}

/// Nanoseconds of the whole process for each answer, when clients call in a loop.
fn busy(builder: DispatcherBuilder<u64, u64, Infallible>, reports: Option<&Reports>) -> f64 {
    in_system(async {
        let handle = started(builder, reports);
        let run = async |length| {
            let end = Instant::now() + length;
            let clients: Vec<_> = (0..CLIENTS).map(|_| actix::spawn(call_until(handle.clone(), end))).collect();
            let mut answered = 0;
            for client in clients {
                answered += client.await.expect("a client does not panic");
            }
            answered
        };
        run(Duration::from_millis(200)).await;
        let watch = Stopwatch::start();
        let answered = run(RUN).await;
        watch.ns_per(answered)
    })
}

/// Microseconds of the whole process for each second in which so many works are done, one after the other.
fn quiet(builder: DispatcherBuilder<u64, u64, Infallible>, reports: Option<&Reports>) -> f64 {
    in_system(async {
        let handle = started(builder, reports);
        yield_once().await;
        let watch = Stopwatch::start();
        let mut ticks = interval(Duration::from_millis(5));
        for n in 0..RUN.as_millis() as u64 / 5 {
            ticks.tick().await;
            black_box(handle.call(n).await).expect("it is not overloaded");
        }
        watch.ns_per(RUN.as_secs() * 1000)
    })
}

/// Where it is reported.
struct Reports {
    statsd: UdpSocket,
    recorder: PrometheusHandle,
}

impl Reports {
    fn settings(&self) -> kanaloa::config::DispatcherSettings {
        let port = self.statsd.local_addr().expect("it is bound").port();
        let text = format!(
            "kanaloa {{ statsD {{ host = 127.0.0.1, port = {port} }}, default-dispatcher.metrics.enabled = on }}"
        );
        Settings::parse("bench", &text).expect("the settings are right").dispatcher("bench")
    }
}

fn started(builder: DispatcherBuilder<u64, u64, Infallible>, reports: Option<&Reports>) -> Handle {
    let Some(reports) = reports else { return builder.start().expect("the settings are valid") };
    let monitor = Monitor::new();
    let builder = builder.settings(reports.settings()).monitor(&monitor).reporter(Facade::default());
    let handle = builder.start().expect("the settings are valid");
    let recorder = reports.recorder.clone();
    actix::spawn(async move {
        let dashboard = Dashboard::start(&monitor);
        let mut viewer = dashboard.events(None).expect("there is room for one");
        let mut seconds = interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                event = viewer.next() => drop(black_box(event)),
                _ = seconds.tick() => drop(black_box((monitor.prometheus(), recorder.render()))),
            }
        }
    });
    handle
}

fn main() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new()
        .set_buckets(&kanaloa::metrics::Distribution::BOUNDS)
        .and_then(metrics_exporter_prometheus::PrometheusBuilder::install_recorder)
        .expect("there is no other recorder");
    let statsd = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
    let reports = Reports { statsd, recorder };
    let defaults = kanaloa::config::DispatcherSettings::default;
    println!("processor time of the whole process; medians of {ROUNDS} runs of {RUN:?} in turn\n");

    let one = || dispatcher(defaults(), true);
    let [off, on] = in_turn(ROUNDS, [&|| busy(one(), None), &|| busy(one(), Some(&reports))]);
    let ratio = ratio(&on, &off);
    let found = format!("{:.0} ns : {:.0} ns, ratio {ratio:.3}", median(&on), median(&off));
    verdict("accepted request, all reports on, to all off", found, "ratio <= 1.05", ratio <= 1.05);

    let many = || dispatcher_with(defaults(), 100);
    for (what, builder) in [("1 handler", &one as &dyn Fn() -> _), ("100 handlers", &many)] {
        let [off, on] = in_turn(3, [&|| quiet(builder(), None), &|| quiet(builder(), Some(&reports))]);
        let found = format!("{:.1} ms, off {:.1} ms", median(&on) / 1e3, median(&off) / 1e3);
        report(&format!("200 requests in a second, {what}, all reports on"), found);
    }
}
