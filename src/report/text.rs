//! Figures as people read them.

use std::time::Duration;

/// A rate with one decimal.
pub(crate) fn rate(per_second: f64) -> String {
    format!("{per_second:.1}")
}

/// A time in the unit that suits it, to three digits or so; a dash for none.
pub(crate) fn time(time: Option<Duration>) -> String {
    let Some(time) = time else { return "–".to_string() };
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..9.95 => format!("{ms:.1} ms"),
        ..999.5 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_unit_that_suits_it() {
        let micros = |micros| time(Some(Duration::from_micros(micros)));
        assert_eq!(micros(40), "0.0 ms");
        assert_eq!(micros(420), "0.4 ms");
        assert_eq!(micros(9_949), "9.9 ms");
        assert_eq!(micros(9_960), "10 ms");
        assert_eq!(micros(999_400), "999 ms");
        assert_eq!(micros(999_600), "1.00 s");
        assert_eq!(micros(5_000_000), "5.00 s");
        assert_eq!(time(None), "–");
    }
}
