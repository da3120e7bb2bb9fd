//! Whom a request is for, and the `Host` that upstreams see.

use hyper::Version;
use hyper::header::{HOST, HeaderValue};
use hyper::http::request::Parts;

use super::check::Refusal;
use crate::http::settings::{HostHeader, Scheme, Upstream};

/// Whom the request is for, with its port if it says one: the authority of its target, which an HTTP/2 request has in
/// `:authority`, or else its `Host`.
pub(crate) fn asked(request: &Parts) -> Option<&str> {
    match request.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers.get(HOST).and_then(|host| host.to_str().ok()),
    }
}

/// The same as a value of a header.
pub(crate) fn asked_value(request: &Parts) -> Option<HeaderValue> {
    match request.uri.authority() {
        // An authority has no character that a header may not have.
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        None => request.headers.get(HOST).cloned(),
    }
}

/// A host without its port. That of an IPv6 address stays in its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if host[colon + 1..].bytes().all(|byte| byte.is_ascii_digit()) => &host[..colon],
        _ => host,
    }
}

/// Whether it is clear whom the request is for.
///
/// # Errors
/// [`Refusal`] if it says so twice, in different ways, not at all though its HTTP has to, or in a way that is no host and
/// port. HTTP/1.0 need not say it.
pub(super) fn check(request: &Parts) -> Result<(), Refusal> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(Refusal::SeveralHosts);
    }
    let host = host.map(|host| host.to_str().map_err(|_| Refusal::BadHost)).transpose()?;
    if host.is_some_and(|host| !is_host(host)) {
        return Err(Refusal::BadHost);
    }
    match (request.uri.authority(), host) {
        (None, Some(_)) => Ok(()),
        (None, None) if request.version <= Version::HTTP_10 => Ok(()),
        (None, None) => Err(Refusal::NoHost),
        (Some(_), None) if request.version == Version::HTTP_11 => Err(Refusal::NoHost),
        (Some(authority), _) if !is_host(authority.as_str()) => Err(Refusal::BadHost),
        (Some(_), None) => Ok(()),
        (Some(authority), Some(host)) => {
            let port = match request.uri.scheme_str() {
                Some("https") => ":443",
                _ => ":80",
            };
            let plain = |host: &'_ str| host.len() - if host.ends_with(port) { port.len() } else { 0 };
            let (authority, host) = (authority.as_str(), host);
            let is_same = authority[..plain(authority)].eq_ignore_ascii_case(&host[..plain(host)]);
            if is_same { Ok(()) } else { Err(Refusal::OtherHost) }
        }
    }
}

