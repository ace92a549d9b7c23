//! OpenSSH's own format (its PROTOCOL.key): the public half stands in front in
//! the clear, whether the rest is encrypted or not, so nothing else is read.

use super::PrivateKey;
use crate::key::{PublicKey, Reader};

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// What cipher and key derivation are called when there is none.
const NONE: &[u8] = b"none";
/// Most keys in one file; programs write one.
const MOST: u32 = 64;

/// The keys in such a file.
pub fn keys(body: &[u8]) -> Option<Vec<PrivateKey>> {
    let mut reader = Reader::new(body);
    if reader.take(MAGIC.len())? != MAGIC {
        return None;
    }
    let cipher = reader.string()?;
    let derivation = reader.string()?;
    // Its options: salt and rounds.
    reader.string()?;
    let encrypted = cipher != NONE || derivation != NONE;
    let count = reader.number()?;
    if count > MOST {
        return None;
    }
    let public: Vec<&[u8]> = (0..count).map(|_| reader.string()).collect::<Option<_>>()?;
    // The private half must be there, if only its length is looked at; some
    // ciphers put a checksum behind it.
    reader.string()?;
    let keys = public.into_iter().map(|blob| {
        PublicKey::from_blob(blob).map(|public| PrivateKey {
            encrypted,
            public: Some(public),
        })
    });
    keys.collect()
}
