//! Fingerprints of primary keys: who a signer is.

use std::fmt;
use std::str::FromStr;

/// The fingerprint of a version 4 primary key; printed as 40 upper-case hex
/// digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 20]);

/// A text is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fingerprint; it must be 40 hex digits without spaces")]
pub struct FingerprintError(String);

impl Fingerprint {
    /// The last eight bytes, by which signatures name their key.
    pub fn key_id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        id.copy_from_slice(&self.0[12..]);
        id
    }

    /// True when `text` is this fingerprint, upper or lower case. White space is
    /// not stripped, as in the original.
    pub fn matches(&self, text: &str) -> bool {
        text.parse::<Fingerprint>()
            .is_ok_and(|other| other == *self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode_upper(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Fingerprint, FingerprintError> {
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes)
            .map(|()| Fingerprint(bytes))
            .map_err(|_| {
                FingerprintError(
                    text.chars()
                        .take(64)
                        .collect::<String>()
                        .escape_debug()
                        .to_string(),
                )
            })
    }
}
