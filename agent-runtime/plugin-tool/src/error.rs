//! What can go wrong, in one line each.

use mig_protocol::openpgp::SignError;
use std::path::PathBuf;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A key would be overwritten.
    #[error("{} exists already; choose another name or remove it first", .0.display())]
    Exists(PathBuf),
    /// A file is larger than what it should be can be.
    #[error("{} is larger than {most} bytes", path.display())]
    TooLarge { path: PathBuf, most: u64 },
    /// A plugin is refused.
    #[error("{}: {source}", path.display())]
    Refused {
        path: PathBuf,
        source: mig_host::inspect::InspectError,
    },
    /// Signatures do not suffice.
    #[error("{}: {source}", path.display())]
    Signature {
        path: PathBuf,
        source: mig_host::signature::SignatureError,
    },
    /// There is no key to verify with.
    #[error("{} holds no usable public key; copy the publisher's .pub file there", .0.display())]
    NoKeys(PathBuf),
    /// A key cannot be used.
    #[error("{}: {source}", path.display())]
    Key { path: PathBuf, source: SignError },
    /// A file is neither kind of secret key.
    #[error("{} is neither an armored OpenPGP nor a PEM Ed25519 secret key", .0.display())]
    NotAKey(PathBuf),
    /// The random generator failed.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// No key was made.
    #[error("cannot make a key: {0}")]
    Generate(SignError),
    /// A version on the command line is not one.
    #[error("--{option} {value} is not a version like 2.34")]
    Version { option: &'static str, value: String },
    /// A module cannot have this name.
    #[error("`{}` cannot name a module; use up to 64 lower-case letters, digits, `_` or `-` that start with a letter", .0.escape_debug())]
    Name(String),
    /// The parameters on the command line are not JSON.
    #[error("--parameters is not JSON: {0}")]
    Parameters(serde_json::Error),
    /// The configuration on the command line is not JSON.
    #[error("--configuration is not JSON: {0}")]
    Configuration(serde_json::Error),
    /// A plugin that was inspected is refused all the same.
    #[error("{0}")]
    NotLoaded(String),
    /// A plugin does not behave.
    #[error("{broken} of {total} promises are broken")]
    Broken {
        /// One line for each promise.
        report: String,
        broken: usize,
        total: usize,
    },
}
