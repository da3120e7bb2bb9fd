//! How long answers take: what is slow enough for a second copy to be worth its cost.

use std::time::Duration;

/// With fewer answers, what 95 of 100 take is a guess.
const LEAST: u64 = 100;

/// Answers are forgotten in batches of at least so many, of which the last whole one and the one that is being gathered
/// count: of the answers that count, a whole batch is new before one is forgotten.
const BATCH: u64 = 1_000;

/// A batch lasts at least so long, however many answers come: what all wait for at once, such as a pause of the
/// service, must not be all that counts.
const SHORTEST_BATCH: Duration = Duration::from_secs(1);

/// Parts of an octave of time: values are known to a sixteenth.
const PARTS: usize = 16;

/// Times below 2^10 ns, which is a microsecond, are taken to be that long; those above 2^42 ns, which is more than an
/// hour, too.
const OCTAVES: (u32, u32) = (10, 42);

const BUCKETS: usize = (OCTAVES.1 - OCTAVES.0) as usize * PARTS;

/// 1.64 standard deviations to one side leave out one case of twenty.
const MARGIN: f64 = 1.64;

/// Finds the time within which 95 of 100 answers come, as it is lately.
///
/// Times are counted in a histogram whose buckets grow by a sixteenth, over the last 1,000 to 2,000 answers, and over at
/// least a second. Since a copy that goes out a little early costs little and one that goes out late is of no use, it is
/// the lower end of what the answers leave open: where F is the share of n answers that are as fast,
///
/// ```text
/// time = smallest upper end of a bucket with  F ≥ 0.95 − 1.64·√(0.95·0.05/n)
/// ```
///
/// An answer that was cut off, since another copy came first, counts as one that took until then: that is longer than
/// the time sought, or it would not have had another copy, so it counts on the right side of it.
///
/// Source: hedged requests of Dean and Barroso, The Tail at Scale (2013), which go out after the 95th percentile.
#[derive(Debug, Clone)]
pub struct ResponseTimes {
    current: Histogram,
    previous: Histogram,
    /// When the current batch began.
    began: Duration,
    /// How many answers there must be for the percentile to be found again.
    due: u64,
    percentile_95: Option<Duration>,
}

impl ResponseTimes {
    /// Nothing is known yet.
    pub fn new() -> Self {
        ResponseTimes {
            current: Histogram::default(),
            previous: Histogram::default(),
            began: Duration::ZERO,
            due: LEAST,
            percentile_95: None,
        }
    }

    /// A request has taken so long until it was answered or given up, at `now` since some start that stays the same.
    pub fn add(&mut self, now: Duration, time: Duration) {
        if self.current.count == 0 && self.previous.count == 0 {
            self.began = now;
        }
        self.current.add(time);
        let known = self.current.count + self.previous.count;
        if known >= self.due {
            self.percentile_95 = Some(self.find(known));
            // A look at all buckets is spread over the answers between, of which there are few enough to change little.
            self.due = known + (known / 32).max(LEAST / 4);
        }
        if self.current.count >= BATCH && now.saturating_sub(self.began) >= SHORTEST_BATCH {
            self.previous = std::mem::take(&mut self.current);
            (self.began, self.due) = (now, self.previous.count + LEAST / 4);
        }
    }

    /// Within what time 95 of 100 answers come; `None` until a hundred are known. Up to a sixteenth too long.
    pub fn percentile_95(&self) -> Option<Duration> {
        self.percentile_95
    }

    fn find(&self, known: u64) -> Duration {
        let n = known as f64;
        let rank = 0.95 * n - MARGIN * (n * 0.95 * 0.05).sqrt();
        let mut below = 0;
        let counts = self.current.counts.iter().zip(self.previous.counts.iter());
        let last = counts.map(|(current, previous)| current + previous).position(|count| {
            below += count;
            below as f64 >= rank
        });
        upper_end(last.unwrap_or(BUCKETS - 1))
    }
}

impl Default for ResponseTimes {
    fn default() -> Self {
        ResponseTimes::new()
    }
}

#[derive(Debug, Clone)]
struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { counts: Box::new([0; BUCKETS]), count: 0 }
    }
}

