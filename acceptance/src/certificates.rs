//! A throw-away certificate authority (ECDSA P-256).

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::Outcome;
use crate::site::write_private;

/// How long the certificates live: a site that was kept stops being usable after
/// a week, so that nobody mistakes it for a deployment.
const LIFETIME: time::Duration = time::Duration::days(7);

/// What a certificate may be used for.
#[derive(Clone, Copy)]
enum Role {
    Server,
    Client,
}

/// Writes `ca.crt`, and certificate and key for `server` and `agent`. The server's is
/// also for these addresses.
pub(crate) fn write(directory: &Path, addresses: &[&str]) -> Outcome<()> {
    let failed = |error: rcgen::Error| format!("cannot make certificates: {error}");
    let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    limit(&mut authority, "MIG throw-away authority");
    let authority_key = KeyPair::generate().map_err(failed)?;
    let certificate = authority.self_signed(&authority_key).map_err(failed)?;
    write_private(&directory.join("ca.crt"), &certificate.pem())?;
    let issuer = Issuer::new(authority, authority_key);
    for (name, role) in [("server", Role::Server), ("agent", Role::Client)] {
        let names = match role {
            Role::Server => {
                let usual = ["localhost", "127.0.0.1"].iter();
                usual
                    .chain(addresses)
                    .map(|&name| name.to_owned())
                    .collect()
            }
            Role::Client => vec![name.to_owned()],
        };
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match role {
            Role::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Role::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        limit(&mut params, name);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
        write_private(&directory.join(format!("{name}.crt")), &certificate.pem())?;
        write_private(&directory.join(format!("{name}.key")), &key.serialize_pem())?;
    }
    Ok(())
}

fn limit(params: &mut CertificateParams, name: &str) {
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::hours(1);
    params.not_after = now + LIFETIME;
    params.distinguished_name.push(DnType::CommonName, name);
}
