//! What a scheduler does for all from time to time.

use mig_protocol::{Agent, Id, Time};

use super::agents::{COLUMNS, from_row};
use super::columns::{id, key, keys, moment, text};
use super::connection::Tx;
use super::failure::{Failure, Outcome, not_found};
use super::{actions, verbatim};
use crate::{DUPLICATES_OF_ONE, DestroyOrder, Signature, StoreError};

/// Rows of one queueloc next to each other, the oldest first.
pub(super) async fn duplicates(
    tx: &Tx<'_>,
    heard_since: Time,
    after: &str,
    queues: u32,
) -> Outcome<Vec<Agent>> {
    const ALIVE: &str = "status <> 'offline' AND mode <> 'checkin' AND heartbeattime >= $1";
    // Columns of which each is short; `from_row` finds the others empty.
    let sql = format!(
        "WITH placed AS (
             SELECT *, row_number() OVER
                 (PARTITION BY queueloc ORDER BY starttime DESC, id DESC) AS place
             FROM agents WHERE {ALIVE} AND queueloc IN
                 (SELECT queueloc FROM agents WHERE {ALIVE} AND queueloc COLLATE \"C\" > $2
                  GROUP BY queueloc HAVING count(*) > 1
                  ORDER BY queueloc COLLATE \"C\" LIMIT $3))
         SELECT id, name, queueloc, mode, version, pid, starttime, destructiontime,
             heartbeattime, refreshtime, status, '{{}}' AS environment, '{{}}' AS tags, loadername
         FROM placed WHERE place <= $4
         ORDER BY queueloc COLLATE \"C\", starttime, id"
    );
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] = [
        &moment(heard_since),
        &verbatim::text(after),
        &i64::from(queues),
        &i64::from(DUPLICATES_OF_ONE),
    ];
    let rows = tx.rows(&sql, &values).await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn destroy(tx: &Tx<'_>, order: &DestroyOrder) -> Outcome<()> {
    let signer = tx
        .row(
            "SELECT id FROM investigators WHERE pgpfingerprint = $1 AND status = 'active'",
            &[&order.signer.to_ascii_uppercase()],
        )
        .await?
        .ok_or_else(|| not_found("active investigator", &order.signer))?;
    let (agent, now) = (key(order.agent), moment(order.now));
    let changed = tx
        .change(
            "UPDATE agents SET destructiontime = $2,
                 status = CASE WHEN $3::timestamptz >= $4::timestamptz THEN 'destroyed' ELSE status END
             WHERE id = $1 AND status <> 'offline' AND destructiontime = $3",
            &[
                &agent,
                &now,
                &moment(order.destroyed_before),
                &moment(Time::FAR_FUTURE),
            ],
        )
        .await?;
    if changed != 1 {
        let row = tx
            .row(
                "SELECT status, destructiontime = $2 AS ours FROM agents WHERE id = $1",
                &[&agent, &now],
            )
            .await?
            .ok_or_else(|| not_found("agent", order.agent))?;
        if tx.may_have_happened() && row.try_get("ours")? {
            return Ok(());
        }
        return Err(Failure::Store(StoreError::Conflict {
            what: "agent",
            id: order.agent.to_string(),
            found: text(&row, "status")?,
        }));
    }
    let investigator = id(&signer, "id")?;
    let signatures = order.action.signatures().iter().map(|signature| Signature {
        investigator,
        signature: signature.clone(),
    });
    actions::create(tx, &order.action, &signatures.collect::<Vec<_>>()).await
}

pub(super) async fn lost_queues(
    tx: &Tx<'_>,
    silent_since: Time,
    after: &str,
    limit: u32,
) -> Outcome<Vec<String>> {
    let rows = tx
        .rows(
            "SELECT DISTINCT queueloc COLLATE \"C\" AS queueloc FROM agents
             WHERE status = 'offline' AND NOT queuedeleted AND heartbeattime < $1
             AND queueloc COLLATE \"C\" > $2
             AND NOT EXISTS (SELECT FROM agents AS other
                 WHERE other.queueloc = agents.queueloc
                 AND (other.status <> 'offline' OR other.heartbeattime >= $1))
             ORDER BY 1 LIMIT $3",
            &[
                &moment(silent_since),
                &verbatim::text(after),
                &i64::from(limit),
            ],
        )
        .await?;
    rows.iter().map(|row| text(row, "queueloc")).collect()
}

pub(super) async fn queues_deleted(
    tx: &Tx<'_>,
    queuelocs: &[String],
    silent_since: Time,
) -> Outcome<()> {
    let queuelocs: Vec<_> = queuelocs
        .iter()
        .map(|queueloc| verbatim::text(queueloc))
        .collect();
    // Locked in one order, as everywhere.
    tx.change(
        "UPDATE agents SET queuedeleted = true WHERE id IN
             (SELECT id FROM agents
              WHERE queueloc = ANY ($1) AND status = 'offline' AND heartbeattime < $2
              ORDER BY id FOR NO KEY UPDATE)",
        &[&queuelocs, &moment(silent_since)],
    )
    .await?;
    Ok(())
}

pub(super) async fn unannounced(
    tx: &Tx<'_>,
    started_since: Time,
    limit: u32,
) -> Outcome<Vec<Agent>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM agents WHERE NOT announced AND starttime >= $1
         ORDER BY starttime, id LIMIT $2"
    );
    let rows = tx
        .rows(&sql, &[&moment(started_since), &i64::from(limit)])
        .await?;
    rows.iter().map(from_row).collect()
}

pub(super) async fn announce(tx: &Tx<'_>, agents: &[Id]) -> Outcome<Vec<Id>> {
    let rows = tx
        .rows(
            "UPDATE agents SET announced = true WHERE id IN
                 (SELECT id FROM agents WHERE id = ANY ($1) AND NOT announced
                  ORDER BY id FOR NO KEY UPDATE)
             AND NOT announced RETURNING id",
            &[&keys(agents.iter().copied())],
        )
        .await?;
    rows.iter().map(|row| id(row, "id")).collect()
}
