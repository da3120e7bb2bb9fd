//! How long a service wants to be left alone.

use std::time::{Duration, SystemTime};

use hyper::header::HeaderValue;

/// What `Retry-After` says: a number of seconds, or a date. `None` if it is neither, or over.
pub(crate) fn read(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Option<Duration> {
        read(&HeaderValue::from_str(text).unwrap())
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(says("7"), Some(Duration::from_secs(7)));
        assert_eq!(says(" 0 "), Some(Duration::ZERO));
        let in_an_hour = SystemTime::now() + Duration::from_secs(3_600);
        let left = says(&httpdate::fmt_http_date(in_an_hour)).unwrap();
        assert!(left <= Duration::from_secs(3_600) && left > Duration::from_secs(3_500), "{left:?}");
    }

    #[test]
    fn what_is_over_or_makes_no_sense_says_nothing() {
        for text in ["-1", "soon", "", "1.5", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(says(text), None, "{text}");
        }
    }
}
