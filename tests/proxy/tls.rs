//! TLS with clients and with upstreams.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use h2::server;
use hyper::http::{Request, Response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::http2::{h2_client, h2_over, request, whole, within};
use super::support::{Proxy, Upstream, get, ok};

/// Certificates in a directory of their own, which is gone in the end.
struct Certificates(PathBuf);

impl Certificates {
    fn new() -> Certificates {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("kanaloa-proxy-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).expect("a place");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().expect("a key");
        let root = authority.self_signed(&authority_key).expect("a certificate");
        let names = ["localhost", "127.0.0.1", "example.com"].map(str::to_owned);
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::new(authority, authority_key);
        let certificate =
            CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("a certificate");
        fs::write(directory.join("ca.pem"), root.pem()).expect("written");
        fs::write(directory.join("cert.pem"), certificate.pem()).expect("written");
        fs::write(directory.join("key.pem"), key.serialize_pem()).expect("written");
        Certificates(directory)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A client that trusts them.
    async fn connect(&self, address: SocketAddr, alpn: &[&str]) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.file("ca.pem")).expect("PEM")).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let socket = TcpStream::connect(address).await.expect("somebody listens");
        let name = ServerName::try_from("example.com").expect("a name");
        within(TlsConnector::from(Arc::new(config)).connect(name, socket)).await.expect("a handshake")
    }

    fn acceptor(&self, alpn: &[&str]) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_file(self.file("cert.pem")).expect("PEM")];
        let key = PrivateKeyDer::from_pem_file(self.file("key.pem")).expect("PEM");
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("they fit");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A proxy with TLS for its clients.
    fn proxy(&self, upstream: SocketAddr) -> Proxy {
        Proxy::start(&format!(
            "proxy {{ tls {{ certificate = \"{}\", key = \"{}\" }}\n\
             routes = [{{ upstreams = [\"http://{upstream}\"] }}] }}",
            self.file("cert.pem"),
            self.file("key.pem"),
        ))
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_from_clients_with_the_protocol_they_choose() {
    let certificates = Certificates::new();
    let upstream = Upstream::answering(|head, _| ok(head.get("x-forwarded-proto").unwrap_or("none")));
    let proxy = certificates.proxy(upstream.address);
    for alpn in [&["http/1.1"][..], &[]] {
        let mut stream = certificates.connect(proxy.address, alpn).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), alpn.first().map(|name| name.as_bytes()));
        stream
            .write_all(get("/").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .expect("taken");
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.expect("closed in good order");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhttps"), "{answer:?}");
    }
    let stream = certificates.connect(proxy.address, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = h2_over(stream).await;
    let request = Request::get("https://example.com/").body(()).expect("a request");
    let (answer, _) = client.send_request(request, true).expect("open");
    let mut answer = within(answer).await.expect("an answer").into_body();
    assert_eq!(whole(&mut answer).await.expect("whole").0, b"https");
}

/// A client that does not speak TLS is not answered as if it did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_on_a_port_with_tls_is_refused() {
    let certificates = Certificates::new();
    let upstream = Upstream::new();
    let proxy = certificates.proxy(upstream.address);
    let mut stream = TcpStream::connect(proxy.address).await.expect("somebody listens");
    stream.write_all(get("/").as_bytes()).await.expect("taken");
    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
    assert!(upstream.is_left_alone());
}

/// An https upstream that answers one request a connection, and says over which protocol.
async fn https_upstream(certificates: &Certificates, alpn: &[&str]) -> SocketAddr {
    let acceptor = certificates.acceptor(alpn);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // One that does not trust the certificate breaks off.
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    let mut connection = server::handshake(stream).await.expect("HTTP/2 is spoken");
                    while let Some(Ok((_, mut respond))) = connection.accept().await {
                        let mut body = respond.send_response(Response::new(()), false).expect("open");
                        body.send_data(Bytes::from_static(b"h2"), true).expect("open");
                    }
                    return;
                }
                let mut buffer = vec![0; 8192];
                let read = stream.read(&mut buffer).await.expect("a request");
                assert!(buffer[..read].starts_with(b"GET / HTTP/1.1\r\n"));
                stream.write_all(ok("http/1.1").as_bytes()).await.expect("taken");
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_upstreams_with_roots_of_ones_own() {
    let (certificates, others) = (Certificates::new(), Certificates::new());
    let ask = |address: SocketAddr, host: &str, ca: &Certificates, http: &str| {
        let (url, ca) = (format!("https://{host}:{}", address.port()), ca.file("ca.pem"));
        let proxy = Proxy::start(&format!(
            "proxy.routes = [{{ upstreams = [\"{url}\"], upstream {{ ca = \"{ca}\", http = {http} }} }}]"
        ));
        tokio::task::block_in_place(|| proxy.ask(&get("/")))
    };
    let both = https_upstream(&certificates, &["h2", "http/1.1"]).await;
    let old = https_upstream(&certificates, &[]).await;
    assert_eq!(ask(both, "localhost", &certificates, "http1").text(), "http/1.1");
    assert_eq!(ask(both, "127.0.0.1", &certificates, "http2").text(), "h2");
    assert_eq!(ask(old, "127.0.0.1", &certificates, "http1").text(), "http/1.1");
    // Signed by somebody else, or for another name.
    assert_eq!(ask(both, "127.0.0.1", &others, "http1").said(), (502, "no-connection"));
    assert_eq!(ask(both, "127.0.0.2", &certificates, "http1").said(), (502, "no-connection"));
}

/// An upstream is not told of two hosts at once: RFC 9113, 8.3.1 has it refuse that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_speaks_h2_is_told_of_one_host() {
    let certificates = Certificates::new();
    let acceptor = certificates.acceptor(&["h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = Proxy::start(&format!(
        "proxy.routes = [{{ upstreams = [\"https://{}\"], upstream {{ http = http2, ca = \"{}\" }} }}]",
        listener.local_addr().expect("bound"),
        certificates.file("ca.pem")
    ));
    let mut client = h2_client(&proxy).await;
    let (_answer, _) = client.send_request(request("GET", "/"), true).expect("open");
    let (socket, _) = within(listener.accept()).await.expect("the proxy connects");
    let stream = within(acceptor.accept(socket)).await.expect("a handshake");
    let mut connection = server::handshake(stream).await.expect("HTTP/2 is spoken");
    let (at_upstream, _respond) = within(connection.accept()).await.expect("a request").expect("a request");
    let authority = at_upstream.uri().authority().expect("it has one").as_str();
    let host = at_upstream.headers().get("host").map_or(authority, |host| host.to_str().expect("text"));
    assert_eq!(authority, host);
}
