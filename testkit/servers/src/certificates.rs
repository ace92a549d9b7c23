//! A throw-away authority with certificates for a server and for clients.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::owner;

/// An authority whose files lie in a directory: `ca.crt`, `server.crt` and
/// `server.key` (for `localhost` and `127.0.0.1`), and what [`Certificates::client`] adds.
pub struct Certificates {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Certificates {
    /// Makes the authority and the server's certificate, which is also for these
    /// addresses.
    pub(crate) fn make(directory: &Path, addresses: &[&str]) -> Certificates {
        let mut authority = named("throw-away authority", &[]);
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = authority.self_signed(&key).expect("an authority");
        owner::write(&directory.join("ca.crt"), &certificate.pem(), 0o644);
        let certificates = Certificates {
            directory: directory.to_owned(),
            issuer: Issuer::new(authority, key),
        };
        let mut names = vec!["localhost", "127.0.0.1"];
        names.extend(addresses);
        certificates.issue("server", &names, ExtendedKeyUsagePurpose::ServerAuth);
        certificates
    }

    /// The authority's certificate, PEM.
    pub fn ca(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// Certificate and key (PEM files) of a client with this common name, made
    /// when somebody asks for the first time.
    pub fn client(&self, name: &str) -> (PathBuf, PathBuf) {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        // The key is written last.
        if !self.key(name).exists() {
            self.issue(name, &[name], ExtendedKeyUsagePurpose::ClientAuth);
        }
        (self.certificate(name), self.key(name))
    }

    pub(crate) fn certificate(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.crt"))
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.key"))
    }

    fn issue(&self, name: &str, names: &[&str], usage: ExtendedKeyUsagePurpose) {
        let mut params = named(name, names);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        owner::write(&self.certificate(name), &certificate.pem(), 0o644);
        owner::write(&self.key(name), &key.serialize_pem(), 0o600);
    }
}

fn named(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::hours(1);
    params.not_after = now + time::Duration::days(1);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
