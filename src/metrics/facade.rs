//! The `metrics` facade.

use std::collections::HashSet;

use ::metrics::{Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::namesakes::Namesake;
use super::told::Told;
use super::{Description, Metric, Report, Reporter, Value, series};

/// Reports to the recorder that the `metrics` facade has, whichever that is: give it to
/// [`DispatcherBuilder::reporter`](crate::DispatcherBuilder::reporter). What is reported is called as
/// [`MetricName::description`](super::MetricName::description) says.
///
/// Times come in groups that are about alike, to within 3.2 %; their number and sum are exact. A recorder that keeps what it was
/// told once, as that of `metrics-exporter-prometheus` does unless it has an idle timeout, goes on showing handlers that have
/// left.
///
/// ```
/// use kanaloa::metrics::Facade;
/// use kanaloa::{PushingDispatcher, handler_fn};
///
/// # actix::System::new().block_on(async {
/// let half = handler_fn("half", |n: u32| async move { Ok::<_, String>(n / 2) });
/// let builder = PushingDispatcher::builder("numbers").handler(half);
/// let dispatcher = builder.reporter(Facade::default()).start().unwrap();
/// # dispatcher.shutdown().await;
/// # });
/// ```
#[derive(Debug, Default)]
pub struct Facade {
    told: Told,
    described: HashSet<&'static str>,
    /// Made with the first report, which says of which dispatcher it is.
    namesake: Option<Namesake>,
}

impl Facade {
    fn describe(&mut self, description: Description, value: &Value) {
        let Description { name, help, .. } = description;
        if !self.described.insert(name) {
            return;
        }
        let is_time = name.ends_with("_seconds");
        match value {
            Value::Count(_) => describe_counter!(name, help),
            Value::Gauge(_) if is_time => describe_gauge!(name, Unit::Seconds, help),
            Value::Gauge(_) => describe_gauge!(name, help),
            Value::Times(_) => describe_histogram!(name, Unit::Seconds, help),
        }
    }

    fn tell(&mut self, dispatcher: &str, metric: &Metric, namesake: &Namesake) {
        let value = match &metric.value {
            Value::Count(count) => Value::Count(self.told.count(metric, *count, true)),
            Value::Gauge(own) => Value::Gauge(namesake.together(metric, *own)),
            Value::Times(times) => Value::Times(self.told.times(metric, times)),
        };
        let metric = Metric { value, ..metric.clone() };
        series::of(&metric, |description, value| {
            self.describe(description, value);
            let mut labels = vec![Label::new("dispatcher", dispatcher.to_owned())];
            labels.extend(metric.handler.iter().map(|handler| Label::new("handler", handler.to_string())));
            labels.extend(description.label.map(|(name, value)| Label::from_static_parts(name, value)));
            match value {
                Value::Count(new) => counter!(description.name, labels).increment(*new),
                Value::Gauge(value) => gauge!(description.name, labels).set(*value),
                Value::Times(new) => {
                    let histogram = histogram!(description.name, labels);
                    new.groups(|seconds, count| {
                        histogram.record_many(seconds, usize::try_from(count).unwrap_or(usize::MAX));
                    });
                }
            }
        });
    }
}

impl Reporter for Facade {
    fn report(&mut self, report: &Report<'_>) {
        let namesake = self.namesake.take().unwrap_or_else(|| Namesake::of(format!("facade/{}", report.dispatcher)));
        namesake.publish(report.metrics);
        for metric in report.metrics {
            self.tell(report.dispatcher, metric, &namesake);
        }
        self.told.forget_others();
        self.namesake = Some(namesake);
    }
}
