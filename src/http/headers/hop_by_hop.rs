//! Headers that are for the next hop only, and must not travel further: RFC 9110, 7.6.1.

use hyper::Version;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use smallvec::SmallVec;

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
static HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
/// Servers of the CGI kind would take it for the environment's `HTTP_PROXY`.
static PROXY: HeaderName = HeaderName::from_static("proxy");

/// Those that are, whatever `Connection` says. `TE` is another: see [`remove`].
const ALWAYS: usize = 9;

fn always(place: usize) -> &'static HeaderName {
    match place {
        0 => &CONNECTION,
        1 => &KEEP_ALIVE,
        2 => &PROXY_CONNECTION,
        3 => &TRANSFER_ENCODING,
        4 => &UPGRADE,
        5 => &PROXY_AUTHENTICATE,
        6 => &PROXY_AUTHORIZATION,
        7 => &HTTP2_SETTINGS,
        _ => &PROXY,
    }
}

/// By the length first, as this is asked of every header of every request and hardly one is among them.
fn place(name: &str) -> Option<usize> {
    Some(match name.len() {
        5 if name == "proxy" => 8,
        7 if name == "upgrade" => 4,
        10 if name == "connection" => 0,
        10 if name == "keep-alive" => 1,
        14 if name == "http2-settings" => 7,
        16 if name == "proxy-connection" => 2,
        17 if name == "transfer-encoding" => 3,
        18 if name == "proxy-authenticate" => 5,
        19 if name == "proxy-authorization" => 6,
        _ => return None,
    })
}

/// Removes what is for this hop only: what RFC 9110 lists, what `Connection` names, `Proxy-Authenticate` and
/// `Proxy-Authorization` as Go's proxy does, and `Proxy`. `TE` stays if it has `trailers`, and only that, for gRPC.
/// `Trailer` stays, as trailers are passed on.
///
/// `Content-Length` goes with `Transfer-Encoding`, which overrides it (RFC 9112, 6.3): hyper leaves it in answers, and would
/// cut the body to it.
///
/// What `Connection` names stays if it [is for all](is_end_to_end).
pub(crate) fn remove(headers: &mut HeaderMap) {
    let mut found = 0_u16;
    let mut has_te = false;
    for name in headers.keys() {
        let name = name.as_str();
        has_te |= name == "te";
        if let Some(place) = place(name) {
            found |= 1 << place;
        }
    }
    if has_te {
        keep_trailers_of_te(headers);
    }
    if found == 0 {
        return;
    }
    if found & 1 != 0 {
        remove_named(headers);
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    for place in (0..ALWAYS).filter(|place| found & 1 << place != 0) {
        headers.remove(always(place));
    }
}

fn keep_trailers_of_te(headers: &mut HeaderMap) {
    if tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers")) {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    } else {
        headers.remove(TE);
    }
}

fn remove_named(headers: &mut HeaderMap) {
    let named: SmallVec<[HeaderName; 4]> = named(headers)
        .filter(|token| !is_end_to_end(token))
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
}

/// Whether `Connection` names a header that is for all: such a request is refused, as Envoy does. It would otherwise take
/// away, at the last proxy of a chain, what an earlier one has said of the client.
pub(crate) fn is_end_to_end_named(headers: &HeaderMap) -> bool {
    named(headers).any(is_end_to_end)
}

/// What `Connection` names beyond the usual; in most requests that is nothing.
fn named(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.filter(|value| !is_usual(value)).flat_map(members).filter(|token| !is_usual(token))
}

/// What most requests have that have a `Connection` at all; none is the name of a header that is not removed anyway.
/// `TE` is not removed for being named: it must be, by a client that sends it.
fn is_usual(token: &str) -> bool {
    ["keep-alive", "close", "upgrade", "te"].iter().any(|usual| token.eq_ignore_ascii_case(usual))
}

/// Headers that say whom a request is for, what it is, how long it is and what proxies know of the client.
fn is_end_to_end(name: &str) -> bool {
    const NAMES: [&str; 16] = [
        "authorization",
        "cache-control",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "grpc-timeout",
        "host",
        "idempotency-key",
        "set-cookie",
        "via",
        "x-real-ip",
        "x-request-id",
    ];
    let starts_with = |start: &str| {
        name.as_bytes().get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
    };
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
        || starts_with(":")
        || starts_with("x-forwarded-")
        || starts_with("kanaloa-")
}

/// What the lists in the headers of this name have, without empty members. A value that is not visible ASCII has none.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(members)
}

fn members(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty())
}

/// The protocol that the connection is to change to, of a request, or does, of an answer with 101. To be read before
/// [`remove`], and given to [`put_upgrade`] after it.
///
/// `h2c` is none: what follows would be requests that nobody checks.
pub(crate) fn upgrade(version: Version, headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    let is_asked = tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"));
    let is_http = || {
        tokens(headers, &UPGRADE).any(|token| {
            let name = token.split('/').next().unwrap_or(token);
            ["h2c", "h2", "http", "tls"].iter().any(|other| name.eq_ignore_ascii_case(other))
        })
    };
    let is_only =
        headers.get_all(UPGRADE).iter().nth(1).is_none() && protocol.to_str().is_ok_and(|text| !text.is_empty());
    (version == Version::HTTP_11 && is_asked && is_only && !is_http()).then(|| protocol.clone())
}

