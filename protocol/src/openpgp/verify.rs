//! Verifying one detached signature.

use pgp::packet::{
    Packet, PacketParser, Signature, SignatureType, SignatureVersion, SubpacketData,
};
use pgp::types::{KeyDetails, VerifyingKey};

use super::armor::ArmorError;
use super::certificate::{Certificate, Usable, one_line};
use super::fingerprint::Fingerprint;
use super::policy;
use crate::timestamp::Time;

/// Most signatures that are verified of one action.
pub(super) const MAX_SIGNATURES: usize = 64;

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There are more signatures than an action has signers; each costs time to
    /// verify.
    #[error("the action has more than {MAX_SIGNATURES} signatures")]
    TooMany,
    /// Its text is not usable.
    #[error(transparent)]
    Armor(#[from] ArmorError),
    /// Its bytes are not exactly one signature packet.
    #[error("the signature is malformed: {0}")]
    Malformed(String),
    /// It does not say which key made it.
    #[error("the signature does not name its key")]
    NoIssuer,
    /// It is of a type, version or algorithm that does not count.
    #[error("{0}")]
    Unacceptable(String),
    /// No key in the keyring made it. Agents look for the words "signature made
    /// by unknown entity", so they stay.
    #[error("signature made by unknown entity: key {key_id} is not in the keyring")]
    UnknownKey {
        /// The key id the signature names, 16 hex digits.
        key_id: String,
    },
    /// The key is revoked.
    #[error("the signature was made with key {0}, which is revoked")]
    KeyRevoked(Fingerprint),
    /// The key has expired.
    #[error("the signature was made with key {key}, which expired at {at}")]
    KeyExpired {
        /// The primary key.
        key: Fingerprint,
        /// When.
        at: Time,
    },
    /// The key is not meant for signing.
    #[error("the signature was made with a key of {0} that is not meant for signing")]
    KeyNotForSigning(Fingerprint),
    /// The signature itself has expired.
    #[error("the signature of key {key} expired at {at}")]
    SignatureExpired {
        /// The primary key.
        key: Fingerprint,
        /// When.
        at: Time,
    },
    /// It claims to be older than its key.
    #[error("the signature of key {0} claims to be older than the key")]
    OlderThanKey(Fingerprint),
    /// It does not fit the text: the document was altered, or it belongs to
    /// another one.
    #[error("the signature of key {0} does not fit: the document was altered after it was signed")]
    Bad(Fingerprint),
}

/// One of an action's signatures does not count, and so the action does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("signature {number}: {reason}")]
pub struct SignatureRefused {
    /// Which one, counted from 1.
    pub number: usize,
    /// Why.
    #[source]
    pub reason: VerifyError,
}

/// Reads the bytes of one signature packet with nothing after it.
pub(super) fn read_signature(packet: &[u8]) -> Result<Signature, VerifyError> {
    let malformed = |text: &str| VerifyError::Malformed(one_line(text));
    let mut packets = PacketParser::new(packet);
    let signature = match packets.next() {
        Some(Ok(Packet::Signature(signature))) => signature,
        Some(Ok(_)) => return Err(malformed("it is another kind of packet")),
        Some(Err(error)) => return Err(malformed(&error.to_string())),
        None => return Err(malformed("it is cut short")),
    };
    if packets.next().is_some() || !packets.into_inner().is_empty() {
        return Err(malformed("something follows it"));
    }
    Ok(signature)
}

