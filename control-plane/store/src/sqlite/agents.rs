//! Agents: heartbeats, ageing, and which ones a target selects.

use mig_protocol::{Agent, AgentStatus, Id, Time};
use mig_target::{Param, Target};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params, params_from_iter};

use super::columns::{Key, Micros, from_json, id, text, time, to_json};
use super::failure::{Outcome, not_found};
use super::identifiers;
use crate::records::ENDING;
use crate::{AgeLimits, AgedAgents, HeartbeatOutcome, NEWS};

pub(super) fn from_row(row: &Row<'_>) -> Outcome<Agent> {
    Ok(Agent {
        id: id(row, "id")?,
        name: text(row, "name")?,
        queueloc: text(row, "queueloc")?,
        mode: text(row, "mode")?.into(),
        version: text(row, "version")?,
        pid: row.get("pid")?,
        loadername: text(row, "loadername")?,
        starttime: time(row, "starttime")?,
        destructiontime: time(row, "destructiontime")?,
        heartbeatts: time(row, "heartbeattime")?,
        refreshts: time(row, "refreshtime")?,
        status: text(row, "status")?.into(),
        authorized: false,
        environment: from_json(row, "environment")?,
        tags: from_json(row, "tags")?,
    })
}

pub(super) fn get(db: &Connection, agent: Id) -> Outcome<Agent> {
    let mut statement = db.prepare_cached("SELECT * FROM agents WHERE id = ?1")?;
    let mut rows = statement.query([Key(agent)])?;
    match rows.next()? {
        Some(row) => from_row(row),
        None => Err(not_found("agent", agent)),
    }
}

pub(super) fn by_target(
    db: &Connection,
    target: &Target,
    now: Time,
    limit: u32,
) -> Outcome<Vec<Agent>> {
    let condition = target.sqlite(now.into(), 2);
    let sql = format!(
        "SELECT * FROM (
             SELECT *, row_number() OVER
                 (PARTITION BY queueloc ORDER BY heartbeattime DESC, id DESC) AS place
             FROM agents WHERE status IN ('online', 'idle') AND ({}))
         WHERE place = 1 ORDER BY queueloc LIMIT ?1",
        condition.sql
    );
    let values = std::iter::once(Value::from(limit)).chain(condition.params.into_iter().map(value));
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_row(row)?);
    }
    Ok(found)
}

fn value(param: Param) -> Value {
    match param {
        Param::Text(text) => Value::Text(text),
        Param::Integer(number) => Value::Integer(number),
        Param::Real(number) => Value::Real(number),
        // Never made for SQLite; a null selects nothing.
        Param::Time(_) => Value::Null,
    }
}

pub(super) fn heartbeats(
    db: &Connection,
    agents: &[Agent],
    now: Time,
) -> Outcome<Vec<HeartbeatOutcome>> {
    agents
        .iter()
        .map(|agent| heartbeat(db, agent, now))
        .collect()
}

fn heartbeat(db: &Connection, agent: &Agent, now: Time) -> Outcome<HeartbeatOutcome> {
    let known: Option<(Key, bool)> = db
        .prepare_cached(
            "SELECT id, status = 'destroyed' AND ?3 <= destructiontime FROM agents
             WHERE queueloc = ?1 AND pid = ?2 AND status <> 'offline'
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(
            params![agent.queueloc, agent.pid, Micros(now - ENDING)],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((Key(id), destroyed)) = known else {
        return add(db, agent, now);
    };
    let next = if destroyed {
        AgentStatus::Destroyed
    } else {
        AgentStatus::Online
    };
    db.prepare_cached(
        "UPDATE agents SET heartbeattime = :now, status = :status, name = :name, mode = :mode,
             version = :version, refreshtime = :refresh, environment = :environment, tags = :tags
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": Key(id),
        ":now": Micros(now),
        ":status": next.as_str(),
        ":name": agent.name,
        ":mode": agent.mode.as_str(),
        ":version": agent.version,
        ":refresh": Micros(agent.refreshts),
        ":environment": to_json(&agent.environment, "environment")?,
        ":tags": to_json(&agent.tags, "tags")?,
    })?;
    Ok(if destroyed {
        HeartbeatOutcome::Destroyed(id)
    } else {
        HeartbeatOutcome::Known(id)
    })
}

fn add(db: &Connection, agent: &Agent, now: Time) -> Outcome<HeartbeatOutcome> {
    let id = identifiers::issue(db, 1, now)?.first;
    db.prepare_cached(
        "INSERT INTO agents (id, name, queueloc, mode, version, pid, starttime, destructiontime,
             heartbeattime, refreshtime, status, environment, tags)
         VALUES (:id, :name, :queueloc, :mode, :version, :pid, :now, :destruction, :now, :refresh,
             :status, :environment, :tags)",
    )?
    .execute(named_params! {
        ":id": Key(id),
        ":name": agent.name,
        ":queueloc": agent.queueloc,
        ":mode": agent.mode.as_str(),
        ":version": agent.version,
        ":pid": agent.pid,
        ":now": Micros(now),
        ":destruction": Micros(Time::FAR_FUTURE),
        ":refresh": Micros(agent.refreshts),
        ":status": AgentStatus::Online.as_str(),
        ":environment": to_json(&agent.environment, "environment")?,
        ":tags": to_json(&agent.tags, "tags")?,
    })?;
    Ok(HeartbeatOutcome::New(id))
}

/// Offline first, so that a silent agent is idle for at least one round.
pub(super) fn age(db: &Connection, limits: AgeLimits) -> Outcome<AgedAgents> {
    let change = |sql: &str, before: Time| -> Outcome<u64> {
        let changed = db.prepare_cached(sql)?.execute([Micros(before)])?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    };
    let offline = change(
        "UPDATE agents SET status = 'offline'
         WHERE status IN ('idle', 'destroyed') AND heartbeattime < ?1",
        limits.offline_before,
    )?;
    let idle = change(
        "UPDATE agents SET status = 'idle' WHERE status = 'online' AND heartbeattime < ?1",
        limits.idle_before,
    )?;
    // Where there are no workers nobody announces them.
    change(
        "UPDATE agents SET announced = 1 WHERE announced = 0 AND starttime < ?1",
        limits.offline_before - NEWS,
    )?;
    Ok(AgedAgents { idle, offline })
}
