//! Heartbeats, many at a time.

use std::borrow::Cow;
use std::collections::HashMap;

use mig_protocol::{Agent, Id, Time};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::columns::{id, key, moment, to_json};
use super::connection::Tx;
use super::failure::{Failure, Outcome};
use super::notify::LONGEST;
use super::{identifiers, verbatim};
use crate::records::ENDING;
use crate::{HeartbeatOutcome, StoreError};

/// A process: queueloc, as a column holds it, and pid.
type Process<'a> = (Cow<'a, str>, i64);

fn process(agent: &Agent) -> Process<'_> {
    (verbatim::text(&agent.queueloc), agent.pid)
}

/// Heartbeats as columns, each process once.
#[derive(Default)]
struct Columns {
    queueloc: Vec<String>,
    pid: Vec<i64>,
    name: Vec<String>,
    mode: Vec<String>,
    version: Vec<String>,
    heard: Vec<OffsetDateTime>,
    refreshed: Vec<OffsetDateTime>,
    environment: Vec<String>,
    tags: Vec<String>,
}

/// [`Columns`] as a table.
const HEARD: &str = "unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[],
         $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[])
     WITH ORDINALITY AS heard
         (queueloc, pid, name, mode, version, heard, refreshed, environment, tags, number)";

impl Columns {
    fn push(&mut self, (queueloc, pid): Process<'_>, agent: &Agent, heard: Time) -> Outcome<()> {
        let document = |text: String| verbatim::json(&text).unwrap_or(text);
        self.queueloc.push(queueloc.into_owned());
        self.pid.push(pid);
        self.name.push(verbatim::text(&agent.name).into_owned());
        self.mode
            .push(verbatim::text(agent.mode.as_str()).into_owned());
        self.version
            .push(verbatim::text(&agent.version).into_owned());
        self.heard.push(moment(heard));
        self.refreshed.push(moment(agent.refreshts));
        self.environment
            .push(document(to_json(&agent.environment, "environment")?));
        self.tags.push(document(to_json(&agent.tags, "tags")?));
        Ok(())
    }

    /// The values of [`HEARD`].
    fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        vec![
            &self.queueloc,
            &self.pid,
            &self.name,
            &self.mode,
            &self.version,
            &self.heard,
            &self.refreshed,
            &self.environment,
            &self.tags,
        ]
    }
}

/// The row of a process.
struct Place {
    id: Id,
    new: bool,
    destroyed: bool,
}

fn places(rows: &[Row]) -> Outcome<Vec<(Process<'static>, Place)>> {
    rows.iter()
        .map(|row| {
            let place = Place {
                id: id(row, "id")?,
                new: row.try_get("new")?,
                destroyed: row.try_get("destroyed")?,
            };
            let queueloc: String = row.try_get("queueloc")?;
            Ok(((queueloc.into(), row.try_get("pid")?), place))
        })
        .collect()
}

