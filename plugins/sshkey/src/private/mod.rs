//! Private keys: whether one is encrypted, and its public half. The other half
//! is looked at only to compute the public one where a file lacks it, and is
//! never kept.

mod derive;
mod document;
mod openssh;
mod pem;
mod pkcs8;
mod putty;

use crate::key::PublicKey;

/// A private key, without what makes it private.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateKey {
    /// A passphrase is needed to use it.
    pub encrypted: bool,
    /// Its public half, when the file tells.
    pub public: Option<PublicKey>,
}

impl PrivateKey {
    /// A key that anybody who reads the file can use.
    fn open(public: Option<PublicKey>) -> Self {
        Self {
            encrypted: false,
            public,
        }
    }

    /// A key of which nothing can be read.
    fn sealed() -> Self {
        Self {
            encrypted: true,
            public: None,
        }
    }
}

/// All private keys of a file, in their order, until `cancelled`: where the
/// public half must be computed each takes its time, and a file has room for
/// thousands.
pub fn keys(file: &[u8], cancelled: &dyn Fn() -> bool) -> Vec<PrivateKey> {
    let blocks = pem::blocks(file).take_while(|_| !cancelled());
    let mut keys: Vec<PrivateKey> = blocks.flat_map(|block| of(&block)).collect();
    keys.extend(putty::key(file));
    keys
}

/// The keys in a block.
fn of(block: &pem::Block<'_>) -> Vec<PrivateKey> {
    let body = block.body.as_slice();
    let key = match block.label {
        b"OPENSSH PRIVATE KEY" => return openssh::keys(body).unwrap_or_default(),
        b"RSA PRIVATE KEY" | b"DSA PRIVATE KEY" | b"EC PRIVATE KEY" if block.is_encrypted => {
            (!body.is_empty()).then(PrivateKey::sealed)
        }
        b"RSA PRIVATE KEY" => document::rsa(body).map(PrivateKey::open),
        b"DSA PRIVATE KEY" => document::dsa(body).map(PrivateKey::open),
        b"EC PRIVATE KEY" => document::ec(body, None).map(PrivateKey::open),
        b"PRIVATE KEY" => pkcs8::open(body).map(PrivateKey::open),
        b"ENCRYPTED PRIVATE KEY" => pkcs8::is_sealed(body).then(PrivateKey::sealed),
        _ => None,
    };
    key.into_iter().collect()
}
