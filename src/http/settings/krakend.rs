//! Files that were written for KrakenD, as they stand.
//!
//! What such a file asks for beyond a proxy is refused by name: a route that left out what filters or merges bodies would
//! answer what nobody should see.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderName};

use super::super::route::{PathMatch, Pattern, Rewrite};
use super::order;
use super::route::{self, Routes};
use super::values::{METHOD, PATTERN, TIMER, header, method, pattern, pattern_of, upstream, upstreams};
use super::{HostHeader, RouteMatch, RouteSettings, Upstream, Upstreams};
use crate::config::document::{Document, ENDPOINTS, Node, nearest};
use crate::config::section::{Bounds, Section, items};
use crate::config::{DispatcherSettings, MOST_COPIES, ProblemKind};

const TOP_KEYS: &[&str] = &["kanaloa", "version", "name", "port", "listen_ip", "timeout", "host", ENDPOINTS];
const ENDPOINT_KEYS: &[&str] = &[
    "endpoint",
    "method",
    "concurrent_calls",
    "timeout",
    "input_headers",
    "input_query_strings",
    "output_encoding",
    "backend",
];
const BACKEND_KEYS: &[&str] = &["host", "url_pattern", "method", "encoding", "disable_host_sanitize"];

/// What KrakenD takes for comments.
const COMMENTS: &[char] = &['@', '$', '_', '#'];
/// The version of the format since KrakenD 2.0.
const VERSION: u64 = 3;
/// KrakenD's own defaults.
const PORT: u16 = 8080;
const LISTEN_IP: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const TIMEOUT: Duration = Duration::from_secs(2);
/// Under these, bodies of a single backend are passed on as they are.
const ENCODINGS: &[(&str, ())] = &[("json", ()), ("no-op", ())];
/// A list of names that means all.
const STAR: &str = "*";

const HOSTS: &str = "a list of hosts";

/// What a file of KrakenD comes to.
pub(super) struct Krakend {
    /// Where it listens, if it says so.
    pub(super) listen: Option<SocketAddr>,
    /// With where each is written, in the order in which they are tried.
    pub(super) routes: Vec<(Node, RouteSettings)>,
}

/// Reads the top of the files, in which there are endpoints.
pub(super) fn read(document: &mut Document, default: &Node, routes: &mut Routes<'_>) -> Krakend {
    let whole = document.whole();
    let mut krakend = Krakend { listen: None, routes: Vec::new() };
    let Some(mut top) = open(document, &whole, TOP_KEYS) else { return krakend };
    top.value("version", "3, the version of the format since KrakenD 2.0", |node| {
        node.whole().filter(|version| *version == VERSION)
    });
    top.value("name", "a text", |node| node.word().map(|_| ()));
    let port = top.whole("port", Bounds::from(1, u64::from(u16::MAX)));
    let ip = top.value("listen_ip", "an address such as 0.0.0.0", |node| node.word()?.parse().ok());
    if port.is_some() || ip.is_some() {
        krakend.listen = Some(SocketAddr::new(ip.unwrap_or(LISTEN_IP), port.unwrap_or(PORT)));
    }
    let timeout = top.duration("timeout", TIMER);
    let hosts = top.node("host");
    let Some(endpoints) = top.node(ENDPOINTS) else { return krakend };
    for at in items(document, &endpoints, "a list of endpoints") {
        let endpoint = Endpoint { default, hosts: hosts.as_ref(), timeout };
        krakend.routes.extend(endpoint.read(document, &at, routes).map(|route| (at, route)));
    }
    order::text_first(&mut krakend.routes);
    krakend
}

/// Opens an object, and refuses what it has beside `known`: what is near a known key as misspelt, anything else as not
/// supported.
fn open<'a>(document: &'a mut Document, at: &'a Node, known: &[&str]) -> Option<Section<'a>> {
    let keys: Vec<_> = at.keys().into_iter().flatten().map(|node| node.key().to_owned()).collect();
    for node in at.keys().into_iter().flatten() {
        let key = node.key();
        if known.contains(&key) || key.starts_with(COMMENTS) {
            continue;
        }
        match nearest(key, known.iter().copied()) {
            Some(near) => document.unknown(&node, Some(near.to_owned())),
            None => document.refuse_in_words(
                &node,
                format!("{key} is not supported beside {ENDPOINTS}: leave it out if the proxy can do without, or keep KrakenD for it"),
            ),
        }
    }
    // All have been judged.
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    Section::open(document, at, &keys)
}

