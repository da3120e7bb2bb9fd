//! HTTP/2, TLS, hosts and names.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, client, server};
use hyper::http::{HeaderMap, Request, Response, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::support::{ONE_AT_A_TIME, PATIENCE, Proxy, Upstream, get, ok};

/// A connection over which requests go to the proxy by HTTP/2.
async fn h2_over(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> client::SendRequest<Bytes> {
    let (send, connection) = client::handshake(io).await.expect("HTTP/2 is spoken");
    tokio::spawn(async move {
        let _ = connection.await;
    });
    send.ready().await.expect("open")
}

async fn h2_client(proxy: &Proxy) -> client::SendRequest<Bytes> {
    h2_over(TcpStream::connect(proxy.address).await.expect("somebody listens")).await
}

fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://example.com{path}")).body(()).expect("a request")
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it does not hang")
}

/// The whole of a body, and its trailers.
async fn whole(body: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut bytes = Vec::new();
    while let Some(data) = within(body.data()).await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, within(body.trailers()).await?))
}

type AtUpstream = (Request<RecvStream>, SendResponse<Bytes>);

/// An upstream that speaks HTTP/2 in the clear, and nothing else.
async fn h2_upstream() -> (SocketAddr, mpsc::UnboundedReceiver<AtUpstream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (send, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let send = send.clone();
            tokio::spawn(async move {
                let mut connection = server::handshake(socket).await.expect("HTTP/2 is spoken");
                while let Some(Ok(request)) = connection.accept().await {
                    let _ = send.send(request);
                }
            });
        }
    });
    (address, requests)
}

