//! Counts of agents, for the dashboard and over time.

use std::time::Duration;

use mig_protocol::Time;
use rusqlite::{Connection, params, params_from_iter};

use super::columns::{Micros, count};
use super::failure::Outcome;
use crate::records::{OTHER_VERSIONS, VERSION_LENGTH, VERSIONS};
use crate::{AgentStatistics, Recorded, StatisticsRound, VersionCount};

const DAY: Duration = Duration::from_secs(86_400);

const NO_ONLINE_ROW: &str = "NOT EXISTS (SELECT 1 FROM agents AS other
     WHERE other.queueloc = agents.queueloc AND other.status = 'online')";

pub(super) fn of_agents(db: &Connection, now: Time) -> Outcome<AgentStatistics> {
    let (day, week) = (now - DAY, now - DAY * 7);
    let idle = format!("status = 'idle' AND {NO_ONLINE_ROW}");
    let online_by_version = by_version(db, "status = 'online'")?;
    let idle_by_version = by_version(db, &idle)?;
    let endpoints =
        |condition: &str| format!("SELECT count(DISTINCT queueloc) FROM agents WHERE {condition}");
    let repeated = |condition: &str| {
        format!(
            "SELECT count(*) FROM (SELECT 1 FROM agents WHERE {condition}
             GROUP BY queueloc HAVING count(*) > 1)"
        )
    };
    Ok(AgentStatistics {
        online_agents: online_by_version.iter().map(|version| version.count).sum(),
        online_agents_by_version: online_by_version,
        online_endpoints: number(db, &endpoints("status = 'online'"), &[])?,
        idle_agents: idle_by_version.iter().map(|version| version.count).sum(),
        idle_agents_by_version: idle_by_version,
        idle_endpoints: number(db, &endpoints(&idle), &[])?,
        new_endpoints: number(
            db,
            &endpoints(
                "starttime > ?1 AND NOT EXISTS (SELECT 1 FROM agents AS other
                     WHERE other.queueloc = agents.queueloc
                     AND other.heartbeattime BETWEEN ?2 AND ?1)",
            ),
            &[day, week],
        )?,
        multi_agents_endpoints: number(db, &repeated("status = 'online'"), &[])?,
        disappeared_endpoints: number(
            db,
            &endpoints(
                "heartbeattime > ?1 AND NOT EXISTS (SELECT 1 FROM agents AS other
                     WHERE other.queueloc = agents.queueloc
                     AND other.status IN ('online', 'idle'))",
            ),
            &[week],
        )?,
        flapping_endpoints: number(db, &repeated("status IN ('online', 'idle')"), &[])?,
    })
}

/// One row a round, whoever comes first.
pub(super) fn record(db: &Connection, round: &StatisticsRound) -> Outcome<Recorded> {
    let there = db
        .prepare_cached("SELECT 1 FROM agents_stats WHERE timestamp > ?1 AND timestamp <= ?2")?
        .exists([Micros(round.none_since), Micros(round.now)])?;
    let (after, until) = round.impossible();
    let ahead = db
        .prepare_cached("DELETE FROM agents_stats WHERE timestamp > ?1 AND timestamp <= ?2")?
        .execute([Micros(after), Micros(until)])?;
    let ahead = u64::try_from(ahead).unwrap_or(u64::MAX);
    if there {
        return Ok(Recorded {
            ahead,
            ..Recorded::default()
        });
    }
    let counts = of_agents(db, round.now)?;
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    db.prepare_cached(
        "INSERT INTO agents_stats (timestamp, online_agents, online_agents_by_version,
             online_endpoints, idle_agents, idle_agents_by_version, idle_endpoints,
             new_endpoints, multi_agents_endpoints, disappeared_endpoints, flapping_endpoints)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        Micros(round.now),
        signed(counts.online_agents),
        VersionCount::document(&counts.online_agents_by_version),
        signed(counts.online_endpoints),
        signed(counts.idle_agents),
        VersionCount::document(&counts.idle_agents_by_version),
        signed(counts.idle_endpoints),
        signed(counts.new_endpoints),
        signed(counts.multi_agents_endpoints),
        signed(counts.disappeared_endpoints),
        signed(counts.flapping_endpoints),
    ])?;
    let deleted = db
        .prepare_cached("DELETE FROM agents_stats WHERE timestamp < ?1")?
        .execute([Micros(round.keep_since)])?;
    Ok(Recorded {
        written: true,
        deleted: u64::try_from(deleted).unwrap_or(u64::MAX),
        ahead,
    })
}

fn by_version(db: &Connection, condition: &str) -> Outcome<Vec<VersionCount>> {
    let sql = format!(
        "WITH counted AS (
             SELECT substr(version, 1, {VERSION_LENGTH}) AS version, count(*) AS n FROM agents
             WHERE {condition} GROUP BY 1),
         placed AS (
             SELECT *, row_number() OVER (ORDER BY n DESC, version) AS place FROM counted)
         SELECT CASE WHEN place > {VERSIONS} THEN '{OTHER_VERSIONS}' ELSE version END, sum(n)
         FROM placed GROUP BY min(place, {VERSIONS} + 1) ORDER BY min(place, {VERSIONS} + 1)"
    );
    let versions = db
        .prepare_cached(&sql)?
        .query_map([], |row| {
            Ok(VersionCount {
                version: row.get(0)?,
                count: count(row, 1)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(versions)
}

fn number(db: &Connection, sql: &str, times: &[Time]) -> Outcome<u64> {
    let times = times.iter().copied().map(Micros);
    let number = db
        .prepare_cached(sql)?
        .query_row(params_from_iter(times), |row| count(row, 0))?;
    Ok(number)
}
