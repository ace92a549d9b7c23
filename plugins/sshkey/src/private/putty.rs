//! PuTTY's format (appendix C of its manual): lines `Name: value`, the public
//! half in base64 in as many lines as one of them says, the private half after
//! that.

use super::PrivateKey;
use crate::encoding::{decode, lines};
use crate::key::{PublicKey, is_kind};

const MAGIC: [&[u8]; 3] = [
    b"PuTTY-User-Key-File-1: ",
    b"PuTTY-User-Key-File-2: ",
    b"PuTTY-User-Key-File-3: ",
];

/// The key of such a file.
pub fn key(file: &[u8]) -> Option<PrivateKey> {
    let mut lines = lines(file);
    let first = lines.next()?;
    let kind = MAGIC.iter().find_map(|magic| first.strip_prefix(*magic))?;
    if !is_kind(kind) {
        return None;
    }
    let cipher = lines.next()?.strip_prefix(b"Encryption: ")?;
    let mut public = None;
    loop {
        let line = lines.next()?;
        if let Some(count) = line.strip_prefix(b"Public-Lines: ") {
            let count: usize = std::str::from_utf8(count).ok()?.parse().ok()?;
            let encoded = lines.by_ref().take(count).collect::<Vec<_>>().concat();
            public = PublicKey::from_blob(&decode(&encoded)?);
        } else if line.starts_with(b"Private-Lines: ") {
            return public.map(|public| PrivateKey {
                encrypted: cipher != b"none",
                public: Some(public),
            });
        }
    }
}
