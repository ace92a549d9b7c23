//! Commands on their way to the agents.

use mig_protocol::{
    Action, ActionStatus, Agent, Command, CommandStatus, Counters, Id, ModuleResult, Time,
};
use tokio_postgres::Row;

use super::columns::{id, key, keys, moment, parse, storable, text, time, to_json};
use super::connection::Tx;
use super::failure::{Failure, Outcome, not_found};
use super::{actions, agents, notify, verbatim};
use crate::{ActionStart, StoreError};

/// What [`from_row`] reads, of the table `commands`.
pub(super) const COLUMNS: &str = "commands.id, commands.actionid, commands.agentid, \
     commands.status, coalesce(commands.verbatim, commands.results::text) AS results, \
     commands.starttime, commands.finishtime";

/// Results as two columns: what conditions read, and the text as it is where
/// that differs.
pub(super) fn result_columns(results: &[ModuleResult]) -> Outcome<(String, Option<String>)> {
    let whole = to_json(results, "results")?;
    Ok(match verbatim::json(&whole) {
        Some(readable) => (readable, Some(whole)),
        None => (whole, None),
    })
}

pub(super) async fn start(tx: &Tx<'_>, start: &ActionStart) -> Outcome<()> {
    let changed = tx
        .change(
            "UPDATE actions SET status = 'inflight', starttime = $2, lastupdatetime = $2
             WHERE id = $1 AND status = 'scheduled'",
            &[&key(start.action), &moment(start.started)],
        )
        .await?;
    if changed != 1 {
        if tx.may_have_happened() && inserted(tx, start).await? {
            return Ok(());
        }
        return Err(actions::conflict(tx, start.action).await?);
    }
    insert(tx, start).await?;
    notify::wake(tx).await?;
    notify::changed(tx, &[start.action]).await
}

/// The commands are there: their identifiers are given to nobody else.
async fn inserted(tx: &Tx<'_>, start: &ActionStart) -> Outcome<bool> {
    let ids = keys(start.commands.iter().map(|command| command.id));
    let found = tx
        .rows(
            "SELECT id FROM commands WHERE id = ANY ($1) AND actionid = $2",
            &[&ids, &key(start.action)],
        )
        .await?;
    Ok(!ids.is_empty() && found.len() == ids.len())
}

async fn insert(tx: &Tx<'_>, start: &ActionStart) -> Outcome<()> {
    let (results, whole) = result_columns(&start.results)?;
    let mut ids = Vec::with_capacity(start.commands.len());
    for command in &start.commands {
        ids.push(storable(command.id, "command")?);
    }
    let agents = keys(start.commands.iter().map(|command| command.agent));
    let queues: Vec<_> = start
        .commands
        .iter()
        .map(|command| verbatim::text(&command.queueloc))
        .collect();
    // Locked against deletion, so that the reference holds when it is looked at.
    let missing = tx
        .row(
            "WITH known AS MATERIALIZED
                 (SELECT id FROM agents WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE)
             SELECT given AS id FROM unnest($1::bigint[]) AS given
             WHERE given NOT IN (SELECT id FROM known) LIMIT 1",
            &[&agents],
        )
        .await?;
    if let Some(row) = missing {
        let agent: i64 = row.try_get("id")?;
        return Err(not_found("agent", agent));
    }
    let added = tx
        .change(
            "WITH added AS (
                 INSERT INTO commands (id, actionid, agentid, queueloc, status, results, verbatim,
                     starttime, finishtime, found)
                 SELECT id, $4, agent, queueloc, 'sent', $5::text::json, $6, $7, $8, $9
                 FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS given (id, agent, queueloc)
                 ON CONFLICT (id) DO NOTHING
                 RETURNING id)
             INSERT INTO outbox (commandid) SELECT id FROM added",
            &[
                &ids,
                &agents,
                &queues,
                &key(start.action),
                &results,
                &whole,
                &moment(start.started),
                &moment(Time::FAR_FUTURE),
                &found_flags(&start.results),
            ],
        )
        .await?;
    if added == ids.len() as u64 {
        return Ok(());
    }
    Err(taken(tx, start, &ids).await?)
}

/// Which identifier was there already, before or among the given ones.
async fn taken(tx: &Tx<'_>, start: &ActionStart, ids: &[i64]) -> Outcome<Failure> {
    let row = tx
        .row(
            "SELECT id FROM commands WHERE id = ANY ($1) AND actionid <> $2 ORDER BY id LIMIT 1",
            &[&ids, &key(start.action)],
        )
        .await?;
    let repeated = || (1..ids.len()).find(|&place| ids[..place].contains(&ids[place]));
    let id = match row {
        Some(row) => row.try_get("id")?,
        None => repeated().map_or(0, |place| ids[place]),
    };
    Ok(Failure::Store(StoreError::Duplicate {
        what: format!("command {id}"),
    }))
}

