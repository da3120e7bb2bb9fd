//! What several runs come to.

use std::cmp::Ordering;

/// Which of several values is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worst {
    Lowest,
    Highest,
}

/// The value in the middle, or the mean of the two there. Nothing (never converged, nothing completed) is beyond every
/// number, so that it is the median if half of the values or more are nothing.
pub(super) fn median(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(beyond);
    let middle = values.len() / 2;
    let upper = (*values.get(middle)?)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1]?, upper) } else { upper })
}

/// The worst of the values, which is nothing if any is.
pub(super) fn worst(values: impl IntoIterator<Item = Option<f64>>, which: Worst) -> Option<f64> {
    values.into_iter().collect::<Option<Vec<_>>>()?.into_iter().reduce(match which {
        Worst::Lowest => f64::min,
        Worst::Highest => f64::max,
    })
}

fn beyond(a: &Option<f64>, b: &Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.total_cmp(b),
        _ => a.is_none().cmp(&b.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([Some(3.0), Some(1.0), Some(2.0)]), Some(2.0));
        assert_eq!(median([Some(4.0), Some(1.0), Some(2.0), Some(8.0)]), Some(3.0));
        assert_eq!(median([Some(7.0)]), Some(7.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn nothing_is_beyond_every_number() {
        assert_eq!(median([None, Some(1.0), Some(2.0)]), Some(2.0));
        assert_eq!(median([None, Some(1.0)]), None);
        assert_eq!(median([None, Some(1.0), None]), None);
    }

    #[test]
    fn the_worst_is_on_the_side_that_is_bad() {
        let values = [Some(2.0), Some(1.0), Some(3.0)];
        assert_eq!((worst(values, Worst::Lowest), worst(values, Worst::Highest)), (Some(1.0), Some(3.0)));
        assert_eq!(worst([Some(2.0), None], Worst::Highest), None);
        assert_eq!(worst([], Worst::Lowest), None);
    }
}
