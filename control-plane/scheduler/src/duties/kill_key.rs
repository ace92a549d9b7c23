//! The key with which the scheduler signs orders to end an agent.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use mig_protocol::openpgp::{KeyFileSigner, SignError, Signer, sign_action};
use mig_protocol::{Action, Time};

/// A secret key that may sign nothing but orders to end an agent: that is what
/// agents' access lists let its owner do. It lies in a file, never in the
/// database.
#[derive(Clone)]
pub struct KillKey(Arc<KeyFileSigner>);

/// Why there are no orders.
#[derive(Debug, thiserror::Error)]
#[error("the scheduler's key {path}: {source}")]
pub struct KillKeyError {
    path: String,
    source: SignError,
}

impl KillKey {
    /// Reads an armored secret key without passphrase.
    ///
    /// # Errors
    /// It cannot be read, or is not one secret key that can sign.
    pub fn open(path: &Path) -> Result<KillKey, KillKeyError> {
        match KeyFileSigner::from_file(path, None) {
            Ok(signer) => Ok(KillKey(Arc::new(signer))),
            Err(source) => Err(KillKeyError {
                path: path.display().to_string(),
                source,
            }),
        }
    }

    /// By which agents and database know it.
    pub(super) fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    /// Signs, beside the work of others: it may take a while.
    pub(super) async fn sign(&self, mut action: Action, now: Time) -> Result<Action, String> {
        let signer = Arc::clone(&self.0);
        let signed = tokio::task::spawn_blocking(move || {
            sign_action(&mut action, &*signer, now).map(|()| action)
        });
        match signed.await {
            Ok(Ok(action)) => Ok(action),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl fmt::Debug for KillKey {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KillKey").field(&self.fingerprint()).finish()
    }
}
