//! Which addresses a name has, as far as is known.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::Change;

/// How a question for addresses of one kind was answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// With addresses, for so long.
    Addresses(Vec<IpAddr>, Duration),
    /// There are none.
    None(String),
    /// Not.
    Failed(String),
}

/// How well the addresses are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// Both questions were answered, and there are addresses.
    Well,
    /// One question was not answered.
    HalfKnown,
    /// There is nothing to follow.
    Unknown,
}

/// What follows from the answers.
#[derive(Debug, PartialEq)]
pub(super) struct Update {
    /// Those that come first: where all change, there is no moment without any.
    pub(super) changes: Vec<Change>,
    pub(super) health: Health,
    /// What is wrong, if something is.
    pub(super) reason: String,
    /// Until the next question.
    pub(super) wait: Duration,
}

/// The addresses of a name. They stay as they are where an answer says nothing of them.
#[derive(Debug)]
pub(super) struct Known {
    addresses: BTreeSet<IpAddr>,
    shortest: Duration,
    longest: Duration,
    /// Times in a row that there was nothing to follow.
    failures: u32,
}

impl Known {
    pub(super) fn new(shortest: Duration, longest: Duration) -> Self {
        Known { addresses: BTreeSet::new(), shortest, longest, failures: 0 }
    }

    pub(super) fn addresses(&self) -> &BTreeSet<IpAddr> {
        &self.addresses
    }

    /// Takes the answers to the questions for IPv4 and for IPv6 addresses.
    pub(super) fn update(&mut self, v4: Answer, v6: Answer) -> Update {
        let (mut now, mut lasts, mut reasons, mut is_known) = (BTreeSet::new(), self.longest, Vec::new(), false);
        let mut health = Health::Well;
        for (answer, is_of_kind) in [(v4, IpAddr::is_ipv4 as fn(&IpAddr) -> bool), (v6, IpAddr::is_ipv6)] {
            match answer {
                Answer::Addresses(addresses, time_to_live) => {
                    lasts = lasts.min(time_to_live);
                    is_known |= !addresses.is_empty();
                    now.extend(addresses);
                }
                Answer::None(reason) => reasons.push(reason),
                Answer::Failed(reason) => {
                    reasons.push(reason);
                    health = Health::HalfKnown;
                    now.extend(self.addresses.iter().copied().filter(is_of_kind));
                }
            }
        }
        reasons.dedup();
        let reason = reasons.join("; ");
        if !is_known {
            let wait = self.shortest.saturating_mul(1 << self.failures.min(16)).min(self.longest);
            self.failures = self.failures.saturating_add(1);
            return Update { changes: Vec::new(), health: Health::Unknown, reason, wait };
        }
        self.failures = 0;
        let come = now.difference(&self.addresses).copied().map(Change::Come);
        let gone = self.addresses.difference(&now).copied().map(Change::Gone);
        let changes = come.chain(gone).collect();
        self.addresses = now;
        Update { changes, health, reason, wait: lasts.max(self.shortest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn ip(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn found(addresses: &[&str], lasts: u64) -> Answer {
        Answer::Addresses(addresses.iter().map(|address| ip(address)).collect(), seconds(lasts))
    }

    fn none() -> Answer {
        Answer::None("none".to_string())
    }

    fn failed() -> Answer {
        Answer::Failed("failed".to_string())
    }

    fn come(address: &str) -> Change {
        Change::Come(ip(address))
    }

    fn gone(address: &str) -> Change {
        Change::Gone(ip(address))
    }

    #[test]
    fn those_that_come_are_told_before_those_that_go() {
        let mut known = Known::new(seconds(1), seconds(30));
        let update = known.update(found(&["10.0.0.1", "10.0.0.2"], 5), found(&["::1"], 9));
        assert_eq!(update.changes, [come("10.0.0.1"), come("10.0.0.2"), come("::1")]);
        assert_eq!((update.health, update.wait), (Health::Well, seconds(5)));
        let update = known.update(found(&["10.0.0.3", "10.0.0.2"], 5), none());
        assert_eq!(update.changes, [come("10.0.0.3"), gone("10.0.0.1"), gone("::1")]);
        assert_eq!(known.update(found(&["10.0.0.2", "10.0.0.3", "10.0.0.3"], 5), none()).changes, []);
    }

    #[test]
    fn the_time_to_live_is_followed_between_the_bounds() {
        let mut known = Known::new(seconds(1), seconds(30));
        for (lasts, wait) in [(0, 1), (1, 1), (7, 7), (30, 30), (31, 30), (u64::MAX, 30)] {
            assert_eq!(known.update(found(&["10.0.0.1"], lasts), none()).wait, seconds(wait), "{lasts}");
        }
    }

    #[test]
    fn where_nothing_is_found_all_stay_and_it_is_asked_ever_less_often() {
        let mut known = Known::new(seconds(1), seconds(30));
        known.update(found(&["10.0.0.1"], 5), found(&["::1"], 5));
        for (answers, wait) in [
            ((failed(), failed()), 1),
            ((none(), none()), 2),
            ((none(), failed()), 4),
            ((failed(), none()), 8),
            ((found(&[], 0), none()), 16),
            ((failed(), failed()), 30),
            ((failed(), failed()), 30),
        ] {
            let update = known.update(answers.0, answers.1);
            assert_eq!((update.changes, update.health, update.wait), (vec![], Health::Unknown, seconds(wait)));
        }
        // It begins anew.
        assert_eq!(known.update(found(&["10.0.0.1"], 5), none()).changes, [gone("::1")]);
        assert_eq!(known.update(none(), none()).wait, seconds(1));
    }

    #[test]
    fn a_kind_that_is_not_known_stays_while_the_other_is_followed() {
        let mut known = Known::new(seconds(1), seconds(30));
        known.update(found(&["10.0.0.1"], 5), found(&["::1"], 5));
        let update = known.update(found(&["10.0.0.2"], 5), failed());
        assert_eq!(update.changes, [come("10.0.0.2"), gone("10.0.0.1")]);
        assert_eq!((update.health, update.wait), (Health::HalfKnown, seconds(5)));
        let update = known.update(failed(), found(&["::2"], 5));
        assert_eq!(update.changes, [come("::2"), gone("::1")]);
        assert_eq!(known.addresses().len(), 2);
    }
}
