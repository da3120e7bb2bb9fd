//! Which class is served next.

use super::CLASSES;
use crate::config::QueueOrder;

/// The order in which items are served.
#[derive(Debug)]
pub(super) enum Order {
    Fifo,
    Lifo,
    ByClass(Shares),
}

impl Order {
    pub(super) fn new(order: QueueOrder) -> Self {
        match order {
            QueueOrder::Fifo => Order::Fifo,
            QueueOrder::Lifo => Order::Lifo,
            QueueOrder::ByClass => Order::ByClass(Shares::default()),
        }
    }
}

/// Gives each class that waits a share in proportion to 2^−class: stride scheduling. Each class is due at a moment of a
/// clock that only serving moves; whoever is due first is served, and is due again 2^class later. A class that begins to
/// wait is due where it was, since what has left unserved is owed to it still, but not in the past: who has not waited has
/// nothing to make up for.
///
/// After Waldspurger and Weihl, Stride Scheduling (1995).
#[derive(Debug, Default)]
pub(super) struct Shares {
    due: [u64; CLASSES],
    /// When the last to be served was due. None that waits is due earlier.
    now: u64,
}

impl Shares {
    /// A class begins to wait.
    pub(super) fn joins(&mut self, class: usize) {
        self.due[class] = self.due[class].max(self.now);
    }

    /// Chooses one of the classes whose bits are set: of those that are due together the best.
    pub(super) fn next(&self, waiting: u8) -> Option<usize> {
        ones(waiting).min_by_key(|class| self.due[*class])
    }

    pub(super) fn served(&mut self, class: usize) {
        self.now = self.due[class];
        self.due[class] += 1 << class;
    }
}

/// The places of the bits that are set, in ascending order.
pub(super) fn ones(mut bits: u8) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros() as usize;
        let rest = bits & bits.wrapping_sub(1);
        (std::mem::replace(&mut bits, rest) != 0).then_some(place)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The classes that are served if those whose bits are set wait all the time.
    fn served(shares: &mut Shares, waiting: u8, count: usize) -> Vec<usize> {
        let serve = || {
            let class = shares.next(waiting).unwrap();
            shares.served(class);
            class
        };
        std::iter::repeat_with(serve).take(count).collect()
    }

    #[test]
    fn four_classes_take_turns_at_8_to_4_to_2_to_1() {
        let order = served(&mut Shares::default(), 0b1111, 30);
        // Due at 0: all; at 1, 3, 5 and 7: class 0; at 2 and 6: 0 and 1; at 4: 0, 1 and 2.
        let round = [0, 1, 2, 3, 0, 0, 1, 0, 0, 1, 2, 0, 0, 1, 0];
        assert_eq!(order, [round, round].concat());
    }

    #[test]
    fn who_did_not_wait_has_nothing_to_make_up_for() {
        let mut shares = Shares::default();
        served(&mut shares, 0b01_0000, 1_000);
        shares.joins(0);
        // Class 0 is due at 15984 like class 4 was last, which is due again at 16000.
        let order = served(&mut shares, 0b01_0001, 34);
        let expected = [[0; 16].as_slice(), &[0, 4], &[0; 15], &[0]].concat();
        assert_eq!(order, expected);
    }

    #[test]
    fn what_leaves_unserved_does_not_put_its_class_back() {
        let mut shares = Shares::default();
        served(&mut shares, 0b10_0001, 2);
        // Both have been served at 0, and class 5 is due at 32. Each time its only work leaves before that.
        let mut order = Vec::new();
        for _ in 0..8 {
            order.extend(served(&mut shares, 0b00_0001, 5));
            shares.joins(5);
        }
        // Class 0 has been served at 1 to 40.
        assert_eq!(order, [0; 40]);
        assert_eq!(served(&mut shares, 0b10_0001, 2), [5, 0]);
    }

    proptest! {
        /// Whatever happened before, the classes that wait get their exact shares, and none waits for long.
        #[test]
        fn shares_are_exact(before in proptest::collection::vec((1..64_u8, 1..40_usize), 0..10), waiting in 1..64_u8) {
            let mut shares = Shares::default();
            let mut last = 0_u8;
            for (waiting, count) in before {
                ones(waiting & !last).for_each(|class| shares.joins(class));
                served(&mut shares, waiting, count);
                last = waiting;
            }
            ones(waiting & !last).for_each(|class| shares.joins(class));
            // What is due together may stand in either of two rounds, so the first is let pass.
            let worst = ones(waiting).last().unwrap();
            let round: usize = ones(waiting).map(|class| 1 << (worst - class)).sum();
            let first = served(&mut shares, waiting, 2 * round);
            prop_assert!(ones(waiting).all(|class| first.contains(&class)), "{first:?}");
            for _ in 0..3 {
                let order = served(&mut shares, waiting, round);
                for class in ones(waiting) {
                    prop_assert_eq!(order.iter().filter(|served| **served == class).count(), 1 << (worst - class));
                }
            }
        }
    }
}
