//! What a competent engineer writes in an hour: a reverse proxy of hyper's server and hyper-util's client, that removes
//! hop-by-hop headers and does nothing else.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::uri::{Authority, Scheme};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

struct Proxy {
    client: Client<HttpConnector, Incoming>,
    upstreams: Vec<Authority>,
    next: AtomicUsize,
}

/// Serves for ever, each request to the next upstream.
pub(crate) async fn serve(listen: SocketAddr, upstreams: &[SocketAddr]) -> io::Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    let upstreams = upstreams.iter().map(|address| address.to_string().parse().map_err(io::Error::other));
    let proxy = Arc::new(Proxy { client, upstreams: upstreams.collect::<Result<_, _>>()?, next: AtomicUsize::new(0) });
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let proxy = Arc::clone(&proxy);
        tokio::spawn(async move {
            let service = service_fn(|request| proxy.forward(request));
            // A client that goes away is no concern of ours.
            let _ =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Proxy {
    async fn forward(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<BoxBody<Bytes, hyper::Error>>, Infallible> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.upstreams.len();
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.upstreams[turn].clone());
        let Ok(uri) = Uri::from_parts(parts) else { return Ok(empty(StatusCode::BAD_REQUEST)) };
        *request.uri_mut() = uri;
        remove_hop_by_hop(request.headers_mut());
        let Ok(mut response) = self.client.request(request).await else { return Ok(empty(StatusCode::BAD_GATEWAY)) };
        remove_hop_by_hop(response.headers_mut());
        Ok(response.map(BodyExt::boxed))
    }
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if let Some(named) = headers.remove(header::CONNECTION) {
        for name in named.to_str().unwrap_or_default().split(',') {
            headers.remove(name.trim());
        }
    }
    headers.remove("keep-alive");
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

fn empty(status: StatusCode) -> Response<BoxBody<Bytes, hyper::Error>> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response
}
