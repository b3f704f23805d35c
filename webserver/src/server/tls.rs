//! Certificates: read at the start, and again when the server is told to.

use std::io;
use std::path::Path;
use std::sync::Arc;

use common::quote;
use rustls::ServerConfig;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsConfig;
use crate::error::ConfigError;

/// Reads a certificate and its key.
///
/// # Errors
/// If one of them cannot be read or used, or they do not belong together.
pub(crate) fn load(config: &TlsConfig) -> Result<Arc<ServerConfig>, ConfigError> {
    let certificates = CertificateDer::pem_file_iter(&config.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&config.cert, "certificate", error))?;
    if certificates.is_empty() {
        return Err(nothing_in(&config.cert, "certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| wrong(&config.key, "private key", error))?;
    let mut tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&config.cert, &error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| {
            if let rustls::Error::InconsistentKeys(_) = error {
                let cert = quote::always(&config.cert);
                return unusable(&config.key, &format!("is not the key of {cert}"));
            }
            unusable(&config.cert, &format!("cannot be used: {error}"))
        })?;
    // A client that comes back need not shake hands in full, whichever worker it comes to.
    tls.ticketer = Ticketer::new().map_err(|error| unusable(&config.cert, &error.to_string()))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

fn wrong(path: &Path, what: &str, error: pem::Error) -> ConfigError {
    if matches!(error, pem::Error::NoItemsFound) {
        return nothing_in(path, what);
    }
    ConfigError::TlsFile {
        path: path.to_owned(),
        source: if let pem::Error::Io(source) = error {
            source
        } else {
            io::Error::new(io::ErrorKind::InvalidData, error)
        },
    }
}

fn nothing_in(path: &Path, what: &str) -> ConfigError {
    unusable(path, &format!("holds no {what} in PEM form (-----BEGIN …)"))
}

fn unusable(path: &Path, reason: &str) -> ConfigError {
    ConfigError::Tls {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
