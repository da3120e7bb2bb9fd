//! From files and the command line to the settings of a proxy, or to everything that is wrong with them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use super::route::{self, Routes};
use super::values::{ANY_TIME, FILE, TIMER, UPSTREAM, file, upstream};
use super::{CommandLine, ProxySettings, ServerSettings, TlsSettings, Upstreams, krakend, order};
use crate::config::document::{Document, ENDPOINTS, Files, Node, Said};
use crate::config::section::{Bounds, Section};
use crate::config::{ProblemKind, SettingsError};

const KEYS: &[&str] = &[
    "listen",
    "admin",
    "threads",
    "tls",
    "max-connections",
    "header-timeout",
    "idle-timeout",
    "request-body-idle-timeout",
    "write-timeout",
    "max-uri-length",
    "max-header-size",
    "max-headers",
    "max-concurrent-streams",
    "drain-timeout",
    "default-route",
    "routes",
];
const TLS_KEYS: &[&str] = &["certificate", "key"];

/// Each has a stack and an arbiter.
const THREADS: Bounds<u64> = Bounds::from(1, 1_024);
/// More than a machine has ports and descriptors for.
const CONNECTIONS: Bounds<u64> = Bounds::from(1, 10_000_000);
/// What the type of a URI can hold.
const URI_LENGTH: Bounds<u64> = Bounds::from(1, 65_534);
/// From the least that HTTP/1 is read with.
const HEADER_SIZE: Bounds<u64> = Bounds::from(8_192, 16 << 20);
/// Below what a map of headers can hold.
const HEADERS: Bounds<u64> = Bounds::from(1, 10_000);
const STREAMS: Bounds<u64> = Bounds::from(1, 100_000);

const ADDRESS: &str = "an address with a port, such as 127.0.0.1:8080";
/// What the two of TLS must be, in words.
const BOTH_OF_TLS: &str = "both certificate and key, or neither";

impl ProxySettings {
    /// Reads `files`, each laid over those before it and all over `reference.conf`, variables of the environment over all of
    /// them as [`Settings::load`](crate::config::Settings::load) does, and what the command line says over these.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of them, the settings of dispatchers included; no route at all; routes in files
    /// as well as upstreams on the command line.
    pub fn load(
        files: impl IntoIterator<Item = impl AsRef<Path>>,
        overrides: &CommandLine,
    ) -> Result<Self, SettingsError> {
        let files: Vec<_> = files.into_iter().collect();
        let files = Files::Disk(files.iter().map(AsRef::as_ref).collect());
        read(&files, overrides, true).map_err(SettingsError::new)
    }

    /// Reads `text`, laid over `reference.conf`, and what the command line says over it. Problems are reported under `name`.
    /// The environment overrides nothing; `${...}` may lead to it.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    ///
    /// # Examples
    ///
    /// ```
    /// use kanaloa::http::settings::{CommandLine, ProxySettings};
    ///
    /// let text = r#"kanaloa.proxy.routes = [{ path-prefix = "/orders", upstreams = ["http://10.0.0.1:9000"] }]"#;
    /// let settings = ProxySettings::parse("app.conf", text, &CommandLine::default())?;
    /// assert_eq!(settings.routes[0].to_string(), "/orders/* -> http://10.0.0.1:9000 (dispatcher orders)");
    /// # Ok::<(), kanaloa::config::SettingsError>(())
    /// ```
    pub fn parse(name: &str, text: &str, overrides: &CommandLine) -> Result<Self, SettingsError> {
        read(&Files::Text { name, text }, overrides, true).map_err(SettingsError::new)
    }

