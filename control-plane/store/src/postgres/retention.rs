//! Deleting what is old.

use mig_protocol::Time;

use super::columns::moment;
use super::connection::Tx;
use super::failure::Outcome;
use crate::Pruned;

const OLD: &str = "SELECT id FROM actions
     WHERE status IN ('completed', 'invalid') AND finishtime < $1";

pub(super) async fn prune(tx: &Tx<'_>, before: Time) -> Outcome<Pruned> {
    // As long as it takes: after years without, there is much.
    tx.run("SET LOCAL statement_timeout = 0").await?;
    let before = moment(before);
    let delete = async |sql: &str| tx.change(sql, &[&before]).await;
    // Nobody may answer to what goes.
    tx.rows(&format!("{OLD} ORDER BY id FOR UPDATE"), &[&before])
        .await?;
    let commands = delete(&format!("DELETE FROM commands WHERE actionid IN ({OLD})")).await?;
    // Signatures follow their action.
    let actions = delete(&format!("DELETE FROM actions WHERE id IN ({OLD})")).await?;
    let agents = delete(
        "DELETE FROM agents
         WHERE status IN ('offline', 'destroyed') AND heartbeattime < $1
         AND NOT EXISTS (SELECT FROM commands WHERE agentid = agents.id)",
    )
    .await?;
    Ok(Pruned {
        actions,
        commands,
        agents,
    })
}
