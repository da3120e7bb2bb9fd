//! Who is told what happens at a dispatcher.

use futures::future::BoxFuture;

use super::Metric;

/// What is known of a dispatcher at one moment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report<'a> {
    /// The dispatcher's name.
    pub dispatcher: &'a str,
    /// What is known of it and its handlers. Those of the dispatcher come first, then each handler's together; counts before
    /// gauges before times.
    pub metrics: &'a [Metric],
    /// Whether the dispatcher ends, and no other report comes.
    pub is_last: bool,
}

/// Is told what happens at a dispatcher: once in an `update-interval`, and when it ends. Give it to
/// [`DispatcherBuilder::reporter`](crate::DispatcherBuilder::reporter).
///
/// It is called on the dispatcher's own thread, so it must not block: what takes its time belongs on a thread or a task of its
/// own. Counts are since the start, so a report that is not passed on loses nothing but its gauges.
///
/// ```
/// use kanaloa::metrics::{MetricName, Report, Reporter, Value};
///
/// /// Warns when works wait.
/// struct Watch;
///
/// impl Reporter for Watch {
///     fn report(&mut self, report: &Report<'_>) {
///         for metric in report.metrics {
///             match (metric.name, &metric.value) {
///                 (MetricName::QueueLength, Value::Gauge(waiting)) if *waiting > 100.0 => {
///                     eprintln!("{}: {waiting} works wait", report.dispatcher);
///                 }
///                 _ => {}
///             }
///         }
///     }
/// }
/// ```
pub trait Reporter: Send + 'static {
    /// Takes a report.
    fn report(&mut self, report: &Report<'_>);

    /// Resolves when all that was reported is where it belongs, or is given up. Called once, after the last report; the
    /// dispatcher ends when it has resolved, but does not wait for longer than a second.
    fn finish(&mut self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