    /// Reads what [`load`](Self::load) reads where there may be nothing of a proxy, which gives `None`. There need not be
    /// routes: the command line may bring them later.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), but for there being no route.
    pub fn find(files: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Option<Self>, SettingsError> {
        let files: Vec<_> = files.into_iter().collect();
        let files = Files::Disk(files.iter().map(AsRef::as_ref).collect());
        let (document, _) = Document::of_files(&files, &[]);
        // Beside settings of others there may be endpoints of theirs.
        let endpoints = document.at(&[ENDPOINTS]).and_then(|at| at.items()).unwrap_or_default();
        let is_krakend = endpoints.iter().any(|item| item.key_of("endpoint").is_some());
        if !document.is_said(&PROXY) && !is_krakend {
            return Ok(None);
        }
        read(&files, &CommandLine::default(), false).map(Some).map_err(SettingsError::new)
    }
}

/// Where the settings of a proxy are.
const PROXY: [&str; 2] = ["kanaloa", "proxy"];

fn read(
    files: &Files<'_>,
    overrides: &CommandLine,
    needs_routes: bool,
) -> Result<ProxySettings, Vec<crate::config::Problem>> {
    let said = overrides.said();
    let (mut document, dispatchers) = Document::of_files(files, &said);
    let top = document.at(&PROXY);
    let proxy = match (&top, dispatchers) {
        (Some(top), Some(dispatchers)) => {
            let mut proxy = Proxy { document: &mut document, overrides, needs_routes };
            proxy.read(top, &mut Routes::new(&dispatchers))
        }
        _ => None,
    };
    match proxy {
        Some(proxy) if document.is_sound() => Ok(proxy),
        _ => Err(document.into_problems()),
    }
}

impl CommandLine {
    /// What it says in the words of files.
    fn said(&self) -> Vec<Said<'static>> {
        let listen = self.listen.map(|address| Said {
            name: "--listen",
            path: &["kanaloa", "proxy", "listen"],
            text: address.to_string(),
        });
        let admin = self.admin.map(|address| Said {
            name: "--admin",
            path: &["kanaloa", "proxy", "admin"],
            text: address.to_string(),
        });
        let threads = self.threads.map(|threads| Said {
            name: "--threads",
            path: &["kanaloa", "proxy", "threads"],
            text: threads.to_string(),
        });
        [listen, admin, threads].into_iter().flatten().collect()
    }
}

struct Proxy<'a> {
    document: &'a mut Document,
    overrides: &'a CommandLine,
    needs_routes: bool,
}

