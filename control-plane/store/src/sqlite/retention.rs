//! Deleting what is old.

use mig_protocol::Time;
use rusqlite::Connection;

use super::columns::Micros;
use super::failure::Outcome;
use crate::Pruned;

const OLD: &str = "SELECT id FROM actions
     WHERE status IN ('completed', 'invalid') AND finishtime < ?1";

pub(super) fn prune(db: &Connection, before: Time) -> Outcome<Pruned> {
    let delete = |sql: &str| -> Outcome<u64> {
        let deleted = db.prepare_cached(sql)?.execute([Micros(before)])?;
        Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
    };
    let commands = delete(&format!("DELETE FROM commands WHERE actionid IN ({OLD})"))?;
    // Signatures follow their action.
    let actions = delete(&format!("DELETE FROM actions WHERE id IN ({OLD})"))?;
    let agents = delete(
        "DELETE FROM agents
         WHERE status IN ('offline', 'destroyed') AND heartbeattime < ?1
         AND NOT EXISTS (SELECT 1 FROM commands WHERE agentid = agents.id)",
    )?;
    Ok(Pruned {
        actions,
        commands,
        agents,
    })
}
