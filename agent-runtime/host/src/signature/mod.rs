//! Who vouches for a plugin: detached signatures beside the file, checked
//! against a key ring that is only for plugins.
//!
//! `NAME.so.sig` holds one or several signatures over the whole file, each as
//! an armored OpenPGP block, as one-line OpenPGP (the form actions carry), as
//! base64 of a raw Ed25519 signature, or, if it is the only one, as the binary
//! form of either.

mod file;
mod keys;

pub use keys::{KeyRemark, PluginKeys, PublisherKey};

use std::path::Path;

use mig_protocol::Time;

use file::Detached;

/// Largest signature file, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// Why the signatures of a file do not suffice, in one line.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature file.
    #[error(
        "is not signed ({name} is missing); sign it, or set [modules] allowunsigned to load it anyway"
    )]
    Missing {
        /// Name of the file that should be there.
        name: String,
    },
    /// The signature file cannot be read.
    #[error("its signature file cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// Nothing in it is a signature.
    #[error("its signature file holds no signature; sign it again")]
    Nothing,
    /// Too few signatures count. `reason` is that of the first that does not.
    #[error("{valid} of {required} required signatures are valid{}", because(reason.as_deref()))]
    TooFew {
        /// Distinct signers whose signature is valid.
        valid: usize,
        /// How many the configuration asks for.
        required: usize,
        /// Why one was not valid.
        reason: Option<String>,
    },
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// Verifies the content of a signature file over `bytes` and returns the
/// distinct signers.
///
/// # Errors
/// When fewer than `required` distinct signers count.
pub fn verify(
    bytes: &[u8],
    signatures: &[u8],
    keys: &PluginKeys,
    required: usize,
    now: Time,
) -> Result<Vec<PublisherKey>, SignatureError> {
    let candidates = file::split(signatures);
    if candidates.is_empty() {
        return Err(SignatureError::Nothing);
    }
    let mut signers: Vec<PublisherKey> = Vec::new();
    let mut reason = None;
    for candidate in &candidates {
        match check(bytes, candidate, keys, now) {
            Ok(signer) if signers.contains(&signer) => {}
            Ok(signer) => signers.push(signer),
            Err(why) => {
                reason.get_or_insert(why);
            }
        }
    }
    // Nothing verified is never enough, whatever is asked for.
    if signers.len() < required.max(1) {
        return Err(SignatureError::TooFew {
            valid: signers.len(),
            required: required.max(1),
            reason,
        });
    }
    Ok(signers)
}

fn check(
    bytes: &[u8],
    candidate: &Detached,
    keys: &PluginKeys,
    now: Time,
) -> Result<PublisherKey, String> {
    match candidate {
        Detached::Unreadable(why) => Err(why.clone()),
        Detached::OpenPgp(packet) => keys.verify_openpgp(bytes, packet, now),
        Detached::Ed25519(signature) => keys.verify_ed25519(bytes, signature),
    }
}

/// Reads the signature file beside a plugin; `None` when there is none.
pub(crate) fn read_beside(plugin: &Path) -> Result<Option<Vec<u8>>, SignatureError> {
    let mut name = plugin.as_os_str().to_owned();
    name.push(".sig");
    let file = match std::fs::File::open(&name) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(SignatureError::Unreadable(error)),
    };
    crate::sys::descriptors::read_whole(&file, MAX_FILE)
        .map(Some)
        .map_err(SignatureError::Unreadable)
}

#[cfg(test)]
mod tests;
