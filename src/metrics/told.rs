//! What a reporter has told already.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Distribution, Metric, MetricName};

/// What a reporter has told already of what only grows.
#[derive(Debug, Default)]
pub(super) struct Told {
    before: HashMap<Key, Known>,
    /// Of what is in this report.
    now: HashMap<Key, Known>,
}

type Key = (MetricName, Option<Arc<str>>);

#[derive(Debug)]
enum Known {
    Count(u64),
    Times(Distribution),
}

impl Told {
    /// What is new of a count; 0 if it is not to be told this time.
    pub(super) fn count(&mut self, metric: &Metric, count: u64, is_told: bool) -> u64 {
        let key = (metric.name, metric.handler.clone());
        let before = match self.before.remove(&key) {
            Some(Known::Count(before)) => before,
            _ => 0,
        };
        // Where it is read while somebody takes back what they had counted, it may have been larger before.
        let known = if is_told { before.max(count) } else { before };
        self.now.insert(key, Known::Count(known));
        known - before
    }

    /// What is new of some times.
    pub(super) fn times(&mut self, metric: &Metric, times: &Distribution) -> Distribution {
        let key = (metric.name, metric.handler.clone());
        let new = match self.before.remove(&key) {
            Some(Known::Times(before)) => times.since(&before),
            _ => times.clone(),
        };
        self.now.insert(key, Known::Times(times.clone()));
        new
    }

    /// The report is complete: whatever was not in it begins anew if it ever comes back.
    pub(super) fn forget_others(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Value;

    fn count(told: &mut Told, handler: &str, count: u64, is_told: bool) -> u64 {
        let metric =
            Metric { name: MetricName::HandlerFailed, handler: Some(handler.into()), value: Value::Count(count) };
        told.count(&metric, count, is_told)
    }

    #[test]
    fn all_is_told_once_whenever_it_is() {
        let mut told = Told::default();
        let mut sum = 0;
        for (now, is_told) in [(3, true), (5, false), (9, true), (8, true), (10, true)] {
            let new = count(&mut told, "a", now, is_told);
            assert!(is_told || new == 0);
            sum += new;
            told.forget_others();
        }
        assert_eq!(sum, 10);
    }

    #[test]
    fn a_handler_that_was_forgotten_begins_anew() {
        let mut told = Told::default();
        assert_eq!([count(&mut told, "a", 7, true), count(&mut told, "b", 1, true)], [7, 1]);
        told.forget_others();
        assert_eq!(count(&mut told, "b", 2, true), 1);
        told.forget_others();
        assert_eq!(count(&mut told, "a", 2, true), 2);
    }
}
