//! The time that a request says it has.

use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::check::Refusal;

static OWN: HeaderName = HeaderName::from_static("kanaloa-deadline-ms");
static GRPC: HeaderName = HeaderName::from_static("grpc-timeout");

/// As many as gRPC allows.
const GRPC_DIGITS: usize = 8;
/// 31 years in milliseconds: no instant is out of reach.
const OWN_DIGITS: usize = 12;

/// The time that a request has: the shorter of `kanaloa-deadline-ms`, a whole number of up to 12 digits, and
/// `grpc-timeout`, one of up to 8 digits and a unit of `H`, `M`, `S`, `m`, `u` and `n`. `None` if it has neither.
///
/// # Errors
/// [`Refusal::BadDeadline`] if one is written in another way, or twice.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let own = read_one(headers, &OWN, "kanaloa-deadline-ms", own)?;
    let grpc = read_one(headers, &GRPC, "grpc-timeout", grpc)?;
    Ok(match (own, grpc) {
        (Some(own), Some(grpc)) => Some(own.min(grpc)),
        (own, grpc) => own.or(grpc),
    })
}

fn read_one(
    headers: &HeaderMap,
    name: &HeaderName,
    shown: &'static str,
    parse: fn(&[u8]) -> Option<Duration>,
) -> Result<Option<Duration>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refused = |value: &HeaderValue| {
        // What is shown of it is enough to find it by.
        const SHOWN: usize = 40;
        let value = value.as_bytes();
        Refusal::BadDeadline(shown, String::from_utf8_lossy(&value[..value.len().min(SHOWN)]).into_owned())
    };
    if let Some(second) = values.next() {
        return Err(refused(second));
    }
    parse(value.as_bytes()).map(Some).ok_or_else(|| refused(value))
}

