//! The class of a request.

use hyper::header::HeaderMap;

use crate::Priority;
use crate::http::settings::PriorityHeader;

/// What the request says of its class, by a name of the settings or as a number, without regard to case; what says nothing
/// of these is of the route's `own`. Of several headers the first counts.
pub(crate) fn class(headers: &HeaderMap, header: Option<&PriorityHeader>, own: Priority) -> Priority {
    let Some(header) = header else { return own };
    let Some(value) = headers.get(&header.name) else { return own };
    let value = value.as_bytes().trim_ascii();
    let named = header.values.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(value));
    match (named, value) {
        (Some((_, class)), _) => *class,
        (None, [digit @ b'0'..=b'9']) => Priority::try_from(digit - b'0').unwrap_or(own),
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn header() -> PriorityHeader {
        PriorityHeader {
            name: HeaderName::from_static("x-tier"),
            values: vec![("gold".into(), Priority::HIGHEST), ("Free".into(), Priority::LOWEST)],
        }
    }

    #[test]
    fn a_class_is_a_name_or_a_number() {
        let own = Priority::default();
        let class = |value: &'static str| {
            let headers = HeaderMap::from_iter([(HeaderName::from_static("x-tier"), HeaderValue::from_static(value))]);
            super::class(&headers, Some(&header()), own)
        };
        assert_eq!(class("GOLD"), Priority::HIGHEST);
        assert_eq!(class(" free"), Priority::LOWEST);
        for number in 0..6 {
            assert_eq!(class(["0", "1", "2", "3", "4", "5"][usize::from(number)]), Priority::try_from(number).unwrap());
        }
        for value in ["6", "9", "00", "-1", "", "silver"] {
            assert_eq!(class(value), own, "{value}");
        }
        assert_eq!(super::class(&HeaderMap::new(), Some(&header()), own), own);
        assert_eq!(super::class(&HeaderMap::new(), None, Priority::LOWEST), Priority::LOWEST);
    }

    proptest! {
        #[test]
        fn any_value_has_a_class(value in prop::collection::vec(any::<u8>(), 0..10)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let headers = HeaderMap::from_iter([(HeaderName::from_static("x-tier"), value)]);
                class(&headers, Some(&header()), Priority::default());
            }
        }
    }
}
