//! How much may be added to the load by what goes out more than once.

use std::time::Duration;

/// In how many parts a window is counted. What is older than a window is forgotten within a tenth of it.
const PARTS: usize = 10;

/// Allows, within a window that moves on, so many extra attempts for each request and so many per second besides:
///
/// ```text
/// taken in the window  ≤  ratio · requests in the window  +  per_second · window
/// ```
///
/// Both are counted in ten parts of the window, of which the oldest is forgotten as a new one begins. A request's share
/// and what was taken on it need not be forgotten together: what is taken late stays taken when the request has left.
///
/// Source: the retry budget of Finagle (`RetryBudget`), which counts in the same way with a window of 10 s, a ratio of
/// 0.2 and 10 per second.
#[derive(Debug, Clone)]
pub struct Budget {
    rules: BudgetRules,
    /// By the number of the part, modulo how many there are.
    parts: [Part; PARTS],
    /// The number of the newest part, counted from the start of time.
    newest: u64,
}

/// What a [`Budget`] allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetRules {
    /// Extra attempts for each request. Not negative.
    pub ratio: f64,
    /// Extra attempts per second besides. Not negative.
    pub per_second: f64,
    /// How far back requests and attempts count. More than zero.
    pub window: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    requests: u64,
    taken: u64,
}

impl Budget {
    /// A budget of which nothing is used.
    pub fn new(rules: BudgetRules) -> Self {
        Budget { rules, parts: [Part::default(); PARTS], newest: 0 }
    }

    /// A request comes, at `now` since some start that stays the same. Time that goes back counts as standing still.
    pub fn deposit(&mut self, now: Duration) {
        self.part(now).requests += 1;
    }

    /// Takes one extra attempt, if there is one.
    pub fn withdraw(&mut self, now: Duration) -> bool {
        self.part(now);
        if !self.has_one(0) {
            return false;
        }
        self.part(now).taken += 1;
        true
    }

    /// When, from `now` on, there will be an extra attempt if no request comes and nothing is taken; `None` for never.
    pub fn next(&mut self, now: Duration) -> Option<Duration> {
        self.part(now);
        (0..=PARTS as u64).find(|forgotten| self.has_one(*forgotten)).map(|forgotten| match forgotten {
            0 => now,
            _ => self.begins(self.newest + forgotten),
        })
    }

    /// Whether there is one when so many of the oldest parts are forgotten.
    fn has_one(&self, forgotten: u64) -> bool {
        let left = (self.newest + forgotten).saturating_sub(PARTS as u64 - 1)..=self.newest;
        let (requests, taken) = left.fold((0, 0), |(requests, taken), number| {
            let part = &self.parts[number as usize % PARTS];
            (requests + part.requests, taken + part.taken)
        });
        let BudgetRules { ratio, per_second, window } = self.rules;
        // Rounded at a millionth, so that ten times a tenth is one.
        let allowed = ratio * requests as f64 + per_second * window.as_secs_f64();
        (allowed + 1e-6).floor() >= taken as f64 + 1.0
    }

    fn part_length(&self) -> Duration {
        (self.rules.window / PARTS as u32).max(Duration::from_nanos(1))
    }

    fn begins(&self, number: u64) -> Duration {
        let nanos = self.part_length().as_nanos().saturating_mul(u128::from(number));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The newest part, after all that is too old has been forgotten.
    fn part(&mut self, now: Duration) -> &mut Part {
        let number = (now.as_nanos() / self.part_length().as_nanos()) as u64;
        if number > self.newest {
            // So many numbers in a row are all the places there are.
            for new in (self.newest + 1..=number).take(PARTS) {
                self.parts[new as usize % PARTS] = Part::default();
            }
            self.newest = number;
        }
        &mut self.parts[self.newest as usize % PARTS]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FINAGLE: BudgetRules = BudgetRules { ratio: 0.2, per_second: 10.0, window: Duration::from_secs(10) };

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn take_all(budget: &mut Budget, now: Duration) -> usize {
        (0..10_000).take_while(|_| budget.withdraw(now)).count()
    }

    #[test]
    fn a_share_of_the_requests_and_so_many_per_second() {
        let mut budget = Budget::new(FINAGLE);
        assert_eq!(take_all(&mut budget, at(0)), 100);
        for _ in 0..1_000 {
            budget.deposit(at(500));
        }
        assert_eq!(take_all(&mut budget, at(9_999)), 200);
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut budget = Budget::new(BudgetRules { per_second: 0.0, ..FINAGLE });
        for _ in 0..1_000 {
            budget.deposit(at(0));
        }
        assert_eq!(take_all(&mut budget, at(9_999)), 200);
        // The requests are forgotten, what was taken for them not yet.
        assert_eq!(take_all(&mut budget, at(10_000)), 0);
        assert_eq!(take_all(&mut budget, at(30_000)), 0);
        // Long afterwards nothing is left of either.
        (0..5).for_each(|_| budget.deposit(at(10_000_000)));
        assert_eq!(take_all(&mut budget, at(10_000_000)), 1);
    }

    #[test]
    fn the_next_one_comes_when_what_was_taken_is_forgotten() {
        let mut budget = Budget::new(BudgetRules { ratio: 0.0, per_second: 0.2, window: at(10_000) });
        assert_eq!(budget.next(at(300)), Some(at(300)));
        assert!(budget.withdraw(at(300)));
        assert!(budget.withdraw(at(2_500)));
        assert_eq!(budget.next(at(2_500)), Some(at(10_000)));
        assert!(!budget.withdraw(at(9_999)));
        assert!(budget.withdraw(at(10_000)));
        assert_eq!(budget.next(at(10_000)), Some(at(12_000)));
    }

    #[test]
    fn never_if_it_allows_less_than_one() {
        let mut budget = Budget::new(BudgetRules { ratio: 0.1, per_second: 0.09, window: at(10_000) });
        assert_eq!(budget.next(at(0)), None);
        budget.deposit(at(0));
        assert_eq!(budget.next(at(0)), Some(at(0)));
    }

    proptest! {
        /// In any ten parts in a row no more is taken than they allow, and nothing is withheld that they do.
        #[test]
        fn it_is_kept_to_exactly(
            ratio in 0..30_u32,
            per_second in 0..20_u32,
            steps in proptest::collection::vec((0..700_u64, any::<bool>()), 1..400),
        ) {
            let rules = BudgetRules {
                ratio: f64::from(ratio) / 10.0,
                per_second: f64::from(per_second) / 10.0,
                window: at(10_000),
            };
            let (mut budget, mut now, mut log) = (Budget::new(rules), 0, Vec::new());
            for (pause, is_request) in steps {
                now += pause;
                let since = (now / 1_000).saturating_sub(9) * 1_000;
                let count = |requests: bool| log.iter().filter(|&&(t, r)| t >= since && r == requests).count() as u64;
                if is_request {
                    budget.deposit(at(now));
                    log.push((now, true));
                } else {
                    let allowed = (u64::from(ratio) * count(true) + u64::from(per_second) * 10) / 10;
                    let is_one_left = count(false) < allowed;
                    prop_assert_eq!(budget.next(at(now)) == Some(at(now)), is_one_left);
                    prop_assert_eq!(budget.withdraw(at(now)), is_one_left);
                    if is_one_left {
                        log.push((now, false));
                    }
                }
            }
        }
    }
}
