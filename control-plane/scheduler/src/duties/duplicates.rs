//! Several agents on one queue: found, told of, and, where the site wants that,
//! all but the newest ended.

use std::collections::HashMap;
use std::time::Duration;

use mig_protocol::{Action, ActionStatus, Agent, AgentStatus, Id, Operation, Time};
use mig_store::{DestroyOrder, StoreError, StoreResult};
use mig_target::Target;

use super::kill_key::KillKey;
use crate::actions::causes;
use crate::events::Kind;
use crate::start::Shared;

/// An agent that lives so many heartbeat periods after the order to end it gets
/// another one: both take from one queue, and it may have got its own.
const PATIENCE: u32 = 3;
/// How long an order is valid.
const VALID: Duration = Duration::from_secs(30 * 60);
/// How far the clock of an agent may be behind.
const SKEW: Duration = Duration::from_secs(60);

/// The duplicates that were told of: by queueloc the rows, and when they were
/// last seen. For as long as they are seen now and then, they are no news.
pub(super) type Known = HashMap<String, (Vec<Id>, Time)>;

/// Looks at all agents that share a queue.
pub(super) async fn look(shared: &Shared, known: &mut Known) -> StoreResult<()> {
    let config = &shared.config;
    if !config.detect_duplicates {
        return Ok(());
    }
    let now = shared.now();
    let agents = shared
        .store
        .duplicate_agents(now - config.heartbeat_frequency)
        .await?;
    let patience = config.heartbeat_frequency * PATIENCE;
    known.retain(|_, (_, seen)| now.since(*seen) <= patience);
    for group in agents.chunk_by(|one, other| one.queueloc == other.queueloc) {
        let living = living(group);
        // Who is not on the list is not heard of any more either.
        let listed = |list: &std::sync::Arc<crate::Whitelist>| list.allows(&group[0].queueloc);
        if living.len() < 2 || !config.whitelist.as_ref().is_none_or(listed) {
            continue;
        }
        let ids: Vec<Id> = living.iter().map(|agent| agent.id).collect();
        let before = known.insert(group[0].queueloc.clone(), (ids.clone(), now));
        if before.is_none_or(|(told, _)| told != ids) {
            tell(shared, &living);
        }
        if let Some(key) = &config.kill_duplicates {
            for victim in victims(&living, now, patience) {
                if let Some(survivor) = living.last() {
                    order(shared, key, victim, survivor, now).await?;
                }
            }
        }
    }
    Ok(())
}

/// Those that were heard of since the newest one started: an agent that was
/// restarted leaves a row that is silent from then on. Oldest first.
fn living(group: &[Agent]) -> Vec<&Agent> {
    let Some(newest) = group.last() else {
        return Vec::new();
    };
    let lives = |agent: &&Agent| agent.id == newest.id || agent.heartbeatts > newest.starttime;
    group.iter().filter(lives).collect()
}

/// Who is to be ended now: the oldest one of several, one in each period, so that
/// somebody answers; and who should have ended long ago. Agents of several
/// machines are spared: none could end the others, and the copy of a machine has
/// to get an identity of its own.
fn victims<'a>(living: &[&'a Agent], now: Time, patience: Duration) -> Vec<&'a Agent> {
    let destroyed = |agent: &Agent| agent.status == AgentStatus::Destroyed;
    let Some(survivor) = living.iter().rfind(|agent| !destroyed(agent)) else {
        return Vec::new();
    };
    let here = |agent: &&Agent| agent.id != survivor.id && agent.name == survivor.name;
    let overdue = living
        .iter()
        .copied()
        .filter(|agent| destroyed(agent) && now.since(agent.destructiontime) > patience);
    let oldest = living.iter().copied().find(|agent| !destroyed(agent));
    overdue.chain(oldest).filter(here).collect()
}

/// Log, counter and event.
fn tell(shared: &Shared, living: &[&Agent]) {
    shared.counts.duplicates_found.one();
    let queueloc = &living[0].queueloc;
    let list: Vec<String> = living
        .iter()
        .map(|agent| {
            format!(
                "{} (pid {}, version {}, {})",
                agent.name.escape_debug(),
                agent.pid,
                agent.version.escape_debug(),
                agent.status.as_str()
            )
        })
        .collect();
    let machines = living.iter().any(|agent| agent.name != living[0].name);
    let advice = match (&shared.config.kill_duplicates, machines) {
        (_, true) => {
            "a machine was copied with its agent's identity; delete that on the copy and \
             restart its agent"
        }
        (Some(_), false) => "all but the newest are ordered to end",
        (None, false) => "end all but one of them, or set [agent] killdupagents and killkey",
    };
    tracing::warn!(
        "{} agents share the queue of {queueloc}: {}; {advice}.",
        living.len(),
        list.join(", ")
    );
    let agents: Vec<_> = living
        .iter()
        .map(|agent| {
            serde_json::json!({
                "id": agent.id,
                "name": agent.name,
                "pid": agent.pid,
                "version": agent.version,
                "status": agent.status.as_str(),
                "starttime": agent.starttime.to_string(),
                "heartbeatts": agent.heartbeatts.to_string(),
            })
        })
        .collect();
    let body = serde_json::json!({"queueloc": queueloc, "agents": agents}).to_string();
    shared.tell(Kind::AgentDuplicates, body.as_bytes());
}

