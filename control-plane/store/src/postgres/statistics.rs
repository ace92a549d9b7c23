//! Counts of agents, for the dashboard and over time.

use std::time::Duration;

use mig_protocol::Time;
use time::OffsetDateTime;

use super::columns::{count, moment, text};
use super::connection::Tx;
use super::failure::Outcome;
use crate::records::{OTHER_VERSIONS, VERSION_LENGTH, VERSIONS};
use crate::{AgentStatistics, Recorded, StatisticsRound, VersionCount};

const DAY: Duration = Duration::from_secs(86_400);

const NO_ONLINE_ROW: &str = "NOT EXISTS (SELECT FROM agents AS other
     WHERE other.queueloc = agents.queueloc AND other.status = 'online')";

pub(super) async fn of_agents(tx: &Tx<'_>, now: Time) -> Outcome<AgentStatistics> {
    let (day, week) = (moment(now - DAY), moment(now - DAY * 7));
    let idle = format!("status = 'idle' AND {NO_ONLINE_ROW}");
    let online_by_version = by_version(tx, "status = 'online'").await?;
    let idle_by_version = by_version(tx, &idle).await?;
    let endpoints = |condition: &str| {
        format!("SELECT count(DISTINCT queueloc) AS n FROM agents WHERE {condition}")
    };
    let repeated = |condition: &str| {
        format!(
            "SELECT count(*) AS n FROM (SELECT FROM agents WHERE {condition}
             GROUP BY queueloc HAVING count(*) > 1) AS many"
        )
    };
    Ok(AgentStatistics {
        online_agents: online_by_version.iter().map(|version| version.count).sum(),
        online_agents_by_version: online_by_version,
        online_endpoints: number(tx, &endpoints("status = 'online'"), &[]).await?,
        idle_agents: idle_by_version.iter().map(|version| version.count).sum(),
        idle_agents_by_version: idle_by_version,
        idle_endpoints: number(tx, &endpoints(&idle), &[]).await?,
        new_endpoints: number(
            tx,
            &endpoints(
                "starttime > $1 AND NOT EXISTS (SELECT FROM agents AS other
                     WHERE other.queueloc = agents.queueloc
                     AND other.heartbeattime BETWEEN $2 AND $1)",
            ),
            &[day, week],
        )
        .await?,
        multi_agents_endpoints: number(tx, &repeated("status = 'online'"), &[]).await?,
        disappeared_endpoints: number(
            tx,
            &endpoints(
                "heartbeattime > $1 AND NOT EXISTS (SELECT FROM agents AS other
                     WHERE other.queueloc = agents.queueloc
                     AND other.status IN ('online', 'idle'))",
            ),
            &[week],
        )
        .await?,
        flapping_endpoints: number(tx, &repeated("status IN ('online', 'idle')"), &[]).await?,
    })
}

/// Of those who record one round at once: `MIG` and a number.
const RECORDING: i64 = 0x4d49_4700_0003;

/// One row a round, whoever comes first.
pub(super) async fn record(tx: &Tx<'_>, round: &StatisticsRound) -> Outcome<Recorded> {
    let now = moment(round.now);
    let free = tx
        .row(
            "SELECT pg_try_advisory_xact_lock($1) AS free",
            &[&RECORDING],
        )
        .await?;
    let free = free.map_or(Ok(false), |row| row.try_get("free"))?;
    let there = tx
        .row(
            "SELECT FROM agents_stats WHERE \"timestamp\" > $1 AND \"timestamp\" <= $2 LIMIT 1",
            &[&moment(round.none_since), &now],
        )
        .await?;
    if !free {
        return Ok(Recorded::default());
    }
    let (after, until) = round.impossible();
    let ahead = tx
        .change(
            "DELETE FROM agents_stats WHERE \"timestamp\" > $1 AND \"timestamp\" <= $2",
            &[&moment(after), &moment(until)],
        )
        .await?;
    if there.is_some() {
        return Ok(Recorded {
            ahead,
            ..Recorded::default()
        });
    }
    let counts = of_agents(tx, round.now).await?;
    let online_by_version = VersionCount::document(&counts.online_agents_by_version);
    let idle_by_version = VersionCount::document(&counts.idle_agents_by_version);
    let numbers = [
        counts.online_agents,
        counts.online_endpoints,
        counts.idle_agents,
        counts.idle_endpoints,
        counts.new_endpoints,
        counts.multi_agents_endpoints,
        counts.disappeared_endpoints,
        counts.flapping_endpoints,
    ]
    .map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let mut values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        vec![&now, &online_by_version, &idle_by_version];
    values.extend(
        numbers
            .iter()
            .map(|number| number as &(dyn tokio_postgres::types::ToSql + Sync)),
    );
    tx.change(
        "INSERT INTO agents_stats (\"timestamp\", online_agents_by_version,
             idle_agents_by_version, online_agents, online_endpoints, idle_agents,
             idle_endpoints, new_endpoints, multi_agents_endpoints, disappeared_endpoints,
             flapping_endpoints)
         VALUES ($1, $2::text::json, $3::text::json, $4::bigint, $5::bigint, $6::bigint,
             $7::bigint, $8::bigint, $9::bigint, $10::bigint, $11::bigint)",
        &values,
    )
    .await?;
    let deleted = tx
        .change(
            "DELETE FROM agents_stats WHERE \"timestamp\" < $1",
            &[&moment(round.keep_since)],
        )
        .await?;
    Ok(Recorded {
        written: true,
        deleted,
        ahead,
    })
}

async fn by_version(tx: &Tx<'_>, condition: &str) -> Outcome<Vec<VersionCount>> {
    let sql = format!(
        "WITH counted AS (
             SELECT left(version, {VERSION_LENGTH}) AS version, count(*) AS n FROM agents
             WHERE {condition} GROUP BY 1),
         placed AS (
             SELECT *, row_number() OVER (ORDER BY n DESC, version COLLATE \"C\") AS place
             FROM counted)
         SELECT CASE WHEN place > {VERSIONS} THEN '{OTHER_VERSIONS}' ELSE version END AS version,
             sum(n)::bigint AS n
         FROM placed GROUP BY least(place, {VERSIONS} + 1), 1
         ORDER BY least(place, {VERSIONS} + 1)"
    );
    tx.rows(&sql, &[])
        .await?
        .iter()
        .map(|row| {
            Ok(VersionCount {
                version: text(row, "version")?,
                count: count(row, "n")?,
            })
        })
        .collect()
}

async fn number(tx: &Tx<'_>, sql: &str, times: &[OffsetDateTime]) -> Outcome<u64> {
    let values: Vec<_> = times
        .iter()
        .map(|time| time as &(dyn tokio_postgres::types::ToSql + Sync))
        .collect();
    match tx.row(sql, &values).await? {
        Some(row) => count(&row, "n"),
        None => Ok(0),
    }
}
