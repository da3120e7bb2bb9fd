//! Dispatchers that are reported under the same names.
//!
//! A proxy that takes other settings over runs a second dispatcher of a name while the first ends, and a service may have one
//! for each thread. What they count adds up wherever it arrives, but of gauges the last word holds there: so each of
//! them tells what all of them come to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{Metric, MetricName, Value};

type Gauges = HashMap<(MetricName, Option<Arc<str>>), f64>;

/// By the numbers of those that are reported to one place under one name.
type Namesakes = HashMap<u64, Gauges>;

/// The last gauges of each, by where they go.
static ALL: Mutex<Option<HashMap<Arc<str>, Namesakes>>> = Mutex::new(None);

/// One of those that are reported under the same names to the same place.
#[derive(Debug)]
pub(super) struct Namesake {
    destination: Arc<str>,
    id: u64,
}

impl Namesake {
    /// `destination` is where it is reported, and as what.
    pub(super) fn of(destination: String) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let namesake = Namesake { destination: destination.into(), id: NEXT.fetch_add(1, Ordering::Relaxed) };
        let mut all = ALL.lock();
        let others = all.get_or_insert_default().entry(Arc::clone(&namesake.destination)).or_default();
        others.insert(namesake.id, Gauges::new());
        namesake
    }

    /// Lets the others know how things stand here.
    pub(super) fn publish(&self, metrics: &[Metric]) {
        let mut all = ALL.lock();
        let Some(others) = all.as_mut().and_then(|all| all.get_mut(&self.destination)) else { return };
        // Nearly always it is alone.
        if others.len() < 2 {
            return;
        }
        let gauges = metrics.iter().filter_map(|metric| match metric.value {
            Value::Gauge(gauge) => Some(((metric.name, metric.handler.clone()), gauge)),
            _ => None,
        });
        others.insert(self.id, gauges.collect());
    }

    /// What a gauge comes to that is `own` here.
    pub(super) fn together(&self, metric: &Metric, own: f64) -> f64 {
        let all = ALL.lock();
        let Some(others) = all.as_ref().and_then(|all| all.get(&self.destination)) else { return own };
        if others.len() < 2 {
            return own;
        }
        let key = (metric.name, metric.handler.clone());
        let theirs = others.iter().filter(|(id, _)| **id != self.id).filter_map(|(_, gauges)| gauges.get(&key));
        theirs.fold(own, |sum, gauge| metric.name.together().of(sum, *gauge))
    }
}

impl Drop for Namesake {
    fn drop(&mut self) {
        let mut all = ALL.lock();
        let Some(all) = all.as_mut() else { return };
        if let Some(others) = all.get_mut(&self.destination) {
            others.remove(&self.id);
            if others.is_empty() {
                all.remove(&self.destination);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(name: MetricName, value: f64) -> Metric {
        Metric { name, handler: None, value: Value::Gauge(value) }
    }

    #[test]
    fn gauges_of_namesakes_are_told_together() {
        let length = |value| gauge(MetricName::QueueLength, value);
        let rate = |value| gauge(MetricName::DropRate, value);
        let one = Namesake::of("here/a".to_owned());
        let stranger = Namesake::of("here/b".to_owned());
        assert_eq!(one.together(&length(3.0), 3.0), 3.0);
        let two = Namesake::of("here/a".to_owned());
        for (namesake, waiting, dropped) in [(&one, 3.0, 0.5), (&two, 4.0, 0.2), (&stranger, 100.0, 1.0)] {
            namesake.publish(&[length(waiting), rate(dropped)]);
        }
        for (namesake, waiting, dropped) in [(&one, 3.0, 0.5), (&two, 4.0, 0.2)] {
            assert_eq!(namesake.together(&length(waiting), waiting), 7.0);
            assert_eq!(namesake.together(&rate(dropped), dropped), 0.5);
        }
        drop(two);
        assert_eq!(one.together(&length(3.0), 3.0), 3.0);
    }
}
