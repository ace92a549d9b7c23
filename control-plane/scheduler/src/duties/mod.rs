//! What one scheduler of all does in each period: statistics, duplicate agents,
//! queues of agents that are gone; and what each does for workers.

mod duplicates;
mod kill_key;
pub(crate) mod news;
mod queues;

use mig_protocol::Time;
use mig_store::{StatisticsRound, StoreResult};

pub use kill_key::{KillKey, KillKeyError};

use crate::actions::causes;
use crate::start::Shared;

/// What a scheduler remembers of its duties.
#[derive(Default)]
pub(crate) struct Duties {
    duplicates: duplicates::Known,
    cleaned: Option<Time>,
}

impl Duties {
    /// One round; what fails is done in the next one.
    pub(crate) async fn round(&mut self, shared: &Shared) {
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
        match queues::clean(shared, every).await {
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
    Ok(recorded.written)
}
