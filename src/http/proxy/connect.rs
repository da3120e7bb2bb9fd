//! Connections to upstreams.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready as poll_ready};
use std::time::Duration;

use hyper::http::Uri;
use hyper::http::uri::PathAndQuery;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiFuture, GaiResolver, Name};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::time::timeout;
use tower_service::Service;

use super::connections::Connections;
use super::multiplexed::Multiplexed;
use super::upstream::{SendError, UpstreamClient};
use crate::http::settings::{Upstream, UpstreamHttp, UpstreamSettings};

/// How long an upstream may be silent before its host is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Why upstreams cannot be spoken to.
#[derive(Debug, Error)]
pub(crate) enum TrustError {
    /// There are no roots in the file.
    #[error("{}: cannot be read as PEM certificates: {reason}; name a file with the roots that sign the upstreams' certificates", file.display())]
    Unreadable { file: PathBuf, reason: String },
    /// The system has no roots.
    #[error(
        "the system's root certificates cannot be read: {0}; install them (ca-certificates), or name a file in upstream.ca"
    )]
    NoRoots(io::Error),
}

/// Makes the clients of a route's upstreams, each with connections of its own.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    settings: UpstreamSettings,
    tls: ClientConfig,
}

impl Clients {
    /// `needs_tls`: whether any upstream is https.
    pub(super) fn new(settings: &UpstreamSettings, needs_tls: bool) -> Result<Self, TrustError> {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        // The versions are those that the provider is made for.
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of TLS 1.2 and 1.3");
        let tls = match &settings.ca {
            Some(file) => builder.with_root_certificates(roots(file)?).with_no_client_auth(),
            None if needs_tls => builder.with_native_roots().map_err(TrustError::NoRoots)?.with_no_client_auth(),
            None => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
        };
        Ok(Clients { settings: settings.clone(), tls })
    }

    /// A client of an upstream, whose connections all go to this address, if there is one, rather than to those of its host.
    pub(super) fn client(&self, upstream: &Upstream, address: Option<SocketAddr>) -> UpstreamClient {
        let settings = &self.settings;
        let mut http = HttpConnector::new_with_resolver(match address {
            Some(address) => Resolver::Fixed(address),
            None => Resolver::System(GaiResolver::new()),
        });
        http.set_nodelay(true);
        // One that has vanished without a word is noticed, also by what waits on it for long.
        http.set_keepalive(Some(KEEPALIVE));
        http.set_keepalive_interval(Some(KEEPALIVE / 4));
        http.set_keepalive_retries(Some(3));
        http.enforce_http(false);
        http.set_connect_timeout(Some(settings.connect_timeout));
        let https = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone()).https_or_http();
        let connector = |https| Connector { https, timeout: settings.connect_timeout };
        // An authority and a path always make a URI with a scheme.
        let target = upstream.uri(upstream.authority.clone(), PathAndQuery::from_static("/")).unwrap_or_default();
        match settings.http {
            UpstreamHttp::Http1 => {
                let connector = connector(https.enable_http1().wrap_connector(http));
                let connections = Connections::new(connector, target, settings.idle_timeout, settings.max_idle);
                UpstreamClient::Http1(connections)
            }
            UpstreamHttp::Http2 => {
                let connector = connector(https.enable_http2().wrap_connector(http));
                UpstreamClient::Http2(Box::new(Multiplexed::new(connector, target)))
            }
        }
    }
}

fn roots(file: &Path) -> Result<RootCertStore, TrustError> {
    let unreadable = |reason: String| TrustError::Unreadable { file: file.to_owned(), reason };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() { Err(unreadable("there is none in it".to_owned())) } else { Ok(roots) }
}

/// Connects to an upstream, in the clear or over TLS, within a time.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    https: HttpsConnector<HttpConnector<Resolver>>,
    timeout: Duration,
}

impl Connector {
    /// Connects to `target`, of which scheme and authority count.
    ///
    /// # Errors
    ///
    /// When there is no connection to be had in time.
    pub(super) async fn connect(&self, target: &Uri) -> Result<Connected, SendError> {
        let mut https = self.https.clone();
        let connecting = async {
            poll_fn(|cx| https.poll_ready(cx)).await?;
            https.call(target.clone()).await
        };
        match timeout(self.timeout, connecting).await {
            Ok(connected) => connected.map_err(SendError::NoConnection),
            Err(_) => {
                let message = format!("not connected within the connect-timeout of {:?}", self.timeout);
                Err(SendError::NoConnection(io::Error::new(ErrorKind::TimedOut, message).into()))
            }
        }
    }
}

type Connected = <HttpsConnector<HttpConnector<Resolver>> as Service<Uri>>::Response;

/// Finds the addresses of a host.
#[derive(Debug, Clone)]
pub(crate) enum Resolver {
    /// Asks the system.
    System(GaiResolver),
    /// Knows already.
    Fixed(SocketAddr),
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Resolving;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        match self {
            Resolver::System(system) => system.poll_ready(cx),
            Resolver::Fixed(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, name: Name) -> Resolving {
        match self {
            Resolver::System(system) => Resolving::System(system.call(name)),
            Resolver::Fixed(address) => Resolving::Fixed(*address),
        }
    }
}

/// Addresses to come.
pub(crate) enum Resolving {
    System(GaiFuture),
    Fixed(SocketAddr),
}

impl Future for Resolving {
    type Output = Result<std::vec::IntoIter<SocketAddr>, io::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(match self.get_mut() {
            Resolving::System(system) => poll_ready!(Pin::new(system).poll(cx))?.collect::<Vec<_>>(),
            Resolving::Fixed(address) => vec![*address],
        }
        .into_iter()))
    }
}
