//! The proxy's own answers.
//!
//! Under overload they are most of what it does, so all but the rarest are put together from parts that are there.

mod said;

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::headers::check::Refusal;
use super::route::rewrite::NoTarget;
use super::route::table::NoRoute;
use crate::{Rejection, Timeout};
use said::Said;

static REASON: HeaderName = HeaderName::from_static("kanaloa-reason");
static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Why the proxy answers instead of an upstream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reason {
    /// The dispatcher has not taken it.
    Rejected(Rejection),
    /// The upstream has not answered in time.
    TimedOut(Timeout),
    /// No connection to the upstream could be made.
    NoConnection,
    /// The upstream broke off, or what it sent is no answer.
    UpstreamFailed,
    /// The route was removed, or the proxy ended, before the upstream answered.
    CutOff,
    /// What hands requests to the upstream has ended or panicked.
    HandlerGone,
    /// The request is not let in, whatever the load.
    Refused(Refusal),
    /// No route takes it.
    NoRoute(NoRoute),
    /// Its route has no place for it on the upstream.
    NoTarget(NoTarget),
    /// Its body is larger than the route allows.
    BodyTooLarge,
    /// Its head or body has not come in time.
    RequestTooSlow,
    /// The client broke its body off, or what it sent is none.
    RequestBroken,
}

/// How an answer is to be written: kept of a request that is handed on. What it accepts is read only when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    accept: Option<HeaderValue>,
    is_grpc: bool,
    is_head: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Json,
    Grpc,
}

impl Reason {
    fn said(&self) -> &'static Said {
        match self {
            Reason::Rejected(Rejection::OverCapacity { .. }) => &said::OVER_CAPACITY,
            Reason::Rejected(Rejection::WaitedTooLong { .. }) => &said::WAITED_TOO_LONG,
            Reason::Rejected(Rejection::QueueFull { .. }) => &said::QUEUE_FULL,
            Reason::Rejected(Rejection::DeadlineCannotBeMet { .. }) => &said::DEADLINE_CANNOT_BE_MET,
            Reason::Rejected(Rejection::NoHandlers) => &said::NO_HANDLERS,
            Reason::Rejected(Rejection::ShuttingDown) => &said::SHUTTING_DOWN,
            Reason::TimedOut(Timeout::Service(_)) => &said::SERVICE_TIMEOUT,
            Reason::TimedOut(Timeout::Request(_)) => &said::REQUEST_TIMEOUT,
            Reason::TimedOut(Timeout::Deadline) => &said::DEADLINE,
            Reason::NoConnection => &said::NO_CONNECTION,
            Reason::UpstreamFailed => &said::UPSTREAM_FAILED,
            Reason::CutOff => &said::CUT_OFF,
            Reason::HandlerGone => &said::HANDLER_GONE,
            Reason::NoRoute(NoRoute::NotFound) => &said::NOT_FOUND,
            Reason::NoRoute(NoRoute::MethodNotAllowed(_)) => &said::METHOD_NOT_ALLOWED,
            Reason::NoTarget(_) => &said::BAD_TARGET,
            Reason::BodyTooLarge => &said::BODY_TOO_LARGE,
            Reason::RequestTooSlow => &said::REQUEST_TOO_SLOW,
            Reason::RequestBroken => &said::REQUEST_BROKEN,
            Reason::Refused(refusal) => match refusal {
                Refusal::UriTooLong => &said::URI_TOO_LONG,
                Refusal::HeadTooLarge => &said::HEAD_TOO_LARGE,
                Refusal::TooManyHeaders => &said::TOO_MANY_HEADERS,
                Refusal::BadPath => &said::BAD_PATH,
                Refusal::NoHost => &said::NO_HOST,
                Refusal::SeveralHosts => &said::SEVERAL_HOSTS,
                Refusal::BadHost => &said::BAD_HOST,
                Refusal::OtherHost => &said::OTHER_HOST,
                Refusal::BadContentLength => &said::BAD_CONTENT_LENGTH,
                Refusal::BadTransferEncoding => &said::BAD_TRANSFER_ENCODING,
                Refusal::TwoLengths => &said::TWO_LENGTHS,
                Refusal::BadConnection => &said::BAD_CONNECTION,
                Refusal::Method => &said::NOT_A_FORWARD_PROXY,
                Refusal::BadDeadline(..) => &said::BAD_DEADLINE,
            },
        }
    }

    /// What is to be said beyond what is there.
    fn detail(&self) -> Option<String> {
        match self {
            Reason::Refused(refusal @ Refusal::BadDeadline(..)) => Some(refusal.to_string()),
            _ => None,
        }
    }

    /// Whether the connection is not to be used any more. Where this request ends, or whom it is for, may be read in more
    /// than one way, so what follows may be part of it; behind a `CONNECT`, what was meant for a tunnel may follow.
    fn ends_connection(&self) -> bool {
        match self {
            Reason::Refused(refusal) => match refusal {
                Refusal::NoHost
                | Refusal::SeveralHosts
                | Refusal::BadHost
                | Refusal::OtherHost
                | Refusal::BadContentLength
                | Refusal::BadTransferEncoding
                | Refusal::TwoLengths
                | Refusal::BadConnection
                | Refusal::Method => true,
                Refusal::UriTooLong
                | Refusal::HeadTooLarge
                | Refusal::TooManyHeaders
                | Refusal::BadPath
                | Refusal::BadDeadline(..) => false,
            },
            _ => false,
        }
    }

    /// How long to stay away.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Reason::Rejected(rejection) => Some(match rejection {
                Rejection::OverCapacity { expected_wait, .. } => *expected_wait,
                Rejection::WaitedTooLong { waited, .. } => *waited,
                Rejection::DeadlineCannotBeMet { expected, .. } => *expected,
                Rejection::QueueFull { .. } | Rejection::NoHandlers | Rejection::ShuttingDown => Duration::ZERO,
            }),
            Reason::CutOff => Some(Duration::ZERO),
            _ => None,
        }
    }
}

