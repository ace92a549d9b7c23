//! Several agents on one queue: found, told of, and, where the site wants that,
//! all but the newest ended.

use std::collections::HashMap;
use std::time::Duration;

use mig_logging::causes;
use mig_protocol::{Action, ActionStatus, Agent, Id, Operation, Time};
use mig_store::{DUPLICATES_OF_ONE, DestroyOrder, StoreError, StoreResult};
use mig_target::Target;

use super::kill_key::KillKey;
use crate::events::Kind;
use crate::inbound::complaints::shown;
use crate::start::Shared;

/// An agent that lives so many heartbeat periods after the order to end it gets
/// another one: both take from one queue, and it may have got its own.
const PATIENCE: u32 = 3;
/// How long an order is valid.
const VALID: Duration = Duration::from_secs(30 * 60);
/// How far the clock of an agent may be behind.
const SKEW: Duration = Duration::from_secs(60);

/// Queues looked at in one round; the others come in the next ones.
const QUEUES: u32 = 256;
/// Orders given in one round. Whoever may send heartbeats can make up duplicates.
const ORDERS: u32 = 16;
/// So often an agent is ordered to end, ...
const TRIES: u32 = 5;
/// ... and again so long after that.
const GIVEN_UP: Duration = Duration::from_secs(86_400);
/// Agents of a queue that are named.
const SHOWN: usize = 10;

/// What is remembered between rounds.
#[derive(Default)]
pub(super) struct Memory {
    /// The duplicates that were told of: by queueloc the rows, and when they were
    /// last seen. For as long as they are seen now and then, they are no news.
    known: HashMap<String, (Vec<Id>, Time)>,
    /// How often an agent was ordered to end, and when last.
    ordered: HashMap<Id, (u32, Time)>,
    /// The last queue that was looked at, if there may be more.
    after: String,
}

/// Looks at agents that share a queue.
pub(super) async fn look(shared: &Shared, memory: &mut Memory) -> StoreResult<()> {
    let config = &shared.config;
    if !config.detect_duplicates {
        return Ok(());
    }
    let now = shared.now();
    let agents = shared
        .store
        .duplicate_agents(now - config.heartbeat_frequency, &memory.after, QUEUES)
        .await?;
    let patience = config.heartbeat_frequency * PATIENCE;
    let known = &mut memory.known;
    known.retain(|_, (_, seen)| now.since(*seen) <= patience);
    let ordered = &mut memory.ordered;
    ordered.retain(|_, (_, last)| now.since(*last) <= GIVEN_UP);
    shared.heard.forget(now, config.heartbeat_frequency);
    let (mut queues, mut orders) = (0, 0);
    let mut key = config.kill_duplicates.as_ref();
    for group in agents.chunk_by(|one, other| one.queueloc == other.queueloc) {
        queues += 1;
        memory.after.clone_from(&group[0].queueloc);
        let living = living(group);
        // Who is not on the list is not heard of any more either.
        let listed = |list: &std::sync::Arc<crate::Whitelist>| list.allows(&group[0].queueloc);
        if living.len() < 2 || !config.whitelist.as_ref().is_none_or(listed) {
            continue;
        }
        let ids: Vec<Id> = living.iter().map(|agent| agent.id).collect();
        let before = (memory.known).insert(group[0].queueloc.clone(), (ids.clone(), now));
        if before.is_none_or(|(told, _)| told != ids) {
            tell(shared, &living);
        }
        let (Some(signing), Some(survivor)) = (key, survivor(&living)) else {
            continue;
        };
        for victim in victims(&living, survivor, now, patience) {
            let over_the_relay = [victim, survivor].map(|agent| shared.heard.lately(agent.id));
            let tries = memory
                .ordered
                .get(&victim.id)
                .map_or(0, |(tries, _)| *tries);
            if over_the_relay != [true, true] || tries >= TRIES {
                continue;
            }
            orders += 1;
            match order(shared, signing, victim, survivor, now).await {
                Ok(Order::Given) => {
                    memory.ordered.insert(victim.id, (tries + 1, now));
                    if tries + 1 == TRIES && shared.may_complain() {
                        tracing::warn!(
                            "The agent {} with pid {} was ordered to end {TRIES} times. If it \
                             lives on, end it by hand; no order is given for a day.",
                            victim.queueloc,
                            victim.pid
                        );
                    }
                }
                Ok(Order::None) => {}
                // No other order could be given either.
                Ok(Order::NoSigner) => key = None,
                Err(error) if error.is_away() => return Err(error),
                // It keeps nobody from the other ones.
                Err(error) => {
                    if shared.may_complain() {
                        tracing::error!(
                            "An order to end an agent was not stored: {}.",
                            causes(&error)
                        );
                    }
                }
            }
        }
        if orders >= ORDERS {
            return Ok(());
        }
    }
    if queues < QUEUES {
        memory.after.clear();
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

/// That was ordered to end; it lives on if it is heard of. A database may have cut
/// fractions off what means never.
fn ordered(agent: &Agent) -> bool {
    Time::FAR_FUTURE.since(agent.destructiontime) > Duration::from_secs(1)
}

/// Who stays: the newest one.
fn survivor<'a>(living: &[&'a Agent]) -> Option<&'a Agent> {
    let newest = living.iter().rfind(|agent| !ordered(agent));
    newest.or(living.last()).copied()
}

