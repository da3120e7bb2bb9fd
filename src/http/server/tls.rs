//! The certificate that clients see.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::http::settings::TlsSettings;

/// What clients may choose from, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why TLS cannot be spoken.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error("cannot read {}: {error}; check the path and its permissions", file.display())]
    Unreadable { file: PathBuf, error: io::Error },
    #[error("{} is not PEM: {error}; a PEM file has lines like -----BEGIN CERTIFICATE-----", file.display())]
    NotPem { file: PathBuf, error: pem::Error },
    #[error(
        "{} has no certificate; it is to begin with that of this host, then those between it and the root",
        file.display()
    )]
    NoCertificate { file: PathBuf },
    #[error("{} has no private key; it is to have one in PKCS#8, PKCS#1 or SEC1, without a passphrase", file.display())]
    NoKey { file: PathBuf },
    #[error(
        "the key in {} does not serve for the certificate in {}: {error}; put the two that belong together",
        key.display(), certificate.display()
    )]
    Mismatch { certificate: PathBuf, key: PathBuf, error: rustls::Error },
}

/// Reads a certificate and its key for HTTP/2 and HTTP/1.1 over TLS 1.2 and 1.3.
///
/// # Errors
/// When a file cannot be read or lacks what it should have, and when the two do not belong together.
pub(crate) fn tls(settings: &TlsSettings) -> Result<Arc<ServerConfig>, TlsError> {
    let TlsSettings { certificate, key } = settings;
    let certificates = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(certificate, error))?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { file: certificate.clone() });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { file: key.clone() },
        other => unreadable(key, other),
    })?;

    let mismatch = |error| TlsError::Mismatch { certificate: certificate.clone(), key: key.clone(), error };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(mismatch)?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(mismatch)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

fn unreadable(file: &Path, error: pem::Error) -> TlsError {
    match error {
        pem::Error::Io(error) => TlsError::Unreadable { file: file.to_path_buf(), error },
        error => TlsError::NotPem { file: file.to_path_buf(), error },
    }
}
