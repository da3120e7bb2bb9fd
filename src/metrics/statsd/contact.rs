//! When StatsD is looked for, and what is said about it.

use std::time::Duration;

use crate::time::Instant;

/// How often something is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How long after a failure it is tried again, and how long it must go well for the failure to be over.
    pub(super) retry: Duration,
    /// How long an address that was looked up is relied on.
    pub(super) refresh: Duration,
}

impl Pace {
    /// A name server that is in trouble is not asked more often than that; an address that has changed is noticed within
    /// a minute.
    pub(super) const USUAL: Pace = Pace { retry: Duration::from_secs(10), refresh: Duration::from_secs(60) };
}

/// Follows how it goes with StatsD.
#[derive(Debug)]
pub(super) struct Contact {
    pace: Pace,
    looked_up_at: Option<Instant>,
    outage: Option<Outage>,
}

#[derive(Debug)]
struct Outage {
    failed_at: Instant,
    /// Since when nothing has failed. That a packet was sent does not say that it arrived: what is wrong with it is told
    /// to those sent after it.
    well_since: Option<Instant>,
}

impl Contact {
    pub(super) fn new(pace: Pace) -> Self {
        Contact { pace, looked_up_at: None, outage: None }
    }

    pub(super) fn looked_up(&mut self, now: Instant) {
        self.looked_up_at = Some(now);
    }

    /// Whether the address is too old to rely on.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.looked_up_at.is_none_or(|at| now.saturating_duration_since(at) >= self.pace.refresh)
    }

    /// How long to wait before it is tried again.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        match &self.outage {
            Some(Outage { failed_at, well_since: None }) => {
                self.pace.retry.saturating_sub(now.saturating_duration_since(*failed_at))
            }
            _ => Duration::ZERO,
        }
    }

    // ## Well | Outage => Outage

    /// Returns whether that is news.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        self.outage.replace(Outage { failed_at: now, well_since: None }).is_none()
    }

    // ## Outage => Outage | Well

    /// A packet was sent. Returns whether an outage is over with it.
    pub(super) fn sent(&mut self, now: Instant) -> bool {
        let Some(outage) = &mut self.outage else { return false };
        let since = *outage.well_since.get_or_insert(now);
        if now.saturating_duration_since(since) < self.pace.retry {
            return false;
        }
        self.outage = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace::USUAL;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn an_address_is_looked_up_first_and_now_and_then() {
        let (mut contact, start) = (Contact::new(PACE), Instant::now());
        assert!(contact.is_stale(start));
        contact.looked_up(start);
        assert!(!contact.is_stale(start + secs(59)));
        assert!(contact.is_stale(start + secs(60)));
    }

    #[test]
    fn after_a_failure_it_is_tried_again_every_ten_seconds() {
        let (mut contact, start) = (Contact::new(PACE), Instant::now());
        assert_eq!(contact.wait(start), secs(0));
        contact.failed(start);
        assert_eq!(contact.wait(start + secs(4)), secs(6));
        assert_eq!(contact.wait(start + secs(10)), secs(0));
        contact.failed(start + secs(10));
        assert_eq!(contact.wait(start + secs(10)), secs(10));
        contact.sent(start + secs(20));
        assert_eq!(contact.wait(start + secs(20)), secs(0));
    }

    #[test]
    fn an_outage_is_told_once_and_over_when_it_has_gone_well_for_a_while() {
        let (mut contact, start) = (Contact::new(PACE), Instant::now());
        assert!(!contact.sent(start));
        assert!(contact.failed(start));
        // A server that is not there lets every first packet go.
        for retry in 1..10 {
            assert!(!contact.sent(start + secs(10 * retry)));
            assert!(!contact.failed(start + secs(10 * retry) + secs(1)));
        }
        assert!(!contact.sent(start + secs(101)));
        assert!(!contact.sent(start + secs(110)));
        assert!(contact.sent(start + secs(111)));
        assert!(!contact.sent(start + secs(112)));
        assert!(contact.failed(start + secs(113)));
    }
}