/// Asks for what [`upgrade`] has found.
pub(crate) fn put_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn left(headers: &[(&'static str, &str)]) -> Vec<(String, String)> {
        let mut headers = map(headers);
        remove(&mut headers);
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
    }

    #[test]
    fn what_is_for_this_hop_is_removed() {
        let kept = left(&[
            ("connection", "keep-alive, X-Own"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-authorization", "Basic x"),
            ("proxy-authenticate", "Basic"),
            ("http2-settings", "x"),
            ("proxy", "http://evil"),
            ("x-own", "1"),
            ("x-other", "2"),
            ("trailer", "x-sum"),
        ]);
        assert_eq!(kept, [("x-other".to_owned(), "2".to_owned()), ("trailer".to_owned(), "x-sum".to_owned())]);
    }

    #[test]
    fn of_te_only_trailers_stays() {
        let te = |value| left(&[("te", value), ("connection", "TE")]);
        assert_eq!(te("gzip;q=0.5, Trailers"), [("te".to_owned(), "trailers".to_owned())]);
        assert_eq!(te("gzip"), []);
    }

    #[test]
    fn what_is_for_all_cannot_be_named_away() {
        for name in [
            "host",
            "Content-Length",
            "X-Forwarded-For",
            "x-forwarded-anything",
            "kanaloa-deadline-ms",
            ":path",
            "Cookie",
        ] {
            assert!(is_end_to_end_named(&map(&[("connection", &format!("close,{name}"))])), "{name}");
        }
        assert!(!is_end_to_end_named(&map(&[(
            "connection",
            "Keep-Alive, upgrade, TE, x-own, HTTP2-Settings,, x-forwarded"
        )])));
        let kept = left(&[("connection", "x-forwarded-for"), ("x-forwarded-for", "1")]);
        assert_eq!(kept, [("x-forwarded-for".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn an_upgrade_is_kept() {
        let asked = map(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket"), ("x-a", "b")]);
        let protocol = upgrade(Version::HTTP_11, &asked).unwrap();
        let mut headers = asked.clone();
        remove(&mut headers);
        put_upgrade(&mut headers, protocol);
        assert_eq!(headers, map(&[("connection", "upgrade"), ("upgrade", "websocket"), ("x-a", "b")]));
        assert_eq!(upgrade(Version::HTTP_10, &asked), None);
        assert_eq!(upgrade(Version::HTTP_2, &asked), None);
        for headers in [
            map(&[("upgrade", "websocket")]),
            map(&[("connection", "upgrade")]),
            map(&[("connection", "upgrade"), ("upgrade", "")]),
            map(&[("connection", "upgrade, http2-settings"), ("upgrade", "H2C")]),
            map(&[("connection", "upgrade"), ("upgrade", "websocket, h2c")]),
            map(&[("connection", "upgrade"), ("upgrade", "HTTP/2.0")]),
            map(&[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "x")]),
        ] {
            assert_eq!(upgrade(Version::HTTP_11, &headers), None, "{headers:?}");
        }
    }

    #[test]
    fn each_header_has_its_place() {
        assert!((0..ALWAYS).all(|at| place(always(at).as_str()) == Some(at)));
    }

    proptest! {
        #[test]
        fn nothing_is_left_that_connection_named(
            names in prop::collection::vec("[A-Za-z-]{1,12}", 1..6),
            separator in "[ \t]{0,2},[ ,\t]{0,2}",
        ) {
            let mut headers = HeaderMap::new();
            headers.append(CONNECTION, names.join(&separator).parse().unwrap());
            for name in &names {
                headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static("gzip"));
            }
            let is_refused = is_end_to_end_named(&headers);
            remove(&mut headers);
            prop_assert!(!headers.contains_key(CONNECTION));
            for name in names.iter().filter(|name| !is_end_to_end(name) && !name.eq_ignore_ascii_case("close") && !name.eq_ignore_ascii_case("te")) {
                prop_assert!(!headers.contains_key(name.as_str()), "{}", name);
            }
            prop_assert_eq!(is_refused, names.iter().any(|name| is_end_to_end(name)));
        }

        #[test]
        fn any_value_can_be_read(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..4)) {
            let mut headers = HeaderMap::new();
            for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
                for name in [CONNECTION, UPGRADE, TE] {
                    headers.append(name, value.clone());
                }
            }
            upgrade(Version::HTTP_11, &headers);
            is_end_to_end_named(&headers);
            remove(&mut headers);
            prop_assert!(headers.keys().all(|name| *name == TE));
        }
    }
}
