//! The cookies of a request.

use hyper::header::{COOKIE, HeaderMap, HeaderValue};

/// Makes one header of the cookies of a request that came over HTTP/2, which allows for several (RFC 9113, section 8.2.3).
/// Upstreams that speak HTTP/1 know of one, and some take several for a list with commas.
pub(crate) fn join(headers: &mut HeaderMap) {
    let mut values = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let (Some(first), Some(second)) = (values.next(), values.next()) else { return };
    let mut joined = first.to_vec();
    for value in std::iter::once(second).chain(values) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(value);
    }
    // What is made of values of headers, and of separators, is one.
    if let Ok(joined) = HeaderValue::from_maybe_shared(bytes::Bytes::from(joined)) {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_become_one_and_one_stays() {
        let mut headers = HeaderMap::new();
        join(&mut headers);
        assert!(headers.is_empty());
        headers.append(COOKIE, HeaderValue::from_static("a=1"));
        join(&mut headers);
        assert_eq!(headers[COOKIE], "a=1");
        headers.append(COOKIE, HeaderValue::from_static("b=2; c=3"));
        headers.append(COOKIE, HeaderValue::from_bytes(b"d=\xff").unwrap());
        join(&mut headers);
        let values: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        assert_eq!(values, [&b"a=1; b=2; c=3; d=\xff"[..]]);
    }
}