/// Which values `foundanything` has among results: 1 for false, 2 for true, added.
pub(super) fn found_flags(results: &[ModuleResult]) -> i32 {
    results.iter().fold(0, |flags, result| {
        flags | if result.foundanything { 2 } else { 1 }
    })
}

/// A command as its row has it; action and agent hold their identifiers only.
fn from_row(row: &Row) -> Outcome<Command> {
    Ok(Command {
        id: id(row, "id")?,
        action: Action {
            id: id(row, "actionid")?,
            ..Action::default()
        },
        agent: Agent {
            id: id(row, "agentid")?,
            ..Agent::default()
        },
        status: CommandStatus::from(text(row, "status")?),
        results: parse(row.try_get("results")?, "results")?,
        starttime: time(row, "starttime")?,
        finishtime: time(row, "finishtime")?,
    })
}

/// The commands of rows with their actions and agents: many commands share few
/// actions.
pub(super) async fn assembled(tx: &Tx<'_>, rows: &[Row], complete: bool) -> Outcome<Vec<Command>> {
    let mut commands = rows.iter().map(from_row).collect::<Outcome<Vec<_>>>()?;
    if commands.is_empty() {
        return Ok(commands);
    }
    let mut wanted = keys(commands.iter().map(|command| command.action.id));
    wanted.sort_unstable();
    wanted.dedup();
    let mut actions = actions::rows(tx, &wanted).await?;
    if complete {
        let mut all: Vec<Action> = actions.into_values().collect();
        actions::complete(tx, &mut all).await?;
        actions = all.into_iter().map(|action| (action.id, action)).collect();
    }
    let mut wanted = keys(commands.iter().map(|command| command.agent.id));
    wanted.sort_unstable();
    wanted.dedup();
    let agents = agents::rows(tx, &wanted).await?;
    for command in &mut commands {
        let action = actions.get(&command.action.id);
        command.action = action
            .ok_or_else(|| not_found("action", command.action.id))?
            .clone();
        let agent = agents.get(&command.agent.id);
        command.agent = agent
            .ok_or_else(|| not_found("agent", command.agent.id))?
            .clone();
    }
    Ok(commands)
}

pub(super) async fn get(tx: &Tx<'_>, command: Id) -> Outcome<Command> {
    let rows = tx
        .rows(
            &format!("SELECT {COLUMNS} FROM commands WHERE id = $1"),
            &[&key(command)],
        )
        .await?;
    let found = assembled(tx, &rows, false).await?.pop();
    found.ok_or_else(|| not_found("command", command))
}

pub(super) async fn outbox(tx: &Tx<'_>, after: Id, limit: u32) -> Outcome<Vec<Command>> {
    let rows = tx
        .rows(
            &format!(
                "SELECT {COLUMNS} FROM outbox JOIN commands ON commands.id = outbox.commandid
                 WHERE outbox.commandid > $1 ORDER BY outbox.commandid LIMIT $2"
            ),
            &[&key(after), &i64::from(limit)],
        )
        .await?;
    documents(tx, &rows).await
}

/// The commands of rows of their table, as agents get them.
pub(super) async fn documents(tx: &Tx<'_>, rows: &[Row]) -> Outcome<Vec<Command>> {
    let mut commands = assembled(tx, rows, false).await?;
    let mut wanted = keys(commands.iter().map(|command| command.action.id));
    wanted.sort_unstable();
    wanted.dedup();
    let counted = tx
        .rows(
            "SELECT actionid, count(*) AS sent FROM commands
             WHERE actionid = ANY ($1) GROUP BY actionid",
            &[&wanted],
        )
        .await?;
    let mut sent = std::collections::HashMap::new();
    for row in &counted {
        sent.insert(id(row, "actionid")?, row.try_get::<_, i64>("sent")?);
    }
    // The action as the original's scheduler puts it into a command.
    for command in &mut commands {
        command.finishtime = Time::ZERO;
        let action = &mut command.action;
        action.status = ActionStatus::Preparing;
        action.finishtime = Time::ZERO;
        action.lastupdatetime = Time::ZERO;
        action.counters = Counters {
            sent: sent.get(&action.id).copied().unwrap_or(0),
            ..Counters::default()
        };
    }
    Ok(commands)
}

pub(super) async fn published(tx: &Tx<'_>, commands: &[Id]) -> Outcome<()> {
    let ids = keys(commands.iter().copied());
    tx.change("DELETE FROM outbox WHERE commandid = ANY ($1)", &[&ids])
        .await?;
    Ok(())
}
