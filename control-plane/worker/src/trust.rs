//! Whose word counts for who the webhook's server is.

use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, PemItem, parse_pem};

/// Where distributions keep the certificate authorities they trust.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The authorities of a file, or of the system without one.
///
/// # Errors
/// There are none; one line with what to do.
pub(crate) fn authorities(file: Option<&Path>) -> Result<Vec<Certificate<'static>>, String> {
    if let Some(path) = file {
        let pem = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let found = certificates(&pem);
        return match found.is_empty() {
            true => Err(format!("{}: holds no PEM certificate", path.display())),
            false => Ok(found),
        };
    }
    SYSTEM
        .iter()
        .map(PathBuf::from)
        .filter_map(|path| std::fs::read(path).ok())
        .map(|pem| certificates(&pem))
        .find(|found| !found.is_empty())
        .ok_or_else(|| {
            "is missing, and the system has no authorities; install ca-certificates or name a file"
                .to_owned()
        })
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect()
}
