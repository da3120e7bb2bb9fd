//! The snapshot from which callers decide.

use std::time::Duration;

use super::Explanation;
use super::drops::Drops;
use super::expected_wait::Rule;

/// Classes of importance: 0 (served best) to 5.
const CLASSES: usize = 6;

/// The class that most works are of, to which all times and places are meant.
const ORDINARY_CLASS: u8 = 3;

/// Decides, for each work that arrives, whether it is let in.
///
/// It is small and never changes: a [`Regulator`](super::Regulator) publishes a new one with every sample, and callers
/// decide by themselves. For a work without a deadline of its own that is one comparison, unless the law drops by
/// chance.
#[derive(Debug, Clone, PartialEq)]
pub struct Admission {
    /// See [`Admission::room`], by class.
    room: [usize; CLASSES],
    drop_rate: f64,
    law: Law,
}

/// What decides where one comparison does not.
#[derive(Debug, Clone, PartialEq)]
enum Law {
    /// Lets all in.
    Open,
    /// The time each work would wait.
    ExpectedWait(Rule),
    /// A share of the works.
    Drops(Drops),
}

/// A work that asks to be let in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Applicant {
    /// Works that would be ahead of it in the queue.
    pub queued: usize,
    /// Its class of importance: 0 (served best) to 5. More counts as 5.
    pub class: u8,
    /// By how much of a class it is judged worse than others of it (up to 1), or better (down to −0.5), for the share that its
    /// user has: see [`UserShares`](crate::control::user_shares::UserShares). 0 for a work of no particular user.
    pub lean: f64,
    /// How long until its own deadline, if it has one.
    pub left: Option<Duration>,
}

impl Applicant {
    /// Its class, with what its user's share makes of it.
    fn rank(&self) -> f64 {
        (class_number(class_index(self.class)) + self.lean.clamp(-0.5, 1.0)).max(0.0)
    }
}

/// Why a work is not let in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Refusal {
    /// More arrives than the service can handle.
    OverCapacity {
        /// How long it would have waited for the service. While no process time is known, the longest that a work may
        /// wait.
        expected_wait: Duration,
        /// The share of works that is refused: 0 to 1.
        drop_rate: f64,
    },
    /// The answer would come after its deadline.
    DeadlineCannotBeMet {
        /// How long until the deadline.
        left: Duration,
        /// How long the answer would have taken. Zero while nothing is known.
        expected: Duration,
    },
}

impl Admission {
    /// Lets in every work whose deadline has not passed, and sheds none.
    pub fn open() -> Self {
        Admission { room: [usize::MAX; CLASSES], drop_rate: 0.0, law: Law::Open }
    }

    /// What holds before the first sample: with this sum of the concurrency limits, and no process time known.
    /// `reference_delay` is that of [`ExpectedWait::new`](super::ExpectedWait::new).
    pub fn starting(reference_delay: Duration, limit: usize) -> Self {
        Self::by_expected_wait(Rule::starting(reference_delay, limit), 0.0)
    }

    pub(super) fn by_expected_wait(rule: Rule, drop_rate: f64) -> Self {
        let room = std::array::from_fn(|class| rule.places(class_number(class)).saturating_add(1));
        Admission { room, drop_rate, law: Law::ExpectedWait(rule) }
    }

    pub(super) fn by_drops(drops: Drops) -> Self {
        let room = if drops.rate() > 0.0 { 0 } else { usize::MAX };
        Admission { room: [room; CLASSES], drop_rate: drops.rate(), law: Law::Drops(drops) }
    }

    /// Lets the applicant in, or says why not.
    ///
    /// `draw` is called at most once, and only by a law that drops by chance: it returns how many draws there were
    /// before, so that decisions are spread as the law wants them, and the same works are dropped in each run.
    ///
    /// No law lets in a work whose deadline has passed. With expected wait an empty queue takes any other, whatever the
    /// snapshot says: it may be older than the idle spell before.
    ///
    /// # Errors
    ///
    /// A [`Refusal`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use kanaloa::control::regulator::{Admission, Applicant, Refusal};
    ///
    /// let admission = Admission::starting(Duration::from_millis(100), 5);
    /// let decide = |queued| admission.decide(Applicant { queued, class: 3, lean: 0.0, left: None }, || 0);
    /// assert_eq!(decide(68), Ok(()));
    /// assert!(matches!(decide(69), Err(Refusal::OverCapacity { .. })));
    /// ```
    #[inline]
    pub fn decide(&self, applicant: Applicant, draw: impl FnOnce() -> u64) -> Result<(), Refusal> {
        match applicant.left {
            None if self.has_room(applicant) => Ok(()),
            None => self.decide_without_room(applicant.queued, draw),
            Some(left) => self.decide_by_deadline(applicant, left, draw),
        }
    }

    /// A work of this class that has no deadline of its own is let in if fewer than this many are ahead of it, and if
    /// it is `usize::MAX`, always. The others are for [`decide`](Self::decide): 0 leaves all to it.
    pub fn room(&self, class: u8) -> usize {
        self.room[class_index(class)]
    }

    /// The share of works that is refused: see [`Regulator::drop_rate`](super::Regulator::drop_rate).
    pub fn drop_rate(&self) -> f64 {
        self.drop_rate
    }

    /// How long a work waits behind so many others; `None` while that is not known. A law that drops by chance tells
    /// the delay at the last sample, however many there are.
    pub fn expected_wait(&self, queued: usize) -> Option<Duration> {
        match &self.law {
            Law::Open => None,
            Law::ExpectedWait(rule) => rule.wait(queued).map(duration),
            Law::Drops(drops) => Some(duration(drops.delay())),
        }
    }

