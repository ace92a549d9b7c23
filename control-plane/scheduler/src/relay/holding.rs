//! Which commands of the outbox are ours to publish when there are several
//! schedulers.

use std::time::Duration;

use mig_logging::causes;
use mig_protocol::{Command, Id};
use mig_store::{Holding, StoreResult};
use tokio::time::Instant;

use super::SessionError;
use crate::backoff::Backoff;
use crate::start::Shared;

/// How often a scheduler says that it lives before the others think it dead.
const SIGNS_OF_LIFE: u32 = 3;

/// The next commands to publish.
pub(super) async fn page(shared: &Shared, after: Id, limit: u32) -> StoreResult<Vec<Command>> {
    if shared.config.sole {
        return shared.store.outbox(after, limit).await;
    }
    let now = shared.now();
    let holding = Holding {
        holder: shared.holder,
        now,
        abandoned_before: now - shared.config.abandoned_after,
    };
    shared.store.take_outbox(&holding, after, limit).await
}

/// Says that this scheduler lives. A scheduler that cannot say so has no session
/// with the relay: what the relay would give it, it could not store, and nobody
/// else would have it.
pub(super) async fn begin(shared: &Shared) {
    if shared.config.sole {
        return;
    }
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));
    let mut told = false;
    while let Err(error) = page(shared, Id(0), 0).await {
        if !told {
            tracing::warn!(
                "The relay is left to other schedulers until the database can be used: {}.",
                causes(&error)
            );
            told = true;
        }
        tokio::time::sleep(backoff.pause()).await;
    }
}

/// Keeps what is held, also while the relay takes nothing, and looks for what
/// another scheduler held that is gone. Ends when the others must think that
/// this one is.
pub(super) async fn keep(shared: &Shared) -> SessionError {
    if shared.config.sole {
        return std::future::pending().await;
    }
    let mut said = Instant::now();
    loop {
        tokio::time::sleep(shared.config.abandoned_after / SIGNS_OF_LIFE).await;
        let saying = Instant::now();
        match page(shared, Id(0), 0).await {
            Ok(_) => {
                said = saying;
                shared.outbox.notify_one();
            }
            Err(error) if said.elapsed() >= shared.config.abandoned_after => {
                return SessionError::Silent(shared.config.abandoned_after, error);
            }
            // At worst another scheduler publishes too what this one does, which
            // agents take as a redelivery.
            Err(error) => tracing::warn!(
                "This scheduler could not say that it lives: {}.",
                causes(&error)
            ),
        }
    }
}

/// Leaves everything to the others, which can do more than one without a relay.
pub(super) async fn release(shared: &Shared) {
    if shared.config.sole {
        return;
    }
    if let Err(error) = shared.store.release_outbox(shared.holder).await {
        tracing::warn!(
            "Other schedulers take over in {:?} only: {}.",
            shared.config.abandoned_after,
            causes(&error)
        );
    }
}