impl From<Rejection> for Reason {
    fn from(rejection: Rejection) -> Self {
        Reason::Rejected(rejection)
    }
}

impl From<Timeout> for Reason {
    fn from(timeout: Timeout) -> Self {
        Reason::TimedOut(timeout)
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        Reason::Refused(refusal)
    }
}

impl From<NoRoute> for Reason {
    fn from(no_route: NoRoute) -> Self {
        Reason::NoRoute(no_route)
    }
}

impl From<NoTarget> for Reason {
    fn from(no_target: NoTarget) -> Self {
        Reason::NoTarget(no_target)
    }
}

impl Form {
    pub(crate) fn of(request: &Parts) -> Self {
        let content_type = request.headers.get(CONTENT_TYPE);
        Form {
            accept: request.headers.get(ACCEPT).cloned(),
            is_grpc: content_type.is_some_and(|content| is_grpc(content.as_bytes())),
            is_head: request.method == Method::HEAD,
        }
    }

    /// gRPC for a request of gRPC, JSON if the request prefers that to text, and text for all others.
    fn kind(&self) -> Kind {
        match &self.accept {
            _ if self.is_grpc => Kind::Grpc,
            Some(accept) if accept.to_str().is_ok_and(prefers_json) => Kind::Json,
            _ => Kind::Text,
        }
    }
}

/// Not `application/grpc-web`, which has its trailers in the body.
fn is_grpc(content_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    content_type.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
        && matches!(content_type.get(GRPC.len()), None | Some(b'+' | b';' | b' '))
}

