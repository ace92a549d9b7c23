//! Identifiers without a write per identifier.

use std::sync::Arc;

use mig_protocol::{Id, Time};
use tokio::sync::Mutex;

use crate::{IdBlock, Store, StoreResult};

/// How many identifiers one write to the store reserves.
const BLOCK: u32 = 1024;

/// Hands out identifiers from blocks reserved in the store, so that most cost
/// no write. What is left of a block when the program ends is never used.
pub struct IdSource {
    store: Arc<dyn Store>,
    left: Mutex<IdBlock>,
}

impl IdSource {
    /// A source that has reserved nothing yet.
    pub fn new(store: Arc<dyn Store>) -> IdSource {
        IdSource {
            store,
            left: Mutex::new(IdBlock {
                first: Id(0),
                count: 0,
            }),
        }
    }

    /// One identifier.
    ///
    /// # Errors
    /// Those of [`Store::issue_ids`].
    pub async fn next(&self, now: Time) -> StoreResult<Id> {
        Ok(self.take(1, now).await?.first)
    }

    /// `count` consecutive identifiers.
    ///
    /// # Errors
    /// Those of [`Store::issue_ids`].
    pub async fn take(&self, count: u32, now: Time) -> StoreResult<IdBlock> {
        let mut left = self.left.lock().await;
        if left.count < count {
            *left = self.store.issue_ids(count.max(BLOCK), now).await?;
        }
        let taken = IdBlock {
            first: left.first,
            count,
        };
        left.first = Id(left.first.0 + u64::from(count));
        left.count -= count;
        Ok(taken)
    }
}
