//! Publishers' secret keys: armored OpenPGP, or bare Ed25519 in the PEM form
//! that openssl writes (PKCS#8).

use crate::error::Error;
use crate::files;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use mig_protocol::Time;
use mig_protocol::openpgp::{KeyFileSigner, SignError, Signer, line_to_armor};
use std::path::Path;

/// Largest key file, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Where the passphrase of a locked OpenPGP key is looked for.
const PASSPHRASE: &str = "MIGPGPPASSPHRASE";
/// What stands before the 32 bytes of the secret in PKCS#8.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// What stands before the 32 bytes of the public key in X.509.
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const PRIVATE_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";

/// A key that can sign.
pub enum SecretKey {
    OpenPgp(Box<KeyFileSigner>),
    Ed25519(Box<SigningKey>),
}

impl SecretKey {
    /// Reads either kind of key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let content = files::read(path, MAX_FILE)?;
        let text = String::from_utf8_lossy(&content);
        if text.contains("-----BEGIN PGP") {
            let passphrase = std::env::var(PASSPHRASE).ok();
            let signer = KeyFileSigner::from_armored(&content, passphrase.as_deref());
            return match signer {
                Ok(signer) => Ok(Self::OpenPgp(Box::new(signer))),
                Err(source) => Err(Error::Key {
                    path: path.to_owned(),
                    source,
                }),
            };
        }
        match from_pem(&text) {
            Some(key) => Ok(Self::Ed25519(Box::new(key))),
            None => Err(Error::NotAKey(path.to_owned())),
        }
    }

    /// A signature over `data` in the form that signature files hold, with a
    /// final line break.
    pub fn sign(&self, data: &[u8]) -> Result<String, SignError> {
        match self {
            Self::OpenPgp(signer) => {
                let line = signer.sign_line(data, Time::now())?;
                let mut armor =
                    line_to_armor(&line).map_err(|error| SignError::Library(error.to_string()))?;
                if !armor.ends_with('\n') {
                    armor.push('\n');
                }
                Ok(armor)
            }
            Self::Ed25519(key) => Ok(STANDARD.encode(key.sign(data).to_bytes()) + "\n"),
        }
    }

    /// How the key is called in messages; the same as `verify` prints.
    pub fn name(&self) -> String {
        match self {
            Self::OpenPgp(signer) => signer.fingerprint().to_string(),
            Self::Ed25519(key) => ed25519_name(&key.verifying_key().to_bytes()),
        }
    }
}

fn ed25519_name(public: &[u8; 32]) -> String {
    let digits: String = public.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("ed25519:{digits}")
}

/// The secret and the public half of a bare key as PEM.
pub fn to_pem(key: &SigningKey) -> (String, String) {
    let secret = [&PKCS8_PREFIX[..], key.as_bytes()].concat();
    let public = [&SPKI_PREFIX[..], key.verifying_key().as_bytes()].concat();
    (pem(PRIVATE_LABEL, &secret), pem(PUBLIC_LABEL, &public))
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let body = STANDARD.encode(bytes);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn from_pem(text: &str) -> Option<SigningKey> {
    let begin = format!("-----BEGIN {PRIVATE_LABEL}-----");
    let end = format!("-----END {PRIVATE_LABEL}-----");
    let (_, rest) = text.split_once(&begin)?;
    let (body, _) = rest.split_once(&end)?;
    let body: String = body.split_whitespace().collect();
    let bytes = STANDARD.decode(body).ok()?;
    let secret: &[u8; 32] = bytes.strip_prefix(&PKCS8_PREFIX)?.try_into().ok()?;
    Some(SigningKey::from_bytes(secret))
}
