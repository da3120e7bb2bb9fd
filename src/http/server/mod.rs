//! Listens for clients and speaks HTTP with them.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    /// Where it has connected to.
    pub(crate) local: SocketAddr,
    pub(crate) is_tls: bool,
}

/// Answers requests, on the thread of their connection.
pub(crate) trait Serve: Clone + 'static {
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static;

    /// Answers one request. The future is dropped when the client has left.
    fn serve(&self, request: Request<Incoming>, client: Client)
    -> impl Future<Output = Response<Self::Body>> + 'static;
}
