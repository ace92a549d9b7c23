//! What one scheduler of all does in each period: statistics, duplicate agents,
//! queues of agents that are gone; and what each does for workers.

mod duplicates;
mod heard;
mod kill_key;
pub(crate) mod news;
mod queues;

use std::sync::Arc;

use mig_logging::causes;
use mig_protocol::Time;
use mig_store::{StatisticsRound, StoreResult};
use tokio::sync::watch;

pub(crate) use heard::Heard;
pub use kill_key::{KillKey, KillKeyError, kill_warnings};

use crate::start::Shared;

/// Works until told to stop, by itself: a relay that answers slowly must not keep
/// silent agents from being noticed.
pub(crate) async fn run(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut duties = Duties::default();
    let rounds = async {
        loop {
            duties.round(&shared).await;
            tokio::time::sleep(shared.config.periodic).await;
        }
    };
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = rounds => {}
    }
}

/// What a scheduler remembers of its duties.
#[derive(Default)]
struct Duties {
    duplicates: duplicates::Memory,
    cleaned: Option<Time>,
    lasting: queues::Lasting,
}

impl Duties {
    /// One round; what fails is done in the next one.
    async fn round(&mut self, shared: &Shared) {
        if let Err(error) = news::tell_of_others(shared).await {
            tracing::error!("New agents were not announced: {}.", causes(&error));
        }
        match record(shared).await {
            Ok(true) => {}
            // Another scheduler does the rest.
            Ok(false) => return,
            Err(error) => {
                tracing::error!("{}", causes(&error));
                return;
            }
        }
        if let Err(error) = duplicates::look(shared, &mut self.duplicates).await {
            tracing::error!("{}", causes(&error));
        }
        let Some(every) = shared.config.queue_cleanup else {
            return;
        };
        let now = shared.now();
        // Also when the clock was set back.
        let due = |last: Time| now >= last + every || now < last;
        if !self.cleaned.is_none_or(due) {
            return;
        }
        match queues::clean(shared, every, &mut self.lasting).await {
            Ok(()) => self.cleaned = Some(now),
            Err(error) => tracing::warn!(
                "Queues of agents that are gone could not all be looked at: {}.",
                causes(&error)
            ),
        }
    }
}

/// True when this scheduler wrote the row of this period.
async fn record(shared: &Shared) -> StoreResult<bool> {
    let now = shared.now();
    let round = StatisticsRound {
        now,
        none_since: now - shared.config.periodic,
        keep_since: now - shared.config.statistics_kept,
    };
    let recorded = shared.store.record_statistics(&round).await?;
    if recorded.deleted > 0 {
        tracing::info!(
            "Deleted {} rows of statistics older than {:?}.",
            recorded.deleted,
            shared.config.statistics_kept
        );
    }
    if recorded.ahead > 0 {
        tracing::warn!(
            "Deleted {} rows of statistics that were written under a clock that was ahead.",
            recorded.ahead
        );
    }
    Ok(recorded.written)
}