fn number(digits: &[u8], most: usize) -> Option<u64> {
    if digits.is_empty() || digits.len() > most || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn own(value: &[u8]) -> Option<Duration> {
    number(value, OWN_DIGITS).map(Duration::from_millis)
}

fn grpc(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let number = number(digits, GRPC_DIGITS)?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Writes the time that is `left`, rounded down, over each of the two that the request has come with; of neither it makes
/// one. What is written is at least a millisecond or a gRPC unit, and never more than what was there.
pub(crate) fn write(headers: &mut HeaderMap, left: Option<Duration>) {
    let Some(left) = left else { return };
    if let Some(value) = headers.get_mut(&OWN) {
        let left = own(value.as_bytes()).map_or(left, |read| read.min(left.max(Duration::from_millis(1))));
        *value = HeaderValue::from(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(value) = headers.get_mut(&GRPC) {
        let left = grpc(value.as_bytes()).map_or(left, |read| read.min(left.max(Duration::from_nanos(1))));
        *value = grpc_value(left);
    }
}

/// In the finest unit that has room for it.
fn grpc_value(left: Duration) -> HeaderValue {
    const UNITS: [(u8, u128); 6] = [
        (b'n', 1),
        (b'u', 1_000),
        (b'm', 1_000_000),
        (b'S', 1_000_000_000),
        (b'M', 60_000_000_000),
        (b'H', 3_600_000_000_000),
    ];
    const TOO_MANY: u128 = 10_u128.pow(GRPC_DIGITS as u32);
    let nanos = left.as_nanos();
    let (unit, number) = UNITS
        .iter()
        .map(|&(unit, length)| (unit, nanos / length))
        .find(|&(_, number)| number < TOO_MANY)
        .unwrap_or((b'H', TOO_MANY - 1));
    let mut text = [0; GRPC_DIGITS + 1];
    let mut start = GRPC_DIGITS;
    text[start] = unit;
    let mut number = number as u32;
    loop {
        start -= 1;
        text[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    // Digits and a letter: a header may have them.
    HeaderValue::from_bytes(&text[start..]).unwrap_or(HeaderValue::from_static("1n"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn the_shorter_one_counts() {
        let read = |headers: &[(&'static str, &str)]| read(&map(headers)).unwrap();
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("kanaloa-deadline-ms", "250")]), millis(250));
        assert_eq!(read(&[("grpc-timeout", "100m")]), millis(100));
        assert_eq!(read(&[("grpc-timeout", "100m"), ("kanaloa-deadline-ms", "250")]), millis(100));
        assert_eq!(read(&[("grpc-timeout", "1S"), ("kanaloa-deadline-ms", "250")]), millis(250));
        assert_eq!(read(&[("grpc-timeout", "2H")]), millis(7_200_000));
        assert_eq!(read(&[("grpc-timeout", "2M")]), millis(120_000));
        assert_eq!(read(&[("grpc-timeout", "2000u")]), millis(2));
        assert_eq!(read(&[("grpc-timeout", "99999999n")]), Some(Duration::from_nanos(99_999_999)));
    }

    #[test]
    fn what_is_no_deadline_is_refused_and_shown() {
        let refused = |name, value: &str| read(&map(&[(name, value)])).unwrap_err();
        for value in ["", "-1", "+1", "1.5", "1s", " 1", "1000000000000"] {
            assert_eq!(
                refused("kanaloa-deadline-ms", value),
                Refusal::BadDeadline("kanaloa-deadline-ms", value.to_owned())
            );
        }
        for value in ["", "1", "S", "1s", "123456789n", "-1S", "1 S"] {
            assert_eq!(refused("grpc-timeout", value), Refusal::BadDeadline("grpc-timeout", value.to_owned()));
        }
        assert!(read(&map(&[("kanaloa-deadline-ms", "1"), ("kanaloa-deadline-ms", "1")])).is_err());
        assert_eq!(
            refused("kanaloa-deadline-ms", "soon").to_string(),
            r#"the deadline in kanaloa-deadline-ms is not valid: "soon""#
        );
    }

    #[test]
    fn what_is_left_is_written_over_what_there_was() {
        let written = |headers: &[(&'static str, &str)], left| {
            let mut headers = map(headers);
            write(&mut headers, Some(left));
            headers
        };
        let both = [("kanaloa-deadline-ms", "250"), ("grpc-timeout", "1S")];
        let left = Duration::from_micros(200_700);
        assert_eq!(written(&both, left), map(&[("kanaloa-deadline-ms", "200"), ("grpc-timeout", "200700u")]));
        assert_eq!(written(&both, Duration::ZERO), map(&[("kanaloa-deadline-ms", "1"), ("grpc-timeout", "1n")]));
        assert_eq!(
            written(&both, Duration::from_secs(9)),
            map(&[("kanaloa-deadline-ms", "250"), ("grpc-timeout", "1000000u")])
        );
        assert_eq!(written(&[], left), map(&[]));
        let mut headers = map(&both);
        write(&mut headers, None);
        assert_eq!(headers, map(&both));
    }

    proptest! {
        #[test]
        fn what_is_written_is_at_most_what_was_read_and_what_is_left(
            own in prop::option::of(1..1_000_000_000_000_u64),
            grpc in prop::option::of((1..100_000_000_u64, prop::sample::select(vec!['H', 'M', 'S', 'm', 'u', 'n']))),
            left in 0..u64::MAX,
        ) {
            let mut headers = HeaderMap::new();
            if let Some(own) = own {
                headers.insert(&OWN, own.into());
            }
            if let Some((number, unit)) = grpc {
                headers.insert(&GRPC, format!("{number}{unit}").parse().unwrap());
            }
            let before = read(&headers).unwrap();
            let left = Duration::from_nanos(left);
            write(&mut headers, Some(left));
            let after = read(&headers).unwrap();
            prop_assert_eq!(before.is_some(), after.is_some());
            prop_assert!(after <= before);
            prop_assert!(after.is_none_or(|after| after <= left.max(Duration::from_millis(1)) && !after.is_zero()));
        }

        #[test]
        fn any_value_can_be_read_and_written_over(value in prop::collection::vec(any::<u8>(), 0..15), left in any::<Option<u64>>()) {
            let Ok(value) = HeaderValue::from_bytes(&value) else { return Ok(()) };
            let mut headers = HeaderMap::new();
            headers.insert(&OWN, value.clone());
            headers.insert(&GRPC, value);
            let _ = read(&headers);
            write(&mut headers, left.map(Duration::from_secs));
            prop_assert!(left.is_none() || read(&headers).is_ok() || left.is_some_and(|left| left > 999_999_999));
        }
    }
}
