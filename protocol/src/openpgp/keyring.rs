//! The public keys whose signatures count.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::armor::line_to_packet;
use super::certificate::{Certificate, KeyError, KeyReport};
use super::fingerprint::Fingerprint;
use super::verify::{MAX_SIGNATURES, SignatureRefused, VerifyError, read_signature, verify};
use crate::action::signing_string;
use crate::documents::Action;
use crate::timestamp::Time;

/// A set of public keys.
#[derive(Default)]
pub struct Keyring {
    certificates: Vec<Certificate>,
}

/// A keyring directory could not be read at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the keyring directory {}: {source}", path.display())]
pub struct KeyringError {
    /// The directory.
    pub path: PathBuf,
    /// What the system says.
    pub source: std::io::Error,
}

/// A file of a keyring directory that gives cause for a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedKey {
    /// The file.
    pub path: PathBuf,
    /// One line: why it was skipped, or what is weak about a key that was
    /// loaded.
    pub reason: String,
    /// False when the key was loaded all the same.
    pub skipped: bool,
}

impl Keyring {
    /// A ring without keys, which accepts nothing.
    pub fn new() -> Keyring {
        Keyring::default()
    }

    /// Adds an armored public key. When the same key is there already, a revoked
    /// copy stays and otherwise the one with the latest statement about itself.
    ///
    /// # Errors
    /// When the text is not exactly one block with exactly one usable key.
    pub fn add_armored(&mut self, armored: &[u8]) -> Result<KeyReport, KeyError> {
        let (new, report) = Certificate::load(armored)?;
        match self
            .certificates
            .iter_mut()
            .find(|known| known.fingerprint == new.fingerprint)
        {
            None => self.certificates.push(new),
            Some(known) if known.revoked => {}
            Some(known) if new.revoked || new.latest_statement() >= known.latest_statement() => {
                *known = new
            }
            Some(_) => {}
        }
        Ok(report)
    }

    /// Loads every file of a directory, each holding one armored key. Files that
    /// do not are skipped and named, as are weaknesses of those that do.
    ///
    /// # Errors
    /// When the directory itself cannot be read; a missing one is told by
    /// [`std::io::ErrorKind::NotFound`] in the source.
    pub fn load_directory(directory: &Path) -> Result<(Keyring, Vec<SkippedKey>), KeyringError> {
        let failed = |source| KeyringError {
            path: directory.to_owned(),
            source,
        };
        let entries = fs::read_dir(directory).map_err(failed)?;
        let mut paths = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        paths.sort();

        let mut ring = Keyring::new();
        let mut remarks = Vec::new();
        for path in paths {
            match read_key_file(&path)
                .map_err(|error| error.to_string())
                .and_then(|armored| {
                    ring.add_armored(&armored)
                        .map_err(|error| error.to_string())
                }) {
                Ok(report) => {
                    remarks.extend(report.warnings.into_iter().map(|reason| SkippedKey {
                        path: path.clone(),
                        reason,
                        skipped: false,
                    }))
                }
                Err(reason) => remarks.push(SkippedKey {
                    path,
                    reason,
                    skipped: true,
                }),
            }
        }
        Ok((ring, remarks))
    }

    /// Removes a key; true when it was there.
    pub fn remove(&mut self, fingerprint: &Fingerprint) -> bool {
        let before = self.certificates.len();
        self.certificates
            .retain(|certificate| certificate.fingerprint != *fingerprint);
        self.certificates.len() < before
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// True when nothing can be verified.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// The primary keys.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.certificates
            .iter()
            .map(|certificate| certificate.fingerprint)
    }

    /// Verifies a detached signature packet over `data` and returns the signer's
    /// primary key. `now` decides about expiry.
    ///
    /// # Errors
    /// When the signature does not count.
    pub fn verify_packet(
        &self,
        data: &[u8],
        packet: &[u8],
        now: Time,
    ) -> Result<Fingerprint, VerifyError> {
        let signature = read_signature(packet)?;
        verify(&self.certificates, data, &signature, now)
    }

    /// As [`Keyring::verify_packet`], with the signature on one line.
    ///
    /// # Errors
    /// When the signature does not count.
    pub fn verify_line(
        &self,
        data: &[u8],
        line: &str,
        now: Time,
    ) -> Result<Fingerprint, VerifyError> {
        self.verify_packet(data, &line_to_packet(line)?, now)
    }

    /// Verifies every signature of an action and returns the signers in the same
    /// order. One that does not count refuses the action even if others would
    /// do. Whether the signers may do this is for the ACL.
    ///
    /// # Errors
    /// The first signature that does not count.
    pub fn verify_action(
        &self,
        action: &Action,
        now: Time,
    ) -> Result<Vec<Fingerprint>, SignatureRefused> {
        if action.signatures().len() > MAX_SIGNATURES {
            return Err(SignatureRefused {
                number: MAX_SIGNATURES + 1,
                reason: VerifyError::TooMany,
            });
        }
        let data = signing_string(action);
        let numbered = action.signatures().iter().zip(1..);
        numbered
            .map(|(line, number)| {
                self.verify_line(data.as_bytes(), line, now)
                    .map_err(|reason| SignatureRefused { number, reason })
            })
            .collect()
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.fingerprints()).finish()
    }
}

/// Reads a little more than a key may have, so that a huge file is refused
/// without reading it.
fn read_key_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut armored = Vec::new();
    fs::File::open(path)?
        .take((1 << 20) + 1)
        .read_to_end(&mut armored)?;
    Ok(armored)
}
