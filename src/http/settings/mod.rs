//! What a reverse proxy is told: where it listens, what it proxies, and how.
//!
//! `kanaloa.proxy` in `reference.conf` explains every key with its default.
//!
//! # Files of KrakenD
//!
//! A file whose top has `endpoints` was written for [KrakenD](https://www.krakend.io) and works as it stands, if all it asks
//! for is a proxy: each endpoint with one backend is a route. Where KrakenD would do more, the key that says so is an
//! error.
//!
//! A route's dispatcher is called `GET /users/{id}`, and what `kanaloa.dispatchers` says of that name holds for it, but for
//! what the file itself says: `concurrent_calls`, and `timeout` as the service timeout, which is 2s, as with KrakenD, if
//! nobody says otherwise. What `kanaloa.proxy.default-route` says holds too. The proxy listens at `port` and `listen_ip`, of
//! which the defaults are KrakenD's 8080 and 0.0.0.0, unless neither is there, or `kanaloa.proxy.listen` or the command
//! line say otherwise. Whatever their order, text in paths comes before parameters.

mod krakend;
mod order;
mod read;
mod route;
mod shown;
#[cfg(test)]
mod tests;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

use super::route::{PathMatch, Rewrite};
use crate::Priority;
use crate::config::DispatcherSettings;

/// What the command line says, over all files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// Where to listen for clients.
    pub listen: Option<SocketAddr>,
    /// Where to tell how it is.
    pub admin: Option<SocketAddr>,
    /// How many threads to work on.
    pub threads: Option<usize>,
    /// URLs of upstreams, for a single route over `kanaloa.proxy.default-route`.
    pub upstreams: Vec<String>,
}

/// The settings of a reverse proxy.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProxySettings {
    /// Where it listens for clients.
    pub listen: SocketAddr,
    /// Where it tells how it is; `None`: nowhere.
    pub admin: Option<SocketAddr>,
    /// How many threads it works on: at least 1.
    pub threads: usize,
    /// The certificate for clients, if they are to speak TLS.
    pub tls: Option<TlsSettings>,
    /// What it puts up with from clients.
    pub server: ServerSettings,
    /// What it proxies. The first that matches a request has it.
    pub routes: Vec<RouteSettings>,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// A PEM file with the certificate and those between it and the root.
    pub certificate: PathBuf,
    /// A PEM file with its private key.
    pub key: PathBuf,
}

/// What a proxy puts up with from clients.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerSettings {
    /// Open connections; those beyond wait to be accepted.
    pub max_connections: usize,
    /// From when a connection is made, or the first byte of a further request comes, to the end of the head. TLS handshakes
    /// have it too.
    pub header_timeout: Duration,
    /// How long a connection may be without a request.
    pub idle_timeout: Duration,
    /// How long a client may send nothing of a body that it has begun.
    pub request_body_idle_timeout: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub write_timeout: Duration,
    /// The longest path and query, in bytes; 414 beyond.
    pub max_uri_length: usize,
    /// The longest head of a request, in bytes; 431 beyond.
    pub max_header_size: usize,
    /// Headers of a request; 431 beyond.
    pub max_headers: usize,
    /// Requests at once on an HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// How long what is under way has to end when the proxy does.
    pub drain_timeout: Duration,
}

impl ServerSettings {
    /// For those who look at how a proxy is.
    pub(crate) fn for_admin() -> Self {
        ServerSettings {
            max_connections: 256,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            request_body_idle_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            max_uri_length: 8_192,
            max_header_size: 32_768,
            max_headers: 100,
            max_concurrent_streams: 100,
            drain_timeout: Duration::ZERO,
        }
    }
}

