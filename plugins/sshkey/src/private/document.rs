//! The older DER formats: PKCS #1 for RSA (RFC 8017), SEC 1 for elliptic curves
//! (RFC 5915), OpenSSL's own for DSA. The outer `Option` says whether it is such
//! a key, the inner one whether its public half is known.

use super::derive;
use crate::key::{Curve, PublicKey};
use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode, Reader, SliceReader};
use pkcs1::RsaPrivateKey;
use sec1::EcPrivateKey;

const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// The curve of an identifier, if SSH has keys on it.
pub fn curve(identifier: ObjectIdentifier) -> Option<Curve> {
    match identifier {
        P256 => Some(Curve::P256),
        P384 => Some(Curve::P384),
        P521 => Some(Curve::P521),
        _ => None,
    }
}

/// PKCS #1.
pub fn rsa(body: &[u8]) -> Option<Option<PublicKey>> {
    let key = RsaPrivateKey::from_der(body).ok()?;
    let exponent = key.public_exponent.as_bytes();
    Some(Some(PublicKey::rsa(exponent, key.modulus.as_bytes())?))
}

/// Version 0, p, q, g, y and, not read, x.
pub fn dsa(body: &[u8]) -> Option<Option<PublicKey>> {
    let mut reader = SliceReader::new(body).ok()?;
    let numbers = reader
        .sequence(|inner| {
            let version = UintRef::decode(inner)?;
            if !version.is_empty() && version.as_bytes() != [0] {
                return Err(der::Tag::Integer.value_error());
            }
            let numbers = [
                UintRef::decode(inner)?,
                UintRef::decode(inner)?,
                UintRef::decode(inner)?,
                UintRef::decode(inner)?,
            ];
            UintRef::decode(inner)?;
            Ok(numbers)
        })
        .ok()?;
    let key = PublicKey::dsa(&numbers.map(|number| number.as_bytes()))?;
    reader.is_finished().then_some(Some(key))
}

/// SEC 1. The curve stands in it, or around it.
pub fn ec(body: &[u8], around: Option<Curve>) -> Option<Option<PublicKey>> {
    let key = EcPrivateKey::from_der(body).ok()?;
    let named = key
        .parameters
        .and_then(|parameters| parameters.named_curve());
    let curve = named.map_or(around, curve)?;
    let public = match key.public_key {
        Some(point) => derive::point(curve, point),
        None => derive::ecdsa(curve, key.private_key),
    };
    Some(public.and_then(|point| PublicKey::ecdsa(curve, &point)))
}
