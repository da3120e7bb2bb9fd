//! StatsD: what is reported goes there as lines in UDP packets.

mod contact;
mod courier;
mod mailbox;
mod names;
mod packets;
mod share;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use contact::Pace;
use courier::{Courier, LookUp};
use futures::FutureExt;
use futures::future::BoxFuture;
use mailbox::Mailbox;
use names::Names;
use packets::Packets;
use share::Share;

use super::namesakes::Namesake;

use super::told::Told;
use super::{Metric, MetricName, Report, Reporter, Value};
use crate::config::StatsDSettings;

/// More times than that are not told of one kind in a report: enough for a 99th percentile, and together they are some 15 kB on
/// the wire, of which several fit into the buffer of the socket where they arrive.
const MOST_TIMES: usize = 250;

/// No last report is waited for for longer, in real time.
const LAST_REPORT: Duration = Duration::from_secs(1);

/// A dispatcher's way to StatsD. Nothing here blocks: what is reported waits, within bounds, for a thread that sends it.
///
/// Counters and times are told as what is new since they were told last. While StatsD cannot be reached nothing is told, so
/// what happens meanwhile is in the first report after that.
#[derive(Debug)]
pub(crate) struct Statsd {
    names: Names,
    multi_metrics: bool,
    packet_buffer_size: usize,
    mailbox: Arc<Mailbox>,
    told: Told,
    /// The share of the times that is told.
    times: f64,
    /// The reports in which counters are told, and those in which gauges are.
    counter_reports: Share,
    gauge_reports: Share,
    namesake: Namesake,
}

/// Tells that the courier is gone, whatever ended it.
struct Leaving(Arc<Mailbox>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Statsd {
    /// Starts the thread that sends.
    pub(crate) fn start(dispatcher: &str, settings: &StatsDSettings) -> io::Result<Self> {
        let (host, port) = (settings.host.clone(), settings.port);
        let title = format!("dispatcher {dispatcher}: StatsD at {host}:{port}");
        let look_up = Box::new(move || Ok((host.as_str(), port).to_socket_addrs()?.collect()));
        let machine = hostname::get().unwrap_or_default();
        Self::with(dispatcher, &machine.to_string_lossy(), settings, title, look_up, Pace::USUAL)
    }

    fn with(
        dispatcher: &str,
        machine: &str,
        settings: &StatsDSettings,
        title: String,
        look_up: LookUp,
        pace: Pace,
    ) -> io::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let (courier, leaving) = (Courier::new(title, look_up, pace), Leaving(Arc::clone(&mailbox)));
        let body = move || courier.run(&leaving.0);
        thread::Builder::new().name(format!("statsd-{dispatcher}").replace('\0', "")).spawn(body)?;
        let names = Names::new(&settings.namespace, dispatcher, machine);
        let destination = format!("{}:{}/{}", settings.host, settings.port, names.name(None, ""));
        Ok(Statsd {
            names,
            multi_metrics: settings.multi_metrics,
            packet_buffer_size: settings.packet_buffer_size,
            mailbox,
            told: Told::default(),
            times: settings.event_sample_rate,
            counter_reports: Share::new(settings.default_sample_rate),
            gauge_reports: Share::new(settings.status_sample_rate),
            namesake: Namesake::of(destination),
        })
    }

    /// By name. Different handlers may have the same there, with what StatsD does not read replaced; of their gauges the last
    /// would stand for all.
    fn gauges(&self, metrics: &[Metric]) -> Vec<(String, MetricName, f64)> {
        let mut gauges: Vec<(String, MetricName, f64)> = Vec::new();
        let mut places = HashMap::new();
        for metric in metrics {
            let (Value::Gauge(own), Some(name)) = (&metric.value, names::of(metric.name)) else { continue };
            let (name, gauge) =
                (self.names.name(metric.handler.as_deref(), name), self.namesake.together(metric, *own));
            match places.entry(name) {
                Entry::Occupied(place) => {
                    let (_, _, known) = &mut gauges[*place.get()];
                    *known = metric.name.together().of(*known, gauge);
                }
                Entry::Vacant(place) => {
                    gauges.push((place.key().clone(), metric.name, gauge));
                    place.insert(gauges.len() - 1);
                }
            }
        }
        gauges
    }

    fn tell(&mut self, packets: &mut Packets, metric: &Metric, with_counters: bool) {
        let Some(name) = names::of(metric.name) else { return };
        let name = self.names.name(metric.handler.as_deref(), name);
        match &metric.value {
            Value::Count(count) => {
                let new = self.told.count(metric, *count, with_counters);
                if new > 0 {
                    packets.count(&name, new);
                }
            }
            // Told together.
            Value::Gauge(_) => {}
            Value::Times(times) => {
                let new = self.told.times(metric, times);
                let told = ((new.count() as f64 * self.times).ceil() as usize).min(MOST_TIMES);
                packets.times(&name, &new.representatives(told), told as f64 / new.count() as f64);
            }
        }
    }
}

/// A gauge as StatsD is told it.
fn in_its_unit(name: MetricName, gauge: f64) -> f64 {
    match name {
        MetricName::ExpectedWait => (gauge * 1e6).round() / 1e3,
        // It counts as opened until it is closed again.
        MetricName::Circuit => gauge.min(1.0),
        _ => gauge,
    }
}

impl Reporter for Statsd {
    fn report(&mut self, report: &Report<'_>) {
        // A last one is sent if it can be.
        if !self.mailbox.has_room() && !report.is_last {
            return;
        }
        let with_counters = self.counter_reports.takes_next() || report.is_last;
        let with_gauges = self.gauge_reports.takes_next() || report.is_last;
        self.namesake.publish(report.metrics);
        let mut packets = Packets::new(self.multi_metrics, self.packet_buffer_size);
        // Counters first: if the network loses something of a long report, then times, of which there are others.
        let is_time = |metric: &&Metric| matches!(metric.value, Value::Times(_));
        for metric in report.metrics.iter().filter(|metric| !is_time(metric)) {
            self.tell(&mut packets, metric, with_counters);
        }
        if with_gauges {
            for (name, of, gauge) in self.gauges(report.metrics) {
                packets.gauge(&name, in_its_unit(of, gauge));
            }
        }
        for metric in report.metrics.iter().filter(is_time) {
            self.tell(&mut packets, metric, with_counters);
        }
        self.told.forget_others();
        let packets = packets.finish();
        if !packets.is_empty() {
            self.mailbox.post(packets);
        }
    }

    fn finish(&mut self) -> BoxFuture<'static, ()> {
        self.mailbox.close();
        let mailbox = Arc::clone(&self.mailbox);
        // What waits is not the arbiter. An error means that it ends.
        tokio::task::spawn_blocking(move || mailbox.wait_until_left(LAST_REPORT)).map(drop).boxed()
    }
}

impl Drop for Statsd {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}
