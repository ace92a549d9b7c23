//! What a scheduler does for all from time to time.

use mig_protocol::{Agent, Id, Time};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::actions;
use super::agents::from_row;
use super::columns::{Key, Micros};
use super::failure::{Failure, Outcome, not_found};
use crate::{DUPLICATES_OF_ONE, DestroyOrder, Signature, StoreError};

/// Rows of one queueloc next to each other, the oldest first.
pub(super) fn duplicates(
    db: &Connection,
    heard_since: Time,
    after: &str,
    queues: u32,
) -> Outcome<Vec<Agent>> {
    const ALIVE: &str = "status <> 'offline' AND mode <> 'checkin' AND heartbeattime >= ?1";
    // Columns of which each is short; `from_row` finds the others empty.
    let sql = format!(
        "SELECT id, name, queueloc, mode, version, pid, starttime, destructiontime,
             heartbeattime, refreshtime, status, '{{}}' AS environment, '{{}}' AS tags, loadername
         FROM (SELECT *, row_number() OVER
                   (PARTITION BY queueloc ORDER BY starttime DESC, id DESC) AS place
               FROM agents WHERE {ALIVE} AND queueloc IN
                   (SELECT queueloc FROM agents WHERE {ALIVE} AND queueloc > ?2
                    GROUP BY queueloc HAVING count(*) > 1 ORDER BY queueloc LIMIT ?3))
         WHERE place <= ?4 ORDER BY queueloc, starttime, id"
    );
    let values = params![Micros(heard_since), after, queues, DUPLICATES_OF_ONE];
    agents(db, &sql, values)
}

fn agents(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Outcome<Vec<Agent>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_row(row)?);
    }
    Ok(found)
}

pub(super) fn destroy(db: &Connection, order: &DestroyOrder) -> Outcome<()> {
    let signer: Option<Key> = db
        .prepare_cached(
            "SELECT id FROM investigators WHERE pgpfingerprint = ?1 AND status = 'active'",
        )?
        .query_row([order.signer.to_ascii_uppercase()], |row| row.get(0))
        .optional()?;
    let Some(Key(investigator)) = signer else {
        return Err(not_found("active investigator", &order.signer));
    };
    let changed = db
        .prepare_cached(
            "UPDATE agents SET destructiontime = :now,
                 status = CASE WHEN :before >= :never THEN 'destroyed' ELSE status END
             WHERE id = :id AND status <> 'offline' AND destructiontime = :before",
        )?
        .execute(named_params! {
            ":id": Key(order.agent),
            ":now": Micros(order.now),
            ":before": Micros(order.destroyed_before),
            ":never": Micros(Time::FAR_FUTURE),
        })?;
    if changed != 1 {
        let status: Option<String> = db
            .prepare_cached("SELECT status FROM agents WHERE id = ?1")?
            .query_row([Key(order.agent)], |row| row.get(0))
            .optional()?;
        return Err(match status {
            None => not_found("agent", order.agent),
            Some(found) => Failure::Store(StoreError::Conflict {
                what: "agent",
                id: order.agent.to_string(),
                found,
            }),
        });
    }
    let signatures = order.action.signatures().iter().map(|signature| Signature {
        investigator,
        signature: signature.clone(),
    });
    actions::create(db, &order.action, &signatures.collect::<Vec<_>>())
}

pub(super) fn lost_queues(
    db: &Connection,
    silent_since: Time,
    after: &str,
    limit: u32,
) -> Outcome<Vec<String>> {
    let found = db
        .prepare_cached(
            "SELECT DISTINCT queueloc FROM agents
             WHERE status = 'offline' AND queuedeleted = 0 AND heartbeattime < ?1
             AND queueloc > ?2
             AND NOT EXISTS (SELECT 1 FROM agents AS other
                 WHERE other.queueloc = agents.queueloc
                 AND (other.status <> 'offline' OR other.heartbeattime >= ?1))
             ORDER BY queueloc LIMIT ?3",
        )?
        .query_map(params![Micros(silent_since), after, limit], |row| {
            row.get(0)
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(found)
}

pub(super) fn queues_deleted(
    db: &Connection,
    queuelocs: &[String],
    silent_since: Time,
) -> Outcome<()> {
    let mut statement = db.prepare_cached(
        "UPDATE agents SET queuedeleted = 1
         WHERE queueloc = ?1 AND status = 'offline' AND heartbeattime < ?2",
    )?;
    for queueloc in queuelocs {
        statement.execute(params![queueloc, Micros(silent_since)])?;
    }
    Ok(())
}

pub(super) fn unannounced(db: &Connection, started_since: Time, limit: u32) -> Outcome<Vec<Agent>> {
    agents(
        db,
        "SELECT * FROM agents WHERE announced = 0 AND starttime >= ?1
         ORDER BY starttime, id LIMIT ?2",
        params![Micros(started_since), limit],
    )
}

pub(super) fn announce(db: &Connection, agents: &[Id]) -> Outcome<Vec<Id>> {
    let mut statement =
        db.prepare_cached("UPDATE agents SET announced = 1 WHERE id = ?1 AND announced = 0")?;
    let mut announced = Vec::new();
    for &agent in agents {
        if statement.execute([Key(agent)])? == 1 {
            announced.push(agent);
        }
    }
    Ok(announced)
}
