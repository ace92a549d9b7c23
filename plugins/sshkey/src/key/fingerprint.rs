//! Fingerprints as `ssh-keygen -l` prints them.

use super::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md5::Md5;
use sha2::{Digest, Sha256};

impl PublicKey {
    /// `16:27:ac:…`: MD5 in pairs.
    pub fn md5(&self) -> String {
        let pairs: Vec<String> = Md5::digest(&self.blob)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        pairs.join(":")
    }

    /// `SHA256:…`: base64 without padding.
    pub fn sha256(&self) -> String {
        let digest = Sha256::digest(&self.blob);
        format!("SHA256:{}", STANDARD_NO_PAD.encode(digest))
    }
}
