//! Signing with a secret key from a file.

use std::path::Path;

use pgp::composed::SignedSecretKey;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{
    PacketTrait, SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData,
};
use pgp::types::{KeyDetails, Password, SigningKey, Timestamp};

use super::super::certificate::{one_line, only_key};
use super::super::fingerprint::Fingerprint;
use super::super::policy;
use super::{SignError, Signer};
use crate::timestamp::Time;

/// Signs with the primary key of an armored secret key, in the original's form:
/// version 4, binary, SHA-256 (longer for the large curves), creation time and
/// issuer key id hashed.
pub struct KeyFileSigner {
    key: SignedSecretKey,
    fingerprint: Fingerprint,
    password: Password,
}

impl KeyFileSigner {
    /// Reads an armored secret key from a file.
    ///
    /// # Errors
    /// As [`KeyFileSigner::from_armored`], and when the file cannot be read.
    pub fn from_file(path: &Path, passphrase: Option<&str>) -> Result<KeyFileSigner, SignError> {
        let armored = std::fs::read(path).map_err(|source| SignError::File {
            path: path.to_owned(),
            source,
        })?;
        KeyFileSigner::from_armored(&armored, passphrase)
    }

    /// Reads an armored secret key; Ed25519, Ed448, RSA and ECDSA keys can sign.
    ///
    /// # Errors
    /// When it is not exactly one secret key, or `passphrase` does not open it.
    pub fn from_armored(
        armored: &[u8],
        passphrase: Option<&str>,
    ) -> Result<KeyFileSigner, SignError> {
        let key: SignedSecretKey = match only_key(armored) {
            Ok(Ok(key)) => key,
            Ok(Err(0)) => return Err(SignError::NotSecretKey("it holds no key".to_owned())),
            Ok(Err(_)) => return Err(SignError::NotSecretKey("it holds several keys".to_owned())),
            Err(error) => return Err(SignError::NotSecretKey(one_line(&error.to_string()))),
        };
        let fingerprint = match key.primary_key.fingerprint() {
            pgp::types::Fingerprint::V4(bytes) => Fingerprint(bytes),
            _ => return Err(SignError::Version(key.primary_key.version().into())),
        };
        if !policy::algorithm_signs_data(key.primary_key.algorithm()) {
            return Err(SignError::Algorithm(policy::algorithm_name(
                key.primary_key.algorithm(),
            )));
        }
        let password = passphrase.map_or_else(Password::empty, Password::from);
        match key.primary_key.unlock(&password, |_, _| Ok(())) {
            Ok(Ok(())) => Ok(KeyFileSigner {
                key,
                fingerprint,
                password,
            }),
            // GnuPG marks a secret part that it keeps elsewhere with a private
            // way of protection.
            _ if has_no_secret(&key) => Err(SignError::NoSecret(fingerprint)),
            _ => Err(SignError::Passphrase(fingerprint)),
        }
    }
}

/// True for GnuPG's stub of a key whose secret part is not in the file.
fn has_no_secret(key: &SignedSecretKey) -> bool {
    match key.primary_key.secret_params() {
        pgp::types::SecretParams::Encrypted(secret) => matches!(
            secret.string_to_key_params(),
            pgp::types::S2kParams::Cfb {
                s2k: pgp::types::StringToKey::Private { .. },
                ..
            } | pgp::types::S2kParams::MalleableCfb {
                s2k: pgp::types::StringToKey::Private { .. },
                ..
            }
        ),
        pgp::types::SecretParams::Plain(_) => false,
    }
}

/// SHA-256 as the original does, unless the curve is so large that the standard
/// asks for a longer hash.
fn hash_for(key: &SecretKey) -> HashAlgorithm {
    match key.algorithm() {
        PublicKeyAlgorithm::ECDSA | PublicKeyAlgorithm::Ed448 => key.hash_alg(),
        _ => HashAlgorithm::Sha256,
    }
}

impl Signer for KeyFileSigner {
    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn sign_packet(&self, data: &[u8], now: Time) -> Result<Vec<u8>, SignError> {
        let failed = |error: pgp::errors::Error| SignError::Library(one_line(&error.to_string()));
        let key = &self.key.primary_key;
        let seconds = u32::try_from(now.unix_seconds()).unwrap_or(0);
        let mut config = SignatureConfig::v4(SignatureType::Binary, key.algorithm(), hash_for(key));
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(
                seconds,
            )))
            .map_err(failed)?,
            Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id())).map_err(failed)?,
        ];
        let signature = config.sign(key, &self.password, data).map_err(failed)?;
        let mut packet = Vec::new();
        signature
            .to_writer_with_header(&mut packet)
            .map_err(failed)?;
        Ok(packet)
    }
}

impl std::fmt::Debug for KeyFileSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the key.
        f.debug_tuple("KeyFileSigner")
            .field(&self.fingerprint)
            .finish()
    }
}
