//! TLS of a listener: our certificate, and the authority whose client
//! certificates are let in.

use crate::error::RelayError;
use crate::revocation::Revocation;
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// PEM texts of a TLS listener.
#[derive(Clone)]
pub struct TlsFiles {
    /// Our certificate, followed by its intermediates.
    pub certificate: Vec<u8>,
    /// Our private key.
    pub key: Vec<u8>,
    /// Certificates of the authority that signs client certificates.
    pub client_authority: Vec<u8>,
    /// File with the authority's list of revoked certificates, PEM. It is read
    /// again when it changes; connections that stand are not ended by it.
    pub revoked: Option<PathBuf>,
}

impl std::fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsFiles(…)")
    }
}

impl TlsFiles {
    /// Reads the three files.
    ///
    /// # Errors
    /// Names the file that cannot be read.
    pub fn read(certificate: &Path, key: &Path, authority: &Path) -> Result<Self, RelayError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| RelayError::ReadFile {
                path: PathBuf::from(path),
                source,
            })
        };
        Ok(Self {
            certificate: read(certificate)?,
            key: read(key)?,
            client_authority: read(authority)?,
            revoked: None,
        })
    }

    /// # Errors
    /// Says which of the three is unusable.
    pub(crate) fn server_config(&self) -> Result<Arc<rustls::ServerConfig>, RelayError> {
        let certificates = |pem: &[u8], what: &str| -> Result<Vec<CertificateDer<'static>>, _> {
            let list: Vec<_> = CertificateDer::pem_slice_iter(pem)
                .collect::<Result<_, _>>()
                .map_err(|error| RelayError::Tls(format!("{what}: {error}")))?;
            if list.is_empty() {
                return Err(RelayError::Tls(format!(
                    "{what} holds no PEM certificate; give it one"
                )));
            }
            Ok(list)
        };
        let tls = |what: &str, error: &dyn std::fmt::Display| {
            RelayError::Tls(format!("{what} is not usable: {error}"))
        };
        let mut authorities = RootCertStore::empty();
        for certificate in certificates(&self.client_authority, "the client authority")? {
            authorities
                .add(certificate)
                .map_err(|error| tls("the client authority", &error))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities = Arc::new(authorities);
        let verifier: Arc<dyn ClientCertVerifier> = match &self.revoked {
            Some(list) => Arc::new(Revocation::new(authorities, Arc::clone(&provider), list)?),
            None => WebPkiClientVerifier::builder_with_provider(authorities, Arc::clone(&provider))
                .build()
                .map_err(|error| tls("the client authority", &error))?,
        };
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| tls("the private key", &error))?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| tls("the set of TLS versions", &error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&self.certificate, "the certificate")?, key)
            .map_err(|error| tls("the certificate with its key", &error))?;
        // Connections live for days: tickets would be built and kept for
        // nothing.
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_empty_files_are_named() {
        let missing = Path::new("/nonexistent/relay.pem");
        let error = TlsFiles::read(missing, missing, missing).expect_err("no such file");
        assert!(
            error
                .to_string()
                .starts_with("cannot read /nonexistent/relay.pem")
        );
        let empty = TlsFiles {
            certificate: Vec::new(),
            key: Vec::new(),
            client_authority: Vec::new(),
            revoked: None,
        };
        assert_eq!(
            empty.server_config().expect_err("nothing").to_string(),
            "TLS material of the relay: the client authority holds no PEM certificate; give it one"
        );
    }
}