/// One route: which requests it takes, and what becomes of them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RouteSettings {
    /// The name of its dispatcher: that of no other route.
    pub dispatcher: String,
    /// How the dispatcher works.
    pub settings: DispatcherSettings,
    /// Which requests it takes.
    pub matches: RouteMatch,
    /// What becomes of their path; `None`: it stays.
    pub rewrite: Option<Rewrite>,
    /// Where they go.
    pub upstreams: Upstreams,
    /// How they go there.
    pub upstream: UpstreamSettings,
    /// The `Host` that upstreams see.
    pub host_header: HostHeader,
    /// What becomes of `Forwarded` and `X-Forwarded-*`.
    pub forwarded: ForwardedHeaders,
    /// Headers of requests that go upstream, beside those that HTTP needs; `None`: all.
    pub request_headers: Option<Vec<HeaderName>>,
    /// Parameters of the query that go upstream; `None`: all.
    pub query_parameters: Option<Vec<String>>,
    /// Whether requests of idempotent methods, or with an `idempotency-key`, may go out more than once.
    pub retry_idempotent: bool,
    /// The same for all others.
    pub retry_others: bool,
    /// The largest body of a request that may go out more than once, in bytes: it is kept until there is an answer.
    pub retry_buffer: usize,
    /// What becomes of a request that is larger.
    pub beyond_retry_buffer: BeyondRetryBuffer,
    /// The largest body of a request, in bytes; 413 beyond. `None`: any.
    pub max_request_body: Option<u64>,
    /// Which statuses of upstreams count as failures.
    pub failure_statuses: Vec<StatusCode>,
    /// The longest pause that an upstream gets by `Retry-After`; zero: none.
    pub max_hold: Duration,
    /// The class of requests that do not say otherwise.
    pub priority: Priority,
    /// Where requests say their class.
    pub priority_header: Option<PriorityHeader>,
    /// Where requests say whose they are.
    pub user_header: Option<HeaderName>,
}

/// Which requests a route takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteMatch {
    /// Only those for this host, in small letters, whatever the port; `*.example.com` for all below. `None`: any.
    pub host: Option<String>,
    /// Only those for these paths.
    pub path: PathMatch,
    /// Only those with these methods; empty: any.
    pub methods: Vec<Method>,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Upstreams {
    /// To these.
    Fixed(Vec<Upstream>),
    /// To each address of a DNS name.
    Dns {
        /// How they are spoken to.
        scheme: Scheme,
        /// The name.
        name: String,
        /// The port of each.
        port: u16,
    },
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Upstream {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Host and, unless it is that of the scheme, port.
    pub authority: hyper::http::uri::Authority,
}

/// How an upstream is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// How requests go upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamSettings {
    /// Which HTTP.
    pub http: UpstreamHttp,
    /// How long a connection may take to be made, with its TLS.
    pub connect_timeout: Duration,
    /// How long an idle connection is kept.
    pub idle_timeout: Duration,
    /// Idle connections kept to each upstream.
    pub max_idle: usize,
    /// How long an upstream may send nothing of a body that it has begun.
    pub body_idle_timeout: Duration,
    /// A PEM file with the roots that upstreams' certificates are checked against; `None`: those of the system.
    pub ca: Option<PathBuf>,
}

/// Which HTTP upstreams speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamHttp {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, without asking.
    Http2,
}

/// The `Host` that upstreams see.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostHeader {
    /// The one that the client sent.
    Preserve,
    /// Their own.
    Upstream,
    /// This.
    Fixed(HeaderValue),
}

/// What becomes of `Forwarded` and `X-Forwarded-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedHeaders {
    /// What clients say is thrown away, and what is known is said.
    Replace,
    /// What is known is added to what clients say.
    Append,
    /// They stay as clients sent them.
    Keep,
    /// They are removed.
    Remove,
}

/// What becomes of a request that may go out more than once, but is too large to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BeyondRetryBuffer {
    /// It goes out once.
    SendOnce,
    /// 413.
    Refuse,
}

/// A header that says a request's class.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriorityHeader {
    /// Its name.
    pub name: HeaderName,
    /// What its values mean, beside the classes as numbers.
    pub values: Vec<(String, Priority)>,
}
