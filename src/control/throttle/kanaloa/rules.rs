//! What a [`Kanaloa`](super::Kanaloa) throttle goes by.

use std::time::Duration;

use super::super::bounds::Bounds;

/// The parameters of [`Kanaloa`](super::Kanaloa), with the original's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KanaloaRules {
    /// The first concurrency limit. Default: 80.
    pub starting_pool_size: usize,
    /// The lowest concurrency limit; 0 counts as 1. Default: 5.
    pub min_pool_size: usize,
    /// The highest; less than the lowest counts as the lowest. Default: 400.
    pub max_pool_size: usize,
    /// How often it decides. Default: 500 ms.
    pub resize_interval: Duration,
    /// How likely an exploring step is to go down: 0 to 1. Default: 0.7.
    pub chance_of_scaling_down_when_full: f64,
    /// At least so many logged sizes on each side are compared with the current one. Default: 10.
    pub optimization_min_range: usize,
    /// The same, as a share of the current size: at 100, a ratio of 0.4 compares with 40 on each side. Default: 0.4.
    pub optimization_range_ratio: f64,
    /// Exploring steps are shorter than this, but at least 1. Default: 5, for steps of 1 to 4.
    pub max_explore_step_size: usize,
    /// How likely it is to explore rather than to optimise: 0 to 1. Default: 0.3.
    pub exploration_ratio: f64,
    /// Weight of the latest sample in the log: 0 to 1. Default: 0.2.
    pub weight_of_latest_metric: f64,
    /// Weight of the process time in the score, the rest being that of the speed: 0 to 1. Default: 0.2.
    pub weight_of_latency: f64,
    /// How long the limit has not been reached before it is lowered; `None`: it never is. Default: `None`.
    pub downsize_after_under_utilization: Option<Duration>,
    /// What it is lowered to, as a share of the most slots that were taken. Default: 0.8.
    pub downsize_ratio: f64,
}

impl Default for KanaloaRules {
    fn default() -> Self {
        KanaloaRules {
            starting_pool_size: 80,
            min_pool_size: 5,
            max_pool_size: 400,
            resize_interval: Duration::from_millis(500),
            chance_of_scaling_down_when_full: 0.7,
            optimization_min_range: 10,
            optimization_range_ratio: 0.4,
            max_explore_step_size: 5,
            exploration_ratio: 0.3,
            weight_of_latest_metric: 0.2,
            weight_of_latency: 0.2,
            downsize_after_under_utilization: None,
            downsize_ratio: 0.8,
        }
    }
}

impl KanaloaRules {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds::new(self.min_pool_size, self.max_pool_size)
    }

    /// How many logged sizes on each side of this one are compared with it.
    pub(super) fn range(&self, size: usize) -> usize {
        // a conversion to an integer saturates: negative is 0
        self.optimization_min_range.max((size as f64 * self.optimization_range_ratio) as usize)
    }
}