/// Stores heartbeats and when each was heard; one outcome for each.
///
/// A flood of heartbeats of one process is one row here: the last one counts.
/// Doing it again changes nothing: a row that was added is known then.
pub(super) async fn store(tx: &Tx<'_>, heard: &[(Agent, Time)]) -> Outcome<Vec<HeartbeatOutcome>> {
    if heard.is_empty() {
        return Ok(Vec::new());
    }
    let mut last: HashMap<Process<'_>, usize> = HashMap::new();
    for (place, (agent, _)) in heard.iter().enumerate() {
        last.insert(process(agent), place);
    }
    // In one order for everybody, or two batches might wait for each other.
    let mut order: Vec<(Process<'_>, usize)> = last.into_iter().collect();
    order.sort_unstable();
    let columns = columns(&order, heard)?;
    let mut found: HashMap<_, _> = update(tx, &columns).await?.into_iter().collect();
    order.retain(|(process, _)| !found.contains_key(process));
    if !order.is_empty() {
        let missing = self::columns(&order, heard)?;
        // The newest of their times: identifiers look like the moment they are
        // given out.
        let now = heard.iter().map(|(_, now)| *now).max().unwrap_or_default();
        found.extend(insert(tx, &missing, now).await?);
    }
    tell_who_waits(tx, &columns).await?;
    let mut outcomes = Vec::with_capacity(heard.len());
    for (agent, _) in heard {
        // Without one, those that follow would get each other's outcomes.
        let place = found.get_mut(&process(agent)).ok_or_else(|| {
            Failure::Store(StoreError::Corrupt {
                what: format!("agent {}", agent.queueloc),
                reason: "its row came back under another name".to_owned(),
            })
        })?;
        outcomes.push(match place {
            Place { id, new: true, .. } => HeartbeatOutcome::New(*id),
            Place { id, .. } if place.destroyed => HeartbeatOutcome::Destroyed(*id),
            Place { id, .. } => HeartbeatOutcome::Known(*id),
        });
        // The second one of a flood meets the row of the first.
        place.new = false;
    }
    Ok(outcomes)
}

fn columns(order: &[(Process<'_>, usize)], heard: &[(Agent, Time)]) -> Outcome<Columns> {
    let mut columns = Columns::default();
    for (process, place) in order {
        let (agent, now) = &heard[*place];
        columns.push(process.clone(), agent, *now)?;
    }
    Ok(columns)
}

/// [`ENDING`] in SQL.
fn ending() -> String {
    format!("interval '{} seconds'", ENDING.as_secs())
}

/// Rows are locked no more than their change needs: who stores commands for many
/// agents locks those against deletion, in another order.
async fn update(tx: &Tx<'_>, columns: &Columns) -> Outcome<Vec<(Process<'static>, Place)>> {
    let ending = ending();
    let sql = format!(
        "WITH known AS MATERIALIZED (
             SELECT agents.id AS row, heard.* FROM {HEARD} JOIN agents
                 ON md5(agents.queueloc) = md5(heard.queueloc)
                 AND agents.queueloc = heard.queueloc AND agents.pid = heard.pid
             WHERE agents.status <> 'offline'
             ORDER BY heard.number FOR NO KEY UPDATE OF agents)
         UPDATE agents SET
             status = CASE WHEN agents.status = 'destroyed'
                 AND known.heard <= agents.destructiontime + {ending}
                 THEN 'destroyed' ELSE 'online' END,
             heartbeattime = known.heard, name = known.name, mode = known.mode,
             version = known.version, refreshtime = known.refreshed,
             environment = known.environment::json, tags = known.tags::json
         FROM known WHERE agents.id = known.row AND agents.status <> 'offline'
         RETURNING agents.id, agents.queueloc, agents.pid,
             agents.status = 'destroyed' AS destroyed, false AS new"
    );
    places(&tx.rows(&sql, &columns.values()).await?)
}

async fn insert(
    tx: &Tx<'_>,
    columns: &Columns,
    now: Time,
) -> Outcome<Vec<(Process<'static>, Place)>> {
    let count = u32::try_from(columns.pid.len()).unwrap_or(u32::MAX);
    let first = identifiers::issue(tx, count, now).await?.first;
    let ending = ending();
    // Another process may have added a row a moment ago: then it is known.
    let sql = format!(
        "INSERT INTO agents AS known (id, name, queueloc, mode, version, pid, starttime,
             destructiontime, heartbeattime, refreshtime, status, environment, tags)
         SELECT $10::bigint + number - 1, name, queueloc, mode, version, pid, heard,
             $11::timestamptz, heard, refreshed, 'online', environment::json, tags::json
         FROM {HEARD} ORDER BY number
         ON CONFLICT (md5(queueloc), left(queueloc, 256), pid) WHERE status <> 'offline'
         DO UPDATE SET
             status = CASE WHEN known.status = 'destroyed'
                 AND excluded.heartbeattime <= known.destructiontime + {ending}
                 THEN 'destroyed' ELSE 'online' END,
             heartbeattime = excluded.heartbeattime, name = excluded.name, mode = excluded.mode,
             version = excluded.version, refreshtime = excluded.refreshtime,
             environment = excluded.environment, tags = excluded.tags
         RETURNING id, queueloc, pid, status = 'destroyed' AS destroyed, xmax = 0 AS new"
    );
    let (first, never) = (key(first), moment(Time::FAR_FUTURE));
    let mut values = columns.values();
    values.push(&first);
    values.push(&never);
    places(&tx.rows(&sql, &values).await?)
}

/// Tells the schedulers which of these agents have a command in the outbox: it
/// may be there because their queue did not exist. What is in the outbox has
/// status `sent`; saying so lets the index of those commands be used, since the
/// outbox may be long and those who are heard of few.
async fn tell_who_waits(tx: &Tx<'_>, columns: &Columns) -> Outcome<()> {
    tx.rows(
        "SELECT pg_notify('mig_seen',
             CASE WHEN octet_length(queueloc) <= $2 THEN queueloc ELSE '' END)
         FROM (SELECT DISTINCT commands.queueloc FROM unnest($1::text[]) AS heard (queueloc)
               JOIN commands USING (queueloc)
               JOIN outbox ON outbox.commandid = commands.id
               WHERE commands.status = 'sent') AS awaited",
        &[&columns.queueloc, &LONGEST],
    )
    .await?;
    Ok(())
}
