//! Arguments that the kernel cut into pieces.
//!
//! A long argument is spread over several fields, and those over several
//! records:
//!
//! ```text
//! argc=2 a0="sh" a1_len=20000 a1[0]=2D63… a1[1]=…
//! a1[2]=…
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::interpret::unescape;
use super::text::Field;

/// `AUDIT_EXECVE`.
pub(super) const EXECVE: u16 = 1309;

/// Puts the pieces of each argument together, in place of the first one.
pub(super) fn join(records: &mut [(u16, Vec<Field<'_>>)]) {
    let mut whole: BTreeMap<u32, BTreeMap<u32, Vec<u8>>> = BTreeMap::new();
    for (kind, fields) in records.iter() {
        if *kind != EXECVE {
            continue;
        }
        for field in fields {
            if let Some((argument, piece)) = piece_of(&field.key) {
                let bytes = match (field.quoted, unescape(&field.value)) {
                    (false, Some(bytes)) => bytes,
                    _ => field.value.to_vec(),
                };
                whole.entry(argument).or_default().insert(piece, bytes);
            }
        }
    }
    if whole.is_empty() {
        return;
    }
    for (kind, fields) in records.iter_mut() {
        if *kind != EXECVE {
            continue;
        }
        fields.retain_mut(|field| {
            let Some((argument, _)) = piece_of(&field.key) else {
                return true;
            };
            let Some(pieces) = whole.remove(&argument) else {
                return false;
            };
            field.key = Cow::Owned(format!("a{argument}"));
            field.value = Cow::Owned(pieces.into_values().flatten().collect());
            field.quoted = true;
            true
        });
    }
}

/// Which argument and which piece of it, from `a1[0]`.
fn piece_of(key: &str) -> Option<(u32, u32)> {
    let (argument, piece) = key.strip_prefix('a')?.split_once('[')?;
    Some((
        argument.parse().ok()?,
        piece.strip_suffix(']')?.parse().ok()?,
    ))
}
