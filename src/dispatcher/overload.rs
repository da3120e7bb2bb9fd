//! When a dispatcher is overloaded, for those who read its log.

use std::time::Duration;

use crate::time::Instant;

/// An overload is over when nothing has been refused for so long. Refusals come in bunches, as works do and as
/// probes are made: what is no longer apart than this is one overload to whoever reads of it. It also is what keeps
/// the log short: no two overloads begin within it.
pub(super) const CALM: Duration = Duration::from_secs(10);

/// How long after its first refusal an overload is told of: until then it has shown how bad it is.
pub(super) const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Follows the refusals of one dispatcher.
#[derive(Debug, Default)]
pub(super) struct Overload(Option<Episode>);

#[derive(Debug)]
struct Episode {
    began: Instant,
    refused_last: Instant,
    refused: u64,
    arrived: u64,
}

/// An overload that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over {
    /// From the first refusal to the last.
    pub(super) lasted: Duration,
    pub(super) refused: u64,
}

impl Overload {
    /// So many works arrived since the last time, and so many were refused; returns whether an overload begins with that.
    pub(super) fn sample(&mut self, arrived: u64, refused: u64, now: Instant) -> bool {
        let begins = self.0.is_none() && refused > 0;
        if begins {
            self.0 = Some(Episode { began: now, refused_last: now, refused: 0, arrived: 0 });
        }
        let Some(episode) = &mut self.0 else { return false };
        episode.arrived += arrived;
        episode.refused += refused;
        if refused > 0 {
            episode.refused_last = now;
        }
        begins
    }

    /// Which share of the works that arrived since it began was refused, in percent: 1 to 100.
    pub(super) fn percent(&self) -> Option<u64> {
        let Episode { refused, arrived, .. } = self.0.as_ref()?;
        // Works that had waited before it began are refused too.
        let share = *refused as f64 / (*arrived).max(1) as f64;
        Some((share * 100.0).round().clamp(1.0, 100.0) as u64)
    }

    /// How long until it is over, if nothing more is refused; `None` if there is none.
    pub(super) fn calm_in(&self, now: Instant) -> Option<Duration> {
        let episode = self.0.as_ref()?;
        Some(CALM.saturating_sub(now.saturating_duration_since(episode.refused_last)))
    }

    /// Ends it, whatever may still come; `None` if there was none.
    pub(super) fn end(&mut self) -> Option<Over> {
        let Episode { began, refused_last, refused, .. } = self.0.take()?;
        Some(Over { lasted: refused_last.saturating_duration_since(began), refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn it_begins_with_the_first_refusals() {
        let (mut overload, start) = (Overload::default(), Instant::now());
        assert!(!overload.sample(5, 0, start));
        assert_eq!((overload.calm_in(start), overload.percent(), overload.end()), (None, None, None));
        assert!(overload.sample(6, 3, start + ms(10)));
        assert!(!overload.sample(6, 4, start + ms(20)));
        assert!(!overload.sample(6, 0, start + ms(30)));
    }

    #[test]
    fn it_is_over_when_nothing_has_been_refused_for_a_while() {
        let (mut overload, start) = (Overload::default(), Instant::now());
        overload.sample(6, 3, start);
        overload.sample(6, 4, start + ms(9_999));
        overload.sample(6, 0, start + ms(12_000));
        assert_eq!(overload.calm_in(start + ms(10_000)), Some(ms(9_999)));
        assert_eq!(overload.calm_in(start + ms(19_999)), Some(ms(0)));
        assert_eq!(overload.end(), Some(Over { lasted: ms(9_999), refused: 7 }));
        assert_eq!(overload.end(), None);
    }

    #[test]
    fn the_share_is_of_what_has_arrived_since_it_began() {
        for (arrived, refused, percent) in [(100, 32, 32), (1_000, 1, 1), (8, 7, 88), (0, 5, 100), (4, 9, 100)] {
            let (mut overload, start) = (Overload::default(), Instant::now());
            overload.sample(1_000, 0, start);
            overload.sample(arrived, refused, start + ms(10));
            assert_eq!(overload.percent(), Some(percent), "{refused} of {arrived}");
        }
    }
}
