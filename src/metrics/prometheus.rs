//! What Prometheus scrapes.
//!
//! It is made from snapshots when it is asked for, so there is nothing to keep up between scrapes, a handler that has left
//! leaves no series behind, and what is shown is what has been counted: exactly, sums of times included. The `metrics` facade
//! could not say that: it takes times one by one, and keeps whatever it has been told once.

use std::collections::BTreeMap;

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric as Series, MetricFamily, MetricType};

use super::{Description, DispatcherSnapshot, Distribution, Monitor, Value, series};

/// The media type of what [`Monitor::prometheus`] returns.
pub const PROMETHEUS_MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Monitor {
    /// What is known of the dispatchers, by name, in the text format that Prometheus scrapes: answer a scrape with it as
    /// [`PROMETHEUS_MEDIA_TYPE`].
    ///
    /// What each metric means is in its help. A handler that has left is shown for five more minutes. Its cost grows with the
    /// number of handlers, of which `metrics.max-handlers` bounds what is shown: 35 lines each.
    pub fn prometheus(&self) -> String {
        let mut families = Families::default();
        families.add_build();
        self.by_name().iter().for_each(|dispatcher| families.add(dispatcher));
        let families: Vec<_> = families.0.into_values().collect();
        // Refused are families without a name or without series, of which there are none.
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }
}

/// By name, since all series of a name stand together.
#[derive(Default)]
struct Families(BTreeMap<&'static str, MetricFamily>);

impl Families {
    fn add_build(&mut self) {
        let labels = vec![label("version", env!("CARGO_PKG_VERSION"))];
        let description =
            Description { name: "kanaloa_build_info", help: "1, with the version of Kanaloa.", label: None };
        self.push(description, labels, &Value::Gauge(1.0));
    }

    fn add(&mut self, dispatcher: &DispatcherSnapshot) {
        for metric in dispatcher.metrics() {
            series::of(&metric, |description, value| {
                let handler = metric.handler.iter().map(|handler| label("handler", handler));
                let own = description.label.map(|(name, value)| label(name, value));
                let labels = [label("dispatcher", &dispatcher.name)].into_iter().chain(handler).chain(own);
                self.push(description, labels.collect(), value);
            });
        }
    }

    fn push(&mut self, description: Description, labels: Vec<LabelPair>, value: &Value) {
        let mut series = Series::from_label(labels);
        let kind = match value {
            Value::Count(count) => {
                let mut counter = Counter::default();
                counter.set_value(*count as f64);
                series.set_counter(counter);
                MetricType::COUNTER
            }
            Value::Gauge(value) => {
                let mut gauge = Gauge::default();
                gauge.set_value(*value);
                series.set_gauge(gauge);
                MetricType::GAUGE
            }
            Value::Times(times) => {
                series.set_histogram(histogram(times));
                MetricType::HISTOGRAM
            }
        };
        let family = self.0.entry(description.name).or_insert_with(|| {
            let mut family = MetricFamily::default();
            family.set_name(description.name.to_owned());
            family.set_help(description.help.to_owned());
            family.set_field_type(kind);
            family
        });
        family.mut_metric().push(series);
    }
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

fn histogram(times: &Distribution) -> Histogram {
    let bucket = |(bound, count): (&f64, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(count);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(Distribution::BOUNDS.iter().zip(times.cumulative()).map(bucket).collect());
    histogram.set_sample_count(times.count());
    histogram.set_sample_sum(times.sum().as_secs_f64());
    histogram
}
