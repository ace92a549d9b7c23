//! Agents: read, aged, and which ones a target selects.

use std::collections::HashMap;

use mig_protocol::{Agent, Id, Time};
use mig_target::{Param, Target};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::columns::{from_json, id, key, moment, text, time};
use super::connection::Tx;
use super::failure::{Outcome, not_found};
use super::verbatim;
use crate::{AgeLimits, AgedAgents, NEWS};

/// What [`from_row`] reads, of the table `agents`.
pub(super) const COLUMNS: &str = "agents.id, agents.name, agents.queueloc, agents.mode, \
     agents.version, agents.pid, agents.starttime, agents.destructiontime, \
     agents.heartbeattime, agents.refreshtime, agents.status, agents.environment::text, \
     agents.tags::text, agents.loadername";

pub(super) fn from_row(row: &Row) -> Outcome<Agent> {
    Ok(Agent {
        id: id(row, "id")?,
        name: text(row, "name")?,
        queueloc: text(row, "queueloc")?,
        mode: text(row, "mode")?.into(),
        version: text(row, "version")?,
        pid: row.try_get("pid")?,
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

pub(super) async fn get(tx: &Tx<'_>, agent: Id) -> Outcome<Agent> {
    let sql = format!("SELECT {COLUMNS} FROM agents WHERE id = $1");
    match tx.row(&sql, &[&key(agent)]).await? {
        Some(row) => from_row(&row),
        None => Err(not_found("agent", agent)),
    }
}

/// Rows by their identifiers.
pub(super) async fn rows(tx: &Tx<'_>, agents: &[i64]) -> Outcome<HashMap<Id, Agent>> {
    let rows = tx
        .rows(
            &format!("SELECT {COLUMNS} FROM agents WHERE id = ANY ($1)"),
            &[&agents],
        )
        .await?;
    let mut found = HashMap::new();
    for row in &rows {
        let agent = from_row(row)?;
        found.insert(agent.id, agent);
    }
    Ok(found)
}

pub(super) async fn by_target(
    tx: &Tx<'_>,
    target: &Target,
    now: Time,
    limit: u32,
) -> Outcome<Vec<Agent>> {
    let condition = target.postgres(now.into(), 2);
    let sql = format!(
        "SELECT {COLUMNS} FROM (
             SELECT DISTINCT ON (agents.queueloc COLLATE \"C\") agents.* FROM agents
             WHERE status IN ('online', 'idle') AND ({})
             ORDER BY agents.queueloc COLLATE \"C\", heartbeattime DESC, agents.id DESC) AS agents
         ORDER BY queueloc COLLATE \"C\" LIMIT $1",
        condition.sql
    );
    let limit = i64::from(limit);
    let values: Vec<Value> = condition.params.into_iter().map(Value::from).collect();
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&limit];
    parameters.extend(values.iter().map(Value::parameter));
    let rows = tx.rows_once(&sql, &parameters).await?;
    rows.iter().map(from_row).collect()
}

/// A parameter of a target in the driver's types.
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Real(f64),
    Time(OffsetDateTime),
}

impl From<Param> for Value {
    fn from(param: Param) -> Value {
        match param {
            Param::Text(text) => Value::Text(verbatim::text(&text).into_owned()),
            Param::Integer(number) => Value::Integer(number),
            Param::Real(number) => Value::Real(number),
            Param::Time(time) => Value::Time(moment(time.into())),
        }
    }
}

impl Value {
    pub(super) fn parameter(&self) -> &(dyn ToSql + Sync) {
        match self {
            Value::Text(text) => text,
            Value::Integer(number) => number,
            Value::Real(number) => number,
            Value::Time(time) => time,
        }
    }
}

/// Offline first, so that a silent agent is idle for at least one round.
pub(super) async fn age(tx: &Tx<'_>, limits: AgeLimits) -> Outcome<AgedAgents> {
    let offline = tx
        .change(
            "UPDATE agents SET status = 'offline'
             WHERE status IN ('idle', 'destroyed') AND heartbeattime < $1",
            &[&moment(limits.offline_before)],
        )
        .await?;
    let idle = tx
        .change(
            "UPDATE agents SET status = 'idle' WHERE status = 'online' AND heartbeattime < $1",
            &[&moment(limits.idle_before)],
        )
        .await?;
    // Where there are no workers nobody announces them.
    tx.change(
        "UPDATE agents SET announced = true WHERE NOT announced AND starttime < $1",
        &[&moment(limits.offline_before - NEWS)],
    )
    .await?;
    Ok(AgedAgents { idle, offline })
}
