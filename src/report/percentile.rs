//! Percentiles.

/// The smallest value that at least `percent` % of the values do not exceed (nearest rank, so it is one of them);
/// `None` of no values.
pub(crate) fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn one_to(count: u64) -> Vec<Duration> {
        (1..=count).map(Duration::from_millis).collect()
    }

    #[test]
    fn the_nearest_rank_is_taken() {
        let ms = |count, percent| percentile(&one_to(count), percent).map(|value| value.as_millis());
        assert_eq!((ms(100, 50), ms(100, 90), ms(100, 99), ms(100, 100)), (Some(50), Some(90), Some(99), Some(100)));
        assert_eq!((ms(101, 50), ms(101, 99)), (Some(51), Some(100)));
        assert_eq!((ms(4, 50), ms(4, 90)), (Some(2), Some(4)));
    }

    #[test]
    fn of_one_value_every_percentile_is_that_value_and_of_none_there_is_none() {
        let one = [Duration::from_secs(7)];
        assert_eq!([0, 1, 50, 99, 100].map(|percent| percentile(&one, percent)), [Some(one[0]); 5]);
        assert_eq!(percentile::<Duration>(&[], 50), None);
    }
}