fn trailers(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().expect("a name"), value.parse().expect("a value"))])
}

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
            "proxy {{ tls {{ certificate = \"{}\", key = \"{}\" }}, routes = [{{ upstreams = [\"http://{upstream}\"] }}] }}",
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
async fn h2_from_clients_and_http_1_to_upstreams() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = h2_client(&proxy).await;
    let mut asked = request("POST", "/a?b=c");
    asked.headers_mut().insert("te", "trailers".parse().expect("a value"));
    // HTTP/1 has to be told before which trailers come.
    asked.headers_mut().insert("trailer", "sum".parse().expect("a value"));
    let (answer, mut body) = client.send_request(asked, false).expect("open");
    body.send_data(Bytes::from_static(b"hello"), false).expect("open");
    body.send_trailers(trailers("sum", "5")).expect("open");
    let (mut at_upstream, head) = upstream.request();
    assert_eq!(head.first, "POST /a?b=c HTTP/1.1");
    assert_eq!((head.get("host"), head.get("transfer-encoding")), (Some("example.com"), Some("chunked")));
    let sent = at_upstream.body(&head, false);
    assert_eq!((sent.bytes, sent.trailers), (b"hello".to_vec(), vec![("sum".to_owned(), "5".to_owned())]));
    at_upstream.send(
        "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\ntrailer: check\r\nconnection: keep-alive\r\n\r\n\
         5\r\nworld\r\n0\r\ncheck: 7\r\n\r\n",
    );
    let answer = within(answer).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers().get("connection"), None);
    assert_eq!(answer.headers().get("transfer-encoding"), None);
    let (bytes, last) = whole(&mut answer.into_body()).await.expect("whole");
    assert_eq!((bytes, last), (b"world".to_vec(), Some(trailers("check", "7"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_on_both_sides_as_grpc_wants_it() {
    let (address, mut requests) = h2_upstream().await;
    let proxy = Proxy::over(&[address], "upstream.http = http2", "");
    let mut client = h2_client(&proxy).await;
    let mut asked = request("POST", "/service/method");
    asked.headers_mut().insert("te", "trailers".parse().expect("a value"));
    asked.headers_mut().insert("content-type", "application/grpc".parse().expect("a value"));
    asked.headers_mut().insert("grpc-timeout", "5S".parse().expect("a value"));
    let (answer, mut body) = client.send_request(asked, false).expect("open");
    let (at_upstream, mut respond) = within(requests.recv()).await.expect("a request");
    let (head, mut sent) = at_upstream.into_parts();
    assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/service/method"));
    assert_eq!(head.headers.get("te").map(|value| value.as_bytes()), Some(&b"trailers"[..]));
    assert!(head.headers.contains_key("grpc-timeout"));
    // Both ways at once, message by message.
    let response = Response::builder().header("content-type", "application/grpc").body(()).expect("an answer");
    let mut back = respond.send_response(response, false).expect("open");
    let mut answer = within(answer).await.expect("a head").into_body();
    for word in ["one", "two", "three"] {
        body.send_data(Bytes::from_static(word.as_bytes()), false).expect("open");
        assert_eq!(within(sent.data()).await.expect("data").expect("data"), word);
        back.send_data(Bytes::from_static(word.as_bytes()), false).expect("open");
        assert_eq!(within(answer.data()).await.expect("data").expect("data"), word);
    }
    body.send_trailers(trailers("sum", "3")).expect("open");
    assert_eq!(whole(&mut sent).await.expect("whole"), (Vec::new(), Some(trailers("sum", "3"))));
    back.send_trailers(trailers("grpc-status", "0")).expect("open");
    assert_eq!(whole(&mut answer).await.expect("whole"), (Vec::new(), Some(trailers("grpc-status", "0"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "over HTTP/2 upstreams see their own host, whatever host-header says"]
async fn the_host_is_as_the_route_says_over_h2_too() {
    let (address, mut requests) = h2_upstream().await;
    let own = address.to_string();
    for (policy, expected) in
        [("upstream", own.as_str()), ("preserve", "example.com"), ("other.example", "other.example")]
    {
        let proxy = Proxy::over(&[address], &format!("upstream.http = http2, host-header = {policy}"), "");
        let mut client = h2_client(&proxy).await;
        let (answer, _) = client.send_request(request("GET", "/"), true).expect("open");
        let (at_upstream, mut respond) = within(requests.recv()).await.expect("a request");
        assert_eq!(at_upstream.uri().authority().map(|host| host.as_str()), Some(expected), "{policy}");
        assert_eq!(at_upstream.headers().get("host"), None, "{policy}");
        respond.send_response(Response::new(()), true).expect("open");
        within(answer).await.expect("an answer");
    }
}

/// An upstream is not told of two hosts at once: RFC 9113, 8.3.1 has it refuse that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "with http = auto, an upstream that chooses HTTP/2 is told its own host in :authority and the client's in host"]
async fn an_upstream_that_chooses_h2_is_told_of_one_host() {
    let certificates = Certificates::new();
    let acceptor = certificates.acceptor(&["h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let proxy = Proxy::start(&format!(
        "proxy.routes = [{{ upstreams = [\"https://{}\"], upstream.ca = \"{}\" }}]",
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

/// The stream of a client that has given up is reset at the upstream too, and its place is free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_stream_is_reset_at_the_upstream() {
    let (address, mut requests) = h2_upstream().await;
    let proxy = Proxy::over(&[address], "upstream.http = http2", ONE_AT_A_TIME);
    let mut client = h2_client(&proxy).await;
    // Where there is more of the request to come, the reason may be that it does not come.
    for (method, expected) in [("GET", Some(h2::Reason::CANCEL)), ("POST", None)] {
        client = within(client.ready()).await.expect("open");
        let (answer, body) = client.send_request(request(method, "/"), expected.is_some()).expect("open");
        let (_at_upstream, mut respond) = within(requests.recv()).await.expect("a request");
        drop((answer, body));
        let reason = within(std::future::poll_fn(|cx| respond.poll_reset(cx))).await.expect("a reset");
        assert_eq!(reason, expected.unwrap_or(reason));
        tokio::task::block_in_place(|| proxy.until_counts(0, 0));
    }
    // The connections go on.
    let mut client = within(client.ready()).await.expect("open");
    let (answer, _) = client.send_request(request("GET", "/"), true).expect("open");
    let (_, mut respond) = within(requests.recv()).await.expect("a request");
    respond.send_response(Response::new(()), true).expect("open");
    assert_eq!(within(answer).await.expect("an answer").status(), StatusCode::OK);
}

/// An upstream that breaks off in the middle does so for the client of HTTP/2 too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_answer_is_a_reset_stream() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let mut client = h2_client(&proxy).await;
    let (answer, _) = client.send_request(request("GET", "/"), true).expect("open");
    let (mut at_upstream, _) = upstream.request();
    at_upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
    let mut body = within(answer).await.expect("a head").into_body();
    assert_eq!(within(body.data()).await.expect("data").expect("data"), "abc");
    drop(at_upstream);
    assert!(whole(&mut body).await.is_err(), "the client takes a part for the whole");
    let mut client = within(client.ready()).await.expect("the connection goes on");
    let (answer, _) = client.send_request(request("GET", "/"), true).expect("open");
    upstream.request().0.ok("");
    assert_eq!(within(answer).await.expect("an answer").status(), StatusCode::OK);
}

/// With a client's connection all its requests are given up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vanished_h2_client_frees_its_upstreams() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "", "");
    let socket = TcpStream::connect(proxy.address).await.expect("somebody listens");
    let (send, connection) = client::handshake(socket).await.expect("HTTP/2 is spoken");
    let connection = tokio::spawn(connection);
    let mut client = send.ready().await.expect("open");
    let (_one, _) = client.send_request(request("GET", "/1"), true).expect("open");
    let (mut one, _) = upstream.request();
    client = client.ready().await.expect("open");
    let (_other, _upload) = client.send_request(request("POST", "/2"), false).expect("open");
    let (mut other, head) = upstream.request();
    tokio::task::block_in_place(|| proxy.until_counts(0, 2));
    connection.abort();
    tokio::task::block_in_place(|| {
        one.closed();
        assert!(!other.body(&head, false).is_complete);
        other.closed();
        let status = proxy.until_counts(0, 0);
        assert_eq!(status["routes"][0]["upstreams"][0]["failed"], 0);
    });
}

/// What the proxy answers itself, over HTTP/2: without the headers that only HTTP/1 has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_answers_over_h2() {
    let upstream = Upstream::new();
    let proxy = Proxy::to(&upstream, "path-prefix = /a, dispatcher = default, max-request-body = 3", "");
    let mut client = h2_client(&proxy).await;
    let mut grpc = request("POST", "/");
    grpc.headers_mut().insert("content-type", "application/grpc".parse().expect("a value"));
    let (answer, _) = client.send_request(grpc, true).expect("open");
    let answer = within(answer).await.expect("an answer");
    assert_eq!((answer.status(), &answer.headers()["grpc-status"]), (StatusCode::OK, &"12".parse().expect("a value")));

    let (answer, mut body) = client.send_request(request("POST", "/a"), false).expect("open");
    body.send_data(Bytes::from_static(b"four"), true).expect("open");
    let answer = within(answer).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.headers()["kanaloa-reason"], "body-too-large");
}

/// Bodies keep to what the other side can take, over HTTP/2 as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn megabytes_over_h2() {
    const SIZE: usize = 8 << 20;
    let (address, mut requests) = h2_upstream().await;
    let proxy = Proxy::over(&[address], "upstream.http = http2", "");
    let mut client = h2_client(&proxy).await;
    let (answer, mut body) = client.send_request(request("POST", "/"), false).expect("open");
    let pattern: Bytes = (0..SIZE).map(|place| (place / 251 + place % 253) as u8).collect();
    let sent = pattern.clone();
    tokio::spawn(async move {
        body.send_data(sent, true).expect("open");
    });
    let (at_upstream, mut respond) = within(requests.recv()).await.expect("a request");
    let (bytes, _) = whole(&mut at_upstream.into_body()).await.expect("whole");
    assert!(bytes == pattern, "another body arrives");
    let mut back = respond.send_response(Response::new(()), false).expect("open");
    back.send_data(pattern.clone(), true).expect("open");
    let mut answer = within(answer).await.expect("a head").into_body();
    assert!(whole(&mut answer).await.expect("whole").0 == pattern, "another body comes back");
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
    assert_eq!(ask(both, "127.0.0.1", &certificates, "auto").text(), "h2");
    assert_eq!(ask(both, "localhost", &certificates, "http1").text(), "http/1.1");
    assert_eq!(ask(both, "127.0.0.1", &certificates, "http2").text(), "h2");
    assert_eq!(ask(old, "127.0.0.1", &certificates, "auto").text(), "http/1.1");
    // Signed by somebody else, or for another name.
    assert_eq!(ask(both, "127.0.0.1", &others, "auto").said(), (502, "no-connection"));
    assert_eq!(ask(both, "127.0.0.2", &certificates, "auto").said(), (502, "no-connection"));
}

#[test]
fn each_host_has_its_route() {
    let (one, other) = (Upstream::answering(|_, _| ok("one")), Upstream::answering(|_, _| ok("other")));
    let proxy = Proxy::start(&format!(
        "proxy.routes = [ {{ host = one.example, dispatcher = one, upstreams = [\"http://{}\"] }},\n\
         {{ host = \"*.example\", dispatcher = other, upstreams = [\"http://{}\"] }} ]",
        one.address, other.address
    ));
    for (host, expected) in
        [("one.example", "one"), ("ONE.example:8080", "one"), ("two.example", "other"), ("a.one.example", "other")]
    {
        assert_eq!(proxy.ask(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).text(), expected, "{host}");
    }
    for host in ["example", "one.example.org"] {
        assert_eq!(proxy.ask(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")).said(), (404, "no-route"), "{host}");
    }
    let status = proxy.status();
    assert_eq!(status["routes"][0]["requests"]["received"], 2);
    assert_eq!(status["routes"][1]["requests"]["received"], 2);
}

/// `localhost` is in the hosts file of nearly every machine; where it is ::1 as well, nobody listens there.
#[test]
fn a_dns_name_leads_to_its_addresses() {
    let upstream = Upstream::answering(|head, _| ok(head.get("host").unwrap_or("none")));
    let port = upstream.address.port();
    let proxy = Proxy::start(&format!(
        "proxy.routes = [{{ dns = \"http://localhost:{port}\", host-header = upstream }}]\n\
         dispatchers.default {{ work-settings {{ work-retry = 1, retry-budget.enabled = off }} }}"
    ));
    proxy.until("127.0.0.1 is found", |status| {
        let upstreams = status["routes"][0]["upstreams"].as_array().expect("a list");
        upstreams
            .iter()
            .any(|upstream| upstream["name"] == format!("127.0.0.1:{port}") && upstream["state"] == "running")
    });
    assert_eq!(proxy.ask(&get("/")).text(), format!("localhost:{port}"));
}

/// A name that leads nowhere: nothing is there to take requests, and clients are told so.
#[test]
fn a_dns_name_without_addresses_is_no_handlers() {
    let proxy = Proxy::start("proxy.routes = [{ dns = \"http://nothing.invalid:80\" }]");
    proxy.until("it is known", |status| status["routes"][0]["state"] == "no-handlers");
    let refused = proxy.ask(&get("/"));
    assert_eq!(refused.said(), (503, "no-handlers"));
    assert_eq!(refused.get("retry-after"), Some("1"));
    let mut admin = super::support::Wire::connect(proxy.admin);
    admin.send(get("/readyz"));
    let answer = admin.answer();
    assert_eq!((answer.status, answer.text()), (503, "route default: no upstream\n"));
}
