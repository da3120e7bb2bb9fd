//! What is reported, whoever it is reported to.

use std::sync::Arc;

use super::Samples;

/// One thing that is reported.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    /// Of which handler it tells; `None`: of the dispatcher.
    pub(crate) handler: Option<Arc<str>>,
    pub(crate) name: &'static str,
    pub(crate) value: Value,
}

/// See [`Metric`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// How often something happened since it was reported last.
    Count(u64),
    /// How much of something there is now.
    Gauge(f64),
    /// How long something took.
    Times(Samples),
}
