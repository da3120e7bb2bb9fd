//! Whose traffic it is: fairness between users.

use std::time::Duration;

/// What was let in counts half after this long: "recently" is the last half minute.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// Counters of a row. With more users than this at once, users begin to be taken for one another.
const COLUMNS: usize = 512;

/// A user is taken for another only if all rows do so.
const ROWS: usize = 4;

/// Weights grow by this much before all is written anew: far from where a float loses a single request.
const LARGEST_WEIGHT: f64 = (1 << 20) as f64;

/// How sharply users with more are told from those with less: a queue of some places has room for few steps between
/// them. With half more than usual a user is nearly all the way down.
const SHARPNESS: i32 = 8;

/// By how much of a class a user is judged worse at most: one that floods must leave room in a short queue for all that the
/// others send before the next works leave it.
const WORST: f64 = 1.0;

/// Knows how large each user's share of what was let in recently is, among the users of one class, and by how much of a
/// class it is to be judged better or worse for that.
///
/// With c the works of a user that were let in recently, of all users Σc, and M = Σc²/Σc, which is what the user of a work
/// that was picked at random had:
///
/// ```text
/// lean = c⁸/(c⁸ + M⁸) − 1/2,  twice that if it is positive
/// ```
///
/// It is 0 where all users have equal shares, towards −1/2 for one that has hardly any, and at most 1 for one that has
/// far more than usual, which is then judged as an ordinary user of the next class. So under overload the users with the largest shares are refused first, until theirs are as large as those of
/// the next; since only what is let in counts, a user that floods is not kept out, but gets no more than others want.
///
/// Recently means with a weight that halves every 10 s. Users are counted in a count-min sketch of 4 × 512 counters, so
/// that the memory does not depend on how many there are; where those of two users meet in every row, which for a hundred
/// users happens to one in a thousand, they share what they have.
///
/// Source: fair dropping by rate as in Approximate Fair Dropping (Pan, Breslau, Prabhakar, Shenker, 2003), with the sketch of
/// Cormode and Muthukrishnan (2005).
#[derive(Debug, Clone)]
pub struct UserShares {
    /// Weights of what was let in, by row and column. Later works weigh more, which comes to the same as a decay.
    counts: Box<[[f64; COLUMNS]; ROWS]>,
    /// Σc and Σc², in the same weights.
    sum: f64,
    squares: f64,
    /// When a work weighed 1.
    base: Duration,
}

impl UserShares {
    /// Nobody has had anything yet.
    pub fn new() -> Self {
        UserShares { counts: Box::new([[0.0; COLUMNS]; ROWS]), sum: 0.0, squares: 0.0, base: Duration::ZERO }
    }

    /// By how much of a class a work of this user is to be judged worse, or better if it is negative: from −0.5 to 1.
    pub fn lean(&self, user: u64) -> f64 {
        if self.sum <= 0.0 {
            return 0.0;
        }
        let (count, usual) = (self.count(user), self.squares / self.sum);
        let ratio = (count / usual).powi(SHARPNESS);
        let lean = ratio / (ratio + 1.0) - 0.5;
        if lean > 0.0 { lean * WORST / 0.5 } else { lean }
    }

    /// A work of this user has been let in, at `now` since some start that stays the same.
    pub fn admitted(&mut self, user: u64, now: Duration) {
        let mut weight = self.weight(now);
        if weight > LARGEST_WEIGHT {
            self.rescale(weight);
            (self.base, weight) = (now, 1.0);
        }
        let count = self.count(user);
        self.sum += weight;
        self.squares += 2.0 * count * weight + weight * weight;
        for (row, column) in columns(user).enumerate() {
            // Only those that are behind: what others have added to the rest is not this user's.
            let cell = &mut self.counts[row][column];
            *cell = cell.max(count + weight);
        }
    }

    fn count(&self, user: u64) -> f64 {
        columns(user).enumerate().map(|(row, column)| self.counts[row][column]).fold(f64::INFINITY, f64::min)
    }

