//! API keys: secrets that are shown once and stored as a salted hash.

use std::fmt;

use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Name of the header that carries an investigator's API key.
pub const HEADER: &str = "X-MIGAPIKEY";

/// Characters of an API key.
pub const LENGTH: usize = 32;

const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const ITERATIONS: u32 = 4096;

/// The system's random generator failed; nothing secret can be made.
#[derive(Debug, thiserror::Error)]
#[error("the system's random generator failed: {0}")]
pub struct RandomError(getrandom::Error);

/// What the database keeps of a key.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// PBKDF2-HMAC-SHA256 of the key, 4096 iterations.
    pub hash: [u8; 32],
    /// Random salt.
    pub salt: [u8; 16],
}

impl StoredKey {
    /// What to keep of `key`, with a fresh salt.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new(key: &str) -> Result<StoredKey, RandomError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(RandomError)?;
        Ok(StoredKey {
            hash: derive(key, &salt),
            salt,
        })
    }

    /// What a database row holds; none when its columns have other lengths.
    pub fn from_columns(hash: &[u8], salt: &[u8]) -> Option<StoredKey> {
        Some(StoredKey {
            hash: hash.try_into().ok()?,
            salt: salt.try_into().ok()?,
        })
    }

    /// True when `key` is the one that was stored. Takes the same time whether
    /// or not it is.
    pub fn matches(&self, key: &str) -> bool {
        derive(key, &self.salt).ct_eq(&self.hash).into()
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredKey")
    }
}

fn derive(key: &str, salt: &[u8]) -> [u8; 32] {
    pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(key.as_bytes(), salt, ITERATIONS)
}

/// Makes a new API key.
///
/// # Errors
/// When the system has no random bytes.
pub fn generate_api_key() -> Result<String, RandomError> {
    random_alphanumerics(LENGTH)
}

/// A random text of letters and digits from the system's generator, each as
/// likely as the others.
///
/// # Errors
/// When the system has no random bytes.
pub fn random_alphanumerics(length: usize) -> Result<String, RandomError> {
    let mut text = String::with_capacity(length);
    let mut pool = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut pool).map_err(RandomError)?;
        // 248 is the largest multiple of 62 in a byte; the rest would favour
        // the first letters.
        let fair = pool
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(fair.take(length - text.len()));
    }
    Ok(text)
}

/// True when `text` has the form of an API key.
pub fn is_well_formed(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
