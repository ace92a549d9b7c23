//! API keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use mig_protocol::apikey::{StoredKey, is_well_formed};
use mig_protocol::{Id, Investigator, InvestigatorStatus};
use mig_store::ApiKey;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::error::{ApiError, ApiResult};
use crate::state::State;

/// Most keys remembered.
const MOST_REMEMBERED: usize = 1024;

/// Which stored key a given key was found to be, so that the slow hash is
/// computed once. A hit counts only while the stored key is still the same.
pub(crate) struct Remembered {
    /// Makes what is kept here useless to anybody who reads this memory later.
    secret: [u8; 32],
    known: Mutex<HashMap<[u8; 32], ApiKey>>,
    /// Slow hashes are computed one after the other, so that wrong keys cannot
    /// take all processors.
    slow: Semaphore,
}

impl Remembered {
    pub(super) fn new() -> Remembered {
        let mut secret = [0; 32];
        // Without random bytes the keys are only less well hidden in our own
        // memory; making keys needs them and fails there.
        let _ = getrandom::fill(&mut secret);
        Remembered {
            secret,
            known: Mutex::default(),
            slow: Semaphore::new(1),
        }
    }

    fn digest(&self, key: &str) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.secret)
            .chain_update(key)
            .finalize()
            .into()
    }

    fn get(&self, digest: &[u8; 32]) -> Option<ApiKey> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(digest).cloned()
    }

    fn put(&self, digest: [u8; 32], key: ApiKey) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() == MOST_REMEMBERED {
            known.clear();
        }
        known.insert(digest, key);
    }
}

/// The active investigator whose key this is.
pub(super) async fn find(
    state: &State,
    remembered: &Remembered,
    given: &str,
) -> ApiResult<Option<Investigator>> {
    if !is_well_formed(given) {
        return Ok(None);
    }
    let stored = state.store.api_keys().await?;
    let digest = remembered.digest(given);
    if let Some(key) = remembered.get(&digest)
        && stored.contains(&key)
    {
        return active(state, key.investigator).await;
    }
    let given = given.to_owned();
    let _permit = remembered
        .slow
        .acquire()
        .await
        .map_err(ApiError::internal)?;
    // The hash is slow on purpose and must not hold up other requests.
    let found = tokio::task::spawn_blocking(move || {
        stored.into_iter().find(|candidate| {
            StoredKey::from_columns(&candidate.hash, &candidate.salt)
                .is_some_and(|key| key.matches(&given))
        })
    })
    .await
    .map_err(ApiError::internal)?;
    match found {
        None => Ok(None),
        Some(key) => {
            let investigator = key.investigator;
            remembered.put(digest, key);
            active(state, investigator).await
        }
    }
}

async fn active(state: &State, id: Id) -> ApiResult<Option<Investigator>> {
    let investigator = state.store.investigator(id).await?;
    let active = investigator.status == InvestigatorStatus::Active;
    Ok(active.then_some(investigator))
}