impl Proxy<'_> {
    fn read(&mut self, top: &Node, routes: &mut Routes<'_>) -> Option<ProxySettings> {
        let mut section = Section::open(self.document, top, KEYS)?;
        let listen = section.value("listen", ADDRESS, address);
        let admin = section.optional("admin", ADDRESS, address);
        let threads = section.value("threads", "auto, or a whole number from 1 to 1024", threads);
        let max_connections = section.whole("max-connections", CONNECTIONS);
        let header_timeout = section.duration("header-timeout", TIMER);
        let idle_timeout = section.duration("idle-timeout", TIMER);
        let request_body_idle_timeout = section.duration("request-body-idle-timeout", TIMER);
        let write_timeout = section.duration("write-timeout", TIMER);
        let max_uri_length = route::bytes(&mut section, "max-uri-length", URI_LENGTH);
        let max_header_size = route::bytes(&mut section, "max-header-size", HEADER_SIZE);
        let max_headers = section.whole("max-headers", HEADERS);
        let max_concurrent_streams = section.whole("max-concurrent-streams", STREAMS);
        let drain_timeout = section.duration("drain-timeout", ANY_TIME);
        let [listen_at, admin_at, tls, default, items] =
            ["listen", "admin", "tls", "default-route", "routes"].map(|key| section.node(key));

        let tls = tls.and_then(|at| self.tls(&at));
        // On its own too: every route may hide what is wrong with it.
        if let Some(default) = &default {
            route::template(self.document, default, None);
        }
        let endpoints = self.document.at(&[ENDPOINTS]);
        let configured = self.configured(items.as_ref(), endpoints.as_ref());
        let mut all = match (self.given(), configured) {
            (Some(given), None) => {
                default.as_ref().and_then(|at| routes.given(self.document, at, given?)).into_iter().collect()
            }
            (given, configured) => {
                if let (Some(_), Some(at)) = (given, configured) {
                    self.refuse_both(&at);
                }
                items.map(|at| routes.all(self.document, &at, default.as_ref())).unwrap_or_default()
            }
        };
        let mut listen = listen;
        if let (Some(_), Some(default)) = (endpoints, &default) {
            let krakend = krakend::read(self.document, default, routes);
            all.extend(krakend.routes);
            // Our own words have the last one.
            let is_said = listen_at.as_ref().is_some_and(|node| self.document.is_set(node));
            listen = krakend.listen.filter(|_| !is_said).or(listen);
        }
        order::refuse_hidden(self.document, &all);
        if let (Some(listen), Some(Some(admin))) = (listen, admin)
            && is_one_place(listen, admin)
        {
            let port = self.document.at(&["port"]);
            let mut blamed = [admin_at, listen_at, port].into_iter().flatten().filter(|at| self.document.is_set(at));
            if let Some(at) = blamed.next() {
                let found = format!("{listen} and {admin}");
                self.document.refuse_found(&at, "addresses of listen and admin that can both be had", found);
            }
        }
        Some(ProxySettings {
            listen: listen?,
            admin: admin?,
            threads: threads?,
            tls: tls?,
            server: ServerSettings {
                max_connections: max_connections?,
                header_timeout: header_timeout?,
                idle_timeout: idle_timeout?,
                request_body_idle_timeout: request_body_idle_timeout?,
                write_timeout: write_timeout?,
                max_uri_length: max_uri_length?,
                max_header_size: max_header_size?,
                max_headers: max_headers?,
                max_concurrent_streams: max_concurrent_streams?,
                drain_timeout: drain_timeout?,
            },
            routes: all.into_iter().map(|(_, route)| route).collect(),
        })
    }

    fn tls(&mut self, at: &Node) -> Option<Option<TlsSettings>> {
        let mut section = Section::open(self.document, at, TLS_KEYS)?;
        let [certificate, key] = TLS_KEYS else { return None };
        match (section.optional(certificate, FILE, file)?, section.optional(key, FILE, file)?) {
            (Some(certificate), Some(key)) => Some(Some(TlsSettings { certificate, key })),
            (None, None) => Some(None),
            (Some(_), None) => {
                section.own(certificate).iter().for_each(|at| section.document.refuse_found(at, BOTH_OF_TLS, "no key"));
                None
            }
            (None, Some(_)) => {
                section.own(key).iter().for_each(|at| section.document.refuse_found(at, BOTH_OF_TLS, "no certificate"));
                None
            }
        }
    }

    /// Where routes are configured, if they are. That there are none is reported if there must be some.
    fn configured(&mut self, items: Option<&Node>, krakend: Option<&Node>) -> Option<Node> {
        let items = items.filter(|at| at.items().is_none_or(|items| !items.is_empty()));
        let configured = items.or(krakend).cloned();
        let is_needed = self.needs_routes && self.overrides.upstreams.is_empty();
        // Of what is wrong elsewhere, the lack of routes may be a consequence.
        if configured.is_none() && is_needed && self.document.is_sound() {
            let expected = "routes, such as [{ upstreams = [\"http://127.0.0.1:9000\"] }], or --upstream \
                            http://127.0.0.1:9000 on the command line";
            let kind = ProblemKind::BadValue { expected: expected.to_owned(), found: "none".to_owned() };
            self.document.refuse_unplaced(None, Some("kanaloa.proxy.routes".to_owned()), kind);
        }
        configured
    }

    /// The upstreams of the command line. `None` if it has none, and in it if any, which is reported, is wrong.
    fn given(&mut self) -> Option<Option<Upstreams>> {
        let urls = &self.overrides.upstreams;
        if urls.is_empty() {
            return None;
        }
        let mut places = HashMap::new();
        let mut upstreams = Vec::new();
        for url in urls {
            let expected = match upstream(url) {
                Some(upstream) if places.insert(upstream.clone(), url).is_none() => {
                    upstreams.push(upstream);
                    continue;
                }
                Some(_) => "each upstream once",
                None => UPSTREAM,
            };
            let kind = ProblemKind::BadValue { expected: expected.to_owned(), found: format!("\"{url}\"") };
            self.document.refuse_unplaced(Some("--upstream"), None, kind);
        }
        Some((upstreams.len() == urls.len()).then_some(Upstreams::Fixed(upstreams)))
    }

    fn refuse_both(&mut self, at: &Node) {
        let place = self.document.place(at).map(|place| format!(" in {place}")).unwrap_or_default();
        let message =
            format!("there are routes{place} ({}) as well: leave them out, or write the upstreams there", at.written());
        self.document.refuse_unplaced(Some("--upstream"), None, ProblemKind::Syntax(message));
    }
}

/// Whether nobody can listen at both.
fn is_one_place(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (is_any || one.ip() == other.ip())
}

fn address(node: &Node) -> Option<SocketAddr> {
    node.word()?.parse().ok()
}

fn threads(node: &Node) -> Option<usize> {
    match node.word() {
        // A machine that does not say how many cores it has has one for sure.
        Some("auto") => Some(std::thread::available_parallelism().map_or(1, usize::from)),
        _ => node.whole().filter(|threads| THREADS.hold(*threads)).and_then(|threads| threads.try_into().ok()),
    }
}
