//! The publishers' keys: a directory of its own, one key per file.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use mig_protocol::{Fingerprint, Keyring, Time};

use crate::sys::ownership;

/// Largest key file, in bytes.
const MAX_KEY_FILE: u64 = 1 << 20;
/// What stands before the 32 bytes of an Ed25519 key in an X.509 public key.
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Who signed: a primary OpenPGP key or a bare Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublisherKey {
    /// By fingerprint.
    OpenPgp(Fingerprint),
    /// By the key itself.
    Ed25519([u8; 32]),
}

impl std::fmt::Display for PublisherKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PublisherKey::OpenPgp(fingerprint) => write!(f, "{fingerprint}"),
            PublisherKey::Ed25519(key) => write!(f, "ed25519:{}", hex::encode(key)),
        }
    }
}

/// A file of the key directory that was skipped or deserves a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRemark {
    /// The file, or the directory.
    pub path: PathBuf,
    /// One line.
    pub reason: String,
}

/// The keys whose signatures count for plugins.
#[derive(Debug, Default)]
pub struct PluginKeys {
    ring: Keyring,
    bare: Vec<VerifyingKey>,
}

impl PluginKeys {
    /// No keys: nothing verifies.
    pub fn new() -> Self {
        Self::default()
    }

    /// Loads every file of a directory, each holding one key: an armored
    /// OpenPGP public key, a PEM Ed25519 public key as openssl writes it, or
    /// one line with the base64 of its 32 bytes. Files that hold none, and
    /// files that others may change, are skipped and named.
    pub fn load(directory: &Path) -> (Self, Vec<KeyRemark>) {
        let mut keys = Self::new();
        let mut remarks = Vec::new();
        let mut remark = |path: &Path, reason: String| {
            remarks.push(KeyRemark {
                path: path.to_owned(),
                reason,
            });
        };
        let files = ownership::check_directories(directory)
            .map_err(|error| error.to_string())
            .and_then(|directory| {
                let mut files = std::fs::read_dir(directory)
                    .and_then(|entries| {
                        entries
                            .map(|entry| Ok(entry?.path()))
                            .collect::<std::io::Result<Vec<_>>>()
                    })
                    .map_err(|error| format!("cannot read the plugin key ring: {error}"))?;
                files.sort();
                Ok(files)
            });
        match files {
            Err(reason) => remark(directory, reason),
            Ok(files) => {
                for path in files {
                    match keys.add_file(&path) {
                        Ok(warnings) => warnings.into_iter().for_each(|text| remark(&path, text)),
                        Err(reason) => remark(&path, format!("skipped: {reason}")),
                    }
                }
            }
        }
        (keys, remarks)
    }

    fn add_file(&mut self, path: &Path) -> Result<Vec<String>, String> {
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        let meta = file.metadata().map_err(|error| error.to_string())?;
        ownership::check_file(path, &meta).map_err(|error| error.to_string())?;
        let content = crate::sys::descriptors::read_whole(&file, MAX_KEY_FILE)
            .map_err(|error| error.to_string())?;
        self.add(&content)
    }

    /// Adds one key in any of the forms of [`PluginKeys::load`]. Returns
    /// warnings about a key that was added all the same.
    ///
    /// # Errors
    /// When the text is no such key.
    pub fn add(&mut self, content: &[u8]) -> Result<Vec<String>, String> {
        let text = String::from_utf8_lossy(content);
        if text.contains("-----BEGIN PGP") {
            let report = self
                .ring
                .add_armored(content)
                .map_err(|error| error.to_string())?;
            return Ok(report.warnings);
        }
        let key = bare_key(&text).ok_or("it is neither an OpenPGP nor an Ed25519 public key")?;
        // Weak keys verify what nobody signed.
        if key.is_weak() {
            return Err("it is a weak Ed25519 key".to_owned());
        }
        if !self.bare.contains(&key) {
            self.bare.push(key);
        }
        Ok(Vec::new())
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.ring.len() + self.bare.len()
    }

    /// True when nothing can be verified.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn verify_openpgp(
        &self,
        bytes: &[u8],
        packet: &[u8],
        now: Time,
    ) -> Result<PublisherKey, String> {
        self.ring
            .verify_packet(bytes, packet, now)
            .map(PublisherKey::OpenPgp)
            .map_err(|error| error.to_string())
    }

    pub(super) fn verify_ed25519(
        &self,
        bytes: &[u8],
        signature: &[u8; 64],
    ) -> Result<PublisherKey, String> {
        let signature = Signature::from_bytes(signature);
        self.bare
            .iter()
            .find(|key| key.verify_strict(bytes, &signature).is_ok())
            .map(|key| PublisherKey::Ed25519(key.to_bytes()))
            .ok_or_else(|| {
                "the Ed25519 signature fits none of the plugin keys: the file was altered, or \
                 the publisher's key is missing"
                    .to_owned()
            })
    }
}

/// An Ed25519 key from PEM or from one line of base64.
fn bare_key(text: &str) -> Option<VerifyingKey> {
    let pem = text.contains("-----BEGIN PUBLIC KEY-----");
    let body: String = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("-----") && !line.starts_with('#'))
        .collect();
    let bytes = STANDARD.decode(body).ok()?;
    let raw = if pem {
        bytes.strip_prefix(&SPKI_PREFIX)?
    } else {
        &bytes
    };
    VerifyingKey::from_bytes(raw.try_into().ok()?).ok()
}
