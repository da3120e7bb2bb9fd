//! Single values: what a text of a file can be read as.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::uri::Authority;

use super::super::route::{Pattern, Segment};
use super::{HostHeader, Scheme, Upstream, Upstreams};
use crate::Priority;
use crate::config::document::{Document, Node};
use crate::config::section::Bounds;

/// The tick of timers: nothing that is timed can be shorter.
const SHORTEST_TIMER: Duration = Duration::from_millis(1);
/// Beyond any use.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) const TIMER: Bounds<Duration> = Bounds::from(SHORTEST_TIMER, LONGEST);
pub(super) const ANY_TIME: Bounds<Duration> = Bounds::from(Duration::ZERO, LONGEST);

pub(super) const HEADER: &str = "the name of a header";
pub(super) const FILE: &str = "the path of a file";
pub(super) const METHOD: &str = "a method such as GET";
pub(super) const PATTERN: &str = "a path such as /users/{id}";
pub(super) const PREFIX: &str =
    "a path that begins with /, without ?, #, braces and empty segments (parameters are for path)";
pub(super) const HOST: &str = "the name of a host without a port, such as shop.example.com or *.example.com";
pub(super) const HOST_HEADER: &str = "preserve, upstream, or the host that upstreams are to see";
pub(super) const UPSTREAM: &str =
    "an http or https URL of a host alone, such as http://10.0.0.1:9000 (a path is for rewrite or strip-prefix)";
pub(super) const DNS: &str =
    "an http or https URL with a name, such as http://orders.internal:8080 (addresses are for upstreams)";
pub(super) const CLASS: &str = "a class from 0 to 5";

/// What no name has: a list of headers that means all says so with this.
pub(super) const ALL: &str = "all";

pub(super) fn header(node: &Node) -> Option<HeaderName> {
    HeaderName::from_bytes(node.word()?.as_bytes()).ok()
}

pub(super) fn file(node: &Node) -> Option<PathBuf> {
    node.word().map(PathBuf::from)
}

pub(super) fn method(node: &Node) -> Option<Method> {
    Method::from_bytes(node.word()?.to_ascii_uppercase().as_bytes()).ok()
}

pub(super) fn class(node: &Node) -> Option<Priority> {
    u8::try_from(node.whole()?).ok()?.try_into().ok()
}

/// A prefix of paths, without a slash at its end unless it is nothing else.
pub(super) fn prefix(node: &Node) -> Option<String> {
    let text = node.word()?;
    let inside = text.strip_prefix('/')?.trim_end_matches('/');
    let is_segment = |text: &str| !["", ".", ".."].contains(&text) && text.bytes().all(is_of_path);
    (inside.is_empty() || inside.split('/').all(is_segment)).then(|| format!("/{inside}"))
}

fn is_of_path(c: u8) -> bool {
    c.is_ascii_graphic() && !b"?#{}".contains(&c)
}

/// A path with parameters. `None`, which is reported, if it is none.
pub(super) fn pattern(document: &mut Document, node: &Node) -> Option<Pattern> {
    let Some(text) = node.word() else {
        document.refuse(node, PATTERN);
        return None;
    };
    pattern_of(document, node, text)
}

/// The same of a text that stands at a place.
pub(super) fn pattern_of(document: &mut Document, node: &Node, text: &str) -> Option<Pattern> {
    let wrong = match Pattern::parse(text) {
        _ if text.contains(['?', '#']) => "it has more than a path".to_owned(),
        Ok(pattern) => return Some(pattern),
        Err(error) => error.to_string(),
    };
    document.refuse_found(node, PATTERN, format!("\"{text}\": {wrong}"));
    None
}

/// A pattern as text.
pub(super) fn written(pattern: &Pattern) -> String {
    let segments = pattern.segments.iter().map(|segment| match segment {
        Segment::Literal(text) => format!("/{text}"),
        Segment::Parameter(name) => format!("/{{{name}}}"),
    });
    segments.collect()
}

/// A host in small letters, or all below one.
pub(super) fn host(node: &Node) -> Option<String> {
    let text = node.word()?.to_ascii_lowercase();
    let name = text.strip_prefix("*.").unwrap_or(&text);
    let authority = authority(name).filter(|authority| authority.as_str() == authority.host() && !name.contains('*'));
    authority.map(|_| text)
}

pub(super) fn host_header(node: &Node) -> Option<HostHeader> {
    match node.word()? {
        "preserve" => Some(HostHeader::Preserve),
        "upstream" => Some(HostHeader::Upstream),
        host => {
            let authority = authority(host)?;
            HeaderValue::from_str(authority.as_str()).ok().map(HostHeader::Fixed)
        }
    }
}

/// A host, with a port or without. No user.
fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    let port = text.strip_prefix(authority.host())?;
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse().is_ok_and(|port: u16| port > 0));
    (is_port && !authority.host().is_empty()).then_some(authority)
}

/// One instance of a service from its URL.
pub(super) fn upstream(url: &str) -> Option<Upstream> {
    let (scheme, rest) = url.split_once("://")?;
    let (scheme, port) = match scheme.to_ascii_lowercase().as_str() {
        "http" => (Scheme::Http, ":80"),
        "https" => (Scheme::Https, ":443"),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
    let authority = authority(rest.strip_suffix(port).unwrap_or(&rest))?;
    Some(Upstream { scheme, authority })
}

/// A name and a port from their URL.
pub(super) fn dns(node: &Node) -> Option<Upstreams> {
    let Upstream { scheme, authority } = upstream(node.word()?)?;
    let port = authority.port_u16().unwrap_or(match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    });
    let name = authority.host();
    let is_address = name.starts_with('[') || name.parse::<IpAddr>().is_ok();
    (!is_address).then(|| Upstreams::Dns { scheme, name: name.to_owned(), port })
}

/// The instances in a list of URLs, of which none is there twice. `None`, which is reported, if that is not what it is.
pub(super) fn upstreams(
    document: &mut Document,
    at: &Node,
    get: impl Fn(&str) -> Option<Upstream>,
) -> Option<Upstreams> {
    let Some(items) = at.items() else {
        document.refuse(at, "a list");
        return None;
    };
    let mut upstreams = Vec::with_capacity(items.len());
    for item in &items {
        match item.word().and_then(&get) {
            Some(upstream) if upstreams.contains(&upstream) => {
                document.refuse(item, "each upstream once");
            }
            Some(upstream) => upstreams.push(upstream),
            None => document.refuse(item, UPSTREAM),
        }
    }
    (upstreams.len() == items.len()).then_some(Upstreams::Fixed(upstreams))
}