    fn weight(&self, now: Duration) -> f64 {
        (now.saturating_sub(self.base).as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2()
    }

    fn rescale(&mut self, weight: f64) {
        // Beyond what a float holds nothing is left.
        let factor = if weight.is_finite() { 1.0 / weight } else { 0.0 };
        self.counts.iter_mut().flatten().for_each(|count| *count *= factor);
        self.sum *= factor;
        self.squares *= factor * factor;
    }
}

impl Default for UserShares {
    fn default() -> Self {
        UserShares::new()
    }
}

/// The user's column in each row. The keys are hashes already, of which each row takes other bits.
fn columns(user: u64) -> impl Iterator<Item = usize> {
    (0..ROWS).map(move |row| (user >> (16 * row)) as usize % COLUMNS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    fn keys(count: usize) -> Vec<u64> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
        (0..count).map(|_| random.random()).collect()
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn users_with_equal_shares_are_judged_as_their_class() {
        let (mut shares, users) = (UserShares::new(), keys(10));
        assert_eq!(shares.lean(users[0]), 0.0);
        for _ in 0..100 {
            users.iter().for_each(|user| shares.admitted(*user, secs(3)));
        }
        for user in &users {
            assert!(shares.lean(*user).abs() < 1e-9, "{}", shares.lean(*user));
        }
    }

    #[test]
    fn who_has_more_is_judged_worse_and_who_is_new_best() {
        let (mut shares, users) = (UserShares::new(), keys(4));
        for (user, count) in [(0, 900), (1, 90), (2, 10)] {
            (0..count).for_each(|_| shares.admitted(users[user], secs(1)));
        }
        let lean = |user: usize| shares.lean(users[user]);
        // M = (900² + 90² + 10²)/1000
        let usual: f64 = 818.2;
        let expected = |count: f64| {
            let lean = count.powi(8) / (count.powi(8) + usual.powi(8)) - 0.5;
            if lean > 0.0 { 2.0 * lean } else { lean }
        };
        for (user, count) in [(0, 900.0), (1, 90.0), (2, 10.0), (3, 0.0)] {
            assert!((lean(user) - expected(count)).abs() < 1e-9, "{user}: {}", lean(user));
        }
        assert_eq!(lean(3), -0.5);
    }

    #[test]
    fn what_was_counts_half_after_ten_seconds() {
        let (mut shares, users) = (UserShares::new(), keys(2));
        (0..200).for_each(|_| shares.admitted(users[0], secs(0)));
        (0..100).for_each(|_| shares.admitted(users[1], secs(10)));
        assert!((shares.lean(users[0]) - shares.lean(users[1])).abs() < 1e-9);
        // However long it goes on.
        for at in (20..5_000).step_by(10) {
            shares.admitted(users[0], secs(at));
            shares.admitted(users[1], secs(at));
        }
        assert!((shares.lean(users[0]) - shares.lean(users[1])).abs() < 1e-9);
        shares.admitted(users[1], secs(u64::MAX / 4));
        assert_eq!(shares.lean(users[0]), -0.5);
    }

    #[test]
    fn one_that_floods_stands_out_among_ten_thousand() {
        let (mut shares, users) = (UserShares::new(), keys(10_000));
        for user in &users {
            shares.admitted(*user, secs(1));
            shares.admitted(users[0], secs(1));
        }
        assert!(shares.lean(users[0]) > -0.001, "{}", shares.lean(users[0]));
        assert!(users[1..].iter().all(|user| shares.lean(*user) < -0.45));
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(steps in proptest::collection::vec((0..20_usize, 0..100_000_u64), 0..300)) {
            let (mut shares, users) = (UserShares::new(), keys(20));
            let mut now = Duration::ZERO;
            for (user, pause) in steps {
                now += Duration::from_millis(pause);
                shares.admitted(users[user], now);
                for user in &users {
                    prop_assert!((-0.5..=1.0).contains(&shares.lean(*user)));
                }
            }
        }
    }
}
