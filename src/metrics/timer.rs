//! Times, of which a share is kept until they are reported.

use std::time::Duration;

use parking_lot::Mutex;

use super::Share;

/// More times than that are not kept until they are reported: enough for a 99th percentile, and together they are some
/// 15 kB on the wire, of which several fit into the buffer of the socket where they arrive. Even, so that the one for
/// which place is made is one of those that are kept.
const MOST_KEPT: usize = 250;

/// Times, of which a share is kept until they are reported. Only one thread at a time adds to it.
#[derive(Debug)]
pub(crate) struct Timer {
    rate: f64,
    share: Share,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    times: Vec<Duration>,
    /// How many there would have been with room for all.
    offered: usize,
    /// One in so many is kept.
    stride: usize,
}

/// Times that stand for more of their like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Samples {
    pub(crate) times: Vec<Duration>,
    /// How many they are, as a share of those there were.
    pub(crate) rate: f64,
}

impl Timer {
    /// `rate`: the share that is kept. More than 0, at most 1.
    pub(crate) fn new(rate: f64) -> Self {
        let kept = Kept { times: Vec::new(), offered: 0, stride: 1 };
        Timer { rate, share: Share::new(rate), kept: Mutex::new(kept) }
    }

    pub(crate) fn add(&self, time: Duration) {
        if self.share.takes_next() {
            self.kept.lock().offer(time);
        }
    }

    /// Takes what has been kept; `None` if nothing has.
    pub(crate) fn take(&self) -> Option<Samples> {
        let mut kept = self.kept.lock();
        let (times, offered) = (std::mem::take(&mut kept.times), kept.offered);
        (kept.offered, kept.stride) = (0, 1);
        drop(kept);
        let rate = self.rate * times.len() as f64 / offered.max(1) as f64;
        (!times.is_empty()).then_some(Samples { times, rate })
    }
}

impl Kept {
    /// Where there is no more room, every second one makes place, and of what comes only every second one is kept: those
    /// that are there at the end are evenly spread over the whole time.
    fn offer(&mut self, time: Duration) {
        let is_kept = self.offered.is_multiple_of(self.stride);
        self.offered += 1;
        if !is_kept {
            return;
        }
        if self.times.len() == MOST_KEPT {
            let mut is_odd = true;
            self.times.retain(|_| {
                is_odd = !is_odd;
                !is_odd
            });
            self.stride *= 2;
        }
        self.times.push(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(rate: f64, added: u64) -> Option<Samples> {
        let timer = Timer::new(rate);
        (0..added).for_each(|n| timer.add(Duration::from_millis(n)));
        timer.take()
    }

    fn every(step: u64, count: u64) -> Vec<Duration> {
        (0..count).map(|n| Duration::from_millis(n * step)).collect()
    }

    #[test]
    fn its_share_is_kept() {
        assert_eq!(after(1.0, 0), None);
        assert_eq!(after(1.0, 3), Some(Samples { times: every(1, 3), rate: 1.0 }));
        assert_eq!(after(0.25, 12), Some(Samples { times: every(4, 3), rate: 0.25 }));
    }

    #[test]
    fn what_is_too_much_is_thinned_and_says_so() {
        assert_eq!(after(1.0, 250), Some(Samples { times: every(1, 250), rate: 1.0 }));
        assert_eq!(after(1.0, 500), Some(Samples { times: every(2, 250), rate: 0.5 }));
        assert_eq!(after(0.5, 1000), Some(Samples { times: every(4, 250), rate: 0.25 }));
        // Whatever the number, what is reported stands for as many as there were, and there is never more of it.
        for added in [251, 252, 499, 501, 999, 1001, 12_345, 1_000_000] {
            let Samples { times, rate } = after(1.0, added).unwrap();
            assert!((125..=250).contains(&times.len()), "{added}: {}", times.len());
            assert_eq!((times.len() as f64 / rate).round() as u64, added);
        }
    }

    #[test]
    fn what_was_taken_is_not_taken_again_and_leaves_no_trace() {
        let timer = Timer::new(1.0);
        (0..1000).for_each(|n| timer.add(Duration::from_millis(n)));
        assert_eq!(timer.take().map(|samples| samples.rate), Some(0.25));
        assert_eq!(timer.take(), None);
        timer.add(Duration::from_secs(7));
        assert_eq!(timer.take(), Some(Samples { times: vec![Duration::from_secs(7)], rate: 1.0 }));
    }
}