/// What holds for each endpoint.
struct Endpoint<'a> {
    default: &'a Node,
    hosts: Option<&'a Node>,
    timeout: Option<Duration>,
}

/// What becomes of requests of an endpoint.
struct Backend {
    upstreams: Upstreams,
    rewrite: Option<Rewrite>,
}

impl Endpoint<'_> {
    fn read(&self, document: &mut Document, at: &Node, routes: &mut Routes<'_>) -> Option<RouteSettings> {
        let mut section = open(document, at, ENDPOINT_KEYS)?;
        section.require("endpoint", PATTERN);
        section.require("backend", "a list of one backend");
        let method = match section.node("method") {
            Some(_) => section.value("method", METHOD, method),
            None => Some(Method::GET),
        };
        let calls = section.whole("concurrent_calls", Bounds::from(1, MOST_COPIES as u64));
        let timeout = section.duration("timeout", TIMER).or(self.timeout);
        let headers = headers(&mut section);
        let parameters = passed(&mut section, "input_query_strings", |node| node.word().map(str::to_owned));
        section.word("output_encoding", ENCODINGS);
        let [path_at, backends] = ["endpoint", "backend"].map(|key| section.node(key));
        let path = path_at.as_ref().and_then(|at| path(document, at));
        let backend = backends.and_then(|at| self.only(document, &at, path.as_ref(), method.as_ref()));

        let name = format!("{} {}", method.as_ref()?, path_at.as_ref()?.word()?);
        let settings = routes.dispatcher(document, &path_at?, at, &name, "an endpoint that is there once")?;
        let settings = works(document, at, settings, calls, self.timeout(document, &name, timeout));
        let template = route::template(document, self.default, None)?;
        let host_header = self.default.key_of("host-header").filter(|node| document.is_set(node));
        let Backend { upstreams, rewrite } = backend?;
        Some(RouteSettings {
            dispatcher: name,
            settings: settings?,
            matches: RouteMatch { path: PathMatch::Pattern(path?), methods: vec![method?], ..template.matches },
            rewrite,
            upstreams,
            // KrakenD sends its backends' own, unless somebody says otherwise in our words.
            host_header: host_header.map_or(HostHeader::Upstream, |_| template.host_header.clone()),
            request_headers: headers?,
            query_parameters: parameters?,
            ..template
        })
    }

    /// The service timeout. What a file says of the dispatcher, or of all, in our words holds against KrakenD's default, and
    /// not against what is written in KrakenD's.
    fn timeout(&self, document: &Document, name: &str, written: Option<Duration>) -> Option<Duration> {
        let is_ours = document.is_set_for(name, "work-settings.service-timeout");
        written.or_else(|| (!is_ours).then_some(TIMEOUT))
    }

    fn only(
        &self,
        document: &mut Document,
        at: &Node,
        path: Option<&Pattern>,
        method: Option<&Method>,
    ) -> Option<Backend> {
        let backends = items(document, at, "a list of one backend");
        if backends.len() > 1 {
            let expected = "one backend, since answers are not merged: for a choice among equals, several in its host";
            document.refuse_found(at, expected, backends.len().to_string());
            return None;
        }
        self.backend(document, backends.first()?, path, method)
    }

    fn backend(
        &self,
        document: &mut Document,
        at: &Node,
        path: Option<&Pattern>,
        endpoint: Option<&Method>,
    ) -> Option<Backend> {
        let mut section = open(document, at, BACKEND_KEYS)?;
        section.require("url_pattern", PATTERN);
        section.word("encoding", ENCODINGS);
        let is_raw = section.switch("disable_host_sanitize").unwrap_or(false);
        if let Some(endpoint) = endpoint {
            let same = format!("{endpoint}, the method of the endpoint, since methods are not changed");
            section.value("method", &same, |node| method(node).filter(|method| method == endpoint));
        }
        let hosts = section.node("host").or_else(|| self.hosts.cloned());
        if hosts.is_none() {
            section.document.missing(at, "host", HOSTS);
        }
        let rewritten = section.node("url_pattern").and_then(|at| rewritten(section.document, &at));
        if let (Some((at, rewritten)), Some(path)) = (&rewritten, path) {
            let unknown = rewritten.names().find(|name| path.names().all(|known| known != *name));
            if let Some(name) = unknown {
                document.refuse_found(at, "parameters that the endpoint has too", format!("{{{name}}}"));
            }
        }
        let upstreams = hosts.and_then(|at| {
            if at.items().is_some_and(|items| items.is_empty()) {
                document.refuse_found(&at, HOSTS, "an empty one");
                return None;
            }
            upstreams(document, &at, |text| host(text, is_raw))
        });
        let (_, rewritten) = rewritten?;
        // What stays as it is need not be put together again.
        let rewrite = Some(rewritten).filter(|rewritten| Some(rewritten) != path).map(Rewrite::Pattern);
        Some(Backend { upstreams: upstreams?, rewrite })
    }
}

