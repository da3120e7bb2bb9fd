//! Numbers and times as a person reads them.

use std::fmt;
use std::time::Duration;

/// Numbers from here on are written as a power of ten: nobody counts their digits.
const TOO_MANY_DIGITS: f64 = 1e9;

/// A number without the digits that say nothing: one or two behind the point, and none from a hundred on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(pub(super) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if size >= TOO_MANY_DIGITS {
            return write!(f, "{:.0e}", self.0);
        }
        let digits = match size {
            99.95.. => 0,
            0.995.. => 1,
            _ => 2,
        };
        let text = format!("{:.digits$}", self.0);
        let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        f.write_str(if text == "-0" { "0" } else { text })
    }
}

/// A share of 0 to 1 in percent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Percent(pub(super) f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", Number(100.0 * self.0))
    }
}

/// A time in the unit that suits it, to two digits or to the whole unit: 250 µs, 2.5 ms, 105 ms, 1.3 s, 12 min, 9 h.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(pub(super) Duration);

/// Nanoseconds of a unit, how many of them are one of the next, and its name.
const UNITS: [(f64, f64, &str); 5] =
    [(1.0, 1e3, "ns"), (1e3, 1e3, "µs"), (1e6, 1e3, "ms"), (1e9, 60.0, "s"), (60e9, 60.0, "min")];
const HOUR: (f64, &str) = (3_600e9, "h");

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return f.write_str("0 ms");
        }
        let nanos = self.0.as_nanos() as f64;
        // what would be rounded to one of the next unit is one
        let fits = |(unit, most, _): &&(f64, f64, &str)| nanos / unit < most - 0.5;
        let (unit, name) = UNITS.iter().find(fits).map_or(HOUR, |&(unit, _, name)| (unit, name));
        let value = nanos / unit;
        if value < 9.95 && value.fract() != 0.0 {
            let text = format!("{value:.1}");
            write!(f, "{} {name}", text.strip_suffix(".0").unwrap_or(&text))
        } else {
            write!(f, "{value:.0} {name}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits() {
        let cases = [
            (0.0, "0"),
            (-0.001, "0"),
            (0.004, "0"),
            (0.304, "0.3"),
            (0.994, "0.99"),
            (0.996, "1"),
            (1.34, "1.3"),
            (19.68, "19.7"),
            (20.0, "20"),
            (99.96, "100"),
            (200.4, "200"),
            (12_345.6, "12346"),
            (f64::MAX, "2e308"),
        ];
        for (number, expected) in cases {
            assert_eq!(Number(number).to_string(), expected);
        }
    }

    #[test]
    fn shares_are_in_percent() {
        for (share, expected) in [(0.0, "0 %"), (0.004, "0.4 %"), (0.32, "32 %"), (1.0, "100 %")] {
            assert_eq!(Percent(share).to_string(), expected);
        }
    }

    #[test]
    fn times_are_in_the_unit_that_suits_them() {
        let cases = [
            (0, "0 ms"),
            (7, "7 ns"),
            (999, "999 ns"),
            (250_000, "250 µs"),
            (999_499, "999 µs"),
            (999_500, "1 ms"),
            (2_540_000, "2.5 ms"),
            (9_960_000, "10 ms"),
            (43_200_000, "43 ms"),
            (105_000_000, "105 ms"),
            (1_000_000_000, "1 s"),
            (1_320_000_000, "1.3 s"),
            (59_499_000_000, "59 s"),
            (59_500_000_000, "1 min"),
            (90_000_000_000, "1.5 min"),
            (7_200_000_000_000, "2 h"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(Time(Duration::from_nanos(nanos)).to_string(), expected);
        }
        assert_eq!(Time(Duration::MAX).to_string(), "5124095576030431 h");
    }
}
