//! What has to be done from time to time: noticing silent agents, deleting what
//! is kept no longer, reporting what was dropped, and the duties of one scheduler
//! for all.

use std::sync::Arc;

use mig_store::{AgeLimits, StoreResult};
use tokio::sync::watch;

use crate::actions::causes;
use crate::duties::Duties;
use crate::start::Shared;

/// An agent is idle after this many silent heartbeat periods.
const IDLE_PERIODS: u32 = 5;

/// Works until told to stop.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut reported = 0;
    let mut duties = Duties::default();
    loop {
        if let Err(error) = look(&shared).await {
            tracing::error!("{}", causes(&error));
        }
        // A relay that says nothing must not keep anybody from stopping.
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = duties.round(&shared) => {}
        }
        let counts = shared.counts.snapshot();
        if counts.dropped() > reported {
            reported = counts.dropped();
            tracing::warn!(
                "Dropped since the start: {} answers malformed, {} unknown, {} from another agent, \
                 {} given before, {} that the database does not take; {} heartbeats malformed, \
                 {} refused, {} that the database does not take. \
                 {} lines about them were left out.",
                counts.answers_malformed,
                counts.answers_unknown,
                counts.answers_foreign,
                counts.answers_repeated,
                counts.answers_unstorable,
                counts.heartbeats_malformed,
                counts.heartbeats_refused,
                counts.heartbeats_unstorable,
                counts.complaints_left_out,
            );
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(shared.config.periodic) => {}
        }
    }
}

async fn look(shared: &Shared) -> StoreResult<()> {
    let config = &shared.config;
    let now = shared.now();
    let aged = shared
        .store
        .age_agents(AgeLimits {
            idle_before: now - config.heartbeat_frequency * IDLE_PERIODS,
            offline_before: now - config.agent_timeout,
        })
        .await?;
    if aged.idle + aged.offline > 0 {
        tracing::info!(
            "{} agents became idle, {} offline.",
            aged.idle,
            aged.offline
        );
    }
    if aged.revived > 0 {
        tracing::warn!(
            "{} agents that were ordered to end live on and are the only ones of their queues; \
             they are asked again.",
            aged.revived
        );
    }
    if let Some(retention) = config.retention {
        let pruned = shared.store.prune(now - retention).await?;
        if pruned.actions + pruned.agents > 0 {
            tracing::info!(
                "Deleted {} actions with {} commands and {} agents older than {retention:?}.",
                pruned.actions,
                pruned.commands,
                pruned.agents
            );
        }
    }
    Ok(())
}
