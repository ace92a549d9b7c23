//! Client certificates that were taken back before their time.
//!
//! The authority's list is a file that is replaced whenever something was
//! revoked. It is looked at with every login, and read again when it changed, so
//! that a relay with thousands of connections need not be started anew.

use crate::error::RelayError;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Lets in whom the authority vouches for and its list does not name.
#[derive(Debug)]
pub(crate) struct Revocation {
    authorities: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    list: PathBuf,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    stamp: Option<Stamp>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// Tells one state of a file from another: device, inode, size, time of change.
type Stamp = (u64, u64, u64, i64, i64);

impl Revocation {
    /// # Errors
    /// A list that cannot be read, or that is none.
    pub(crate) fn new(
        authorities: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
        list: &Path,
    ) -> Result<Revocation, RelayError> {
        // Before the content: a change in between is then seen as one.
        let stamp = stamp(list);
        let verifier = verifier(&authorities, &provider, list)?;
        Ok(Revocation {
            authorities,
            provider,
            list: list.to_owned(),
            current: Mutex::new(Current { stamp, verifier }),
        })
    }

    /// The verifier for the list as it is now. A list that became unusable is
    /// said once, and the last good one holds on: neither is everybody locked
    /// out, nor is somebody let in who was not before.
    fn current(&self) -> Arc<dyn ClientCertVerifier> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.list);
        if current.stamp != now {
            match verifier(&self.authorities, &self.provider, &self.list) {
                Ok(verifier) => {
                    current.verifier = verifier;
                    tracing::info!("Read {} again.", self.list.display());
                }
                Err(error) => tracing::error!("{error}; the list read before still holds."),
            }
            current.stamp = now;
        }
        Arc::clone(&current.verifier)
    }
}

fn stamp(list: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(list).ok()?;
    Some((
        meta.dev(),
        meta.ino(),
        meta.size(),
        meta.ctime(),
        meta.ctime_nsec(),
    ))
}

fn verifier(
    authorities: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    list: &Path,
) -> Result<Arc<dyn ClientCertVerifier>, RelayError> {
    let unusable = |error: &dyn std::fmt::Display| {
        RelayError::Tls(format!(
            "{}: not a revocation list in PEM form: {error}",
            list.display()
        ))
    };
    let pem = std::fs::read(list).map_err(|source| RelayError::ReadPem {
        path: list.to_owned(),
        source,
    })?;
    let lists = CertificateRevocationListDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(&error))?;
    if lists.is_empty() {
        return Err(unusable(&"there is none in it"));
    }
    // A list says who is out. That it says nothing of another authority's
    // certificates, or is old, must not lock a fleet out.
    WebPkiClientVerifier::builder_with_provider(Arc::clone(authorities), Arc::clone(provider))
        .with_crls(lists)
        .only_check_end_entity_revocation()
        .allow_unknown_revocation_status()
        .build()
        .map_err(|error| unusable(&error))
}

impl ClientCertVerifier for Revocation {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // As the plain verifier does: the hints would only say whom we trust.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.current()
            .verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
