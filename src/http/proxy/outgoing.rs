//! A request on its way upstream.

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::http::uri::PathAndQuery;
use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, Method};
use tokio::time::Instant;

use super::upload::Upload;
use crate::Priority;

/// A request as a dispatcher hands it to upstreams: without what is only between the client and this proxy, and without
/// what differs from upstream to upstream. In a box, since it changes hands some ten times on its way.
pub(crate) type Outgoing = Box<OutgoingRequest>;

/// See [`Outgoing`].
#[derive(Debug)]
pub(crate) struct OutgoingRequest {
    pub(super) head: Head,
    pub(super) body: OutgoingBody,
    pub(super) asks: Asks,
    /// Whether it may go out more than once, if its body allows it.
    pub(super) may_repeat: bool,
    /// Whether it goes out once more, if its method allows it, when it met a connection that the upstream was closing.
    pub(super) resends: bool,
    /// If the client asks to speak something else from here on.
    pub(super) upgrade: Option<Upgrade>,
}

/// What a dispatcher is to know of a request.
#[derive(Debug, Clone)]
pub(crate) struct Asks {
    pub(super) class: Priority,
    pub(super) user: Option<HeaderValue>,
    pub(super) deadline: Option<Instant>,
}

/// What a client asks to speak from here on, and its connection.
#[derive(Debug)]
pub(crate) struct Upgrade {
    pub(super) protocol: HeaderValue,
    pub(super) client: OnUpgrade,
}

/// What precedes the body.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(super) method: Method,
    pub(super) path_and_query: PathAndQuery,
    pub(super) headers: HeaderMap,
    /// Whom the client asks for.
    pub(super) host: Option<HeaderValue>,
}

/// What follows the head.
#[derive(Debug)]
pub(crate) enum OutgoingBody {
    /// The whole, which may be empty.
    Kept(Bytes),
    /// What the client still sends. It can go out once.
    Stream(Box<Upload>),
}

impl OutgoingRequest {
    /// Whether it may go out more than once, and its body has to be kept for that.
    pub(super) fn is_to_be_kept(&self) -> bool {
        self.may_repeat && matches!(self.body, OutgoingBody::Stream(_))
    }

    /// The same request once more, if it may go out more than once.
    pub(super) fn again(&self) -> Option<Outgoing> {
        let OutgoingBody::Kept(body) = &self.body else { return None };
        let is_repeatable = self.may_repeat && self.upgrade.is_none();
        is_repeatable.then(|| {
            Box::new(OutgoingRequest {
                head: self.head.clone(),
                body: OutgoingBody::Kept(body.clone()),
                asks: self.asks.clone(),
                may_repeat: true,
                resends: self.resends,
                upgrade: None,
            })
        })
    }
}