/// Whether a list of media types names JSON at least as high as text. `*/*` names neither.
fn prefers_json(accept: &str) -> bool {
    let (mut json, mut text) = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let Some((main, sub)) = parts.next().and_then(|name| name.split_once('/')) else { continue };
        let is_json = ends_with(sub, "json") && (sub.len() == 4 || ends_with(sub, "+json"));
        let is_json = is_json || (sub == "*" && main.eq_ignore_ascii_case("application"));
        let is_text = main.eq_ignore_ascii_case("text") && !is_json;
        if !is_json && !is_text {
            continue;
        }
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let quality = quality.map_or(1000, thousandths);
        let best = if is_json { &mut json } else { &mut text };
        *best = quality.max(*best);
    }
    json > 0 && json >= text
}

fn ends_with(text: &str, end: &str) -> bool {
    text.len() >= end.len() && text.as_bytes()[text.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
}

/// A quality of 0 to 1 with up to three digits; what is none counts nothing.
fn thousandths(quality: &str) -> u32 {
    let (whole, part) = quality.split_once('.').unwrap_or((quality, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    let part = part.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    match whole {
        "0" => part,
        "1" => 1000,
        _ => 0,
    }
}

/// The proxy's own answer.
pub(crate) fn answer(reason: &Reason, form: &Form) -> Response<Bytes> {
    let said = reason.said();
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(&REASON, said.reason.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(pause) = reason.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(seconds(pause)));
    }
    if reason.ends_connection() {
        // HTTP/2, where this is not said, leaves it out.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    match reason {
        Reason::NoRoute(NoRoute::MethodNotAllowed(methods)) => {
            headers.insert(ALLOW, allowed(methods));
        }
        Reason::Refused(Refusal::Method) => {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
        }
        _ => {}
    }
    let detail = reason.detail();
    let mut status = said.status;
    let body = match form.kind() {
        Kind::Grpc => {
            status = StatusCode::OK;
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(&GRPC_STATUS, said.grpc_status.clone());
            let message = detail.and_then(|detail| HeaderValue::try_from(percent_encoded(&detail)).ok());
            headers.insert(&GRPC_MESSAGE, message.unwrap_or_else(|| said.grpc_message.clone()));
            Bytes::new()
        }
        kind => {
            let (content_type, (body, length)) = match kind {
                Kind::Json => ("application/json", &said.json),
                _ => ("text/plain; charset=utf-8", &said.text),
            };
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            let (body, length) = match detail {
                None => (Bytes::from_static(body.as_bytes()), length.clone()),
                Some(detail) => {
                    let body = written(said, &detail, kind);
                    let length = HeaderValue::from(body.len());
                    (Bytes::from(body), length)
                }
            };
            headers.insert(CONTENT_LENGTH, length);
            if form.is_head { Bytes::new() } else { body }
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A body with a message of its own.
fn written(said: &Said, message: &str, kind: Kind) -> String {
    let (status, reason) = (said.status.as_u16(), said.reason.to_str().unwrap_or_default());
    match kind {
        Kind::Json => {
            let error = serde_json::json!({"error": {"status": status, "reason": reason, "message": message}});
            format!("{error}\n")
        }
        _ => format!("{status} {reason}: {message}\n"),
    }
}

/// Whole seconds: at least 1, so that nobody comes back at once, and at most 60, as what is expected changes.
fn seconds(pause: Duration) -> &'static str {
    const SECONDS: [&str; 60] = [
        "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
        "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35", "36", "37", "38",
        "39", "40", "41", "42", "43", "44", "45", "46", "47", "48", "49", "50", "51", "52", "53", "54", "55", "56",
        "57", "58", "59", "60",
    ];
    let whole = pause.as_secs().saturating_add(u64::from(pause.subsec_nanos() > 0)).clamp(1, SECONDS.len() as u64);
    SECONDS[whole as usize - 1]
}

fn allowed(methods: &[Method]) -> HeaderValue {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    // Methods are tokens.
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

/// As gRPC has its messages: visible ASCII stays, but for `%`.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
        encoded
    })
}

#[cfg(test)]
mod tests;
