//! TLS to the database.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{StoreError, StoreResult};

/// What a connection does about TLS.
#[derive(Clone)]
pub(super) struct Tls(Option<MakeRustlsConnect>);

impl Tls {
    /// Never TLS.
    pub(super) fn none() -> Tls {
        Tls(None)
    }

    /// TLS, with the name in the certificate compared if `names`.
    pub(super) fn new(names: bool, ca: Option<&Path>) -> StoreResult<Tls> {
        let verifier = verifier(names, ca)?;
        let config = ClientConfig::builder_with_provider(Arc::clone(&verifier.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(ca, &error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Tls(Some(MakeRustlsConnect::new(config))))
    }

    pub(super) fn connector(&self) -> Option<MakeRustlsConnect> {
        self.0.clone()
    }
}

fn verifier(names: bool, ca: Option<&Path>) -> StoreResult<Verifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = match ca {
        Some(path) => Some(read(path)?),
        None if names => Some(system()?),
        None => None,
    };
    let chain = roots.map(|roots| {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| refused(ca, &error))
    });
    Ok(Verifier {
        chain: chain.transpose()?,
        names,
        provider,
    })
}

fn refused(ca: Option<&Path>, reason: &dyn std::error::Error) -> StoreError {
    let what = ca.map_or_else(
        || String::from("the system's certificate authorities"),
        |path| path.display().to_string(),
    );
    StoreError::Corrupt {
        what,
        reason: reason.to_string(),
    }
}

fn read(path: &Path) -> StoreResult<RootCertStore> {
    let text = std::fs::read(path).map_err(|source| StoreError::Io {
        path: path.to_owned(),
        source,
    })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| refused(Some(path), &error))?;
        roots
            .add(certificate)
            .map_err(|error| refused(Some(path), &error))?;
    }
    if roots.is_empty() {
        return Err(StoreError::Corrupt {
            what: path.display().to_string(),
            reason: "there is no certificate in it".into(),
        });
    }
    Ok(roots)
}

fn system() -> StoreResult<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(StoreError::Corrupt {
            what: "the system's certificate authorities".into(),
            reason: "there are none; name the database's own with `ca`".into(),
        });
    }
    Ok(roots)
}

/// As libpq: `require` takes any certificate, or with an authority any of its
/// certificates; `verify-full` compares the name too.
#[derive(Debug)]
struct Verifier {
    chain: Option<Arc<WebPkiServerVerifier>>,
    names: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        let verified =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at last: everything else was good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    use super::*;

    /// An authority's PEM and a certificate of it for `db.example.org`.
    fn authority() -> (String, CertificateDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let own = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["db.example.org".into()]).unwrap();
        (pem, server.signed_by(&own, &issuer).unwrap().der().clone())
    }

    #[test]
    fn each_sslmode_checks_what_it_says() {
        let directory = tempfile::tempdir().unwrap();
        let (pem, certificate) = authority();
        let own = directory.path().join("own.pem");
        std::fs::write(&own, pem).unwrap();
        let other = directory.path().join("other.pem");
        std::fs::write(&other, authority().0).unwrap();
        let good = |names, ca: Option<&Path>, name: &'static str| {
            let verifier = verifier(names, ca).unwrap();
            let name = ServerName::try_from(name).unwrap();
            verifier
                .verify_server_cert(&certificate, &[], &name, &[], UnixTime::now())
                .is_ok()
        };
        let (right, wrong) = ("db.example.org", "db.example.com");
        let cases = [
            (true, Some(&own), right, true),
            (true, Some(&own), wrong, false),
            (true, Some(&other), right, false),
            (true, None, right, false),
            (false, Some(&own), right, true),
            (false, Some(&own), wrong, true),
            (false, Some(&other), right, false),
            (false, None, wrong, true),
        ];
        for (names, ca, name, expected) in cases {
            // Where the system has no authorities at all, it says so instead.
            if names && ca.is_none() && system().is_err() {
                continue;
            }
            let ca = ca.map(|path| path.as_path());
            assert_eq!(good(names, ca, name), expected, "{names} {ca:?} {name}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let line = |path: &Path| Tls::new(true, Some(path)).err().unwrap().to_string();
        assert!(line(&path).starts_with(&format!("{}: ", path.display())));
        std::fs::write(&path, "nothing").unwrap();
        assert_eq!(
            line(&path),
            format!(
                "{}: stored data cannot be understood: there is no certificate in it",
                path.display()
            )
        );
    }
}
