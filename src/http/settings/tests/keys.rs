//! Every key: that it is read, and changes its field and no other.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

type Change = fn(&mut ProxySettings);
type RouteChange = fn(&mut RouteSettings);

/// Every key of the proxy but its routes, a value for it that is not its default, and what that changes.
const PROXY_KEYS: &[(&str, &str, Change)] = &[
    ("listen", "\"0.0.0.0:1\"", |s| s.listen = "0.0.0.0:1".parse().unwrap()),
    ("listen", "\"[::1]:8080\"", |s| s.listen = "[::1]:8080".parse().unwrap()),
    ("admin", "none", |s| s.admin = None),
    ("admin", "\"127.0.0.1:0\"", |s| s.admin = Some("127.0.0.1:0".parse().unwrap())),
    ("threads", "3", |s| s.threads = 3),
    ("tls", "{ certificate = \"c.pem\", key = \"k.pem\" }", |s| {
        s.tls = Some(TlsSettings { certificate: "c.pem".into(), key: "k.pem".into() });
    }),
    ("max-connections", "7", |s| s.server.max_connections = 7),
    ("header-timeout", "1ms", |s| s.server.header_timeout = millis(1)),
    ("idle-timeout", "2m", |s| s.server.idle_timeout = millis(120_000)),
    ("request-body-idle-timeout", "3s", |s| s.server.request_body_idle_timeout = millis(3_000)),
    ("write-timeout", "4s", |s| s.server.write_timeout = millis(4_000)),
    ("max-uri-length", "65534", |s| s.server.max_uri_length = 65_534),
    ("max-header-size", "64K", |s| s.server.max_header_size = 65_536),
    ("max-header-size", "10 kB", |s| s.server.max_header_size = 10_000),
    ("max-headers", "1", |s| s.server.max_headers = 1),
    ("max-concurrent-streams", "1", |s| s.server.max_concurrent_streams = 1),
    ("drain-timeout", "0", |s| s.server.drain_timeout = millis(0)),
];

/// The same for the keys of a route.
const ROUTE_KEYS: &[(&str, &str, RouteChange)] = &[
    ("path-prefix", "/api/orders/", |r| {
        r.matches.path = PathMatch::Prefix("/api/orders".into());
        r.dispatcher = "api-orders".into();
    }),
    ("path", "\"/users/{id}\"", |r| {
        r.matches.path = PathMatch::Pattern(pattern("/users/{id}"));
        r.dispatcher = "users-{id}".into();
    }),
    ("host", "Shop.Example.com", |r| r.matches.host = Some("shop.example.com".into())),
    ("host", "\"*.example.com\"", |r| r.matches.host = Some("*.example.com".into())),
    ("methods", "[get, PURGE]", |r| r.matches.methods = vec![Method::GET, Method::from_bytes(b"PURGE").unwrap()]),
    ("upstreams", "[\"http://B:80/\", \"https://b:9000\"]", |r| {
        r.upstreams = upstreams(&["http://b", "https://b:9000"])
    }),
    ("dns", "\"http://orders.internal:8080\"", |r| r.upstreams = dns(Scheme::Http, 8080)),
    ("dns", "\"https://orders.internal\"", |r| r.upstreams = dns(Scheme::Https, 443)),
    ("dispatcher", "orders", |r| r.dispatcher = "orders".into()),
    ("retry-idempotent", "off", |r| r.retry_idempotent = false),
    ("retry-others", "on", |r| r.retry_others = true),
    ("retry-buffer", "0", |r| r.retry_buffer = 0),
    ("beyond-retry-buffer", "refuse", |r| r.beyond_retry_buffer = BeyondRetryBuffer::Refuse),
    ("max-request-body", "10M", |r| r.max_request_body = Some(10 << 20)),
    ("failure-statuses", "[429, 599]", |r| {
        r.failure_statuses = [429, 599].map(|status| StatusCode::from_u16(status).unwrap()).into();
    }),
    ("max-hold", "0", |r| r.max_hold = millis(0)),
    ("host-header", "upstream", |r| r.host_header = HostHeader::Upstream),
    ("host-header", "\"shop.example.com:81\"", |r| {
        r.host_header = HostHeader::Fixed(HeaderValue::from_static("shop.example.com:81"));
    }),
    ("forwarded", "append", |r| r.forwarded = ForwardedHeaders::Append),
    ("forwarded", "keep", |r| r.forwarded = ForwardedHeaders::Keep),
    ("forwarded", "remove", |r| r.forwarded = ForwardedHeaders::Remove),
    ("priority", "0", |r| r.priority = Priority::HIGHEST),
    ("priority-header", "X-Tier", |r| {
        r.priority_header = Some(PriorityHeader { name: HeaderName::from_static("x-tier"), values: Vec::new() });
    }),
    ("priority-header", "{ name = x-tier, values { gold = 0, free = 5 } }", |r| {
        let values = vec![("free".into(), Priority::LOWEST), ("gold".into(), Priority::HIGHEST)];
        r.priority_header = Some(PriorityHeader { name: HeaderName::from_static("x-tier"), values });
    }),
    ("user-header", "x-user", |r| r.user_header = Some(HeaderName::from_static("x-user"))),
    ("request-headers", "[Accept]", |r| r.request_headers = Some(vec![HeaderName::from_static("accept")])),
    ("request-headers", "[]", |r| r.request_headers = Some(Vec::new())),
    ("query-parameters", "[Page]", |r| r.query_parameters = Some(vec!["Page".into()])),
    ("rewrite", "/v2", |r| r.rewrite = Some(Rewrite::Pattern(pattern("/v2")))),
    // With no prefix there is nothing to strip.
    ("strip-prefix", "on", |_| {}),
    ("upstream.http", "http2", |r| r.upstream.http = UpstreamHttp::Http2),
    ("upstream.connect-timeout", "1s", |r| r.upstream.connect_timeout = millis(1_000)),
    ("upstream.idle-timeout", "2s", |r| r.upstream.idle_timeout = millis(2_000)),
    ("upstream.max-idle", "0", |r| r.upstream.max_idle = 0),
    ("upstream.body-idle-timeout", "3s", |r| r.upstream.body_idle_timeout = millis(3_000)),
    ("upstream.ca", "roots.pem", |r| r.upstream.ca = Some("roots.pem".into())),
];

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn pattern(text: &str) -> crate::http::route::Pattern {
    crate::http::route::Pattern::parse(text).unwrap()
}

