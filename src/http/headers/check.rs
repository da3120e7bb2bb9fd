//! Refusals of requests that are ambiguous, too large or not for a reverse proxy.

use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Method, Version};
use thiserror::Error;

use super::{hop_by_hop, host};
use crate::http::route::path;
use crate::http::settings::ServerSettings;

/// Why a request is not let in, whatever the load.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("the path and query are longer than the proxy allows")]
    UriTooLong,
    #[error("the headers are larger than the proxy allows")]
    HeadTooLarge,
    #[error("there are more headers than the proxy allows")]
    TooManyHeaders,
    #[error("the path is not valid: it has a dot segment, a NUL or a percent sign without two hexadecimal digits")]
    BadPath,
    #[error("the Host header is missing")]
    NoHost,
    #[error("there is more than one Host header")]
    SeveralHosts,
    #[error("the host is not valid")]
    BadHost,
    #[error("the Host header and the target name different hosts")]
    OtherHost,
    #[error("the Content-Length is not one number")]
    BadContentLength,
    #[error("the Transfer-Encoding is not chunked alone")]
    BadTransferEncoding,
    #[error("there are both a Content-Length and a Transfer-Encoding")]
    TwoLengths,
    #[error("the Connection header names a header that is not for this connection")]
    BadConnection,
    /// `CONNECT` or `TRACE`.
    #[error("this is not a forward proxy: the method is not allowed")]
    Method,
    /// With the header's name and value.
    #[error("the deadline in {0} is not valid: {1:?}")]
    BadDeadline(&'static str, String),
}

/// Whether the request is one that all who handle it understand in the same way, and within the limits.
///
/// A header counts with its name, its value and the four bytes beside them; the line of the request counts too. To be
/// asked before any header is removed.
///
/// # Errors
/// [`Refusal`] if it is not.
pub(crate) fn check(request: &Parts, settings: &ServerSettings) -> Result<(), Refusal> {
    let uri = &request.uri;
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    if target.len() > settings.max_uri_length {
        return Err(Refusal::UriTooLong);
    }
    let seen = Seen::of(&request.headers);
    // " HTTP/1.1\r\n", a space and the empty line at the end.
    const AROUND: usize = 14;
    let line = request.method.as_str().len() + target.len() + AROUND;
    if line + seen.size > settings.max_header_size {
        return Err(Refusal::HeadTooLarge);
    }
    if request.headers.len() > settings.max_headers {
        return Err(Refusal::TooManyHeaders);
    }
    if request.method == Method::CONNECT || request.method == Method::TRACE {
        return Err(Refusal::Method);
    }
    let is_for_all = target == "*" && request.method == Method::OPTIONS;
    if !is_for_all && !path::is_unambiguous(uri.path()) {
        return Err(Refusal::BadPath);
    }
    host::check(request)?;
    seen.check(request.version, &request.headers)
}

/// What there is to look at, found in one pass.
#[derive(Default)]
struct Seen {
    size: usize,
    content_length: u32,
    transfer_encoding: u32,
    connection: u32,
}

impl Seen {
    fn of(headers: &HeaderMap) -> Seen {
        let mut seen = Seen::default();
        for (name, value) in headers {
            let name = name.as_str();
            seen.size += name.len() + value.len() + 4;
            match name {
                "content-length" => seen.content_length += 1,
                "transfer-encoding" => seen.transfer_encoding += 1,
                "connection" => seen.connection += 1,
                _ => {}
            }
        }
        seen
    }

    fn check(&self, version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.content_length > 0 {
            let value = headers.get(hyper::header::CONTENT_LENGTH).map_or(&b""[..], |value| value.as_bytes());
            if self.content_length > 1 || !is_length(value) {
                return Err(Refusal::BadContentLength);
            }
            if self.transfer_encoding > 0 {
                return Err(Refusal::TwoLengths);
            }
        }
        if self.transfer_encoding > 0 {
            let value = headers.get(hyper::header::TRANSFER_ENCODING).map_or(&b""[..], |value| value.as_bytes());
            let is_chunked = value.eq_ignore_ascii_case(b"chunked");
            if self.transfer_encoding > 1 || !is_chunked || version != Version::HTTP_11 {
                return Err(Refusal::BadTransferEncoding);
            }
        }
        if self.connection > 0 && hop_by_hop::is_end_to_end_named(headers) {
            return Err(Refusal::BadConnection);
        }
        Ok(())
    }
}

