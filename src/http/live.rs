//! The dashboard as hyper serves it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Response, StatusCode};

use crate::dashboard::{Dashboard, Events};

/// An answer as a whole, or events that go on.
pub(super) type AdminBody = Either<Full<Bytes>, Live>;

/// Events as they come. It ends with the dashboard.
pub(crate) struct Live(Events);

impl Body for Live {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_next_unpin(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

pub(super) fn page() -> Response<AdminBody> {
    with(&Dashboard::PAGE_HEADERS, whole(Dashboard::page()))
}

pub(super) fn events(dashboard: &Dashboard, method: &Method, headers: &HeaderMap) -> Response<AdminBody> {
    if method == Method::HEAD {
        return with(&Dashboard::EVENTS_HEADERS, whole(""));
    }
    let last_event_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    match dashboard.events(last_event_id) {
        Ok(events) => with(&Dashboard::EVENTS_HEADERS, Response::new(Either::Right(Live(events)))),
        Err(error) => {
            let mut response = whole(format!("{error}\n"));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

/// `to` is relative, so that it holds whatever is in front of this server.
pub(super) fn redirect(status: StatusCode, to: &'static str) -> Response<AdminBody> {
    let mut response = whole("");
    *response.status_mut() = status;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(to));
    // Another program may be at this address tomorrow.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether it is a browser's user who asks, and no program.
pub(super) fn wants_a_page(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepted.any(|accept| accept.contains("text/html"))
}

fn whole(body: impl Into<Bytes>) -> Response<AdminBody> {
    Response::new(Either::Left(Full::new(body.into())))
}

fn with(headers: &'static [(&'static str, &'static str)], mut response: Response<AdminBody>) -> Response<AdminBody> {
    let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    response.headers_mut().extend(headers);
    response
}
