//! PKCS #8 (RFC 5208, RFC 5958): one shell around keys of every kind.

use super::{derive, document};
use crate::key::PublicKey;
use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader};
use pkcs8::PrivateKeyInfo;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A key that is not encrypted, if it is of a kind that SSH has. The inner
/// `Option` says whether its public half is known.
pub fn open(body: &[u8]) -> Option<Option<PublicKey>> {
    let info = PrivateKeyInfo::from_der(body).ok()?;
    match info.algorithm.oid {
        RSA => document::rsa(info.private_key),
        EC => {
            let around = info.algorithm.parameters_oid().ok();
            document::ec(info.private_key, around.and_then(document::curve))
        }
        ED25519 => {
            let public = match info.public_key {
                Some(public) => PublicKey::ed25519(public),
                None => {
                    let seed = OctetStringRef::from_der(info.private_key).ok()?;
                    derive::ed25519(seed.as_bytes())
                }
            };
            Some(public)
        }
        // y is not in the file, and this kind is dead: computing it would take
        // a library for large numbers.
        DSA => Some(None),
        _ => None,
    }
}

/// Whether this is an encrypted key: the name of a cipher, and bytes. What kind
/// of key it is nobody can tell.
pub fn is_sealed(body: &[u8]) -> bool {
    let Ok(mut reader) = SliceReader::new(body) else {
        return false;
    };
    let whole = reader.sequence(|inner| {
        let cipher = AnyRef::decode(inner)?;
        cipher.sequence(|parts| {
            ObjectIdentifier::decode(parts)?;
            Option::<AnyRef<'_>>::decode(parts)
        })?;
        OctetStringRef::decode(inner)
    });
    whole.is_ok_and(|key| !key.is_empty()) && reader.is_finished()
}
