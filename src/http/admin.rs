//! What a proxy tells about itself: whether it lives, whether it is ready, and what it is doing.

use std::future::Future;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::live::{self, AdminBody};
use super::reverse_proxy::Overview;
use super::server::{Client, Serve};
use super::status::ProxyStatus;
use crate::dashboard::Dashboard;
use crate::metrics::{Monitor, PROMETHEUS_MEDIA_TYPE};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const METRICS: HeaderValue = HeaderValue::from_static(PROMETHEUS_MEDIA_TYPE);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers `/healthz`, `/metrics` and `/dashboard/`, and for a proxy `/readyz` and `/status`.
#[derive(Clone)]
pub(crate) struct Admin {
    overview: Option<Overview>,
    monitor: Monitor,
    dashboard: Dashboard,
}

impl Admin {
    /// `monitor` watches what is shown: the dispatchers of the proxy, if there is one.
    ///
    /// # Panics
    ///
    /// As [`Dashboard::start`].
    pub(crate) fn new(overview: Option<Overview>, monitor: &Monitor) -> Self {
        Admin { overview, monitor: monitor.clone(), dashboard: Dashboard::start(monitor) }
    }

    /// What there is to ask for.
    fn paths(&self) -> &'static [&'static str] {
        match self.overview {
            Some(_) => &["/healthz", "/readyz", "/status", "/metrics", "/dashboard/"],
            None => &["/healthz", "/metrics", "/dashboard/"],
        }
    }
}

impl Serve for Admin {
    type Connection = ();
    type Body = AdminBody;

    fn connected(&self, _: Client) {}

    fn serve(&self, request: Request<Incoming>, (): &()) -> impl Future<Output = Response<AdminBody>> + 'static {
        let admin = self.clone();
        async move {
            let (method, headers) = (request.method(), request.headers());
            if method != Method::GET && method != Method::HEAD {
                let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
                return response;
            }
            match (request.uri().path(), &admin.overview) {
                // It answers, so it lives.
                ("/healthz", _) => answer(StatusCode::OK, TEXT, "alive\n"),
                ("/readyz", Some(overview)) => ready(&overview.status().await),
                ("/status", Some(overview)) => status(&overview.status().await),
                ("/metrics", _) => answer(StatusCode::OK, METRICS, admin.monitor.prometheus()),
                ("/dashboard", _) => live::redirect(StatusCode::PERMANENT_REDIRECT, "dashboard/"),
                ("/dashboard/", _) => live::page(),
                ("/dashboard/events", _) => live::events(&admin.dashboard, method, headers),
                ("/", _) if live::wants_a_page(headers) => live::redirect(StatusCode::FOUND, "dashboard/"),
                ("/", _) => answer(StatusCode::OK, TEXT, admin.paths().join("\n") + "\n"),
                _ => answer(StatusCode::NOT_FOUND, TEXT, format!("not here: see {}\n", admin.paths().join(", "))),
            }
        }
    }
}

/// Ready while it takes connections and every route has an upstream. One that is overloaded is ready: it refuses what is too
/// much, and would do no better with less.
fn ready(status: &ProxyStatus) -> Response<AdminBody> {
    let mut reasons: Vec<_> = status.draining.then(|| "draining".to_owned()).into_iter().collect();
    let routes = status.routes.iter();
    reasons.extend(routes.filter_map(|route| Some(format!("route {}: {}", route.dispatcher, route.is_not_ready()?))));
    match reasons.is_empty() {
        true => answer(StatusCode::OK, TEXT, "ready\n"),
        false => answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons.join("\n") + "\n"),
    }
}

fn status(status: &ProxyStatus) -> Response<AdminBody> {
    match serde_json::to_vec_pretty(status) {
        Ok(json) => answer(StatusCode::OK, JSON, json),
        // Plain numbers and texts always have a JSON.
        Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
    }
}

fn answer(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Response<AdminBody> {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
