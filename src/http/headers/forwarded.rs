//! What upstreams are told of the client: `Forwarded`, RFC 7239, and its older kin `X-Forwarded-*`.

use std::cell::RefCell;
use std::net::IpAddr;

use hyper::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

use crate::http::settings::ForwardedHeaders;

static FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What a proxy knows of all requests of a connection: made once for each.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    address: HeaderValue,
    protocol: HeaderValue,
    /// An element of `Forwarded` without the host.
    element: Box<str>,
    /// The host that was told last, and the element with it: hardly a connection has more than one. It is a copy, as the
    /// host of a request holds on to what the connection has read.
    last: RefCell<Option<(Box<[u8]>, HeaderValue)>>,
}

impl Known {
    /// Of a client with this address, over TLS or not. An IPv4 address in IPv6's form is told as IPv4.
    pub(crate) fn new(client: IpAddr, is_tls: bool) -> Self {
        let client = client.to_canonical();
        let protocol = if is_tls { "https" } else { "http" };
        let element = match client {
            IpAddr::V4(address) => format!("for={address};proto={protocol}"),
            IpAddr::V6(address) => format!("for=\"[{address}]\";proto={protocol}"),
        };
        // An address has no character that a header may not have.
        let address = HeaderValue::try_from(client.to_string()).unwrap_or(HeaderValue::from_static("unknown"));
        let protocol = HeaderValue::from_static(protocol);
        Known { address, protocol, element: element.into(), last: RefCell::new(None) }
    }

    /// Tells it, by `policy`, with the host that the request is for.
    ///
    /// [`ForwardedHeaders::Replace`] and [`ForwardedHeaders::Remove`] take away all that starts with `X-Forwarded-`.
    /// [`ForwardedHeaders::Append`] adds the client to the lists in `Forwarded` and `X-Forwarded-For`;
    /// `X-Forwarded-Proto` and `X-Forwarded-Host` are no lists, and what the proxy before has said in them stays. A
    /// `Forwarded` that is not well-formed is thrown away, as an open quote in it would hide what is added.
    pub(crate) fn tell(&self, headers: &mut HeaderMap, policy: ForwardedHeaders, host: Option<&HeaderValue>) {
        match policy {
            ForwardedHeaders::Keep => {}
            ForwardedHeaders::Remove => remove(headers),
            ForwardedHeaders::Replace => {
                remove(headers);
                headers.insert(FORWARDED, self.only_element(host));
                headers.insert(&FOR, self.address.clone());
                headers.insert(&PROTO, self.protocol.clone());
                if let Some(host) = host {
                    headers.insert(&HOST, host.clone());
                }
            }
            ForwardedHeaders::Append => {
                let before = joined(headers, &FORWARDED).filter(|before| is_well_formed(before));
                headers.insert(FORWARDED, self.element(before, host));
                let clients = match joined(headers, &FOR) {
                    Some(mut clients) => {
                        clients.extend_from_slice(b", ");
                        clients.extend_from_slice(self.address.as_bytes());
                        value(clients)
                    }
                    None => self.address.clone(),
                };
                headers.insert(&FOR, clients);
                headers.entry(&PROTO).or_insert_with(|| self.protocol.clone());
                if let Some(host) = host {
                    headers.entry(&HOST).or_insert_with(|| host.clone());
                }
            }
        }
    }

    fn only_element(&self, host: Option<&HeaderValue>) -> HeaderValue {
        let Some(host) = host else { return self.element(None, None) };
        let mut last = self.last.borrow_mut();
        match &*last {
            Some((known, element)) if **known == *host.as_bytes() => element.clone(),
            _ => {
                let element = self.element(None, Some(host));
                *last = Some((host.as_bytes().into(), element.clone()));
                element
            }
        }
    }

    /// The element with the host, after those `before`.
    fn element(&self, before: Option<Vec<u8>>, host: Option<&HeaderValue>) -> HeaderValue {
        let mut text = before.unwrap_or_default();
        let host = host.map_or(&b""[..], HeaderValue::as_bytes);
        text.reserve_exact(self.element.len() + host.len() + 10);
        if !text.is_empty() {
            text.extend_from_slice(b", ");
        }
        text.extend_from_slice(self.element.as_bytes());
        if !host.is_empty() {
            text.extend_from_slice(b";host=");
            push_value(&mut text, host);
        }
        value(text)
    }
}

/// What is made of values of headers, and of quotes and separators, is one.
fn value(bytes: Vec<u8>) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(bytes)).unwrap_or(HeaderValue::from_static("for=unknown"))
}

