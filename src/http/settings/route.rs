//! One route.

use std::collections::HashMap;

use hyper::StatusCode;

use super::super::route::{PathMatch, Rewrite};
use super::values::{
    ALL, ANY_TIME, CLASS, DNS, FILE, HEADER, HOST, HOST_HEADER, METHOD, PREFIX, TIMER, class, dns, file, header, host,
    host_header, method, pattern, prefix, upstream, upstreams, written,
};
use super::{
    BeyondRetryBuffer, ForwardedHeaders, PriorityHeader, RouteMatch, RouteSettings, UpstreamHttp, UpstreamSettings,
    Upstreams,
};
use crate::Priority;
use crate::config::document::{Document, Node};
use crate::config::section::{Bounds, Section, items};
use crate::config::{DispatcherSettings, Settings};

const KEYS: &[&str] = &[
    "path-prefix",
    "path",
    "host",
    "methods",
    "upstreams",
    "dns",
    "dispatcher",
    "retry-idempotent",
    "retry-others",
    "retry-buffer",
    "beyond-retry-buffer",
    "max-request-body",
    "failure-statuses",
    "max-hold",
    "host-header",
    "forwarded",
    "priority",
    "priority-header",
    "user-header",
    "request-headers",
    "query-parameters",
    "strip-prefix",
    "rewrite",
    "upstream",
];
const UPSTREAM_KEYS: &[&str] = &["http", "connect-timeout", "idle-timeout", "max-idle", "body-idle-timeout", "ca"];
const PRIORITY_KEYS: &[&str] = &["name", "values"];

const BEYOND: &[(&str, BeyondRetryBuffer)] =
    &[("send-once", BeyondRetryBuffer::SendOnce), ("refuse", BeyondRetryBuffer::Refuse)];
const FORWARDED: &[(&str, ForwardedHeaders)] = &[
    ("replace", ForwardedHeaders::Replace),
    ("append", ForwardedHeaders::Append),
    ("keep", ForwardedHeaders::Keep),
    ("remove", ForwardedHeaders::Remove),
];
const UPSTREAM_HTTP: &[(&str, UpstreamHttp)] = &[("http1", UpstreamHttp::Http1), ("http2", UpstreamHttp::Http2)];

/// More for each of many requests does not fit into memory.
const RETRY_BUFFER: Bounds<u64> = Bounds::from(0, 1 << 30);
const IDLE: Bounds<u64> = Bounds::from(0, 1_000_000);

/// What only one of two can say, in words.
const ONE_PATH: &str = "either path or path-prefix";
const ONE_SOURCE: &str =
    "either upstreams, such as [\"http://10.0.0.1:9000\"], or dns, such as \"http://orders.internal:8080\"";

const OWN_DISPATCHER: &str = "a dispatcher that no other route has: set `dispatcher` to its name";

/// What routes are read with, and the names of their dispatchers.
pub(super) struct Routes<'a> {
    dispatchers: &'a Settings,
    /// Where each name is taken.
    names: HashMap<String, String>,
}

impl<'a> Routes<'a> {
    pub(super) fn new(dispatchers: &'a Settings) -> Self {
        Self { dispatchers, names: HashMap::new() }
    }

    /// The routes of a list, over the default.
    pub(super) fn all(
        &mut self,
        document: &mut Document,
        at: &Node,
        default: Option<&Node>,
    ) -> Vec<(Node, RouteSettings)> {
        match at.items() {
            Some(items) if items.is_empty() => Vec::new(),
            _ => items(document, at, "a list of routes")
                .into_iter()
                .filter_map(|item| Some((item.clone(), self.route(document, &item, default, None)?)))
                .collect(),
        }
    }

    /// The one route whose upstreams the command line gives.
    pub(super) fn given(
        &mut self,
        document: &mut Document,
        at: &Node,
        upstreams: Upstreams,
    ) -> Option<(Node, RouteSettings)> {
        Some((at.clone(), self.route(document, at, None, Some(upstreams))?))
    }

    fn route(
        &mut self,
        document: &mut Document,
        at: &Node,
        default: Option<&Node>,
        given: Option<Upstreams>,
    ) -> Option<RouteSettings> {
        let template = template(document, at, default);
        // What it has beside its keys is reported by now.
        let mut section = Section::open(document, at, KEYS)?.over(default);
        let path = path(&mut section);
        let rewrite = rewrite(&mut section, path.as_ref());
        let upstreams = given.or_else(|| source(&mut section));
        let dispatcher = section.optional("dispatcher", "a name", |node| node.word().map(str::to_owned))?;
        let blamed = section.own("dispatcher").unwrap_or_else(|| at.clone());
        let path = path?;
        let dispatcher = dispatcher.unwrap_or_else(|| name(&path));
        let settings = self.dispatcher(document, &blamed, at, &dispatcher, OWN_DISPATCHER);
        let template = template?;
        Some(RouteSettings {
            dispatcher,
            settings: settings?,
            matches: RouteMatch { path, ..template.matches },
            rewrite: rewrite?,
            upstreams: upstreams?,
            ..template
        })
    }

