//! The public keys of active investigators.

use std::sync::{Arc, Mutex, PoisonError};

use mig_protocol::{Fingerprint, Investigator, Keyring};

use crate::error::ApiResult;
use crate::state::State;

/// The investigators that are active now, and their keys.
#[derive(Clone)]
pub(crate) struct ActiveKeys {
    pub(crate) investigators: Arc<Vec<Investigator>>,
    pub(crate) keyring: Arc<Keyring>,
}

impl ActiveKeys {
    /// Whose key this is.
    pub(crate) fn investigator(&self, signer: &Fingerprint) -> Option<&Investigator> {
        self.investigators
            .iter()
            .find(|investigator| signer.matches(&investigator.pgpfingerprint))
    }
}

/// Saves parsing the same keys again. The list of investigators is read for
/// every request, so that one who was disabled a moment ago is out.
#[derive(Default)]
pub(crate) struct KeyCache(Mutex<Option<ActiveKeys>>);

impl KeyCache {
    pub(super) async fn read(&self, state: &State) -> ApiResult<ActiveKeys> {
        let investigators = state.store.active_investigators().await?;
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(active) = &*cached
            && *active.investigators == investigators
        {
            return Ok(active.clone());
        }
        let mut keyring = Keyring::new();
        for investigator in &investigators {
            if let Err(error) = keyring.add_armored(&investigator.publickey) {
                tracing::warn!(
                    "The public key of investigator {} ({}) cannot be used: {error}.",
                    investigator.id,
                    investigator.name.escape_debug()
                );
            }
        }
        let active = ActiveKeys {
            investigators: Arc::new(investigators),
            keyring: Arc::new(keyring),
        };
        *cached = Some(active.clone());
        Ok(active)
    }
}
