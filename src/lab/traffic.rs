//! When requests arrive, and whose they are.

use super::model::{Chance, Nanos};
use super::scenario::{Arrivals, CLASSES, Process};

/// The traffic of one run.
#[derive(Debug)]
pub(super) struct Traffic {
    arrivals: Arrivals,
    kanaloas: usize,
    chance: Chance,
    /// Requests per second; 0 for none.
    rate: f64,
    /// The share of each class in them.
    classes: [f64; CLASSES],
    /// When the next request arrives.
    next: Option<Nanos>,
    count: u64,
}

/// A request that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: Nanos,
    /// How many came before it.
    pub(super) number: u64,
    pub(super) class: u8,
    pub(super) user: u64,
    /// The dispatcher that it comes to.
    pub(super) kanaloa: usize,
}

impl Traffic {
    pub(super) fn new(arrivals: &Arrivals, kanaloas: usize, chance: Chance) -> Self {
        Traffic {
            arrivals: arrivals.clone(),
            kanaloas,
            chance,
            rate: 0.0,
            classes: [0.0; CLASSES],
            next: None,
            count: 0,
        }
    }

    /// From `now` on, so many requests per second, of which classes have these shares.
    pub(super) fn become_like(&mut self, now: Nanos, rate: f64, classes: [f64; CLASSES]) {
        self.classes = classes;
        if rate != self.rate {
            self.rate = rate;
            // Half a gap before the first of evenly spaced requests and half after the last: a phase has as many as its
            // rate says.
            let gaps = if self.arrivals.process == Process::Uniform { 0.5 } else { self.gaps() };
            self.next = self.after(now, gaps);
        }
    }

    pub(super) fn next(&self) -> Option<Nanos> {
        self.next
    }

    /// The next request, if it has arrived by `now`.
    pub(super) fn arrival(&mut self, now: Nanos) -> Option<Arrival> {
        let at = self.next.filter(|at| *at <= now)?;
        let gaps = self.gaps();
        self.next = self.after(at, gaps);
        let number = self.count;
        self.count += 1;
        Some(Arrival { at, number, class: self.class(), user: self.user(), kanaloa: self.kanaloa(number) })
    }

    /// How long until the next request, in mean gaps.
    fn gaps(&mut self) -> f64 {
        match self.arrivals.process {
            Process::Uniform => 1.0,
            Process::Poisson => self.chance.exponential(),
        }
    }

    fn after(&self, at: Nanos, gaps: f64) -> Option<Nanos> {
        if self.rate <= 0.0 {
            return None;
        }
        Some(at.saturating_add((gaps * 1e9 / self.rate) as Nanos))
    }

    /// By chance, unless only one has a share.
    fn class(&mut self) -> u8 {
        let shares = self.classes;
        let mut left = match shares.iter().filter(|share| **share > 0.0).count() {
            1 => 0.0,
            _ => self.chance.share() * shares.iter().sum::<f64>(),
        };
        let mut last = 0;
        for (class, share) in (0..CLASSES as u8).zip(shares) {
            if share > 0.0 {
                last = class;
                if left < share {
                    break;
                }
                left -= share;
            }
        }
        last
    }

    fn user(&mut self) -> u64 {
        match (self.arrivals.heavy_user, self.arrivals.users) {
            (_, ..2) => 0,
            (None, users) => self.chance.below(users),
            (Some(share), _) if self.chance.share() < share => 0,
            (Some(_), users) => 1 + self.chance.below(users - 1),
        }
    }

