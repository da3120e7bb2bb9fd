//! Which headers of a request go upstream.

use hyper::header::{HeaderMap, HeaderName};
use smallvec::SmallVec;

/// Removes what is not `listed`, unless HTTP or the proxy itself needs it: whom the request is for, what is said of its
/// body and its trailers, what an upgrade needs, its deadline and its idempotency key, which an upstream must see that may
/// get a request twice.
///
/// `Accept-Encoding` and `User-Agent` have to be listed, as with KrakenD: what comes back without the first is not
/// encoded, and everyone can read it. KrakenD keeps `Content-Type` only if nothing is listed; here it always stays, as the
/// body does, byte for byte. What the proxy says of the client is to be said after this.
pub(crate) fn keep(headers: &mut HeaderMap, listed: Option<&[HeaderName]>) {
    let Some(listed) = listed else { return };
    let others: SmallVec<[HeaderName; 16]> =
        headers.keys().filter(|name| !is_needed(name.as_str()) && !listed.contains(name)).cloned().collect();
    for name in others {
        headers.remove(name);
    }
}

fn is_needed(name: &str) -> bool {
    matches!(
        name,
        "host"
            | "connection"
            | "content-encoding"
            | "content-length"
            | "content-type"
            | "expect"
            | "grpc-timeout"
            | "idempotency-key"
            | "kanaloa-deadline-ms"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    ) || name.starts_with("sec-websocket-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use hyper::header::HeaderValue;

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    fn map(names: &[&'static str]) -> HeaderMap {
        names.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("x"))).collect()
    }

    #[test]
    fn only_what_is_listed_or_needed_stays() {
        let mut headers =
            map(&["host", "content-type", "x-a", "x-b", "accept-encoding", "sec-websocket-key", "cookie"]);
        headers.append("x-a", HeaderValue::from_static("y"));
        keep(&mut headers, Some(&[HeaderName::from_static("x-a")]));
        let mut left = names(&headers);
        left.sort_unstable();
        assert_eq!(left, ["content-type", "host", "sec-websocket-key", "x-a"]);
        assert_eq!(headers.get_all("x-a").iter().count(), 2);
    }

    #[test]
    fn without_a_list_all_stays() {
        let mut headers = map(&["x-a", "cookie"]);
        keep(&mut headers, None);
        assert_eq!(headers.len(), 2);
    }

    proptest! {
        #[test]
        fn what_stays_is_listed_or_needed(
            present in prop::collection::vec("[a-c]{1,2}|host|te", 0..8),
            listed in prop::collection::vec("[a-c]{1,2}", 0..4),
        ) {
            let parse = |names: &[String]| -> Vec<HeaderName> { names.iter().map(|name| name.parse().unwrap()).collect() };
            let (present, listed) = (parse(&present), parse(&listed));
            let mut headers: HeaderMap =
                present.iter().map(|name| (name.clone(), HeaderValue::from_static("x"))).collect();
            keep(&mut headers, Some(&listed));
            for name in &present {
                prop_assert_eq!(headers.contains_key(name), is_needed(name.as_str()) || listed.contains(name));
            }
        }
    }
}