    /// The settings of a dispatcher of this name. `None`, which is reported, if another route has it.
    pub(super) fn dispatcher(
        &mut self,
        document: &mut Document,
        blamed: &Node,
        at: &Node,
        name: &str,
        expected: &str,
    ) -> Option<DispatcherSettings> {
        if let Some(other) = self.names.get(name) {
            let found = format!("\"{name}\", which is that of {other}");
            document.refuse_found(blamed, expected, found);
            return None;
        }
        self.names.insert(name.to_owned(), at.written());
        Some(self.dispatchers.dispatcher(name))
    }
}

/// A route as far as it does not depend on its path and its upstreams: those of the result are to be replaced.
pub(super) fn template(document: &mut Document, at: &Node, default: Option<&Node>) -> Option<RouteSettings> {
    let mut section = Section::open(document, at, KEYS)?.over(default);
    let host = section.optional("host", HOST, host);
    let methods = section.list("methods", METHOD, method);
    let retry_idempotent = section.switch("retry-idempotent");
    let retry_others = section.switch("retry-others");
    let retry_buffer = bytes(&mut section, "retry-buffer", RETRY_BUFFER);
    let beyond_retry_buffer = section.word("beyond-retry-buffer", BEYOND);
    let max_request_body = section.optional("max-request-body", "a number of bytes such as 10M", Node::bytes);
    let failure_statuses = section.list("failure-statuses", "a status from 200 to 599", status);
    let max_hold = section.duration("max-hold", ANY_TIME);
    let host_header = section.value("host-header", HOST_HEADER, host_header);
    let forwarded = section.word("forwarded", FORWARDED);
    let priority = section.value("priority", CLASS, class);
    let priority_header = priority_header(&mut section);
    let user_header = section.optional("user-header", HEADER, header);
    let request_headers = names(&mut section, "request-headers", HEADER, header);
    let query_parameters =
        names(&mut section, "query-parameters", "a text that is not empty", |node| node.word().map(str::to_owned));
    let upstream = upstream_settings(&mut section, default);
    Some(RouteSettings {
        dispatcher: String::new(),
        settings: DispatcherSettings::default(),
        matches: RouteMatch { host: host?, path: PathMatch::Prefix("/".to_owned()), methods: methods? },
        rewrite: None,
        upstreams: Upstreams::Fixed(Vec::new()),
        upstream: upstream?,
        host_header: host_header?,
        forwarded: forwarded?,
        request_headers: request_headers?,
        query_parameters: query_parameters?,
        retry_idempotent: retry_idempotent?,
        retry_others: retry_others?,
        retry_buffer: retry_buffer?,
        beyond_retry_buffer: beyond_retry_buffer?,
        max_request_body: max_request_body?,
        failure_statuses: failure_statuses?,
        max_hold: max_hold?,
        priority: priority?,
        priority_header: priority_header?,
        user_header: user_header?,
    })
}

fn upstream_settings(route: &mut Section<'_>, default: Option<&Node>) -> Option<UpstreamSettings> {
    let at = route.node("upstream")?;
    let default = default.and_then(|default| default.key_of("upstream"));
    let mut section = Section::open(route.document, &at, UPSTREAM_KEYS)?.over(default.as_ref());
    let http = section.word("http", UPSTREAM_HTTP);
    let connect_timeout = section.duration("connect-timeout", TIMER);
    let idle_timeout = section.duration("idle-timeout", TIMER);
    let max_idle = section.whole("max-idle", IDLE);
    let body_idle_timeout = section.duration("body-idle-timeout", TIMER);
    let ca = section.optional("ca", FILE, file);
    Some(UpstreamSettings {
        http: http?,
        connect_timeout: connect_timeout?,
        idle_timeout: idle_timeout?,
        max_idle: max_idle?,
        body_idle_timeout: body_idle_timeout?,
        ca: ca?,
    })
}

fn priority_header(route: &mut Section<'_>) -> Option<Option<PriorityHeader>> {
    let at = route.node("priority-header")?;
    if at.keys().is_none() {
        let expected = "the name of a header, an object with name and values";
        let name = route.optional("priority-header", expected, header)?;
        return Some(name.map(|name| PriorityHeader { name, values: Vec::new() }));
    }
    let mut section = Section::open(route.document, &at, PRIORITY_KEYS)?;
    let name = section.value("name", HEADER, header);
    section.require("name", HEADER);
    let mut values = Vec::new();
    let mut is_read = true;
    if let Some(at) = section.node("values") {
        for node in section.value("values", "an object with a class for each value", Node::keys)? {
            match class(&node) {
                Some(class) => values.push((node.key().to_owned(), class)),
                None => section.document.refuse(&node, CLASS),
            }
        }
        is_read = at.keys().is_some_and(|keys| keys.len() == values.len());
    }
    let values: Vec<(String, Priority)> = values;
    Some(Some(PriorityHeader { name: name?, values })).filter(|_| is_read)
}