/// Who is to be ended now: the oldest one of several, one in each period, so that
/// somebody answers; and who should have ended long ago. Agents of several
/// machines are spared: none could end the others, and the copy of a machine has
/// to get an identity of its own.
fn victims<'a>(
    living: &[&'a Agent],
    survivor: &Agent,
    now: Time,
    patience: Duration,
) -> Vec<&'a Agent> {
    let here = |agent: &&Agent| agent.id != survivor.id && agent.name == survivor.name;
    let overdue = living
        .iter()
        .copied()
        .filter(|agent| ordered(agent) && now.since(agent.destructiontime) > patience);
    let oldest = living.iter().copied().find(|agent| !ordered(agent));
    overdue.chain(oldest).filter(here).collect()
}

/// Log, counter and event.
fn tell(shared: &Shared, living: &[&Agent]) {
    shared.counts.duplicates_found.one();
    let queueloc = &living[0].queueloc;
    let number = match living.len() {
        many if many >= DUPLICATES_OF_ONE as usize => format!("{many} or more"),
        few => few.to_string(),
    };
    let named = &living[living.len().saturating_sub(SHOWN)..];
    let mut list: Vec<String> = named
        .iter()
        .map(|agent| {
            format!(
                "{} (pid {}, version {}, {})",
                shown(&agent.name),
                agent.pid,
                shown(&agent.version),
                agent.status.as_str()
            )
        })
        .collect();
    if named.len() < living.len() {
        list.insert(0, "older ones".into());
    }
    let machines = living.iter().any(|agent| agent.name != living[0].name);
    let advice = match (&shared.config.kill_duplicates, machines) {
        (_, true) => {
            "a machine was copied with its agent's identity; delete that on the copy and \
             restart its agent"
        }
        (Some(_), false) => {
            "those that speak over the relay are ordered to end, but for the newest"
        }
        (None, false) => "end all but one of them, or set [agent] killdupagents and killkey",
    };
    if shared.may_complain() {
        tracing::warn!(
            "{number} agents share the queue of {queueloc}: {}; {advice}.",
            list.join(", ")
        );
    }
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

/// What became of an order.
enum Order {
    Given,
    /// Somebody else was faster, or it makes no sense.
    None,
    /// The key is nobody's.
    NoSigner,
}

/// Stores the signed order to end an agent; as an action like any other it then
/// goes to the one that stays.
async fn order(
    shared: &Shared,
    key: &KillKey,
    victim: &Agent,
    survivor: &Agent,
    now: Time,
) -> StoreResult<Order> {
    let mut action = unsigned(victim, now);
    if let Err(error) = Target::parse(&action.target) {
        if shared.may_complain() {
            tracing::error!("No order to end an agent of {}: {error}.", victim.queueloc);
        }
        return Ok(Order::None);
    }
    action.id = shared.ids.next(now).await?;
    let action = match key.sign(action, now).await {
        Ok(action) => action,
        Err(problem) => {
            tracing::error!("The order to end an agent cannot be signed: {problem}.");
            return Ok(Order::NoSigner);
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
            Ok(Order::Given)
        }
        // Another scheduler was faster, or it is gone.
        Err(StoreError::Conflict { .. } | StoreError::NotFound { what: "agent", .. }) => {
            Ok(Order::None)
        }
        Err(StoreError::NotFound { what, .. }) if what.contains("investigator") => {
            tracing::error!(
                "No agent can be ended: the scheduler's key {} is no active investigator's; \
                 create one with its public key.",
                order.signer
            );
            Ok(Order::NoSigner)
        }
        Err(error) => Err(error),
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
            status: mig_protocol::AgentStatus::Online,
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
        let chosen = |agents: &[&Agent]| {
            let survivor = survivor(agents).expect("somebody stays");
            ids(victims(agents, survivor, now, minute))
        };
        assert_eq!(chosen(&[&first, &second, &third]), [1]);
        first.destructiontime = Time::from_unix(960);
        assert_eq!(chosen(&[&first, &second]), [0; 0], "it had no time yet");
        assert_eq!(chosen(&[&first, &second, &third]), [2]);
        first.destructiontime = Time::from_unix(900);
        assert_eq!(chosen(&[&first, &second]), [1]);
        assert_eq!(chosen(&[&first]), [0; 0], "somebody has to stay");
        let mut copy = agent(4, 3, 99);
        copy.name = "web2".into();
        assert_eq!(chosen(&[&second, &copy]), [0; 0], "another machine");
        let mut last = agent(5, 4, 99);
        last.destructiontime = Time::from_unix(800);
        assert_eq!(
            chosen(&[&first, &last]),
            [1],
            "of those that should be gone"
        );
    }
}
