//! What is measured between two decisions.

use std::time::Duration;

use super::SHORTEST_TIME;

/// Keeps the logarithm finite when every process time is hundreds of times the scale. The soft minimum then reads
/// 690 τ whatever they are, and shows no queue.
const SMALLEST_MEAN: f64 = 1e-300;

/// Share of the successes that must end while the limit is reached for the window to show what the service can do.
const FULL_SHARE: f64 = 0.9;

/// Share of the limit that counts as the limit. When calls end in a bunch their slots are refilled one after the other,
/// so that the later ones find some of them free.
const AT_LIMIT: f64 = 0.9;

/// Sums over the successes since the last decision.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    /// When the last success before it came, and when its own last.
    opened: Duration,
    closed: Duration,
    count: f64,
    at_limit: f64,
    in_flight: f64,
    times: f64,
    squared_times: f64,
    /// Sum of e^(−R/τ).
    decayed: f64,
    /// Sum of the times for which other attempts held a slot.
    held: f64,
}

impl Window {
    /// Begins at a success that is not part of it.
    pub(super) fn opened(now: Duration) -> Self {
        Window { opened: now, closed: now, ..Window::default() }
    }

    /// Takes in a success: when it came, its process time and the scale τ of the soft minimum, in seconds, and how many
    /// were in flight.
    pub(super) fn add(&mut self, now: Duration, process_time: f64, tau: f64, in_flight: usize, limit: usize) {
        self.closed = now;
        self.count += 1.0;
        self.at_limit += f64::from(u8::from(in_flight as f64 >= AT_LIMIT * limit as f64));
        self.in_flight += in_flight as f64;
        self.times += process_time;
        self.squared_times += process_time * process_time;
        self.decayed += (-process_time / tau).exp();
    }

    /// Takes in the process time in seconds of an attempt that failed or was cancelled.
    pub(super) fn add_held(&mut self, process_time: f64) {
        self.held += process_time;
    }

    /// How many successes it holds.
    pub(super) fn count(&self) -> f64 {
        self.count
    }

    /// What the sums say. Only for a window that holds a success.
    pub(super) fn read(&self, tau: f64) -> Reading {
        let mean_time = self.times / self.count;
        let in_flight = self.in_flight / self.count;
        let elapsed = self.closed.saturating_sub(self.opened).as_secs_f64().max(SHORTEST_TIME);
        let full = self.at_limit >= FULL_SHARE * self.count;
        Reading {
            count: self.count,
            // Little's law, L = X·R. Completions by the clock will not do: they come in bursts, which makes count
            // over time infinite in short windows.
            throughput: self.in_flight / self.times,
            in_flight,
            mean_time,
            elapsed,
            slot_time: if full { in_flight * elapsed / self.count } else { mean_time + self.held / self.count },
            variation: (self.squared_times / self.count / (mean_time * mean_time) - 1.0).max(0.0),
            soft_minimum: soft_minimum(self.decayed / self.count, tau),
            scale_fits: self.decayed / self.count > SMALLEST_MEAN,
            full,
        }
    }
}

/// −τ·ln of the mean of e^(−R/τ). It is additive where R = waiting + own time, as the mean is, but short times weigh
/// most: with exponential own times and τ an eighth of the mean it has 4 to 5 times less noise than the mean.
pub(super) fn soft_minimum(mean_decayed: f64, tau: f64) -> f64 {
    -tau * mean_decayed.max(SMALLEST_MEAN).ln()
}

