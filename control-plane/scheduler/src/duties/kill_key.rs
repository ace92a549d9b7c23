//! The key with which the scheduler signs orders to end an agent.

use std::fmt;
use std::os::unix::fs::MetadataExt;
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

/// What is to be known before agents are ended with the key in this file; each one
/// line. `detects` is whether anybody looks for duplicates.
pub fn kill_warnings(key: Option<&Path>, detects: bool) -> Vec<String> {
    let Some(key) = key else {
        return vec![
            "[agent] killdupagents has no effect without killkey, the file with the \
             scheduler's signing key"
                .to_owned(),
        ];
    };
    let mut warnings = if detects {
        vec![
            "[agent] killdupagents is on: whoever can send heartbeats over the relay can say \
             that there is another agent, and so choose which agents end others; where all \
             agents share one account there, each of their machines can"
                .to_owned(),
        ]
    } else {
        vec!["[agent] killdupagents has no effect without detectmultiagents".to_owned()]
    };
    if std::fs::metadata(key).is_ok_and(|meta| meta.mode() & 0o007 != 0) {
        warnings.push(format!(
            "{} orders the end of agents and everybody may read it; `chmod o-rwx` it",
            key.display()
        ));
    }
    warnings
}

impl fmt::Debug for KillKey {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KillKey").field(&self.fingerprint()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_ending_agents_means_is_said() {
        let said = |key, detects| kill_warnings(key, detects).join("\n");
        assert!(said(None, true).contains("no effect without killkey"));
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("kill.key");
        std::fs::write(&file, "").expect("a file");
        let mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode));
        mode(0o640).expect("a mode");
        let warning = said(Some(&file), true);
        assert!(warning.contains("heartbeats") && !warning.contains("chmod"));
        assert!(said(Some(&file), false).contains("no effect without detectmultiagents"));
        mode(0o644).expect("a mode");
        let warning = said(Some(&file), true);
        assert!(warning.contains("chmod o-rwx") && warning.contains("kill.key"));
    }
}
