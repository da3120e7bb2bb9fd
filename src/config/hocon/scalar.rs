//! Single values, and what they can be read as.

use std::time::Duration;

use super::lexer::is_space;

/// A single value. What it can be read as depends on its text, as in the reference implementation; the kind tells how it
/// is shown.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) struct Scalar {
    /// As it stands, without quotes.
    pub(in crate::config) text: String,
    pub(in crate::config) kind: ScalarKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum ScalarKind {
    Text,
    Number,
    Boolean,
    Null,
}

/// Words for "no such thing" beside `null`.
const NONE: &[&str] = &["none", "off"];

impl Scalar {
    pub(in crate::config) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: ScalarKind::Text }
    }

    /// What stands without quotes.
    pub(in crate::config) fn bare(text: String) -> Self {
        let kind = match text.as_str() {
            "null" => ScalarKind::Null,
            "true" | "false" => ScalarKind::Boolean,
            number if is_number(number) => ScalarKind::Number,
            _ => ScalarKind::Text,
        };
        Self { text, kind }
    }

    /// As problems show it.
    pub(in crate::config) fn in_words(&self) -> String {
        match self.kind {
            ScalarKind::Text => format!("\"{}\"", self.text),
            _ => self.text.clone(),
        }
    }

    /// Whether it is a word for having no value.
    pub(in crate::config) fn is_none(&self) -> bool {
        self.kind == ScalarKind::Null || NONE.contains(&self.text.as_str())
    }

    /// A text that is not empty.
    pub(in crate::config) fn word(&self) -> Option<&str> {
        Some(self.text.as_str()).filter(|text| self.kind != ScalarKind::Null && !text.is_empty())
    }

    pub(in crate::config) fn switch(&self) -> Option<bool> {
        match self.text.as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub(in crate::config) fn whole(&self) -> Option<u64> {
        self.text.parse().ok().or_else(|| {
            let number = self.number()?;
            // Up to here every whole number has a float of its own.
            let is_exact = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
            is_exact.then_some(number as u64)
        })
    }

    /// A number of bytes that is not negative; a bare number is in bytes.
    #[cfg(feature = "proxy")]
    pub(in crate::config) fn bytes(&self) -> Option<u64> {
        let text = self.text.trim_matches(|c| c == '\n' || is_space(c));
        let digits = text.trim_end_matches(char::is_alphabetic);
        let unit = bytes_in(&text[digits.len()..])?;
        let digits = digits.trim_end_matches(|c| c == '\n' || is_space(c));
        digits.parse::<u64>().ok()?.checked_mul(unit)
    }

    /// A finite number.
    pub(in crate::config) fn number(&self) -> Option<f64> {
        number(&self.text)
    }

    /// A duration that is not negative; a bare number is in milliseconds.
    pub(in crate::config) fn duration(&self) -> Option<Duration> {
        if self.kind == ScalarKind::Null {
            return None;
        }
        let text = self.text.trim_matches(|c| c == '\n' || is_space(c));
        let digits = text.trim_end_matches(char::is_alphabetic);
        let nanos = nanos_in(&text[digits.len()..])?;
        let digits = digits.trim_end_matches(|c| c == '\n' || is_space(c));
        if let Ok(whole) = digits.parse::<u64>() {
            let nanos = u128::from(whole) * u128::from(nanos);
            let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
            return Some(Duration::new(seconds, (nanos % 1_000_000_000) as u32));
        }
        let seconds = number(digits)? * nanos as f64 / 1e9;
        // Whole nanoseconds, towards zero.
        let nanos = Duration::try_from_secs_f64(seconds).ok()?.as_secs_f64();
        Duration::try_from_secs_f64(nanos).ok()
    }
}

/// Nanoseconds in a unit.
fn nanos_in(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => 1,
        "us" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "second" | "seconds" => 1_000_000_000,
        "m" | "minute" | "minutes" => 60 * 1_000_000_000,
        "h" | "hour" | "hours" => 3_600 * 1_000_000_000,
        "d" | "day" | "days" => 86_400 * 1_000_000_000,
        _ => return None,
    })
}

/// Bytes in a unit. A letter alone is a power of two, as in the reference implementation.
#[cfg(feature = "proxy")]
fn bytes_in(unit: &str) -> Option<u64> {
    Some(match unit {
        "" | "B" | "b" | "byte" | "bytes" => 1,
        "kB" | "kilobyte" | "kilobytes" => 1_000,
        "MB" | "megabyte" | "megabytes" => 1_000_000,
        "GB" | "gigabyte" | "gigabytes" => 1_000_000_000,
        "K" | "k" | "Ki" | "KiB" | "kibibyte" | "kibibytes" => 1 << 10,
        "M" | "m" | "Mi" | "MiB" | "mebibyte" | "mebibytes" => 1 << 20,
        "G" | "g" | "Gi" | "GiB" | "gibibyte" | "gibibytes" => 1 << 30,
        _ => return None,
    })
}

/// Whether text without quotes is a number; else it is a word.
fn is_number(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    match text.contains(['.', 'e', 'E']) {
        true => starts && is_numeric(text) && text.parse::<f64>().is_ok(),
        false => starts && text.parse::<i64>().is_ok(),
    }
}

fn number(text: &str) -> Option<f64> {
    let number: f64 = Some(text).filter(|text| is_numeric(text))?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// Whether only characters of numbers stand in `text`: "inf" and "NaN" parse, but are none.
fn is_numeric(text: &str) -> bool {
    text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
}

#[cfg(all(test, feature = "proxy"))]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units_of_two_powers() {
        let cases = [
            ("0", Some(0)),
            ("65536", Some(65_536)),
            ("64K", Some(65_536)),
            (" 64 KiB ", Some(65_536)),
            ("64kB", Some(64_000)),
            ("3 megabytes", Some(3_000_000)),
            ("1G", Some(1 << 30)),
            ("17179869184G", None),
            ("1.5K", None),
            ("-1", None),
            ("K", None),
            ("1 sack", None),
            ("null", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Scalar::bare(text.to_owned()).bytes(), expected, "{text}");
        }
    }
}
