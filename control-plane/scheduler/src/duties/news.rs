//! Telling workers of agents that were never seen before, each once, whoever
//! heard of them: this scheduler, another one, or an API.

use std::collections::HashMap;

use mig_logging::causes;
use mig_protocol::{Id, to_go_json};
use mig_store::{NEWS, StoreResult};

use crate::events::Kind;
use crate::start::Shared;

/// Agents announced together.
const AT_ONCE: u32 = 256;

/// Tells of agents whose first heartbeats this scheduler stored, with them as
/// they came.
pub(crate) async fn tell(shared: &Shared, agents: &[(Id, &[u8])]) {
    if agents.is_empty() || shared.events.is_none() {
        return;
    }
    let ids: Vec<Id> = agents.iter().map(|(id, _)| *id).collect();
    match shared.store.announce_agents(&ids).await {
        Ok(announced) => {
            for (_, body) in agents.iter().filter(|(id, _)| announced.contains(id)) {
                shared.tell(Kind::AgentNew, body);
            }
        }
        Err(error) => {
            tracing::error!("New agents are announced later: {}.", causes(&error));
        }
    }
}

/// Tells of those of which nobody told yet: they came to an API.
pub(super) async fn tell_of_others(shared: &Shared) -> StoreResult<()> {
    if shared.events.is_none() {
        return Ok(());
    }
    loop {
        let since = shared.now() - NEWS;
        let new = shared.store.unannounced_agents(since, AT_ONCE).await?;
        if new.is_empty() {
            return Ok(());
        }
        let ids: Vec<Id> = new.iter().map(|agent| agent.id).collect();
        let by_id: HashMap<Id, _> = new.into_iter().map(|agent| (agent.id, agent)).collect();
        for id in shared.store.announce_agents(&ids).await? {
            let Some(agent) = by_id.get(&id) else {
                continue;
            };
            match to_go_json(agent) {
                Ok(body) => shared.tell(Kind::AgentNew, &body),
                Err(error) => {
                    shared.counts.events_dropped.one();
                    tracing::error!("The new agent {id} cannot be written as JSON: {error}.");
                }
            }
        }
    }
}
