//! Deleting what is old.

use rusqlite::{Connection, ToSql, params};

use super::columns::Micros;
use super::failure::Outcome;
use crate::{Pruned, Retention};

/// How many actions one transaction deletes, during which nobody else writes: each
/// may have a command for every agent.
const ACTIONS_AT_ONCE: u64 = 50;
/// How many agents one transaction deletes.
const AGENTS_AT_ONCE: u64 = 2000;

/// Agents that nobody can want any more but for their queue.
const GONE: &str = "status IN ('offline', 'destroyed') AND heartbeattime < ?1
     AND NOT EXISTS (SELECT 1 FROM commands WHERE agentid = agents.id)";

pub(super) fn prune(db: &Connection, retention: Retention) -> Outcome<Pruned> {
    let delete = |sql: &str, values: &[&dyn ToSql]| -> Outcome<u64> {
        let deleted = db.prepare_cached(sql)?.execute(values)?;
        Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
    };
    let before = Micros(retention.before);
    let old = format!(
        "SELECT id FROM actions
         WHERE status IN ('completed', 'invalid') AND finishtime < ?1
         ORDER BY id LIMIT {ACTIONS_AT_ONCE}"
    );
    let commands = delete(
        &format!("DELETE FROM commands WHERE actionid IN ({old})"),
        params![before],
    )?;
    // Signatures follow their action.
    let actions = delete(
        &format!("DELETE FROM actions WHERE id IN ({old})"),
        params![before],
    )?;
    let mut pruned = Pruned {
        actions,
        commands,
        more: actions == ACTIONS_AT_ONCE,
        ..Pruned::default()
    };
    if pruned.more {
        return Ok(pruned);
    }
    let of_agents = |condition: &str| {
        format!(
            "DELETE FROM agents WHERE id IN
                 (SELECT id FROM agents WHERE {GONE} AND {condition}
                  ORDER BY id LIMIT {AGENTS_AT_ONCE})"
        )
    };
    let followed = of_agents(
        "(queuedeleted = 1 OR EXISTS
             (SELECT 1 FROM agents AS other
              WHERE other.queueloc = agents.queueloc AND other.id <> agents.id
              AND (other.status NOT IN ('offline', 'destroyed')
                  OR (other.heartbeattime, other.id) > (agents.heartbeattime, agents.id))))",
    );
    pruned.agents = delete(&followed, params![before])?;
    // Last of all: of one queue the older ones are not to be counted as the last.
    pruned.more = pruned.agents == AGENTS_AT_ONCE;
    if !pruned.more {
        pruned.queues_left = delete(
            &of_agents("heartbeattime < ?2"),
            params![before, Micros(retention.queues_before)],
        )?;
        pruned.agents += pruned.queues_left;
        pruned.more = pruned.queues_left == AGENTS_AT_ONCE;
    }
    Ok(pruned)
}
