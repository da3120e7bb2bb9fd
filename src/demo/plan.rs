//! What is run: the service, the load and what counts as a good answer.

use std::time::Duration;

/// How long the service works on one request.
pub(crate) const SERVICE_TIME: Duration = Duration::from_millis(100);
/// Requests a second that one slot of the service can do.
pub(crate) const PER_SLOT: u32 = 10;
/// An answer that comes later than this is late, not good.
pub(crate) const GOOD_WITHIN: Duration = Duration::from_secs(1);
/// How long a client waits before it gives up. Much longer than an answer is good for, as most time-outs are.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// When the concurrency limit should have been found: the steady figures leave out what arrived before.
pub(crate) const STEADY_AFTER: Duration = Duration::from_secs(5);

/// One run's size. Both runs have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Requests sent a second, evenly spaced.
    pub(crate) rate: u32,
    /// Requests a second that the service can do: a multiple of [`PER_SLOT`].
    pub(crate) capacity: u32,
    /// How long requests are sent.
    pub(crate) duration: Duration,
}

impl Plan {
    /// How many requests the service works on at once.
    pub(crate) fn slots(&self) -> usize {
        (self.capacity / PER_SLOT) as usize
    }

    /// How many requests are sent.
    pub(crate) fn arrivals(&self) -> u64 {
        u64::from(self.rate) * self.duration.as_secs()
    }

    /// When the request of this index is to be sent, counted from the start. Exact, so that the spacing does not
    /// drift: every second holds `rate` of them.
    pub(crate) fn scheduled(&self, index: u64) -> Duration {
        let rate = u64::from(self.rate);
        Duration::from_secs(index / rate) + Duration::from_secs(index % rate) / self.rate
    }

    /// Most requests that are in flight at once when nothing protects the service.
    pub(crate) fn most_in_flight(&self) -> u64 {
        if self.rate > self.capacity {
            // In the end nobody is answered, and all wait as long as they can.
            u64::from(self.rate) * self.duration.min(PATIENCE).as_secs()
        } else {
            // Every slot, and as many again after a hiccup.
            2 * self.slots() as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_evenly_spaced_and_do_not_drift() {
        let plan = Plan { rate: 300, capacity: 200, duration: Duration::from_secs(3) };
        assert_eq!(plan.scheduled(0), Duration::ZERO);
        assert_eq!(plan.scheduled(1), Duration::from_nanos(3_333_333));
        assert_eq!(plan.scheduled(299), Duration::from_nanos(996_666_666));
        assert_eq!(plan.scheduled(300), Duration::from_secs(1));
        assert_eq!(plan.scheduled(300 * 600 + 30), Duration::from_millis(600_100));
    }

    #[test]
    fn every_arrival_lies_within_the_duration() {
        let plan = Plan { rate: 7, capacity: 200, duration: Duration::from_secs(3) };
        assert_eq!(plan.arrivals(), 21);
        assert!(plan.scheduled(20) < plan.duration);
        assert_eq!(plan.scheduled(21), plan.duration);
    }

    #[test]
    fn a_slot_serves_ten_a_second() {
        let plan = Plan { rate: 400, capacity: 200, duration: Duration::from_secs(30) };
        assert_eq!(plan.slots(), 20);
        assert_eq!(SERVICE_TIME * PER_SLOT, Duration::from_secs(1));
    }

    #[test]
    fn a_short_run_ends_before_patience_does() {
        let plan = |seconds| Plan { rate: 400, capacity: 200, duration: Duration::from_secs(seconds) };
        assert_eq!(plan(30).most_in_flight(), 2000);
        assert_eq!(plan(2).most_in_flight(), 800);
    }

    #[test]
    fn below_capacity_few_are_in_flight() {
        let plan = Plan { rate: 200, capacity: 200, duration: Duration::from_secs(30) };
        assert_eq!(plan.most_in_flight(), 40);
    }
}
