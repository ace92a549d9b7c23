//! Making signatures and keys.

mod generate;
mod gpg;
mod key_file;

use std::path::PathBuf;

pub use generate::{
    GeneratedKey, SCHEDULER_USER_ID, generate_investigator_key, generate_scheduler_key,
};
pub use gpg::GpgSigner;
pub use key_file::KeyFileSigner;

use super::armor::packet_to_line;
use super::fingerprint::Fingerprint;
use crate::action::{SigningRefusal, check_signable, compress_parameters, signing_string};
use crate::documents::Action;
use crate::timestamp::Time;

/// Why nothing was signed, or no key made.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The action cannot be signed unambiguously.
    #[error(transparent)]
    Refused(#[from] SigningRefusal),
    /// The key file cannot be read.
    #[error("cannot read the key file {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The text is not one armored secret key.
    #[error("the text is not an armored secret key with exactly one key: {0}")]
    NotSecretKey(String),
    /// The key is not version 4.
    #[error("the key is version {0}; only version 4 keys can sign actions")]
    Version(u8),
    /// The key's primary part was taken away, as in an exported sub-key.
    #[error("the secret part of primary key {0} is missing from the file; export the whole key")]
    NoSecret(Fingerprint),
    /// The passphrase is missing or wrong.
    #[error("key {0} is locked and the passphrase does not open it; set MIGPGPPASSPHRASE")]
    Passphrase(Fingerprint),
    /// The key may not sign by its own account.
    #[error("signatures of {0} keys are refused; use an Ed25519 or RSA key")]
    Algorithm(String),
    /// The library failed.
    #[error("signing failed: {0}")]
    Library(String),
    /// `gpg` could not be started.
    #[error("cannot run {}: {source}; install GnuPG or sign with a key file", program.display())]
    GpgMissing {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// `gpg` refused.
    #[error("gpg did not sign with key {key}: {message}")]
    Gpg {
        /// The key that was asked for.
        key: Fingerprint,
        /// Its last words.
        message: String,
    },
}

/// Something that can sign as one investigator.
pub trait Signer {
    /// The primary key, by which others know the signer.
    fn fingerprint(&self) -> Fingerprint;

    /// A detached signature packet over `data`.
    ///
    /// # Errors
    /// When the key cannot be used.
    fn sign_packet(&self, data: &[u8], now: Time) -> Result<Vec<u8>, SignError>;

    /// The same on one line, as actions and tokens carry it.
    ///
    /// # Errors
    /// When the key cannot be used.
    fn sign_line(&self, data: &[u8], now: Time) -> Result<String, SignError> {
        self.sign_packet(data, now)
            .map(|packet| packet_to_line(&packet))
    }
}

/// Adds a signature to an action: compresses the parameters whose author asked
/// for it (before the first signature only, later ones cover the same text) and
/// signs the signing string.
///
/// # Errors
/// When the action cannot be signed unambiguously or the key cannot be used; the
/// action is then unchanged but for the compression.
pub fn sign_action(action: &mut Action, signer: &dyn Signer, now: Time) -> Result<(), SignError> {
    check_signable(action)?;
    if action.signatures().is_empty() {
        action
            .operations
            .iter_mut()
            .flatten()
            .for_each(compress_parameters);
    }
    let line = signer.sign_line(signing_string(action).as_bytes(), now)?;
    action.pgpsignatures.get_or_insert_default().push(line);
    Ok(())
}
