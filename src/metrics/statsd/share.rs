//! Choosing a share of many things.

use std::sync::atomic::{AtomicU64, Ordering};

/// Chooses a share of what comes, evenly spread: at 0.25 the first, the fifth, the ninth, and so on. Of a number of
/// things, the number chosen is its share of them to within one, which chance would not give.
///
/// It may be read from anywhere, but only one thread at a time chooses.
#[derive(Debug)]
pub(super) struct Share {
    /// The share, in parts of [`WHOLE`].
    step: u64,
    /// How much has come together; a whole is one chosen.
    position: AtomicU64,
}

const WHOLE: u64 = 1 << 32;

impl Share {
    /// `share`: more than 0, at most 1.
    pub(super) fn new(share: f64) -> Self {
        let step = ((share * WHOLE as f64).round() as u64).clamp(1, WHOLE);
        // The first is chosen: what happens once is seen.
        Share { step, position: AtomicU64::new(WHOLE - step) }
    }

    /// Whether the next one is chosen.
    pub(super) fn takes_next(&self) -> bool {
        // Two plain accesses: an addition that others may interrupt costs many times as much.
        let position = self.position.load(Ordering::Relaxed) + self.step;
        let is_chosen = position >= WHOLE;
        self.position.store(if is_chosen { position - WHOLE } else { position }, Ordering::Relaxed);
        is_chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(share: f64, of: usize) -> Vec<usize> {
        let share = Share::new(share);
        (0..of).filter(|_| share.takes_next()).collect()
    }

    #[test]
    fn it_chooses_evenly_and_exactly_beginning_with_the_first() {
        assert_eq!(chosen(1.0, 3), [0, 1, 2]);
        assert_eq!(chosen(0.5, 6), [0, 2, 4]);
        assert_eq!(chosen(0.25, 12), [0, 4, 8]);
        assert_eq!(chosen(0.75, 8), [0, 2, 3, 4, 6, 7]);
        assert_eq!(chosen(0.1, 100_000).len(), 10_000);
        assert_eq!(chosen(1.0 / 3.0, 99_999).len(), 33_333);
        assert_eq!(chosen(1e-300, 1000), [0]);
    }
}
