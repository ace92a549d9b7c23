//! Making keys.

use pgp::composed::{ArmorOptions, KeyType, SecretKeyParamsBuilder, SignedSecretKey};
use pgp::types::{KeyDetails, PlainSecretParams, SecretParams, Timestamp};
use rand_core::OsRng;

use super::super::certificate::one_line;
use super::super::fingerprint::Fingerprint;
use super::SignError;
use crate::timestamp::Time;

/// The name under which the scheduler signs orders to stop agents.
pub const SCHEDULER_USER_ID: &str =
    "migscheduler (MIG Scheduler action signing key) <scheduler@mig>";

/// A new key in both its forms.
#[derive(Clone)]
pub struct GeneratedKey {
    /// Who signs with it.
    pub fingerprint: Fingerprint,
    /// The armored public key, for keyrings and the API.
    pub public: String,
    /// The armored secret key, locked when a passphrase was given.
    pub secret: String,
}

impl std::fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the secret.
        f.debug_tuple("GeneratedKey")
            .field(&self.fingerprint)
            .finish()
    }
}

/// Makes an Ed25519 key for an investigator, in the form that GnuPG 2.2 knows
/// too. `user_id` is customarily `Name <address>`; `now` becomes its creation
/// time.
///
/// # Errors
/// When the random generator or the library fails.
pub fn generate_investigator_key(
    user_id: &str,
    passphrase: Option<&str>,
    now: Time,
) -> Result<GeneratedKey, SignError> {
    generate(KeyType::Ed25519Legacy, user_id, passphrase, now)
}

/// Makes the RSA-2048 key of a scheduler, which original agents can verify too.
///
/// # Errors
/// When the random generator or the library fails.
pub fn generate_scheduler_key(now: Time) -> Result<GeneratedKey, SignError> {
    generate(KeyType::Rsa(2048), SCHEDULER_USER_ID, None, now)
}

fn generate(
    kind: KeyType,
    user_id: &str,
    passphrase: Option<&str>,
    now: Time,
) -> Result<GeneratedKey, SignError> {
    let failed = |error: pgp::errors::Error| SignError::Library(one_line(&error.to_string()));
    let seconds = u32::try_from(now.unix_seconds()).unwrap_or(0);
    let secret = loop {
        let parameters = SecretKeyParamsBuilder::default()
            .key_type(kind.clone())
            .can_certify(true)
            .can_sign(true)
            .created_at(Timestamp::from_secs(seconds))
            .primary_user_id(user_id.to_owned())
            .passphrase(passphrase.map(str::to_owned))
            .build()
            .map_err(|error| SignError::Library(one_line(&error.to_string())))?;
        let secret = parameters.generate(OsRng).map_err(failed)?;
        if primes_in_order(&secret) {
            break secret;
        }
    };
    let fingerprint = match secret.primary_key.fingerprint() {
        pgp::types::Fingerprint::V4(bytes) => Fingerprint(bytes),
        _ => return Err(SignError::Version(secret.primary_key.version().into())),
    };
    Ok(GeneratedKey {
        fingerprint,
        public: secret
            .to_public_key()
            .to_armored_string(ArmorOptions::default())
            .map_err(failed)?,
        secret: secret
            .to_armored_string(ArmorOptions::default())
            .map_err(failed)?,
    })
}

/// Whether the primes of an RSA key stand as RFC 4880 (5.5.3) wants them, the
/// smaller one first. The library leaves it to chance, and GnuPG, which relies
/// on it, makes a wrong signature now and then with a key whose primes differ
/// much and stand the other way round. RSA keys are made without a passphrase
/// here, which would hide their primes.
fn primes_in_order(key: &SignedSecretKey) -> bool {
    match key.primary_key.secret_params() {
        SecretParams::Plain(PlainSecretParams::RSA(secret)) => {
            let (_, p, q, _) = secret.to_bytes();
            (p.len(), p) < (q.len(), q)
        }
        _ => true,
    }
}