/// What a [`Window`] saw. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    /// Successes.
    pub(super) count: f64,
    /// Successes per second, by Little's law.
    pub(super) throughput: f64,
    /// Mean number in flight.
    pub(super) in_flight: f64,
    /// Mean process time.
    pub(super) mean_time: f64,
    /// From the last success before to the last one in it.
    pub(super) elapsed: f64,
    /// How long slots are held for each success, by itself and by calls that came to nothing. At the full limit it is counted by the clock, L/X: the process times of those
    /// that end soon after a change of the limit still tell of the one before. Else the clock would count the time in
    /// which nothing was asked for, and it is the sum of the process times.
    pub(super) slot_time: f64,
    /// Squared coefficient of variation of the process time: 0 if fixed, 1 if exponential.
    pub(super) variation: f64,
    /// The soft minimum of the process time.
    pub(super) soft_minimum: f64,
    /// Whether the soft minimum can be believed. Not if all process times are hundreds of times its scale.
    pub(super) scale_fits: bool,
    /// Whether the limit was reached nearly always. If not, the window shows the demand and not the service.
    pub(super) full: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(times: &[f64], tau: f64) -> Reading {
        let mut window = Window::default();
        for &time in times {
            window.add(Duration::ZERO, time, tau, 2, 2);
        }
        window.read(tau)
    }

    #[track_caller]
    fn assert_close(is: f64, expected: f64) {
        assert!((is - expected).abs() < 1e-9, "{is} is not {expected}");
    }

    #[test]
    fn soft_minimum_of_equal_times_is_that_time() {
        assert_close(window(&[0.1; 10], 0.025).soft_minimum, 0.1);
    }

    #[test]
    fn soft_minimum_weighs_short_times_most() {
        // mean e^(−R/τ) = (1/2 + 1/8)/2 = 5/16 for R = ln 2 and 3 ln 2, τ = 1
        let ln2 = std::f64::consts::LN_2;
        let reading = window(&[ln2, 3.0 * ln2], 1.0);
        assert_close(reading.soft_minimum, (16.0_f64 / 5.0).ln());
        assert_close(reading.mean_time, 2.0 * ln2);
        assert_close(reading.variation, 0.25);
    }

    #[test]
    fn soft_minimum_adds_a_wait_that_all_share() {
        let own = [0.01, 0.02, 0.3];
        let waited = own.map(|time| time + 0.05);
        assert_close(window(&waited, 0.02).soft_minimum, window(&own, 0.02).soft_minimum + 0.05);
    }

    #[test]
    fn times_far_beyond_the_scale_are_noticed() {
        assert!(!window(&[1e9, 7.0], 0.01).scale_fits);
        assert!(window(&[1e9, 6.8], 0.01).scale_fits);
    }

    #[test]
    fn throughput_follows_littles_law() {
        assert_close(window(&[0.1, 0.3], 0.1).throughput, 10.0);
    }

    #[test]
    fn slot_time_is_counted_by_the_clock_at_the_full_limit_only() {
        let slot_time = |in_flight: usize| {
            let mut window = Window::opened(Duration::from_secs(7));
            for tenths in [71, 72, 73, 74] {
                window.add(Duration::from_millis(100 * tenths), 0.5, 0.1, in_flight, 4);
            }
            window.read(0.1).slot_time
        };
        // four in flight, ten a second
        assert_close(slot_time(4), 0.4);
        assert_close(slot_time(3), 0.5);
    }

    #[test]
    fn slots_held_by_cancelled_calls_count_at_the_limit_and_below() {
        let slot_time = |limit: usize| {
            let mut window = Window::opened(Duration::ZERO);
            // three calls at once, the first answer of which cancels the others
            for tenths in [1, 2, 3, 4] {
                window.add(Duration::from_millis(100 * tenths), 0.1, 0.1, 3, limit);
                (0..2).for_each(|_| window.add_held(0.1));
            }
            window.read(0.1).slot_time
        };
        assert_close(slot_time(3), 0.3);
        assert_close(slot_time(9), 0.3);
    }

    #[test]
    fn full_means_nine_in_ten_at_the_limit() {
        let full = |below: usize| {
            let mut window = Window::default();
            (0..below).for_each(|_| window.add(Duration::ZERO, 0.1, 0.1, 3, 4));
            (below..20).for_each(|_| window.add(Duration::ZERO, 0.1, 0.1, 4, 4));
            window.read(0.1).full
        };
        assert!(full(2));
        assert!(!full(3));
    }
}
