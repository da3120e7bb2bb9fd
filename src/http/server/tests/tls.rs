use std::fs;
use std::path::PathBuf;

use hyper_util::rt::TokioExecutor;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::http::server::tls;
use crate::http::settings::TlsSettings;

/// A certificate on disk, gone with this.
struct Files {
    folder: PathBuf,
    settings: TlsSettings,
    certificate: CertificateDer<'static>,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kanaloa-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let settings = TlsSettings { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        fs::write(&settings.certificate, made.cert.pem()).unwrap();
        fs::write(&settings.key, made.signing_key.serialize_pem()).unwrap();
        Self { folder, settings, certificate: made.cert.der().clone() }
    }

    async fn connect(&self, fixture: &Fixture, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let socket = TcpStream::connect(fixture.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn clients_choose_between_http1_and_http2() {
    run(|| async {
        let files = Files::new("alpn");
        let server = Server::new(settings(), Some(tls(&files.settings).unwrap()));
        let fixture = Fixture::start_with(server);

        let stream = files.connect(&fixture, &[b"h2", b"http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let answer = sender.send_request(Request::new(String::new())).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");

        for alpn in [&[&b"http/1.1"[..]][..], &[]] {
            let stream = files.connect(&fixture, alpn).await;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            for _ in 0..2 {
                let answer = sender.send_request(Request::new(String::new())).await.unwrap();
                assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hello");
                // Long enough to be set aside.
                tokio::time::sleep(Duration::from_millis(600)).await;
            }
        }
        assert!(fixture.seen.clients.borrow().iter().all(|client| client.is_tls));
    });
}

#[test]
fn a_certificate_is_replaced_for_connections_from_then_on() {
    run(|| async {
        let (old, new) = (Files::new("old"), Files::new("new"));
        let server = Server::new(settings(), Some(tls(&old.settings).unwrap()));
        let fixture = Fixture::start_with(server);
        let mut before = old.connect(&fixture, &[]).await;

        fixture.server.replace(settings(), Some(tls(&new.settings).unwrap()));
        let after = new.connect(&fixture, &[]).await;
        assert_eq!(after.get_ref().1.peer_certificates().unwrap()[0], new.certificate);
        before.write_all(b"GET /hello HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        before.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    });
}

#[test]
fn a_handshake_has_no_longer_than_a_head() {
    run(|| async {
        let files = Files::new("slow");
        let settings = ServerSettings { header_timeout: Duration::from_millis(100), ..settings() };
        let fixture = Fixture::start_with(Server::new(settings, Some(tls(&files.settings).unwrap())));
        let mut peer = fixture.connect().await;
        // The beginning of a record.
        peer.0.write_all(&[22, 3, 1]).await.unwrap();
        assert_eq!(peer.rest().await, "");
        fixture.until_connections(0).await;

        // Nor is there longer for a request after it.
        let mut stream = files.connect(&fixture, &[]).await;
        let mut rest = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(rest, b"");
        fixture.until_connections(0).await;
    });
}

#[test]
fn plain_http_where_tls_is_expected_ends_the_connection() {
    run(|| async {
        let files = Files::new("plain");
        let fixture = Fixture::start_with(Server::new(settings(), Some(tls(&files.settings).unwrap())));
        let mut peer = fixture.connect().await;
        peer.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, peer.0.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(fixture.seen.begun.get(), 0);
        fixture.until_connections(0).await;
    });
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let files = Files::new("wrong");
    let TlsSettings { certificate, key } = files.settings.clone();
    let said = |certificate: &PathBuf, key: &PathBuf| {
        tls(&TlsSettings { certificate: certificate.clone(), key: key.clone() }).unwrap_err().to_string()
    };
    let missing = files.folder.join("missing.pem");
    let expected = format!("cannot read {}: No such file or directory (os error 2); ", missing.display());
    assert!(said(&missing, &key).starts_with(&expected), "{}", said(&missing, &key));
    assert!(said(&certificate, &missing).starts_with(&expected), "{}", said(&certificate, &missing));

    assert!(said(&key, &key).starts_with(&format!("{} has no certificate; ", key.display())));
    assert!(said(&certificate, &certificate).starts_with(&format!("{} has no private key; ", certificate.display())));

    let broken = files.folder.join("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    assert!(said(&broken, &key).starts_with(&format!("{} is not PEM: ", broken.display())));

    let other = Files::new("other");
    let mismatch = said(&certificate, &other.settings.key);
    assert!(mismatch.contains(" does not serve for the certificate in "), "{mismatch}");
}