/// Verifies a signature over `data` with the keys of a ring.
pub(super) fn verify(
    certificates: &[Certificate],
    data: &[u8],
    signature: &Signature,
    now: Time,
) -> Result<Fingerprint, VerifyError> {
    acceptable(signature)?;
    let ids = signature.issuer_key_id();
    let fingerprints = signature.issuer_fingerprint();
    if ids.is_empty() && fingerprints.is_empty() {
        return Err(VerifyError::NoIssuer);
    }
    let names = |fingerprint: &pgp::types::Fingerprint| {
        let bytes = fingerprint.as_bytes();
        fingerprints.contains(&fingerprint)
            || ids
                .iter()
                .any(|id| bytes.len() >= 8 && bytes.ends_with(id.as_ref()))
    };

    let mut refusal = None;
    for certificate in certificates {
        let now_seconds = now.unix_seconds();
        let outcome = if names(&certificate.primary.fingerprint()) {
            check(
                certificate,
                &certificate.primary,
                certificate.primary_usable(now_seconds),
                data,
                signature,
                now,
            )
        } else if let Some(subkey) = certificate
            .subkeys
            .iter()
            .find(|subkey| names(&subkey.key.fingerprint()))
        {
            check(
                certificate,
                &subkey.key,
                certificate.subkey_usable(subkey, now_seconds),
                data,
                signature,
                now,
            )
        } else {
            continue;
        };
        match outcome {
            Ok(()) => return Ok(certificate.fingerprint),
            // Key ids may collide, so another key may still fit.
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or_else(|| {
        let named = ids.first().map(|id| id.as_ref().to_vec());
        let tail = |issuer: &&pgp::types::Fingerprint| {
            issuer
                .as_bytes()
                .iter()
                .rev()
                .take(8)
                .rev()
                .copied()
                .collect()
        };
        let named = named
            .or_else(|| fingerprints.first().map(tail))
            .unwrap_or_default();
        VerifyError::UnknownKey {
            key_id: hex::encode_upper(named),
        }
    }))
}

/// Type, version, hash and algorithm of the signature itself.
fn acceptable(signature: &Signature) -> Result<(), VerifyError> {
    let refuse = |text: String| Err(VerifyError::Unacceptable(text));
    let Some(config) = signature.config() else {
        return refuse("signatures of this version are not supported; version 4 is".to_owned());
    };
    if !matches!(
        config.version(),
        SignatureVersion::V3 | SignatureVersion::V4
    ) {
        return refuse(format!(
            "signatures of version {:?} are not supported; version 4 is",
            config.version()
        ));
    }
    if !matches!(config.typ(), SignatureType::Binary | SignatureType::Text) {
        return refuse(format!(
            "a signature of type {:?} is not a signature of a document",
            config.typ()
        ));
    }
    if !policy::hash_protects_data(config.hash_alg) {
        return refuse(format!(
            "signatures with {} are refused; sign with SHA-256",
            config.hash_alg
        ));
    }
    if !policy::algorithm_signs_data(config.pub_alg) {
        let name = policy::algorithm_name(config.pub_alg);
        return refuse(format!(
            "signatures of {name} keys are refused; sign with an Ed25519 or RSA key"
        ));
    }
    let unknown_promise = |packet: &&pgp::packet::Subpacket| {
        packet.is_critical && matches!(packet.data, SubpacketData::Notation(_))
    };
    if config.hashed_subpackets().find(unknown_promise).is_some() {
        return refuse(
            "the signature carries a critical notation that is not understood".to_owned(),
        );
    }
    Ok(())
}

/// Key, times and, last because it costs most, the arithmetic.
fn check(
    certificate: &Certificate,
    key: &impl VerifyingKey,
    usable: Usable,
    data: &[u8],
    signature: &Signature,
    now: Time,
) -> Result<(), VerifyError> {
    let signer = certificate.fingerprint;
    let moment = |seconds: u64| Time::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX));
    match usable {
        Usable::Yes => {}
        Usable::Revoked => return Err(VerifyError::KeyRevoked(signer)),
        Usable::Expired { at } => {
            return Err(VerifyError::KeyExpired {
                key: signer,
                at: moment(at),
            });
        }
        Usable::NotForSigning | Usable::Unbound => {
            return Err(VerifyError::KeyNotForSigning(signer));
        }
    }
    if signature
        .config()
        .is_none_or(|config| config.pub_alg != key.algorithm())
    {
        return Err(VerifyError::Bad(signer));
    }
    let Some(created) = signature.created() else {
        return Err(VerifyError::Malformed("it has no creation time".to_owned()));
    };
    if created < key.created_at() {
        return Err(VerifyError::OlderThanKey(signer));
    }
    if let Some(lifetime) = signature
        .signature_expiration_time()
        .filter(|lifetime| lifetime.as_secs() != 0)
    {
        let at = moment(u64::from(created.as_secs()) + u64::from(lifetime.as_secs()));
        if now > at {
            return Err(VerifyError::SignatureExpired { key: signer, at });
        }
    }
    signature
        .verify(key, data)
        .map_err(|_| VerifyError::Bad(signer))
}