/// Stores the signed order to end an agent; as an action like any other it then
/// goes to the one that stays.
async fn order(
    shared: &Shared,
    key: &KillKey,
    victim: &Agent,
    survivor: &Agent,
    now: Time,
) -> StoreResult<()> {
    let mut action = unsigned(victim, now);
    if let Err(error) = Target::parse(&action.target) {
        tracing::error!("No order to end an agent of {}: {error}.", victim.queueloc);
        return Ok(());
    }
    action.id = shared.ids.next(now).await?;
    let action = match key.sign(action, now).await {
        Ok(action) => action,
        Err(problem) => {
            tracing::error!("The order to end an agent cannot be signed: {problem}.");
            return Ok(());
        }
    };
    let order = DestroyOrder {
        agent: victim.id,
        destroyed_before: victim.destructiontime,
        signer: key.fingerprint(),
        now,
        action,
    };
    match shared.store.destroy_agent(&order).await {
        Ok(()) => {
            shared.counts.agents_destroyed.one();
            tracing::warn!(
                action = order.action.id.0,
                "The agent {} with pid {} is ordered to end; the one with pid {} stays.",
                victim.queueloc,
                victim.pid,
                survivor.pid
            );
            shared.wake.wake();
            Ok(())
        }
        // Another scheduler was faster, or it is gone.
        Err(StoreError::Conflict { .. }) => Ok(()),
        Err(StoreError::NotFound { what, .. }) if what.contains("investigator") => {
            tracing::error!(
                "No agent can be ended: the scheduler's key {} is no active investigator's; \
                 create one with its public key.",
                order.signer
            );
            Ok(())
        }
        Err(error) => {
            tracing::error!(
                "An order to end an agent was not stored: {}.",
                causes(&error)
            );
            Err(error)
        }
    }
}

/// As the original's scheduler writes it, except that the victim is no target:
/// it takes from the same queue, and can tell.
fn unsigned(victim: &Agent, now: Time) -> Action {
    Action {
        name: format!("Kill agent {}", victim.name),
        target: format!(
            "queueloc='{}' AND pid<>{}",
            victim.queueloc.replace('\'', "''"),
            victim.pid
        ),
        validfrom: now - SKEW,
        expireafter: now + VALID,
        operations: Some(vec![Operation {
            module: "agentdestroy".into(),
            parameters: serde_json::json!({"pid": victim.pid, "version": victim.version}),
            ..Operation::default()
        }]),
        status: ActionStatus::Pending,
        starttime: Time::FAR_PAST,
        lastupdatetime: Time::FAR_PAST,
        finishtime: Time::FAR_FUTURE,
        syntaxversion: 2,
        ..Action::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: u64, started: i64, heard: i64) -> Agent {
        Agent {
            id: Id(id),
            name: "web1".into(),
            status: AgentStatus::Online,
            starttime: Time::from_unix(started),
            heartbeatts: Time::from_unix(heard),
            destructiontime: Time::FAR_FUTURE,
            ..Agent::default()
        }
    }

    fn ids(agents: Vec<&Agent>) -> Vec<u64> {
        agents.iter().map(|agent| agent.id.0).collect()
    }

    #[test]
    fn a_restarted_agent_is_no_duplicate_of_itself() {
        let group = [agent(1, 0, 99), agent(2, 10, 150), agent(3, 100, 100)];
        assert_eq!(ids(living(&group)), [2, 3]);
    }

    #[test]
    fn the_oldest_is_ended_and_whoever_should_have_ended_long_ago() {
        let minute = Duration::from_secs(60);
        let (mut first, second, third) = (agent(1, 0, 99), agent(2, 1, 99), agent(3, 2, 99));
        let now = Time::from_unix(1000);
        let chosen = |agents: &[&Agent]| ids(victims(agents, now, minute));
        assert_eq!(chosen(&[&first, &second, &third]), [1]);
        first.status = AgentStatus::Destroyed;
        first.destructiontime = Time::from_unix(960);
        assert_eq!(chosen(&[&first, &second]), [0; 0], "it had no time yet");
        assert_eq!(chosen(&[&first, &second, &third]), [2]);
        first.destructiontime = Time::from_unix(900);
        assert_eq!(chosen(&[&first, &second]), [1]);
        assert_eq!(chosen(&[&first]), [0; 0], "somebody has to stay");
        let mut copy = agent(4, 3, 99);
        copy.name = "web2".into();
        assert_eq!(chosen(&[&second, &copy]), [0; 0], "another machine");
    }
}
