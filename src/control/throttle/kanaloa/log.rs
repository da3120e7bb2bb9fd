//! What is remembered of each pool size.

use std::collections::BTreeMap;

use super::KanaloaRules;

/// How a pool of one size did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Performance {
    /// Works done per second.
    pub(super) speed: f64,
    /// In seconds; `None` until a success was seen.
    pub(super) process_time: Option<f64>,
}

impl Performance {
    /// What is better here than there, as a share of what is there: a weighted mean of process time and speed.
    fn improvement_over(&self, current: &Performance, weight_of_latency: f64) -> f64 {
        let speed = match self.speed - current.speed {
            0.0 => 0.0,
            // Infinite where nothing at all gets done at the current size.
            difference => difference / current.speed,
        };
        let latency = match (self.process_time, current.process_time) {
            (Some(that), Some(current)) if current > 0.0 => (current - that) / current,
            _ => 0.0,
        };
        latency * weight_of_latency + speed * (1.0 - weight_of_latency)
    }
}

/// How pools of each size did, whenever that was.
#[derive(Debug, Clone, Default)]
pub(super) struct PerformanceLog {
    sizes: BTreeMap<usize, Performance>,
}

impl PerformanceLog {
    /// Takes in how a pool of this size did lately; an exponentially weighted mean of that is kept.
    pub(super) fn add(&mut self, size: usize, latest: Performance, weight: f64) {
        let mean = |old: f64, latest: f64| old * (1.0 - weight) + latest * weight;
        self.sizes
            .entry(size)
            .and_modify(|logged| {
                logged.speed = mean(logged.speed, latest.speed);
                logged.process_time = match (logged.process_time, latest.process_time) {
                    (Some(old), Some(latest)) => Some(mean(old, latest)),
                    (old, latest) => latest.or(old),
                };
            })
            .or_insert(latest);
    }

    pub(super) fn len(&self) -> usize {
        self.sizes.len()
    }

    #[cfg(test)]
    pub(super) fn get(&self, size: usize) -> Option<Performance> {
        self.sizes.get(&size).copied()
    }

    /// The size with the best score among the logged ones near this one. Of equally good ones the current, else the
    /// nearest.
    pub(super) fn best_near(&self, size: usize, rules: &KanaloaRules) -> usize {
        let Some(current) = self.sizes.get(&size) else { return size };
        let range = rules.range(size);
        let above = self.sizes.range(size..).skip(1).take(range);
        let below = self.sizes.range(..size).rev().take(range);
        let (mut best, mut most) = (size, 0.0);
        for (&size, that) in above.chain(below) {
            let improvement = that.improvement_over(current, rules.weight_of_latency);
            if improvement > most {
                (best, most) = (size, improvement);
            }
        }
        best
    }
}
