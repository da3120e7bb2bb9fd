//! What the soft minimum would be without a queue in the service.

/// How far the base moves to what a dip shows: a dip is one noisy window, and half of it forgets within a few dips.
const DIP_WEIGHT: f64 = 0.5;
/// How far it moves in a window of the first fast growth, when the limit is known to be below the knee.
const GROWTH_WEIGHT: f64 = 0.3;
/// The base a cold start may begin with, in soft minima of the very first process times: they were the only load, so
/// a first window far above them already holds a queue.
const FIRST_CAP: f64 = 2.5;

/// The soft minimum of the process time just below the knee, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    value: Option<f64>,
    /// Dips it was learnt from since it was set anew.
    dips: u32,
    /// The highest first value.
    cap: f64,
}

impl Base {
    /// Not known yet; `first` is the soft minimum of the first process times, if there were any.
    pub(super) fn unknown(first: Option<f64>) -> Self {
        Base { value: None, dips: 0, cap: first.map_or(f64::INFINITY, |first| FIRST_CAP * first) }
    }

    /// The base, unless it is unknown.
    pub(super) fn get(&self) -> Option<f64> {
        self.value
    }

    /// What a full window shows sets a base that is unknown.
    pub(super) fn begin(&mut self, soft_minimum: f64) {
        if self.value.is_none() {
            *self = Base { value: Some(soft_minimum.min(self.cap)), dips: 0, cap: self.cap };
        }
    }

    /// Set anew: what was learnt no longer holds.
    pub(super) fn reset(&mut self, soft_minimum: f64) {
        *self = Base { value: Some(soft_minimum), dips: 0, cap: self.cap };
    }

    /// The same base, on another scale of the soft minimum.
    pub(super) fn rescale(&mut self, value: f64) {
        self.value = Some(value);
    }

    /// At the smallest limit: what waits there, no limit of ours could take away.
    pub(super) fn follow(&mut self, soft_minimum: f64) {
        if self.value.is_some() {
            self.approach(soft_minimum, DIP_WEIGHT);
        }
    }

    /// While growing fast before the first dip.
    pub(super) fn learn_from_growth(&mut self, soft_minimum: f64) {
        if self.dips == 0 {
            self.approach(soft_minimum, GROWTH_WEIGHT);
        }
    }

    /// In a dip: the first replaces the base, the others move it half-way.
    pub(super) fn learn_from_dip(&mut self, soft_minimum: f64) {
        self.dips = self.dips.saturating_add(1);
        self.approach(soft_minimum, DIP_WEIGHT.max(1.0 / f64::from(self.dips)));
    }

    /// In a dip that shows less than no queue: the base was too high.
    pub(super) fn drop_to_dip(&mut self, soft_minimum: f64) {
        self.dips = self.dips.saturating_add(1);
        self.value = Some(soft_minimum);
    }

    /// Nothing can be served faster than without a queue: a base above this is wrong.
    pub(super) fn lower_to(&mut self, highest: f64) {
        self.value = self.value.map(|value| value.min(highest));
    }

    /// How much of a dip's queue time [`learn_from_dip`](Self::learn_from_dip) leaves.
    pub(super) fn left_after_dip(queue_time: f64) -> f64 {
        (1.0 - DIP_WEIGHT) * queue_time
    }

    fn approach(&mut self, soft_minimum: f64, weight: f64) {
        self.value = Some(self.value.map_or(soft_minimum, |value| value + weight * (soft_minimum - value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_value_is_capped_by_the_first_times() {
        let mut base = Base::unknown(Some(0.02));
        base.begin(0.2);
        assert_eq!(base.get(), Some(0.05));
        base.begin(0.01);
        assert_eq!(base.get(), Some(0.05), "it begins only once");
    }

    #[test]
    fn first_dip_replaces_it_and_later_ones_move_it_half_way() {
        let mut base = Base::unknown(None);
        base.begin(0.4);
        base.learn_from_dip(0.2);
        assert_eq!(base.get(), Some(0.2));
        base.learn_from_dip(0.1);
        assert!((base.get().unwrap() - 0.15).abs() < 1e-12);
    }

    #[test]
    fn growth_teaches_only_before_the_first_dip() {
        let mut base = Base::unknown(None);
        base.begin(0.1);
        base.learn_from_growth(0.2);
        assert!((base.get().unwrap() - 0.13).abs() < 1e-12);
        base.learn_from_dip(0.1);
        base.learn_from_growth(0.2);
        assert_eq!(base.get(), Some(0.1));
    }

    #[test]
    fn is_lowered_but_never_raised_by_a_bound() {
        let mut base = Base::unknown(None);
        base.lower_to(0.1);
        assert_eq!(base.get(), None);
        base.begin(0.2);
        base.lower_to(0.3);
        assert_eq!(base.get(), Some(0.2));
        base.lower_to(0.1);
        assert_eq!(base.get(), Some(0.1));
    }
}
