//! The public half from the private one, where a file has only that. The crates
//! are those that verify signatures in the agent; they wipe what they copy.

use crate::key::{Curve, PublicKey};
use ed25519_dalek::SigningKey;
use sec1::point::{EncodedPoint, ModulusSize};
use zeroize::Zeroizing;

/// An Ed25519 key from its seed of 32 bytes.
pub fn ed25519(seed: &[u8]) -> Option<PublicKey> {
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(seed.try_into().ok()?);
    PublicKey::ed25519(SigningKey::from_bytes(&seed).verifying_key().as_bytes())
}

/// A point in full, given in any form.
pub fn point(curve: Curve, encoded: &[u8]) -> Option<Vec<u8>> {
    use p256::elliptic_curve::sec1::ToEncodedPoint;
    Some(match curve {
        Curve::P256 => in_full(
            p256::PublicKey::from_sec1_bytes(encoded)
                .ok()?
                .to_encoded_point(false),
        ),
        Curve::P384 => in_full(
            p384::PublicKey::from_sec1_bytes(encoded)
                .ok()?
                .to_encoded_point(false),
        ),
        Curve::P521 => in_full(
            p521::PublicKey::from_sec1_bytes(encoded)
                .ok()?
                .to_encoded_point(false),
        ),
    })
}

/// The point of a private number.
pub fn ecdsa(curve: Curve, secret: &[u8]) -> Option<Vec<u8>> {
    use p256::elliptic_curve::sec1::ToEncodedPoint;
    Some(match curve {
        Curve::P256 => {
            let key = p256::SecretKey::from_slice(secret).ok()?;
            in_full(key.public_key().to_encoded_point(false))
        }
        Curve::P384 => {
            let key = p384::SecretKey::from_slice(secret).ok()?;
            in_full(key.public_key().to_encoded_point(false))
        }
        Curve::P521 => {
            let key = p521::SecretKey::from_slice(secret).ok()?;
            in_full(key.public_key().to_encoded_point(false))
        }
    })
}

fn in_full<S: ModulusSize>(point: EncodedPoint<S>) -> Vec<u8> {
    point.as_bytes().to_vec()
}