/// Digits alone: no sign, no list, no space, and not more than a length can be.
fn is_length(value: &[u8]) -> bool {
    !value.is_empty()
        && value.iter().all(u8::is_ascii_digit)
        && str::from_utf8(value).is_ok_and(|digits| digits.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::Request;
    use hyper::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn settings() -> ServerSettings {
        ServerSettings {
            max_connections: 1,
            header_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            request_body_idle_timeout: Duration::from_secs(1),
            write_timeout: Duration::from_secs(1),
            max_uri_length: 20,
            max_header_size: 200,
            max_headers: 5,
            max_concurrent_streams: 1,
            drain_timeout: Duration::from_secs(1),
        }
    }

    fn checked(method: Method, uri: &str, headers: &[(&'static str, &str)]) -> Result<(), Refusal> {
        let mut request =
            Request::builder().method(method).uri(uri).header("host", "h").body(()).unwrap().into_parts().0;
        for (name, value) in headers {
            request.headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        check(&request, &settings())
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let long = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert_eq!(checked(Method::GET, &long(20), &[]), Ok(()));
        assert_eq!(checked(Method::GET, &long(21), &[]), Err(Refusal::UriTooLong));
        // "GET / HTTP/1.1\r\nhost: h\r\nx: \r\n\r\n"
        let around = "GET / HTTP/1.1\r\nhost: h\r\nx: \r\n\r\n".len();
        let value = |length: usize| "v".repeat(length - around);
        assert_eq!(checked(Method::GET, "/", &[("x", &value(200))]), Ok(()));
        assert_eq!(checked(Method::GET, "/", &[("x", &value(201))]), Err(Refusal::HeadTooLarge));
        assert_eq!(checked(Method::GET, "/", &[("x", ""); 4]), Ok(()));
        assert_eq!(checked(Method::GET, "/", &[("x", ""); 5]), Err(Refusal::TooManyHeaders));
    }

    #[test]
    fn what_is_not_for_a_reverse_proxy_is_refused() {
        assert_eq!(checked(Method::CONNECT, "h:80", &[]), Err(Refusal::Method));
        assert_eq!(checked(Method::TRACE, "/", &[]), Err(Refusal::Method));
        assert_eq!(checked(Method::OPTIONS, "*", &[]), Ok(()));
        assert_eq!(checked(Method::GET, "*", &[]), Err(Refusal::BadPath));
        assert_eq!(checked(Method::GET, "/a/../b", &[]), Err(Refusal::BadPath));
        assert_eq!(checked(Method::GET, "/a?x=/../", &[]), Ok(()));
    }

    #[test]
    fn a_body_has_one_length() {
        let checked = |headers: &[(&'static str, &str)]| checked(Method::POST, "/", headers);
        assert_eq!(checked(&[("content-length", "0")]), Ok(()));
        assert_eq!(checked(&[("transfer-encoding", "Chunked")]), Ok(()));
        for length in ["", "+1", "-1", "1, 1", "1 ", "0x1", "1.0", "18446744073709551616"] {
            // A value of a header is not trimmed here: what hands it on has done so.
            assert_eq!(checked(&[("content-length", length)]), Err(Refusal::BadContentLength), "{length}");
        }
        assert_eq!(checked(&[("content-length", "1"), ("content-length", "1")]), Err(Refusal::BadContentLength));
        for encoding in ["gzip", "gzip, chunked", "chunked, chunked", "identity", "", "xchunked"] {
            assert_eq!(checked(&[("transfer-encoding", encoding)]), Err(Refusal::BadTransferEncoding), "{encoding}");
        }
        assert_eq!(
            checked(&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]),
            Err(Refusal::BadTransferEncoding)
        );
        assert_eq!(checked(&[("transfer-encoding", "chunked"), ("content-length", "1")]), Err(Refusal::TwoLengths));
    }

    #[test]
    fn connection_names_nothing_that_is_for_all() {
        assert_eq!(checked(Method::GET, "/", &[("connection", "close, Host")]), Err(Refusal::BadConnection));
        assert_eq!(checked(Method::GET, "/", &[("connection", "keep-alive, x-own")]), Ok(()));
    }

    proptest! {
        #[test]
        fn any_request_can_be_checked(
            uri in "[!-~]{1,30}",
            headers in prop::collection::vec((0..4usize, prop::collection::vec(any::<u8>(), 0..20)), 0..4),
        ) {
            let Ok(mut request) = Request::builder().uri(uri).body(()) else { return Ok(()) };
            for (name, value) in headers {
                let name = ["host", "content-length", "transfer-encoding", "connection"][name];
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    request.headers_mut().append(name, value);
                }
            }
            let _ = check(&request.into_parts().0, &settings());
        }
    }
}
