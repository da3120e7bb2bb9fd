//! What a [`Breaker`](super::Breaker) goes by.

use std::time::Duration;

/// What opens a [`Breaker`](super::Breaker), and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerRules {
    /// How long the first opening lasts; the n-th in a row lasts n times as long. Default: 1 s.
    pub open_duration_base: Duration,
    /// More timeouts in a row than this open it: with 3, the fourth does. Default: 3.
    pub timeout_count_threshold: u32,
    /// The longest opening, in `open_duration_base`; 0 counts as 1. Default: 3.
    pub max_open_factor: u32,
    /// A larger share of failures and timeouts among the calls of a window opens it: 0 to 1, and with 1 none does.
    /// Default: 0.5.
    pub error_rate_threshold: f64,
    /// How far back shares are counted. Default: 10 s.
    pub window: Duration,
    /// Fewer calls than this in the window have no share. Default: 20.
    pub minimum_calls: u32,
    /// A call that takes longer is slow, however it ends. Default: none, so that no call is slow.
    pub slow_call_duration: Option<Duration>,
    /// A larger share of slow calls in the window opens it: 0 to 1, and with 1 none does. Default: 0.5.
    pub slow_call_rate_threshold: f64,
}

impl Default for BreakerRules {
    fn default() -> Self {
        BreakerRules {
            open_duration_base: Duration::from_secs(1),
            timeout_count_threshold: 3,
            max_open_factor: 3,
            error_rate_threshold: 0.5,
            window: Duration::from_secs(10),
            minimum_calls: 20,
            slow_call_duration: None,
            slow_call_rate_threshold: 0.5,
        }
    }
}

impl BreakerRules {
    /// How long the n-th opening in a row lasts.
    pub(super) fn open_duration(&self, openings: u32) -> Duration {
        self.open_duration_base.saturating_mul(openings.min(self.max_open_factor.max(1)))
    }

    pub(super) fn is_slow(&self, process_time: Duration) -> bool {
        self.slow_call_duration.is_some_and(|longest| process_time > longest)
    }
}
