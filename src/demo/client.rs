//! The HTTP client, as load generators use it and as a Kanaloa handler.

use std::error::Error as _;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::{self, Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use kanaloa::{CallContext, Handler, OnCancel, Reply};
use thiserror::Error;

/// A client of one page. It keeps connections for reuse.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    client: Client<HttpConnector, Empty<Bytes>>,
    uri: Uri,
}

/// Why the page was not had.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    /// There was no answer.
    #[error("no answer: {}", with_causes(.0))]
    NoAnswer(#[from] legacy::Error),
    /// The connection was lost while the answer was read.
    #[error("answer cut short: {0}")]
    CutShort(#[from] hyper::Error),
    /// The service says it failed.
    #[error("status {0}")]
    Status(StatusCode),
}

fn with_causes(error: &legacy::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl HttpClient {
    pub(crate) fn new(uri: Uri) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        HttpClient { client: Client::builder(TokioExecutor::new()).build(connector), uri }
    }

    /// Gets the page, to the last byte.
    pub(crate) async fn get(&self) -> Result<StatusCode, HttpError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        let response = self.client.request(request).await?;
        let status = response.status();
        response.into_body().collect().await?;
        if status.is_success() { Ok(status) } else { Err(HttpError::Status(status)) }
    }
}

/// The service as Kanaloa sees it.
#[derive(Debug)]
pub(crate) struct HttpService {
    name: &'static str,
    client: HttpClient,
}

/// A request for the service's page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Get;

impl HttpService {
    pub(crate) fn new(name: &'static str, uri: Uri) -> Self {
        HttpService { name, client: HttpClient::new(uri) }
    }
}

impl Handler for HttpService {
    type Request = Get;
    type Response = StatusCode;
    type Error = HttpError;

    fn name(&self) -> &str {
        self.name
    }

    async fn handle(&self, _: Get, _: CallContext) -> Reply<StatusCode, HttpError> {
        self.client.get().await.into()
    }

    /// The service does not notice that its client has left.
    fn on_cancel(&self) -> OnCancel {
        OnCancel::RunOn
    }
}
