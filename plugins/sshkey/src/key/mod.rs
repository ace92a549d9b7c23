//! Public keys in the form in which SSH sends them (RFC 4253, section 6.6).

mod fields;
mod fingerprint;
mod kind;
mod wire;

pub use kind::{Curve, is_kind};
pub use wire::Reader;

/// A public key. Certificates are reduced to the key that they certify, as
/// `ssh-keygen -l` does, so that both have the same fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    blob: Vec<u8>,
}

impl PublicKey {
    /// The encoded key.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }
}
