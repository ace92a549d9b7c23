//! Commands on their way to the agents.

use std::collections::HashMap;

use mig_protocol::{
    Action, ActionStatus, Agent, Command, CommandStatus, Counters, Id, ModuleResult, Time,
};
use rusqlite::{Connection, Row, Rows, named_params, params};

use super::columns::{Key, Micros, from_json, id, storable, text, time, to_json};
use super::failure::{Failure, Outcome, not_found};
use super::{actions, agents};
use crate::ActionStart;

pub(super) fn start(db: &Connection, start: &ActionStart) -> Outcome<()> {
    let changed = db
        .prepare_cached(
            "UPDATE actions SET status = 'inflight', starttime = ?2, lastupdatetime = ?2
             WHERE id = ?1 AND status = 'scheduled'",
        )?
        .execute(params![Key(start.action), Micros(start.started)])?;
    if changed != 1 {
        return Err(actions::conflict(db, start.action)?);
    }
    let results = to_json(&start.results, "results")?;
    let found = found_flags(&start.results);
    let mut insert = db.prepare_cached(
        "INSERT INTO commands
             (id, actionid, agentid, queueloc, status, results, starttime, finishtime, found)
         VALUES (:id, :action, :agent, :queueloc, 'sent', :results, :start, :finish, :found)",
    )?;
    let mut outbox = db.prepare_cached("INSERT INTO outbox (commandid) VALUES (?1)")?;
    for command in &start.commands {
        let key = storable(command.id, "command")?;
        insert
            .execute(named_params! {
                ":id": key,
                ":action": Key(start.action),
                ":agent": Key(command.agent),
                ":queueloc": command.queueloc,
                ":results": results,
                ":start": Micros(start.started),
                ":finish": Micros(Time::FAR_FUTURE),
                ":found": found,
            })
            .map_err(|error| {
                Failure::from(error)
                    .or_duplicate(|| format!("command {}", command.id))
                    .or_not_found("agent", command.agent)
            })?;
        outbox.execute([key])?;
    }
    Ok(())
}

/// Which values `foundanything` has among results: 1 for false, 2 for true, added.
pub(super) fn found_flags(results: &[ModuleResult]) -> i64 {
    results.iter().fold(0, |flags, result| {
        flags | if result.foundanything { 2 } else { 1 }
    })
}

/// A command as its row has it; action and agent hold their identifiers only.
fn from_row(row: &Row<'_>) -> Outcome<Command> {
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
        results: from_json(row, "results")?,
        starttime: time(row, "starttime")?,
        finishtime: time(row, "finishtime")?,
    })
}

/// Many commands share few actions.
#[derive(Default)]
pub(super) struct Assembly {
    actions: HashMap<Id, Action>,
}

impl Assembly {
    /// The command of a row with its agent, and with its action as `load` gives it.
    pub(super) fn command(
        &mut self,
        db: &Connection,
        row: &Row<'_>,
        load: impl FnOnce(Id) -> Outcome<Action>,
    ) -> Outcome<Command> {
        let mut command = from_row(row)?;
        command.agent = agents::get(db, command.agent.id)?;
        command.action = match self.actions.get(&command.action.id) {
            Some(action) => action.clone(),
            None => {
                let action = load(command.action.id)?;
                self.actions.insert(action.id, action.clone());
                action
            }
        };
        Ok(command)
    }
}

pub(super) fn get(db: &Connection, command: Id) -> Outcome<Command> {
    let mut statement = db.prepare_cached("SELECT * FROM commands WHERE id = ?1")?;
    let mut rows = statement.query([Key(command)])?;
    match rows.next()? {
        Some(row) => Assembly::default().command(db, row, |action| actions::row(db, action)),
        None => Err(not_found("command", command)),
    }
}

pub(super) fn outbox(db: &Connection, after: Id, limit: u32) -> Outcome<Vec<Command>> {
    let mut statement = db.prepare_cached(
        "SELECT commands.* FROM outbox JOIN commands ON commands.id = outbox.commandid
         WHERE outbox.commandid > ?1 ORDER BY outbox.commandid LIMIT ?2",
    )?;
    documents(db, statement.query(params![Key(after), limit])?)
}

/// The commands of rows of their table, as agents get them.
pub(super) fn documents(db: &Connection, mut rows: Rows<'_>) -> Outcome<Vec<Command>> {
    let mut assembly = Assembly::default();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut command = assembly.command(db, row, |action| as_sent(db, action))?;
        command.finishtime = Time::ZERO;
        found.push(command);
    }
    Ok(found)
}

/// The action as the original's scheduler puts it into a command.
fn as_sent(db: &Connection, action: Id) -> Outcome<Action> {
    let sent = db
        .prepare_cached("SELECT count(*) FROM commands WHERE actionid = ?1")?
        .query_row([Key(action)], |row| row.get(0))?;
    Ok(Action {
        status: ActionStatus::Preparing,
        finishtime: Time::ZERO,
        lastupdatetime: Time::ZERO,
        counters: Counters {
            sent,
            ..Counters::default()
        },
        ..actions::row(db, action)?
    })
}

pub(super) fn published(db: &Connection, commands: &[Id]) -> Outcome<()> {
    let mut delete = db.prepare_cached("DELETE FROM outbox WHERE commandid = ?1")?;
    for command in commands {
        delete.execute([Key(*command)])?;
    }
    Ok(())
}
