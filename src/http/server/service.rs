//! What hyper asks for answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};

use super::activity::Activity;
use super::{Client, Serve, Server};

/// Has requests of one HTTP/1 connection answered.
#[derive(Clone)]
pub(super) struct Answerer<S> {
    server: Arc<Server>,
    serve: S,
    client: Client,
    activity: Arc<Activity>,
}

impl<S> Answerer<S> {
    pub(super) fn new(server: Arc<Server>, serve: S, client: Client, activity: Arc<Activity>) -> Self {
        Self { server, serve, client, activity }
    }

    pub(super) fn client(&self) -> Client {
        self.client
    }
}

/// An answer in the making. hyper keeps room for one with each HTTP/1 connection, idle or not: a box is small.
pub(super) type Answering<B> = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>>>>;

impl<S: Serve> Service<Request<Incoming>> for Answerer<S> {
    type Response = Response<S::Body>;
    type Error = Infallible;
    type Future = Answering<S::Body>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.have_head();
        let is_connect = *request.method() == Method::CONNECT;
        let server = self.server.clone();
        let answer = self.serve.serve(request, self.client);
        Box::pin(async move {
            let mut response = answer.await;
            let is_upgrade =
                response.status() == StatusCode::SWITCHING_PROTOCOLS || (is_connect && response.status().is_success());
            if server.is_draining() && !is_upgrade {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        })
    }
}