fn push_value(text: &mut Vec<u8>, value: &[u8]) {
    if value.iter().all(|&byte| is_token(byte)) {
        text.extend_from_slice(value);
        return;
    }
    text.push(b'"');
    for &byte in value {
        if matches!(byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(byte);
    }
    text.push(b'"');
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn remove(headers: &mut HeaderMap) {
    let is_one = |name: &HeaderName| *name == FORWARDED || name.as_str().starts_with("x-forwarded-");
    let found: SmallVec<[HeaderName; 4]> = headers.keys().filter(|name| is_one(name)).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// The list that several headers of a name are; `None` if it is empty.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes).filter(|value| !value.is_empty());
    let mut all = values.next()?.to_vec();
    for value in values {
        all.extend_from_slice(b", ");
        all.extend_from_slice(value);
    }
    Some(all)
}

/// Whether this is a list of elements as RFC 7239, 4 has them.
fn is_well_formed(list: &[u8]) -> bool {
    let mut rest = list.trim_ascii();
    loop {
        let Some(after) = after_pair(rest) else { return false };
        rest = match after.trim_ascii_start() {
            [] => return true,
            [b';' | b',', rest @ ..] => rest.trim_ascii_start(),
            _ => return false,
        };
    }
}

/// What follows a pair of a name and a value.
fn after_pair(text: &[u8]) -> Option<&[u8]> {
    let after_token = |text: &[u8]| text.iter().position(|&byte| !is_token(byte)).unwrap_or(text.len());
    let name = after_token(text);
    let value = text[name..].strip_prefix(b"=").filter(|_| name > 0)?;
    let Some(mut quoted) = value.strip_prefix(b"\"") else {
        let length = after_token(value);
        return (length > 0).then(|| &value[length..]);
    };
    loop {
        quoted = match quoted {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', _, rest @ ..] | [_, rest @ ..] => rest,
            [] => return None,
        };
    }
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

    fn told(
        client: &str,
        is_tls: bool,
        policy: ForwardedHeaders,
        host: Option<&'static str>,
        headers: &[(&'static str, &str)],
    ) -> HeaderMap {
        let mut headers = map(headers);
        let host = host.map(HeaderValue::from_static);
        Known::new(client.parse().unwrap(), is_tls).tell(&mut headers, policy, host.as_ref());
        headers
    }

    #[test]
    fn what_is_known_is_told() {
        let replace = ForwardedHeaders::Replace;
        assert_eq!(
            told("192.0.2.1", false, replace, Some("a.example"), &[]),
            map(&[
                ("forwarded", "for=192.0.2.1;proto=http;host=a.example"),
                ("x-forwarded-for", "192.0.2.1"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-host", "a.example"),
            ])
        );
        assert_eq!(
            told("2001:db8::1", true, replace, Some("a:8443"), &[]),
            map(&[
                ("forwarded", r#"for="[2001:db8::1]";proto=https;host="a:8443""#),
                ("x-forwarded-for", "2001:db8::1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "a:8443"),
            ])
        );
        let mapped = told("::ffff:192.0.2.1", false, replace, None, &[]);
        assert_eq!(mapped["forwarded"], "for=192.0.2.1;proto=http");
        assert!(!mapped.contains_key("x-forwarded-host"));
    }

    #[test]
    fn a_connection_may_have_requests_for_several_hosts() {
        let known = Known::new(IpAddr::from([192, 0, 2, 1]), false);
        for host in ["a", "a", "b", "a"] {
            let mut headers = HeaderMap::new();
            known.tell(&mut headers, ForwardedHeaders::Replace, Some(&HeaderValue::from_static(host)));
            assert_eq!(headers[FORWARDED], format!("for=192.0.2.1;proto=http;host={host}"));
        }
    }

    const CLAIMED: [(&str, &str); 6] = [
        ("forwarded", "for=a"),
        ("x-forwarded-for", "1"),
        ("x-forwarded-for", "2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "444"),
        ("x-other", "1"),
    ];

    #[test]
    fn what_clients_say_is_replaced_kept_removed_or_added_to() {
        let told = |policy| told("192.0.2.1", false, policy, Some("h"), &CLAIMED);
        assert_eq!(told(ForwardedHeaders::Keep), map(&CLAIMED));
        assert_eq!(told(ForwardedHeaders::Remove), map(&[("x-other", "1")]));
        assert_eq!(
            told(ForwardedHeaders::Replace),
            map(&[
                ("x-other", "1"),
                ("forwarded", "for=192.0.2.1;proto=http;host=h"),
                ("x-forwarded-for", "192.0.2.1"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-host", "h"),
            ])
        );
        assert_eq!(
            told(ForwardedHeaders::Append),
            map(&[
                ("x-other", "1"),
                ("forwarded", "for=a, for=192.0.2.1;proto=http;host=h"),
                ("x-forwarded-for", "1, 2, 192.0.2.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "h"),
                ("x-forwarded-port", "444"),
            ])
        );
    }

    #[test]
    fn an_open_quote_does_not_hide_what_is_added() {
        for claimed in [r#"for=""#, r#"for="a\"#, "for", "for=a;", "=a", "for=a b", ""] {
            let headers = told("192.0.2.1", false, ForwardedHeaders::Append, None, &[("forwarded", claimed)]);
            assert_eq!(headers["forwarded"], "for=192.0.2.1;proto=http", "{claimed}");
        }
        let claimed = r#"for="a\",b" ; by=c , for=d"#;
        let headers = told("192.0.2.1", false, ForwardedHeaders::Append, None, &[("forwarded", claimed)]);
        assert_eq!(headers["forwarded"], format!("{claimed}, for=192.0.2.1;proto=http"));
    }

    type Element = Vec<(String, Vec<u8>)>;

    /// Reads a list by RFC 7239 in another way than [`is_well_formed`]: a character at a time.
    fn parsed(list: &[u8]) -> Option<Vec<Element>> {
        let mut elements = vec![vec![]];
        let (mut name, mut value, mut state) = (String::new(), vec![], 'n');
        for &byte in list.iter().chain(b",") {
            state = match (state, byte) {
                ('q', b'\\') => 'e',
                ('q', b'"') => 'd',
                ('q' | 'e', byte) => {
                    value.push(byte);
                    'q'
                }
                ('n', b' ' | b'\t') if name.is_empty() => 'n',
                ('n', b'=') if !name.is_empty() => 'v',
                ('n', byte) if is_token(byte) => {
                    name.push(char::from(byte));
                    'n'
                }
                ('v', b'"') if value.is_empty() => 'q',
                ('v', byte) if is_token(byte) => {
                    value.push(byte);
                    'v'
                }
                ('v' | 'd', b' ' | b'\t') if state == 'd' || !value.is_empty() => 'd',
                ('v' | 'd', b';' | b',') if state == 'd' || !value.is_empty() => {
                    elements.last_mut()?.push((std::mem::take(&mut name), std::mem::take(&mut value)));
                    if byte == b',' {
                        elements.push(vec![]);
                    }
                    'n'
                }
                _ => return None,
            };
        }
        elements.pop();
        (state == 'n').then_some(elements)
    }

    proptest! {
        #[test]
        fn what_is_told_can_be_read_again(
            client in any::<[u8; 16]>(),
            is_v4 in any::<bool>(),
            is_tls in any::<bool>(),
            host in prop::collection::vec(any::<u8>(), 1..12),
            claimed in prop::collection::vec(r#"[forby=";, \\a]{0,12}"#, 0..3),
        ) {
            let Ok(host) = HeaderValue::from_bytes(&host) else { return Ok(()) };
            let client = match is_v4 {
                true => IpAddr::from([client[0], client[1], client[2], client[3]]),
                false => IpAddr::from(client).to_canonical(),
            };
            let mut headers = HeaderMap::new();
            for claimed in &claimed {
                headers.append(FORWARDED, claimed.parse().unwrap());
            }
            Known::new(client, is_tls).tell(&mut headers, ForwardedHeaders::Append, Some(&host));
            let value = headers[FORWARDED].clone();
            let elements = parsed(value.as_bytes());
            let last = elements.as_ref().and_then(|elements| elements.last());
            let node = match client {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            let expected = vec![
                ("for".to_owned(), node.into_bytes()),
                ("proto".to_owned(), if is_tls { b"https".to_vec() } else { b"http".to_vec() }),
                ("host".to_owned(), host.as_bytes().to_vec()),
            ];
            prop_assert_eq!(last, Some(&expected), "{:?}", value);
        }

        #[test]
        fn the_two_readers_agree(list in r#"[forby=";, \\a]{1,16}"#) {
            let list = list.trim();
            prop_assert_eq!(is_well_formed(list.as_bytes()), parsed(list.as_bytes()).is_some());
        }

        #[test]
        fn any_value_can_be_added_to(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..4)) {
            let mut headers = HeaderMap::new();
            for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
                headers.append(FORWARDED, value.clone());
                headers.append(&FOR, value);
            }
            let known = Known::new(IpAddr::from([192, 0, 2, 1]), false);
            known.tell(&mut headers, ForwardedHeaders::Append, None);
            prop_assert!(headers[&FOR].as_bytes().ends_with(b"192.0.2.1"));
            prop_assert!(headers[FORWARDED].as_bytes().ends_with(b"for=192.0.2.1;proto=http"));
        }
    }
}
