//! What has to be done from time to time: noticing silent agents, deleting what
//! is kept no longer, reporting what was dropped.

use std::sync::Arc;
use std::time::Duration;

use mig_logging::causes;
use mig_store::{AgeLimits, Pruned, Retention, StoreResult};
use tokio::sync::watch;

use crate::start::Shared;

/// An agent is idle after this many silent heartbeat periods.
const IDLE_PERIODS: u32 = 5;
/// Where queues of lost agents are deleted, an agent whose queue could not be is
/// remembered for so long beyond what is kept otherwise: nobody else can name it.
const QUEUES_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Works until told to stop.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut reported = 0;
    loop {
        if let Err(error) = look(&shared, &stop).await {
            tracing::error!("{}", causes(&error));
        }
        let counts = shared.counts.snapshot();
        let told = counts.dropped() + counts.complaints_left_out;
        if told > reported {
            reported = told;
            tracing::warn!(
                "Dropped since the start: {} answers malformed, {} unknown, {} from another agent, \
                 {} given before, {} that the database does not take; {} heartbeats malformed, \
                 {} refused, {} that the database does not take. \
                 {} lines of the log about agents were left out.",
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

async fn look(shared: &Shared, stop: &watch::Receiver<bool>) -> StoreResult<()> {
    age(shared).await?;
    let Some(retention) = shared.config.retention else {
        return Ok(());
    };
    let mut pruned = Pruned::default();
    let outcome = prune(shared, retention, stop, &mut pruned).await;
    // Also what was deleted before it failed.
    if shared.config.queue_cleanup.is_some() && pruned.queues_left > 0 {
        tracing::warn!(
            "{} agents were deleted although the relay may still have their queues: these \
             could not be deleted in {QUEUES_KEPT:?} and are forgotten.",
            pruned.queues_left
        );
    }
    if pruned.actions + pruned.agents > 0 {
        tracing::info!(
            "Deleted {} actions with {} commands and {} agents older than {retention:?}.",
            pruned.actions,
            pruned.commands,
            pruned.agents
        );
    }
    outcome
}

async fn age(shared: &Shared) -> StoreResult<()> {
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
    Ok(())
}

/// Deletes what is old, a portion at a time; agents go on growing silent meanwhile.
async fn prune(
    shared: &Shared,
    retention: Duration,
    stop: &watch::Receiver<bool>,
    pruned: &mut Pruned,
) -> StoreResult<()> {
    let before = shared.now() - retention;
    let queues_before = if shared.config.queue_cleanup.is_some() {
        before - QUEUES_KEPT
    } else {
        before
    };
    let old = Retention {
        before,
        queues_before,
    };
    loop {
        let portion = shared.store.prune(old).await?;
        pruned.actions += portion.actions;
        pruned.commands += portion.commands;
        pruned.agents += portion.agents;
        pruned.queues_left += portion.queues_left;
        if !portion.more || *stop.borrow() {
            return Ok(());
        }
        age(shared).await?;
    }
}
