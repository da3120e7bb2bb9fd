//! What is known of dispatchers, and reporting it away from where it happens.
//!
//! ```text
//!                                          ┌─► Monitor: snapshots for whoever asks (Prometheus, the dashboard)
//! workers ──► counters in shared memory ───┤
//!                                          └─► once per update-interval ──► Reporter (StatsD, the `metrics` facade, yours)
//! ```
//!
//! The hot path counts in memory and does nothing else. Whoever reports reads what has been counted since the start, and so
//! loses nothing if it is held up.

mod description;
mod distribution;
#[cfg(feature = "metrics")]
mod facade;
mod metric;
mod monitor;
mod namesakes;
mod observed;
#[cfg(feature = "prometheus")]
mod prometheus;
mod reporter;
mod reporting;
#[cfg(any(feature = "metrics", feature = "prometheus"))]
mod series;
mod snapshot;
mod statsd;
mod told;

pub use description::Description;
pub use distribution::Distribution;
pub(crate) use distribution::Histogram;
#[cfg(feature = "metrics")]
pub use facade::Facade;
pub use metric::{Metric, MetricName, Value};
pub use monitor::Monitor;
pub(crate) use observed::Observed;
#[cfg(feature = "prometheus")]
pub use prometheus::PROMETHEUS_MEDIA_TYPE;
pub use reporter::{Report, Reporter};
pub(crate) use reporting::{Finish, Reporting};
pub use snapshot::{CircuitDecision, DispatcherSnapshot, HandlerSnapshot, LimitDecision};
pub(crate) use statsd::Statsd;
