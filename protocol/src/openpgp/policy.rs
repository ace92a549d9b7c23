//! Which algorithms count.

use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;

/// Whether a hash may protect data. MD5, SHA-1 and RIPEMD-160 may not.
pub(super) fn hash_protects_data(hash: HashAlgorithm) -> bool {
    matches!(
        hash,
        HashAlgorithm::Sha224
            | HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    )
}

/// Whether a hash may bind the parts of a key that a site has listed: SHA-1 too,
/// since whoever listed the key vouches for it.
pub(super) fn hash_binds_keys(hash: HashAlgorithm) -> bool {
    hash_protects_data(hash) || hash == HashAlgorithm::Sha1
}

/// Whether keys of this kind may sign data. DSA keys may not.
pub(super) fn algorithm_signs_data(algorithm: PublicKeyAlgorithm) -> bool {
    matches!(
        algorithm,
        PublicKeyAlgorithm::RSA
            | PublicKeyAlgorithm::RSASign
            | PublicKeyAlgorithm::ECDSA
            | PublicKeyAlgorithm::EdDSALegacy
            | PublicKeyAlgorithm::Ed25519
            | PublicKeyAlgorithm::Ed448
    )
}

/// The name of an algorithm for people.
pub(super) fn algorithm_name(algorithm: PublicKeyAlgorithm) -> String {
    match algorithm {
        PublicKeyAlgorithm::RSA | PublicKeyAlgorithm::RSASign | PublicKeyAlgorithm::RSAEncrypt => {
            "RSA".to_owned()
        }
        PublicKeyAlgorithm::DSA => "DSA".to_owned(),
        PublicKeyAlgorithm::ECDSA => "ECDSA".to_owned(),
        PublicKeyAlgorithm::EdDSALegacy | PublicKeyAlgorithm::Ed25519 => "Ed25519".to_owned(),
        other => format!("{other:?}"),
    }
}
