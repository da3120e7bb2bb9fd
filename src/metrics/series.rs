//! Metrics as series: with names, labels and units, as Prometheus and the `metrics` facade have them.

use super::{Description, Metric, MetricName, Value};

/// The states of a circuit breaker, by what [`MetricName::Circuit`] says of it.
const CIRCUITS: [&str; 3] = ["closed", "half_open", "open"];

/// Calls with each series that a metric is shown as: what describes it, its own label, and its value.
pub(super) fn of(metric: &Metric, mut each: impl FnMut(Description, &Value)) {
    let description = metric.name.description();
    match (metric.name, &metric.value) {
        // Its parts are shown, by reason.
        (MetricName::Rejected, _) => {}
        (MetricName::Circuit, Value::Gauge(state)) => {
            for (n, name) in CIRCUITS.into_iter().enumerate() {
                let is_it = Value::Gauge(f64::from(u8::from(*state == n as f64)));
                each(Description { label: Some(("state", name)), ..description }, &is_it);
            }
        }
        (_, value) => each(description, value),
    }
}
