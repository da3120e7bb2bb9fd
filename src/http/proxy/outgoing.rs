//! A request on its way upstream.

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::http::uri::PathAndQuery;
use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, Method};

use super::upload::Upload;

/// A request as a dispatcher hands it to upstreams: without what is only between the client and this proxy, and without
/// what differs from upstream to upstream.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(super) head: Head,
    pub(super) body: OutgoingBody,
    /// Whether it may go out more than once, if its body allows it.
    pub(super) may_repeat: bool,
    /// If the client asks to speak something else from here on.
    pub(super) upgrade: Option<Upgrade>,
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
    Stream(Upload),
}

impl Outgoing {
    /// The same request once more, if it may go out more than once.
    pub(super) fn again(&self) -> Option<Self> {
        let OutgoingBody::Kept(body) = &self.body else { return None };
        let is_repeatable = self.may_repeat && self.upgrade.is_none();
        is_repeatable.then(|| Outgoing {
            head: self.head.clone(),
            body: OutgoingBody::Kept(body.clone()),
            may_repeat: true,
            upgrade: None,
        })
    }
}
