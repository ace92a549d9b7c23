//! SHA-256 in the form it is written down.

use sha2::{Digest, Sha256};

/// SHA-256 of some bytes, in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