/// All, or the names of a list.
fn names<T>(
    section: &mut Section<'_>,
    key: &str,
    expected: &str,
    get: impl Fn(&Node) -> Option<T>,
) -> Option<Option<Vec<T>>> {
    let node = section.node(key)?;
    if node.word() == Some(ALL) {
        return Some(None);
    }
    if node.items().is_none() {
        section.document.refuse(&node, "all, or a list of names");
        return None;
    }
    section.list(key, expected, get).map(Some)
}

fn path(section: &mut Section<'_>) -> Option<PathMatch> {
    match choice(section, ["path", "path-prefix"], ONE_PATH)? {
        [Some(at), _] => pattern(section.document, &at).map(PathMatch::Pattern),
        [None, Some(_)] => section.value("path-prefix", PREFIX, prefix).map(PathMatch::Prefix),
        [None, None] => {
            section.node("path-prefix").iter().for_each(|at| section.document.refuse(at, PREFIX));
            None
        }
    }
}

fn source(section: &mut Section<'_>) -> Option<Upstreams> {
    let at = section.at();
    match choice(section, ["upstreams", "dns"], ONE_SOURCE)? {
        [Some(at), _] => upstreams(section.document, &at, upstream),
        [None, Some(at)] => {
            let source = dns(&at);
            if source.is_none() {
                section.document.refuse(&at, DNS);
            }
            source
        }
        [None, None] => {
            section.document.refuse_found(at, ONE_SOURCE, "neither");
            None
        }
    }
}

/// Of two keys that exclude each other, the one that holds: one that the route has itself hides both of the default. `None`,
/// which is reported, if both are there.
fn choice(section: &mut Section<'_>, keys: [&str; 2], expected: &str) -> Option<[Option<Node>; 2]> {
    let is_said = |node: &Node| !node.is_none() && node.items().is_none_or(|items| !items.is_empty());
    let own = keys.map(|key| section.own(key).filter(is_said));
    let said = match own.iter().any(Option::is_some) {
        true => own,
        false => keys.map(|key| section.node(key).filter(is_said)),
    };
    if let [Some(first), Some(second)] = &said {
        // The default has a prefix for those that say nothing.
        if keys[1] == "path-prefix" && !section.document.is_set(second) {
            return Some([Some(first.clone()), None]);
        }
        section.document.refuse_found(second, expected, "both");
        return None;
    }
    Some(said)
}

/// What becomes of the path. `None`, which is reported, if that cannot be.
fn rewrite(section: &mut Section<'_>, path: Option<&PathMatch>) -> Option<Option<Rewrite>> {
    let strips = section.switch("strip-prefix");
    let (strip_at, at) = (section.node("strip-prefix")?, section.node("rewrite")?);
    let pattern = if at.is_none() { None } else { Some(pattern(section.document, &at)?) };
    match (strips?, pattern) {
        (false, None) => Some(None),
        (false, Some(pattern)) => {
            let (rewrite, path) = (Rewrite::Pattern(pattern), path?);
            if let Some(name) = rewrite.unknown_name(path) {
                let expected = match path {
                    PathMatch::Pattern(_) => "parameters that path has too",
                    PathMatch::Prefix(_) => "no parameters, which only path could have",
                };
                section.document.refuse_found(&at, expected, format!("{{{name}}}"));
                return None;
            }
            Some(Some(rewrite))
        }
        (true, None) => match path? {
            // There is nothing to take away.
            PathMatch::Prefix(prefix) if prefix == "/" => Some(None),
            PathMatch::Prefix(prefix) => Some(Some(Rewrite::StripPrefix(prefix.clone()))),
            PathMatch::Pattern(_) => {
                section.document.refuse_found(&strip_at, "a path-prefix to strip", "a path: rewrite is for that");
                None
            }
        },
        (true, Some(_)) => {
            section.document.refuse_found(&at, "either rewrite or strip-prefix", "both");
            None
        }
    }
}

/// The name of a dispatcher that nobody has named.
fn name(path: &PathMatch) -> String {
    let path = match path {
        PathMatch::Prefix(prefix) => prefix.clone(),
        PathMatch::Pattern(pattern) => written(pattern),
    };
    match path.trim_matches('/') {
        "" => "default".to_owned(),
        inside => inside.replace('/', "-"),
    }
}

fn status(node: &Node) -> Option<StatusCode> {
    let status = node.whole().filter(|status| (200..=599).contains(status))?;
    StatusCode::from_u16(u16::try_from(status).ok()?).ok()
}

/// A number of bytes within bounds.
pub(super) fn bytes<T: TryFrom<u64>>(section: &mut Section<'_>, key: &str, bounds: Bounds<u64>) -> Option<T> {
    section.value(key, &format!("a number of bytes {}", bounds.in_words(|bytes| bytes.to_string())), |node| {
        node.bytes().filter(|bytes| bounds.hold(*bytes)).and_then(|bytes| bytes.try_into().ok())
    })
}
