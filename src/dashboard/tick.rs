//! What is told each second.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::series::{Number, OF_DISPATCHERS, OF_HANDLERS, Row};
use crate::dispatcher::Totals;

/// How all dispatchers stand, and what they have done in the last second.
#[derive(Debug, Serialize)]
pub(super) struct Tick {
    /// Milliseconds since 1970.
    pub(super) t: u64,
    pub(super) dispatchers: Vec<DispatcherTick>,
    /// `None` if it is about all there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) left_off: Option<LeftOff>,
}

/// How many are not told of, for there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct LeftOff {
    pub(super) dispatchers: usize,
    pub(super) handlers: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct DispatcherTick {
    pub(super) id: u64,
    #[serde(serialize_with = "text")]
    pub(super) name: Arc<str>,
    pub(super) state: &'static str,
    #[serde(serialize_with = "of_dispatcher")]
    pub(super) now: Row<{ OF_DISPATCHERS.len() }>,
    /// A second, by reason: those of which there were some.
    #[serde(serialize_with = "by_name")]
    pub(super) rejected_by: Vec<(&'static str, Number)>,
    pub(super) totals: Totals,
    pub(super) admission: String,
    pub(super) handlers: Vec<HandlerTick>,
}

#[derive(Debug, Serialize)]
pub(super) struct HandlerTick {
    #[serde(serialize_with = "text")]
    pub(super) name: Arc<str>,
    pub(super) handlers: usize,
    #[serde(serialize_with = "of_handler")]
    pub(super) now: Row<{ OF_HANDLERS.len() }>,
    pub(super) stuck: usize,
    pub(super) circuit_opened: u64,
    pub(super) limit_why: String,
    pub(super) limit_ago_s: Number,
    pub(super) circuit_why: String,
    pub(super) circuit_ago_s: Number,
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn of_dispatcher<S: Serializer>(row: &Row<{ OF_DISPATCHERS.len() }>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(OF_DISPATCHERS.iter().zip(row))
}

fn of_handler<S: Serializer>(row: &Row<{ OF_HANDLERS.len() }>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(OF_HANDLERS.iter().zip(row))
}

fn by_name<S: Serializer>(numbers: &[(&'static str, Number)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(numbers.iter().copied())
}
