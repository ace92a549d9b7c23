//! The `sshkey` module: finds SSH keys and tells their fingerprints.
//!
//! The `file` module's walk finds the candidates. Of a private key only the
//! public half is kept, what was read is wiped afterwards, and nothing but
//! fingerprints leaves the machine.
//!
//! | Folder | Knows |
//! |---|---|
//! | `key` | public keys in the form that SSH sends them, and their fingerprints |
//! | `private` | the formats of private keys |
//! | `public` | lines of public keys, `authorized_keys`, RFC 4716 |
//! | `examine` | what a file holds |
//! | `candidates` | which files are worth reading |

mod candidates;
mod encoding;
mod examine;
mod key;
mod module;
mod parameters;
mod private;
mod public;
mod results;

pub use module::SshkeyModule;
pub use parameters::Parameters;

mig_plugin_sdk::declare_plugin!(SshkeyModule);

/// For tests and the fuzzer: what a file holds, without a file.
#[doc(hidden)]
pub mod fuzzing {
    use crate::examine::{Purpose, examine};

    /// Examines any bytes as each kind of file.
    pub fn examine_all(data: &[u8]) {
        for purpose in [Purpose::Any, Purpose::AuthorizedKeys] {
            for entry in examine(data, purpose, &|| false).entries {
                let Some(key) = entry.key else { continue };
                let again = crate::key::PublicKey::from_blob(key.blob());
                assert_eq!(again.as_ref(), Some(&key), "a key reads back as itself");
            }
        }
    }
}
