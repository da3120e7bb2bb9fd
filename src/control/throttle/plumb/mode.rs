//! The states of a [`Plumb`](super::Plumb).

use super::scale::FirstTimes;

/// How much is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Phase {
    /// Nothing: the first process times are being collected.
    Cold(FirstTimes),
    /// Enough to measure.
    Measuring,
    /// The service does not answer. What was known may no longer hold.
    Silent,
}

/// What the limit in force is there for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Mode {
    /// To serve: the limit is the target, perhaps with headroom.
    High,
    /// To see process times without a queue.
    Low {
        /// Set when the scale was replaced in this dip: the queue time to be left when the base is measured anew.
        rescaled: Option<f64>,
    },
    /// To see whether a queue is one.
    Check(Check),
}

impl Mode {
    pub(super) fn is_check(&self) -> bool {
        matches!(self, Mode::Check(_))
    }
}

/// What there was before the limit was cut to see whether process times fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Check {
    pub(super) throughput: f64,
    /// In seconds.
    pub(super) soft_minimum: f64,
    /// See [`Reading::slot_time`](super::window::Reading::slot_time).
    pub(super) slot_time: f64,
    pub(super) limit: f64,
    /// The target to return to if the service is just slower.
    pub(super) target: f64,
    /// What throughput said of the knee.
    pub(super) knee: Option<f64>,
    /// The knee if there are fewer slots, as far as the alarm told: not less. 0 if it told nothing.
    pub(super) least_knee: f64,
    /// Whether what there was had settled. After an alarm it had not: the queue was still growing.
    pub(super) settled: bool,
    /// Whether the verdict is by the slot time, which takes more successes. It is when the soft minimum has not
    /// fallen: it would not before a shared processor either.
    pub(super) by_slot_time: bool,
}
