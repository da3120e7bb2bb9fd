//! What it costs to be reported, in processor time, beside being reported nowhere.
//!
//! ```text
//! cargo bench --bench reporting --features metrics
//! ```
//!
//! Reported is: to StatsD (on loopback, where nobody reads), to Prometheus that scrapes once a second, on the dashboard with one
//! viewer, and to a recorder of the `metrics` facade (that of metrics-exporter-prometheus) rendered once a second.

mod support;

use std::convert::Infallible;
use std::hint::black_box;
use std::net::UdpSocket;
use std::time::Duration;

use futures::StreamExt;
use kanaloa::DispatcherBuilder;
use kanaloa::config::{DispatcherSettings, Settings};
use kanaloa::dashboard::Dashboard;
use kanaloa::metrics::{Facade, Monitor};
use metrics_exporter_prometheus::PrometheusHandle;
use support::{
    Handle, Stopwatch, dispatcher, dispatcher_with, in_system, in_turn, median, ratio, report, verdict, yield_once,
};
use tokio::time::{Instant, interval};

const CLIENTS: u64 = 64;
const ROUNDS: usize = 5;
/// Long enough for reports of each kind.
const RUN: Duration = Duration::from_secs(3);

/// To whom it is reported.
#[derive(Clone, Copy, Default)]
struct To {
    statsd: bool,
    scrapes: bool,
    dashboard: bool,
    facade: bool,
}

const NOBODY: To = To { statsd: false, scrapes: false, dashboard: false, facade: false };
const STATSD: To = To { statsd: true, ..NOBODY };
const SCRAPES: To = To { scrapes: true, ..NOBODY };
const DASHBOARD: To = To { dashboard: true, ..NOBODY };
const FACADE: To = To { facade: true, ..NOBODY };
const ALL_BUT_FACADE: To = To { statsd: true, scrapes: true, dashboard: true, facade: false };
const ALL: To = To { facade: true, ..ALL_BUT_FACADE };

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
fn busy(builder: DispatcherBuilder<u64, u64, Infallible>, to: To, world: &World) -> f64 {
    in_system(async {
        let handle = started(builder, to, world);
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

/// Milliseconds of the whole process for each second in which 200 works are done, one after the other.
fn quiet(builder: DispatcherBuilder<u64, u64, Infallible>, to: To, world: &World) -> f64 {
    in_system(async {
        let handle = started(builder, to, world);
        yield_once().await;
        let watch = Stopwatch::start();
        let mut ticks = interval(Duration::from_millis(5));
        for n in 0..RUN.as_millis() as u64 / 5 {
            ticks.tick().await;
            black_box(handle.call(n).await).expect("it is not overloaded");
        }
        watch.ns_per(RUN.as_secs()) / 1e6
    })
}

/// Who there is to report to.
struct World {
    statsd: UdpSocket,
    recorder: PrometheusHandle,
}

impl World {
    fn settings(&self) -> DispatcherSettings {
        let port = self.statsd.local_addr().expect("it is bound").port();
        let text = format!(
            "kanaloa {{ statsD {{ host = 127.0.0.1, port = {port} }}, default-dispatcher.metrics.enabled = on }}"
        );
        Settings::parse("bench", &text).expect("the settings are right").dispatcher("bench")
    }
}

fn started(builder: DispatcherBuilder<u64, u64, Infallible>, to: To, world: &World) -> Handle {
    let monitor = Monitor::new();
    let mut builder = builder.monitor(&monitor);
    if to.statsd {
        builder = builder.settings(world.settings());
    }
    if to.facade {
        builder = builder.reporter(Facade::default());
    }
    let handle = builder.start().expect("the settings are valid");
    if to.scrapes || to.facade {
        let (monitor, recorder) = (monitor.clone(), world.recorder.clone());
        actix::spawn(async move {
            let mut seconds = interval(Duration::from_secs(1));
            loop {
                seconds.tick().await;
                if to.scrapes {
                    black_box(monitor.prometheus());
                }
                if to.facade {
                    black_box(recorder.render());
                }
            }
        });
    }
    if to.dashboard {
        actix::spawn(async move {
            let dashboard = Dashboard::start(&monitor);
            let mut viewer = dashboard.events(None).expect("there is room for one");
            while let Some(event) = viewer.next().await {
                black_box(event);
            }
        });
    }
    handle
}

fn main() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new()
        .set_buckets(&kanaloa::metrics::Distribution::BOUNDS)
        .and_then(metrics_exporter_prometheus::PrometheusBuilder::install_recorder)
        .expect("there is no other recorder");
    let statsd = UdpSocket::bind("127.0.0.1:0").expect("there is a free port");
    let world = World { statsd, recorder };
    let defaults = DispatcherSettings::default;
    println!("processor time of the whole process; medians of runs of {RUN:?} in turn\n");

    let one = || dispatcher(defaults(), true);
    let many = || dispatcher_with(defaults(), 100);
    let everybody = [NOBODY, STATSD, SCRAPES, DASHBOARD, FACADE, ALL_BUT_FACADE, ALL];
    let names = ["StatsD", "Prometheus", "the dashboard", "the facade", "all but the facade", "all"];

    let world = &world;
    let runs = everybody.map(|to| move || busy(one(), to, world));
    let figures = in_turn(ROUNDS, runs.each_ref().map(|run| run as _));
    for (name, reported) in names.iter().zip(&figures[1..]) {
        let ratio = ratio(reported, &figures[0]);
        let found = format!("{:.0} ns : {:.0} ns, ratio {ratio:.3}", median(reported), median(&figures[0]));
        verdict(&format!("accepted request, reported to {name}, to nobody"), found, "ratio <= 1.05", ratio <= 1.05);
    }

    for (what, builder) in [("1 handler", &one as &dyn Fn() -> _), ("100 handlers", &many)] {
        let runs = everybody.map(|to| move || quiet(builder(), to, world));
        let figures = in_turn(3, runs.each_ref().map(|run| run as _));
        for (name, reported) in names.iter().zip(&figures[1..]) {
            let found = format!("{:.1} ms, nobody {:.1} ms", median(reported), median(&figures[0]));
            report(&format!("a second with 200 requests, {what}, reported to {name}"), found);
        }
    }
}
