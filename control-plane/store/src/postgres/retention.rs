//! Deleting what is old.

use super::columns::moment;
use super::connection::Tx;
use super::failure::Outcome;
use crate::{Pruned, Retention};

/// How many actions one transaction deletes: each may have a command for every agent.
const ACTIONS_AT_ONCE: u64 = 50;
/// How many agents one transaction deletes.
const AGENTS_AT_ONCE: u64 = 2000;

/// Agents that nobody can want any more but for their queue.
const GONE: &str = "status IN ('offline', 'destroyed') AND agents.heartbeattime < $1
     AND NOT EXISTS (SELECT FROM commands WHERE agentid = agents.id)";

pub(super) async fn prune(tx: &Tx<'_>, retention: Retention) -> Outcome<Pruned> {
    let mut pruned = actions(tx, retention).await?;
    if !pruned.more {
        agents(tx, retention, &mut pruned).await?;
    }
    Ok(pruned)
}

/// What somebody works on is left for another time, as is what another scheduler is
/// deleting.
async fn actions(tx: &Tx<'_>, retention: Retention) -> Outcome<Pruned> {
    // Nobody may answer to what goes.
    let sql = format!(
        "SELECT id FROM actions
         WHERE status IN ('completed', 'invalid') AND finishtime < $1
         ORDER BY id LIMIT {ACTIONS_AT_ONCE} FOR UPDATE SKIP LOCKED"
    );
    let mut old: Vec<i64> = Vec::new();
    for row in tx.rows(&sql, &[&moment(retention.before)]).await? {
        old.push(row.try_get(0)?);
    }
    let commands = tx
        .change("DELETE FROM commands WHERE actionid = ANY ($1)", &[&old])
        .await?;
    // Signatures follow their action.
    let actions = tx
        .change("DELETE FROM actions WHERE id = ANY ($1)", &[&old])
        .await?;
    Ok(Pruned {
        actions,
        commands,
        more: actions == ACTIONS_AT_ONCE,
        ..Pruned::default()
    })
}

async fn agents(tx: &Tx<'_>, retention: Retention, pruned: &mut Pruned) -> Outcome<()> {
    let before = moment(retention.before);
    let delete = |condition: &str| {
        format!(
            "DELETE FROM agents WHERE id IN
                 (SELECT id FROM agents WHERE {GONE} AND {condition}
                  ORDER BY id LIMIT {AGENTS_AT_ONCE} FOR UPDATE SKIP LOCKED)"
        )
    };
    let followed = delete(
        "(queuedeleted OR id IN
             (SELECT old.id FROM agents AS old JOIN agents AS other
                  ON other.queueloc = old.queueloc AND other.id <> old.id
                  AND (other.status NOT IN ('offline', 'destroyed')
                      OR (other.heartbeattime, other.id) > (old.heartbeattime, old.id))
              WHERE old.status IN ('offline', 'destroyed') AND old.heartbeattime < $1))",
    );
    pruned.agents = tx.change(&followed, &[&before]).await?;
    // Last of all: of one queue the older ones are not to be counted as the last.
    pruned.more = pruned.agents == AGENTS_AT_ONCE;
    if !pruned.more {
        let queues_before = moment(retention.queues_before);
        pruned.queues_left = tx
            .change(
                &delete("agents.heartbeattime < $2"),
                &[&before, &queues_before],
            )
            .await?;
        pruned.agents += pruned.queues_left;
        pruned.more = pruned.queues_left == AGENTS_AT_ONCE;
    }
    Ok(())
}