fn dns(scheme: Scheme, port: u16) -> Upstreams {
    Upstreams::Dns { scheme, name: "orders.internal".into(), port }
}

#[test]
fn the_defaults() {
    let settings = proxy(ROUTE);
    let expected = ProxySettings {
        listen: "127.0.0.1:8080".parse().unwrap(),
        admin: Some("127.0.0.1:8081".parse().unwrap()),
        threads: std::thread::available_parallelism().unwrap().get(),
        tls: None,
        server: ServerSettings {
            max_connections: 10_000,
            header_timeout: millis(10_000),
            idle_timeout: millis(75_000),
            request_body_idle_timeout: millis(30_000),
            write_timeout: millis(60_000),
            max_uri_length: 8_192,
            max_header_size: 32_768,
            max_headers: 100,
            max_concurrent_streams: 250,
            drain_timeout: millis(30_000),
        },
        routes: vec![RouteSettings {
            dispatcher: "default".into(),
            settings: DispatcherSettings::default(),
            matches: RouteMatch { host: None, path: PathMatch::Prefix("/".into()), methods: Vec::new() },
            rewrite: None,
            upstreams: upstreams(&["http://a:9000"]),
            upstream: UpstreamSettings {
                http: UpstreamHttp::Http1,
                connect_timeout: millis(5_000),
                idle_timeout: millis(60_000),
                max_idle: 256,
                body_idle_timeout: millis(60_000),
                ca: None,
            },
            host_header: HostHeader::Preserve,
            forwarded: ForwardedHeaders::Replace,
            request_headers: None,
            query_parameters: None,
            retry_idempotent: true,
            retry_others: false,
            retry_buffer: 65_536,
            beyond_retry_buffer: BeyondRetryBuffer::SendOnce,
            max_request_body: None,
            failure_statuses: [500, 502, 503, 504].map(|status| StatusCode::from_u16(status).unwrap()).into(),
            max_hold: millis(30_000),
            priority: Priority::default(),
            priority_header: None,
            user_header: None,
        }],
    };
    assert_eq!(settings, expected);
}

#[test]
fn each_key_of_the_proxy_changes_its_field_alone() {
    for (key, value, change) in PROXY_KEYS {
        let mut expected = proxy(ROUTE);
        change(&mut expected);
        assert_eq!(proxy(&format!("{key} = {value}\n{ROUTE}")), expected, "{key} = {value}");
    }
}

#[test]
fn each_key_of_a_route_changes_its_field_alone() {
    for (key, value, change) in ROUTE_KEYS {
        let mut expected = proxy(ROUTE);
        change(&mut expected.routes[0]);
        let upstream = if ["dns", "upstreams"].contains(key) { "" } else { "upstreams = [\"http://a:9000\"]" };
        let in_route = format!("routes = [{{ {upstream}\n {key} = {} }}]", quoted(value));
        assert_eq!(proxy(&in_route), expected, "{in_route}");
        let of_all = format!("default-route {{ {upstream}\n {key} = {} }}\nroutes = [{{}}]", quoted(value));
        assert_eq!(proxy(&of_all), expected, "{of_all}");
    }
}

/// `/` cannot stand without quotes where a comment could begin.
fn quoted(value: &str) -> String {
    if value.starts_with('/') { format!("\"{value}\"") } else { value.to_owned() }
}

#[test]
fn a_route_lies_over_the_default_key_by_key() {
    let text = "
        default-route { priority = 1, retry-buffer = 1, upstream { max-idle = 1, connect-timeout = 1s } }
        routes = [{ upstreams = [\"http://a\"], priority = 2, upstream.max-idle = 2 }]";
    let route = proxy(text).routes.remove(0);
    assert_eq!((route.priority.class(), route.retry_buffer), (2, 1));
    assert_eq!((route.upstream.max_idle, route.upstream.connect_timeout), (2, millis(1_000)));
}

#[test]
fn no_key_of_reference_conf_is_left_out() {
    let mut tested: BTreeSet<_> = ["routes", "tls.certificate", "tls.key"].map(str::to_owned).into();
    tested.extend(PROXY_KEYS.iter().map(|(key, ..)| *key).filter(|key| *key != "tls").map(str::to_owned));
    tested.extend(ROUTE_KEYS.iter().map(|(key, ..)| format!("default-route.{key}")));
    assert_eq!(reference_keys("kanaloa.proxy."), tested);
}

/// The keys below `section` that reference.conf assigns, read line by line as it is laid out.
fn reference_keys(section: &str) -> BTreeSet<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut keys = BTreeSet::new();
    for line in include_str!("../../../../reference.conf").lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        } else if line == "}" {
            open.pop();
        } else if let Some(object) = line.strip_suffix(" {") {
            open.push(object);
        } else {
            let (key, _) = line.split_once(" = ").expect(line);
            let path = [open.as_slice(), &[key]].concat().join(".");
            keys.extend(path.strip_prefix(section).map(str::to_owned));
        }
    }
    keys
}