    /// The standing delay that a work with this much time left calls for: what callers add up for
    /// [`QueueSample::standing_delays`](super::QueueSample::standing_delays).
    pub fn standing_delay(&self, left: Duration) -> Duration {
        match &self.law {
            Law::Open | Law::Drops(_) => Duration::ZERO,
            Law::ExpectedWait(rule) => duration(rule.standing_delay(left.as_secs_f64())),
        }
    }

    /// How long a work may wait in the queue before it is shed; `left` was its time left when it arrived. `None`:
    /// for ever.
    pub fn longest_wait(&self, left: Option<Duration>) -> Option<Duration> {
        match &self.law {
            Law::Open | Law::Drops(_) => None,
            Law::ExpectedWait(rule) => Some(duration(rule.longest_wait(left.map(|left| left.as_secs_f64())))),
        }
    }

    /// Whether more works than leave are being let in now, without refusing any, since that may not last: what the law
    /// understands by a burst. False if it does not know.
    ///
    /// With expected wait: works have been waiting, not yet for so long that it is an overload, and none was refused
    /// lately.
    pub fn is_burst(&self) -> bool {
        match &self.law {
            Law::Open => false,
            Law::ExpectedWait(rule) => self.drop_rate == 0.0 && rule.is_burst(),
            Law::Drops(drops) => drops.is_burst(),
        }
    }

    /// What it would make of a work of the ordinary class, 3, without a deadline of its own, that came now and found
    /// so many ahead of it: in words, and the numbers for them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use kanaloa::control::regulator::Admission;
    ///
    /// let admission = Admission::starting(Duration::from_millis(100), 5);
    /// assert_eq!(admission.explain(0).to_string(), "no process time is known yet: lets in up to 69 works");
    /// ```
    pub fn explain(&self, queued: usize) -> Explanation {
        let (is_burst, drop_rate) = (self.is_burst(), self.drop_rate);
        match &self.law {
            Law::Open => Explanation::Open,
            Law::ExpectedWait(rule) => match rule.wait(queued) {
                None => Explanation::Unknown { places: self.room(ORDINARY_CLASS), drop_rate },
                Some(wait) => Explanation::ExpectedWait {
                    allowed: duration(rule.allowed_wait(None, f64::from(ORDINARY_CLASS))),
                    wait: duration(wait),
                    pause: duration(rule.pause()),
                    leaving_rate: rule.leaving_rate(),
                    doubles: rule.doubles(),
                    is_burst,
                    drop_rate,
                },
            },
            Law::Drops(drops) => Explanation::Drops {
                drop_rate,
                by_chance: drops.are_by_chance(),
                wait: duration(drops.delay()),
                goal: drops.goal(),
                is_burst,
            },
        }
    }

    fn has_room(&self, applicant: Applicant) -> bool {
        let room = match &self.law {
            Law::ExpectedWait(rule) if applicant.lean != 0.0 => rule.places(applicant.rank()).saturating_add(1),
            _ => self.room(applicant.class),
        };
        applicant.queued < room || room == usize::MAX
    }

    fn decide_without_room(&self, queued: usize, draw: impl FnOnce() -> u64) -> Result<(), Refusal> {
        match &self.law {
            Law::Drops(drops) if !drops.drops(draw) => Ok(()),
            Law::Open | Law::ExpectedWait(_) | Law::Drops(_) => Err(self.over_capacity(queued)),
        }
    }

    fn decide_by_deadline(
        &self,
        applicant: Applicant,
        left: Duration,
        draw: impl FnOnce() -> u64,
    ) -> Result<(), Refusal> {
        let queued = applicant.queued;
        if left.is_zero() {
            return Err(self.too_late(queued, left));
        }
        let rule = match &self.law {
            Law::ExpectedWait(rule) if queued > 0 => rule,
            Law::Open | Law::ExpectedWait(_) => return Ok(()),
            Law::Drops(_) => return self.decide_without_room(queued, draw),
        };
        let Some(wait) = rule.wait(queued) else {
            return if self.has_room(applicant) { Ok(()) } else { Err(self.over_capacity(queued)) };
        };
        let seconds_left = left.as_secs_f64();
        if wait + rule.process_time() > seconds_left {
            Err(self.too_late(queued, left))
        } else if wait > rule.allowed_wait(Some(seconds_left), applicant.rank()) {
            Err(self.over_capacity(queued))
        } else {
            Ok(())
        }
    }

    #[cold]
    fn over_capacity(&self, queued: usize) -> Refusal {
        let expected_wait = match &self.law {
            Law::Open => 0.0,
            Law::Drops(drops) => drops.delay(),
            Law::ExpectedWait(rule) => rule.wait(queued).unwrap_or_else(|| rule.longest_wait(None)),
        };
        Refusal::OverCapacity { expected_wait: duration(expected_wait), drop_rate: self.drop_rate }
    }

    #[cold]
    fn too_late(&self, queued: usize, left: Duration) -> Refusal {
        let expected = match &self.law {
            Law::Open => 0.0,
            Law::Drops(drops) => drops.delay(),
            Law::ExpectedWait(rule) => rule.wait(queued).unwrap_or(0.0) + rule.process_time(),
        };
        Refusal::DeadlineCannotBeMet { left, expected: duration(expected) }
    }
}

fn class_index(class: u8) -> usize {
    usize::from(class).min(CLASSES - 1)
}

fn class_number(index: usize) -> f64 {
    index as f64
}

/// Seconds that are not negative. What is beyond the range of a duration becomes the longest.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
