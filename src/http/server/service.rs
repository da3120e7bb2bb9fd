//! What hyper asks for answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};

use super::activity::Activity;
use super::{Client, Serve, Server};

/// Has requests of one HTTP/1 connection answered.
pub(super) struct Answerer<S: Serve>(Rc<Inner<S>>);

/// Of one connection, for what threads share costs more with each request.
struct Inner<S: Serve> {
    server: Arc<Server>,
    serve: S,
    client: Client,
    connection: S::Connection,
    activity: Arc<Activity>,
}

impl<S: Serve> Answerer<S> {
    pub(super) fn new(server: Arc<Server>, serve: S, client: Client, activity: Arc<Activity>) -> Self {
        let connection = serve.connected(client);
        Self(Rc::new(Inner { server, serve, client, connection, activity }))
    }

    pub(super) fn client(&self) -> Client {
        self.0.client
    }
}

impl<S: Serve> Clone for Answerer<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// An answer in the making. hyper keeps room for one with each HTTP/1 connection, idle or not: a box is small.
pub(super) type Answering<B> = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>>>>;

impl<S: Serve> Service<Request<Incoming>> for Answerer<S> {
    type Response = Response<S::Body>;
    type Error = Infallible;
    type Future = Answering<S::Body>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let inner = self.0.clone();
        inner.activity.have_head();
        let is_connect = *request.method() == Method::CONNECT;
        let answer = inner.serve.serve(request, &inner.connection);
        Box::pin(async move {
            let mut response = answer.await;
            let is_upgrade =
                response.status() == StatusCode::SWITCHING_PROTOCOLS || (is_connect && response.status().is_success());
            if inner.server.is_draining() && !is_upgrade {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        })
    }
}
