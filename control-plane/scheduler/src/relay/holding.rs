//! Which commands of the outbox are ours to publish when there are several
//! schedulers.

use mig_protocol::{Command, Id};
use mig_store::{Holding, StoreResult};

use super::SessionError;
use crate::actions::causes;
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

/// Keeps what is held, also while the relay takes nothing, and looks for what
/// another scheduler held that is gone. Does not end.
pub(super) async fn keep(shared: &Shared) -> SessionError {
    if shared.config.sole {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(shared.config.abandoned_after / SIGNS_OF_LIFE).await;
        match page(shared, Id(0), 0).await {
            Ok(_) => shared.outbox.notify_one(),
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
