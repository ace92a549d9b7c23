//! Client certificates that were taken back before their time.
//!
//! The authority's list is a file that is replaced whenever something was
//! revoked. It is looked at with every login, and read again when it changed.

use crate::error::RelayError;
use crate::reread::Reread;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use std::path::Path;
use std::sync::Arc;

/// Lets in whom the authority vouches for and its list does not name.
#[derive(Debug)]
pub(crate) struct Revocation {
    provider: Arc<CryptoProvider>,
    list: Reread<Arc<dyn ClientCertVerifier>>,
}

impl Revocation {
    /// # Errors
    /// A list that cannot be read, or that is none.
    pub(crate) fn new(
        authorities: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
        list: &Path,
    ) -> Result<Revocation, RelayError> {
        let used = Arc::clone(&provider);
        let read = move |list: &Path| verifier(&authorities, &used, list);
        Ok(Revocation {
            provider,
            list: Reread::open(list, read)?,
        })
    }
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
    let pem = std::fs::read(list).map_err(|source| RelayError::ReadFile {
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
        self.list
            .current()
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