/// The path of an endpoint.
fn path(document: &mut Document, at: &Node) -> Option<Pattern> {
    if at.word().is_some_and(|text| text.contains('*')) {
        document.refuse(at, "a path without *, for which kanaloa.proxy.routes has path-prefix");
        return None;
    }
    pattern(document, at)
}

/// The path that backends see, which KrakenD lets begin without a slash.
fn rewritten(document: &mut Document, at: &Node) -> Option<(Node, Pattern)> {
    let Some(text) = at.word() else {
        document.refuse(at, PATTERN);
        return None;
    };
    let with_slash = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
    Some((at.clone(), pattern_of(document, at, &with_slash)?))
}

/// An instance from its host, which may lack its scheme unless it is taken as it stands.
fn host(text: &str, is_raw: bool) -> Option<Upstream> {
    match text.contains("://") || is_raw {
        true => upstream(text),
        false => upstream(&format!("http://{text}")),
    }
}

/// The headers that are passed on. `Content-Type` is, where none is named.
fn headers(section: &mut Section<'_>) -> Option<Option<Vec<HeaderName>>> {
    let headers = passed(section, "input_headers", header)?;
    Some(headers.map(|names| if names.is_empty() { vec![CONTENT_TYPE] } else { names }))
}

/// The names in a list, of which there may be none. `None` in it for all.
fn passed<T>(section: &mut Section<'_>, key: &str, get: impl Fn(&Node) -> Option<T>) -> Option<Option<Vec<T>>> {
    let Some(node) = section.node(key) else { return Some(Some(Vec::new())) };
    let is_star = |node: &Node| node.word() == Some(STAR);
    if node.items().is_some_and(|items| items.iter().any(is_star)) {
        return Some(None);
    }
    section.list(key, "a name, or * for all", get).map(Some)
}

/// The settings of an endpoint's dispatcher with what the endpoint says.
fn works(
    document: &mut Document,
    at: &Node,
    mut settings: DispatcherSettings,
    calls: Option<usize>,
    timeout: Option<Duration>,
) -> Option<DispatcherSettings> {
    if let Some(calls) = calls {
        settings.work.concurrent_calls = calls;
    }
    // KrakenD's covers the whole request, but it has no queue: what waits here is shed by itself, and a request-timeout
    // would have to be above this one.
    if let Some(timeout) = timeout {
        settings.work.service_timeout = timeout;
    }
    let Err(error) = settings.validate() else { return Some(settings) };
    for problem in error.problems() {
        if let ProblemKind::BadValue { expected, found } = &problem.kind {
            let key = problem.key.as_deref().unwrap_or_default();
            document.refuse_found(at, format!("{expected} with the {key} of its dispatcher"), found);
        }
    }
    None
}
