//! Bursts that are let through unrefused.

use std::time::Duration;

/// Where a law that tolerates bursts is with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Burst {
    /// There is none, and the next may come.
    Out,
    /// There is one, and nothing is dropped.
    In { lasted: Duration },
    /// There was one, and it has become an overload.
    Expired,
    /// The queue has caught up, but not yet for long enough.
    GoingOut { calm: Duration },
}

/// How long a burst may last, and how long it must be calm until the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BurstRules {
    pub(super) allowed: Duration,
    pub(super) reset: Duration,
}

impl Burst {
    /// What it is after so much more time, at the end of which the queue has caught up or not.
    pub(super) fn next(self, caught_up: bool, elapsed: Duration, rules: BurstRules) -> Burst {
        if caught_up { self.calm(elapsed, rules.reset) } else { self.busy(elapsed, rules.allowed) }
    }

    /// Whether nothing is dropped.
    pub(super) fn is_in(self) -> bool {
        matches!(self, Burst::In { .. })
    }

    fn busy(self, elapsed: Duration, allowed: Duration) -> Burst {
        match self {
            // ## Out => In
            Burst::Out => Burst::In { lasted: Duration::ZERO },
            // ## In => Expired
            Burst::In { lasted } => match lasted.saturating_add(elapsed) {
                lasted if lasted > allowed => Burst::Expired,
                lasted => Burst::In { lasted },
            },
            // ## GoingOut => Expired
            Burst::Expired | Burst::GoingOut { .. } => Burst::Expired,
        }
    }

    fn calm(self, elapsed: Duration, reset: Duration) -> Burst {
        match self {
            Burst::Out => Burst::Out,
            // ## In => GoingOut
            // ## Expired => GoingOut
            Burst::In { .. } | Burst::Expired => Burst::GoingOut { calm: Duration::ZERO },
            // ## GoingOut => Out
            Burst::GoingOut { calm } => match calm.saturating_add(elapsed) {
                calm if calm > reset => Burst::Out,
                calm => Burst::GoingOut { calm },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);
    const RULES: BurstRules = BurstRules { allowed: Duration::from_millis(20), reset: Duration::from_millis(30) };

    /// What it is after each sample.
    fn course(start: Burst, caught_up: &[bool]) -> Vec<Burst> {
        let next = |burst: &mut Burst, &caught_up: &bool| {
            *burst = burst.next(caught_up, TICK, RULES);
            Some(*burst)
        };
        caught_up.iter().scan(start, next).collect()
    }

    fn lasted(ticks: u32) -> Burst {
        Burst::In { lasted: TICK * ticks }
    }

    fn calm(ticks: u32) -> Burst {
        Burst::GoingOut { calm: TICK * ticks }
    }

    #[test]
    fn a_burst_expires_once_it_has_lasted_longer_than_allowed() {
        let expected = [lasted(0), lasted(1), lasted(2), Burst::Expired, Burst::Expired];
        assert_eq!(course(Burst::Out, &[false; 5]), expected);
    }

    #[test]
    fn calm_must_last_for_longer_than_the_reset() {
        for before in [Burst::Expired, lasted(1)] {
            assert_eq!(course(before, &[true; 5]), [calm(0), calm(1), calm(2), calm(3), Burst::Out]);
        }
        assert_eq!(course(Burst::Out, &[true; 2]), [Burst::Out; 2]);
    }

    #[test]
    fn a_calm_that_is_broken_counts_for_nothing() {
        let (broken, begins_anew) = (Burst::Expired, calm(0));
        assert_eq!(course(calm(3), &[false, true]), [broken, begins_anew]);
    }

    #[test]
    fn nothing_is_dropped_in_a_burst_only() {
        assert!(lasted(1).is_in());
        assert!(![Burst::Out, Burst::Expired, calm(1)].iter().any(|burst| burst.is_in()));
    }
}
