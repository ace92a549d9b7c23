//! OpenPGP: who signed what, and under which rules that counts.
//!
//! Verification is always there; making signatures and keys needs the feature
//! `sign`, which programs on endpoints leave off.

mod armor;
mod certificate;
mod fingerprint;
mod keyring;
mod policy;
#[cfg(feature = "sign")]
mod sign;
mod verify;

pub use armor::{ArmorError, armor_to_line, line_to_armor, line_to_packet, packet_to_line};
pub use certificate::{KeyError, KeyReport, inspect_key};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use keyring::{Keyring, KeyringError, SkippedKey};
#[cfg(feature = "sign")]
pub use sign::{
    GeneratedKey, GpgSigner, KeyFileSigner, SCHEDULER_USER_ID, SignError, Signer,
    generate_investigator_key, generate_scheduler_key, sign_action,
};
pub use verify::{SignatureRefused, VerifyError};