impl Histogram {
    fn add(&mut self, time: Duration) {
        self.counts[bucket(time)] += 1;
        self.count += 1;
    }
}

/// The bucket whose upper end is the first that is not below the time.
fn bucket(time: Duration) -> usize {
    let (lowest, highest) = OCTAVES;
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).clamp((1 << lowest) + 1, 1 << highest) - 1;
    let octave = nanos.ilog2();
    let part = (nanos >> (octave - PARTS.ilog2())) as usize - PARTS;
    (octave - lowest) as usize * PARTS + part
}

fn upper_end(bucket: usize) -> Duration {
    let octave = OCTAVES.0 + (bucket / PARTS) as u32;
    Duration::from_nanos((PARTS + bucket % PARTS + 1) as u64 * (1 << (octave - PARTS.ilog2())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// So many answers, evenly within ten seconds.
    fn feed(times: &mut ResponseTimes, from: Duration, count: u32, time: impl Fn(u32) -> Duration) {
        for n in 0..count {
            times.add(from + Duration::from_secs(10) * n / count, time(n));
        }
    }

    #[test]
    fn nothing_is_said_before_a_hundred_answers() {
        let mut times = ResponseTimes::new();
        feed(&mut times, ms(0), 99, |_| ms(100));
        assert_eq!(times.percentile_95(), None);
        times.add(ms(10_000), ms(100));
        assert!(times.percentile_95().is_some());
    }

    #[test]
    fn what_all_take_is_known_to_a_sixteenth_and_never_too_short() {
        let mut times = ResponseTimes::new();
        feed(&mut times, ms(0), 500, |_| ms(100));
        let found = times.percentile_95().unwrap();
        assert!(found >= ms(100) && found <= ms(100) * 17 / 16, "{found:?}");
    }

    #[test]
    fn where_one_of_twenty_is_slow_it_is_what_the_others_take() {
        let mut times = ResponseTimes::new();
        feed(&mut times, ms(0), 2_000, |n| if n % 20 == 0 { ms(1_000) } else { ms(100) });
        assert!(times.percentile_95().unwrap() <= ms(107), "{:?}", times.percentile_95());
        // One of ten is too many to send again: it is what the slow ones take.
        let mut times = ResponseTimes::new();
        feed(&mut times, ms(0), 2_000, |n| if n % 10 == 0 { ms(1_000) } else { ms(100) });
        assert!(times.percentile_95().unwrap() >= ms(1_000), "{:?}", times.percentile_95());
    }

    #[test]
    fn what_was_is_forgotten_after_two_batches() {
        let mut times = ResponseTimes::new();
        feed(&mut times, ms(0), 1_000, |_| ms(800));
        feed(&mut times, ms(10_000), 1_000, |_| ms(50));
        assert!(times.percentile_95().unwrap() >= ms(800));
        feed(&mut times, ms(20_000), 1_000, |_| ms(50));
        assert!(times.percentile_95().unwrap() <= ms(54));
    }

    #[test]
    fn a_second_is_not_all_that_counts() {
        let mut times = ResponseTimes::new();
        feed(&mut times, ms(0), 100_000, |_| ms(50));
        // A pause of a tenth of a second, for which 500 wait.
        (0..500).for_each(|_| times.add(ms(10_100), ms(100)));
        assert!(times.percentile_95().unwrap() <= ms(54), "{:?}", times.percentile_95());
    }

    proptest! {
        #[test]
        fn buckets_hold_what_they_say(nanos in 1_025..=(1_u64 << 42)) {
            let bucket = bucket(Duration::from_nanos(nanos));
            let upper = upper_end(bucket).as_nanos() as u64;
            prop_assert!(upper >= nanos && (upper as f64) <= nanos as f64 * (1.0 + 1.0 / 16.0) + 1.0, "{nanos} {upper}");
            prop_assert!(bucket == 0 || upper_end(bucket - 1).as_nanos() < u128::from(nanos));
        }
    }

    #[test]
    fn what_is_outside_counts_as_the_nearest() {
        assert_eq!((bucket(Duration::ZERO), bucket(Duration::MAX)), (0, BUCKETS - 1));
    }
}