/// A name or an IPv4 address of letters, digits, `-`, `.`, `_` and `~`, or an IPv6 address in brackets, and perhaps a port.
/// It is stricter than RFC 3986: no host has any of the rest, but parsers differ in what they make of it.
fn is_host(host: &str) -> bool {
    let rest = match host.strip_prefix('[') {
        Some(inner) => {
            let Some((address, rest)) = inner.split_once(']') else { return false };
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            rest
        }
        None => {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            let end = host.bytes().position(|byte| !is_name(byte)).unwrap_or(host.len());
            if end == 0 {
                return false;
            }
            &host[end..]
        }
    };
    match rest.strip_prefix(':') {
        Some(port) => {
            port.is_empty() || (port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
        }
        None => rest.is_empty(),
    }
}

/// An upstream's own `Host`: made once for each.
pub(crate) fn own(upstream: &Upstream) -> HeaderValue {
    let port = match upstream.scheme {
        Scheme::Http => ":80",
        Scheme::Https => ":443",
    };
    let authority = upstream.authority.as_str();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.strip_suffix(port).unwrap_or(host);
    // An authority has no character that a header may not have.
    HeaderValue::from_str(host).unwrap_or(HeaderValue::from_static(""))
}

/// The `Host` that an upstream sees whose [own](own()) is this, of a request for `asked`. One that does not say whom it is
/// for gets the upstream's own.
pub(crate) fn sent(policy: &HostHeader, asked: Option<HeaderValue>, own: &HeaderValue) -> HeaderValue {
    match policy {
        HostHeader::Preserve => asked.unwrap_or_else(|| own.clone()),
        HostHeader::Upstream => own.clone(),
        HostHeader::Fixed(host) => host.clone(),
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use proptest::prelude::*;

    use super::*;

    fn checked(version: Version, uri: &str, hosts: &[&str]) -> Result<(), Refusal> {
        let mut request = Request::builder().version(version).uri(uri);
        for host in hosts {
            request = request.header(HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_request_says_once_whom_it_is_for() {
        let one = |uri, hosts: &[&str]| checked(Version::HTTP_11, uri, hosts);
        assert_eq!(one("/", &["a.example:80"]), Ok(()));
        assert_eq!(one("/", &[]), Err(Refusal::NoHost));
        assert_eq!(one("http://a/", &[]), Err(Refusal::NoHost));
        assert_eq!(one("/", &["a", "a"]), Err(Refusal::SeveralHosts));
        assert_eq!(one("http://A/", &["a"]), Ok(()));
        assert_eq!(one("http://a:80/", &["a"]), Ok(()));
        assert_eq!(one("https://a/", &["a:443"]), Ok(()));
        assert_eq!(one("http://a:8080/", &["a"]), Err(Refusal::OtherHost));
        assert_eq!(one("http://a/", &["b"]), Err(Refusal::OtherHost));
        assert_eq!(one("http://u@a/", &["a"]), Err(Refusal::BadHost));
        assert_eq!(checked(Version::HTTP_10, "/", &[]), Ok(()));
        assert_eq!(checked(Version::HTTP_2, "http://a/", &[]), Ok(()));
        assert_eq!(checked(Version::HTTP_2, "http://a/", &["b"]), Err(Refusal::OtherHost));
        assert_eq!(checked(Version::HTTP_2, "/", &[]), Err(Refusal::NoHost));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for host in [
            "", ":80", "a b", "a,b", "a/b", "u@a", "a:b", "a:80:80", "a:65536", "[::1", "[x]", "[::1]x", "é", "a%00",
            "a\tb", "::1",
        ] {
            assert_eq!(checked(Version::HTTP_11, "/", &[host]), Err(Refusal::BadHost), "{host}");
        }
        for host in ["a", "a_b.example", "127.0.0.1:8080", "[::1]", "[2001:db8::1]:443", "a:"] {
            assert_eq!(checked(Version::HTTP_11, "/", &[host]), Ok(()), "{host}");
        }
    }

    #[test]
    fn upstreams_see_the_host_that_they_are_to() {
        let upstream = |scheme, authority: &str| own(&Upstream { scheme, authority: authority.parse().unwrap() });
        assert_eq!(upstream(Scheme::Http, "a:80"), "a");
        assert_eq!(upstream(Scheme::Https, "u:p@a:80"), "a:80");
        let (asked, own) = (HeaderValue::from_static("asked"), HeaderValue::from_static("own"));
        assert_eq!(sent(&HostHeader::Preserve, Some(asked.clone()), &own), "asked");
        assert_eq!(sent(&HostHeader::Preserve, None, &own), "own");
        assert_eq!(sent(&HostHeader::Upstream, Some(asked.clone()), &own), "own");
        assert_eq!(sent(&HostHeader::Fixed(HeaderValue::from_static("fixed")), Some(asked), &own), "fixed");
    }

    #[test]
    fn ports_are_left_out() {
        assert_eq!(without_port("a:80"), "a");
        assert_eq!(without_port("a"), "a");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("a:"), "a");
    }

    proptest! {
        #[test]
        fn any_host_can_be_read(host in ".*") {
            if is_host(&host) {
                prop_assert!(is_host(without_port(&host)));
            }
        }
    }
}
