//! What a proxy tells about itself: whether it lives, whether it is ready, and what it is doing.

use std::future::Future;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::reverse_proxy::Overview;
use super::server::{Client, Serve};
use super::status::ProxyStatus;
use crate::metrics::PROMETHEUS_MEDIA_TYPE;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const METRICS: HeaderValue = HeaderValue::from_static(PROMETHEUS_MEDIA_TYPE);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers `/healthz`, `/readyz`, `/status` and `/metrics`.
#[derive(Clone)]
pub(crate) struct Admin {
    overview: Overview,
}

impl Admin {
    pub(crate) fn new(overview: Overview) -> Self {
        Admin { overview }
    }
}

impl Serve for Admin {
    type Connection = ();
    type Body = Full<Bytes>;

    fn connected(&self, _: Client) {}

    fn serve(&self, request: Request<Incoming>, (): &()) -> impl Future<Output = Response<Full<Bytes>>> + 'static {
        let overview = self.overview.clone();
        async move {
            if request.method() != Method::GET && request.method() != Method::HEAD {
                let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n");
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
                return response;
            }
            match request.uri().path() {
                // It answers, so it lives.
                "/healthz" => answer(StatusCode::OK, TEXT, "alive\n"),
                "/readyz" => ready(&overview.status().await),
                "/status" => status(&overview.status().await),
                "/metrics" => answer(StatusCode::OK, METRICS, overview.monitor.prometheus()),
                "/" => answer(StatusCode::OK, TEXT, "/healthz\n/readyz\n/status\n/metrics\n"),
                _ => answer(StatusCode::NOT_FOUND, TEXT, "not here: see /healthz, /readyz, /status and /metrics\n"),
            }
        }
    }
}

/// Ready while it takes connections and every route has an upstream. One that is overloaded is ready: it refuses what is too
/// much, and would do no better with less.
fn ready(status: &ProxyStatus) -> Response<Full<Bytes>> {
    let mut reasons: Vec<_> = status.draining.then(|| "draining".to_owned()).into_iter().collect();
    let routes = status.routes.iter();
    reasons.extend(routes.filter_map(|route| Some(format!("route {}: {}", route.dispatcher, route.is_not_ready()?))));
    match reasons.is_empty() {
        true => answer(StatusCode::OK, TEXT, "ready\n"),
        false => answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons.join("\n") + "\n"),
    }
}

fn status(status: &ProxyStatus) -> Response<Full<Bytes>> {
    match serde_json::to_vec_pretty(status) {
        Ok(json) => answer(StatusCode::OK, JSON, json),
        // Plain numbers and texts always have a JSON.
        Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
    }
}

fn answer(status: StatusCode, kind: HeaderValue, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