    /// Each gets an equal share, spread over time as the whole is.
    fn kanaloa(&mut self, number: u64) -> usize {
        let kanaloas = self.kanaloas as u64;
        match self.arrivals.process {
            _ if kanaloas == 1 => 0,
            Process::Uniform => (number % kanaloas) as usize,
            Process::Poisson => self.chance.below(kanaloas) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lab::model::streams;

    const SECOND: Nanos = 1_000_000_000;

    fn traffic(process: Process, kanaloas: usize) -> Traffic {
        let arrivals = Arrivals { process, deadline: Duration::from_secs(1), told: true, users: 10, heavy_user: None };
        Traffic::new(&arrivals, kanaloas, streams(1).next().unwrap())
    }

    fn until(traffic: &mut Traffic, now: Nanos) -> Vec<Arrival> {
        std::iter::from_fn(|| traffic.arrival(now)).collect()
    }

    const DEFAULT: [f64; CLASSES] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0];

    #[test]
    fn uniform_arrivals_are_evenly_spaced_from_each_change_of_the_rate() {
        let mut traffic = traffic(Process::Uniform, 2);
        traffic.become_like(0, 4.0, DEFAULT);
        let arrivals = until(&mut traffic, SECOND);
        let times: Vec<_> = arrivals.iter().map(|arrival| arrival.at * 8 / SECOND).collect();
        assert_eq!(times, [1, 3, 5, 7]);
        let kanaloas: Vec<_> = arrivals.iter().map(|arrival| arrival.kanaloa).collect();
        assert_eq!(kanaloas, [0, 1, 0, 1]);
        traffic.become_like(SECOND, 1.0, DEFAULT);
        assert_eq!(until(&mut traffic, 2 * SECOND).len(), 1);
        traffic.become_like(2 * SECOND, 0.0, DEFAULT);
        assert_eq!((traffic.next(), until(&mut traffic, 9 * SECOND).len()), (None, 0));
    }

    #[test]
    fn poisson_arrivals_come_at_the_rate_and_vary_as_much_as_their_number() {
        let mut traffic = traffic(Process::Poisson, 1);
        traffic.become_like(0, 100.0, DEFAULT);
        let counts: Vec<f64> = (1..=2000).map(|second| until(&mut traffic, second * SECOND).len() as f64).collect();
        let mean = counts.iter().sum::<f64>() / 2000.0;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 2000.0;
        // Six standard errors: √(100/2000) for the mean, 100·√(2/2000) for the variance.
        assert!((mean - 100.0).abs() < 1.4, "{mean}");
        assert!((variance - 100.0).abs() < 19.0, "{variance}");
    }

    #[test]
    fn classes_users_and_dispatchers_get_their_shares() {
        let mut traffic = traffic(Process::Poisson, 3);
        traffic.become_like(0, 30_000.0, [0.1, 0.0, 0.0, 0.6, 0.0, 0.3]);
        let arrivals = until(&mut traffic, SECOND);
        let share = |of: &dyn Fn(&Arrival) -> bool| {
            arrivals.iter().filter(|arrival| of(arrival)).count() as f64 / arrivals.len() as f64
        };
        for (class, expected) in [(0, 0.1), (1, 0.0), (3, 0.6), (5, 0.3)] {
            assert!((share(&|arrival| arrival.class == class) - expected).abs() < 0.02, "class {class}");
        }
        assert!((share(&|arrival| arrival.user == 9) - 0.1).abs() < 0.02);
        assert!((share(&|arrival| arrival.kanaloa == 2) - 1.0 / 3.0).abs() < 0.02);
    }

    #[test]
    fn classes_change_though_the_rate_stays() {
        let mut traffic = traffic(Process::Uniform, 1);
        traffic.become_like(0, 4.0, DEFAULT);
        assert!(until(&mut traffic, SECOND).iter().all(|arrival| arrival.class == 3));
        traffic.become_like(SECOND, 4.0, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
        let later = until(&mut traffic, 2 * SECOND);
        assert_eq!(later.iter().map(|arrival| arrival.class).collect::<Vec<_>>(), [5; 4]);
    }

    #[test]
    fn a_heavy_user_has_its_share_and_the_others_equal_parts_of_the_rest() {
        let mut traffic = traffic(Process::Poisson, 1);
        traffic.arrivals.heavy_user = Some(0.7);
        traffic.become_like(0, 30_000.0, DEFAULT);
        let arrivals = until(&mut traffic, SECOND);
        let share =
            |user| arrivals.iter().filter(|arrival| arrival.user == user).count() as f64 / arrivals.len() as f64;
        assert!((share(0) - 0.7).abs() < 0.02, "{}", share(0));
        assert!((1..10).all(|user| (share(user) - 0.3 / 9.0).abs() < 0.01));
    }
}
