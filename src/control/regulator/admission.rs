//! The snapshot from which callers decide.

use std::time::Duration;

use super::expected_wait::Rule;

/// Classes of importance: 0 (served best) to 5.
const CLASSES: usize = 6;

/// Decides, for each work that arrives, whether it is let in.
///
/// It is small and never changes: a [`Regulator`](super::Regulator) publishes a new one with every sample, and callers
/// decide by themselves. For a work without a deadline of its own that is one comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Admission {
    /// How many works may be ahead of one without a deadline of its own, by class.
    places: [usize; CLASSES],
    drop_rate: f64,
    law: Law,
}

/// What decides about works that bring their own deadline.
#[derive(Debug, Clone, PartialEq)]
enum Law {
    /// Lets all in.
    Open,
    /// The time each work would wait.
    ExpectedWait(Rule),
}

/// A work that asks to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applicant {
    /// Works that would be ahead of it in the queue.
    pub queued: usize,
    /// Its class of importance: 0 (served best) to 5. More counts as 5.
    pub class: u8,
    /// How long until its own deadline, if it has one.
    pub left: Option<Duration>,
}

/// Why a work is not let in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Refusal {
    /// More arrives than the service can handle.
    OverCapacity {
        /// How long it would have waited for the service. While no process time is known, the longest that a work may
        /// wait.
        expected_wait: Duration,
        /// The share of works refused lately: 0 to 1.
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
        Admission { places: [usize::MAX; CLASSES], drop_rate: 0.0, law: Law::Open }
    }

    /// What holds before the first sample: with this sum of the concurrency limits, and no process time known.
    /// `reference_delay` is that of [`ExpectedWait::new`](super::ExpectedWait::new).
    pub fn starting(reference_delay: Duration, limit: usize) -> Self {
        Self::by_expected_wait(Rule::starting(reference_delay, limit), 0.0)
    }

    pub(super) fn by_expected_wait(rule: Rule, drop_rate: f64) -> Self {
        let places = std::array::from_fn(|class| rule.places(class_number(class)));
        Admission { places, drop_rate, law: Law::ExpectedWait(rule) }
    }

    /// Lets the applicant in, or says why not.
    ///
    /// An empty queue takes any work whose deadline has not passed, whatever the snapshot says: it may be older than
    /// the idle spell before.
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
    /// let applicant = |queued| Applicant { queued, class: 3, left: None };
    /// assert_eq!(admission.decide(applicant(24)), Ok(()));
    /// assert!(matches!(admission.decide(applicant(25)), Err(Refusal::OverCapacity { .. })));
    /// ```
    #[inline]
    pub fn decide(&self, applicant: Applicant) -> Result<(), Refusal> {
        match applicant.left {
            None if applicant.queued <= self.places[class_index(applicant.class)] => Ok(()),
            None => Err(self.over_capacity(applicant.queued)),
            Some(left) => self.decide_by_deadline(applicant, left),
        }
    }

    /// How many works may be ahead of one of this class that has no deadline of its own: the comparison by which
    /// [`decide`](Self::decide) lets it in.
    pub fn places(&self, class: u8) -> usize {
        self.places[class_index(class)]
    }

    /// The share of works refused lately: 0 to 1.
    pub fn drop_rate(&self) -> f64 {
        self.drop_rate
    }

    /// How long a work waits behind so many others; `None` while that is not known.
    pub fn expected_wait(&self, queued: usize) -> Option<Duration> {
        match &self.law {
            Law::Open => None,
            Law::ExpectedWait(rule) => rule.wait(queued).map(duration),
        }
    }

    /// The standing delay that a work with this much time left calls for: what callers add up for
    /// [`QueueSample::standing_delays`](super::QueueSample::standing_delays).
    pub fn standing_delay(&self, left: Duration) -> Duration {
        match &self.law {
            Law::Open => Duration::ZERO,
            Law::ExpectedWait(rule) => duration(rule.standing_delay(left.as_secs_f64())),
        }
    }

    /// How long a work may wait in the queue before it is shed; `left` was its time left when it arrived. `None`:
    /// for ever.
    pub fn longest_wait(&self, left: Option<Duration>) -> Option<Duration> {
        match &self.law {
            Law::Open => None,
            Law::ExpectedWait(rule) => Some(duration(rule.longest_wait(left.map(|left| left.as_secs_f64())))),
        }
    }

    fn decide_by_deadline(&self, applicant: Applicant, left: Duration) -> Result<(), Refusal> {
        let Applicant { queued, class, .. } = applicant;
        if left.is_zero() {
            return Err(self.too_late(queued, left));
        }
        if queued == 0 {
            return Ok(());
        }
        let Law::ExpectedWait(rule) = &self.law else { return Ok(()) };
        let Some(wait) = rule.wait(queued) else {
            let place_left = queued <= self.places[class_index(class)];
            return if place_left { Ok(()) } else { Err(self.over_capacity(queued)) };
        };
        let seconds_left = left.as_secs_f64();
        if wait + rule.process_time() > seconds_left {
            Err(self.too_late(queued, left))
        } else if wait > rule.allowed_wait(Some(seconds_left), class_number(class_index(class))) {
            Err(self.over_capacity(queued))
        } else {
            Ok(())
        }
    }

    #[cold]
    fn over_capacity(&self, queued: usize) -> Refusal {
        let expected_wait = match &self.law {
            Law::Open => 0.0,
            Law::ExpectedWait(rule) => rule.wait(queued).unwrap_or_else(|| rule.longest_wait(None)),
        };
        Refusal::OverCapacity { expected_wait: duration(expected_wait), drop_rate: self.drop_rate }
    }

    #[cold]
    fn too_late(&self, queued: usize, left: Duration) -> Refusal {
        let expected = match &self.law {
            Law::Open => 0.0,
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
