//! Searches: filters over several tables, every value a parameter.

use mig_protocol::{Action, Agent, Command, Id, Investigator};
use mig_target::Pattern;
use rusqlite::{Connection, ToSql, params_from_iter};

use super::columns::{Key, Micros};
use super::commands::Assembly;
use super::failure::Outcome;
use super::{actions, agents, investigators};
use crate::Search;

/// A condition under construction.
#[derive(Default)]
struct Filter {
    conditions: Vec<String>,
    values: Vec<Box<dyn ToSql>>,
}

impl Filter {
    /// Adds `sql` with its one `?` bound to the value, unless there is none.
    fn add<T: ToSql + 'static>(&mut self, sql: &str, value: Option<T>) {
        if let Some(value) = value {
            self.values.push(Box::new(value));
            self.conditions
                .push(sql.replace('?', &format!("?{}", self.values.len())));
        }
    }

    fn is(&mut self, column: &str, id: Option<Id>) {
        self.add(&format!("{column} = ?"), id.map(Key));
    }

    fn like(&mut self, column: &str, pattern: Option<&String>) {
        // "%" is what clients send for "any", null included.
        let pattern = pattern
            .filter(|pattern| *pattern != "%")
            .map(|p| Pattern::ilike(p));
        self.add(&format!("{column} REGEXP ?"), pattern);
    }

    fn between(&mut self, from: &str, to: &str, search: &Search) {
        self.add(&format!("{from} >= ?"), search.after.map(Micros));
        self.add(&format!("{to} <= ?"), search.before.map(Micros));
    }

    /// Adds a condition on rows of other tables, if `inner` has any.
    fn exists(&mut self, from: &str, fill: impl FnOnce(&mut Filter)) {
        let before = self.conditions.len();
        fill(self);
        let inner = self.conditions.split_off(before);
        if !inner.is_empty() {
            let sql = format!("EXISTS (SELECT 1 FROM {from} AND {})", inner.join(" AND "));
            self.conditions.push(sql);
        }
    }

    /// Runs the search and hands each row to `take`.
    fn run(
        mut self,
        db: &Connection,
        table: &str,
        order: &str,
        search: &Search,
        mut take: impl FnMut(&rusqlite::Row<'_>) -> Outcome<()>,
    ) -> Outcome<()> {
        self.values.push(Box::new(search.limit));
        self.values.push(Box::new(search.offset));
        let count = self.values.len();
        let conditions = match self.conditions.as_slice() {
            [] => String::from("TRUE"),
            some => some.join(" AND "),
        };
        let sql = format!(
            "SELECT {table}.* FROM {table} WHERE {conditions} ORDER BY {order} LIMIT ?{} OFFSET ?{count}",
            count - 1
        );
        let mut statement = db.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&self.values))?;
        while let Some(row) = rows.next()? {
            take(row)?;
        }
        Ok(())
    }
}

impl Filter {
    fn action(&mut self, search: &Search) {
        self.is("actions.id", search.action_id);
        self.like("actions.name", search.action_name.as_ref());
        self.like(
            "coalesce(actions.threat ->> '$.family', '')",
            search.threat_family.as_ref(),
        );
    }

    fn agent(&mut self, search: &Search) {
        self.is("agents.id", search.agent_id);
        self.like("agents.name", search.agent_name.as_ref());
        self.like("agents.version", search.agent_version.as_ref());
    }

    fn command(&mut self, search: &Search) {
        self.is("commands.id", search.command_id);
    }

    fn investigator(&mut self, search: &Search) {
        self.is("investigators.id", search.investigator_id);
        self.like("investigators.name", search.investigator_name.as_ref());
    }
}

pub(super) fn of_actions(db: &Connection, search: &Search) -> Outcome<Vec<Action>> {
    let mut filter = Filter::default();
    filter.action(search);
    filter.like("actions.status", search.status.as_ref());
    filter.between("actions.validfrom", "actions.expireafter", search);
    filter.exists(
        "signatures, investigators WHERE signatures.actionid = actions.id
         AND investigators.id = signatures.investigatorid",
        |inner| inner.investigator(search),
    );
    filter.exists(
        "commands, agents WHERE commands.actionid = actions.id AND agents.id = commands.agentid",
        |inner| {
            inner.command(search);
            inner.agent(search);
        },
    );
    let mut found = Vec::new();
    filter.run(db, "actions", "validfrom DESC, id DESC", search, |row| {
        found.push(actions::completed(db, actions::from_row(row)?)?);
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn of_commands(db: &Connection, search: &Search) -> Outcome<Vec<Command>> {
    let mut filter = Filter::default();
    filter.command(search);
    filter.is("commands.actionid", search.action_id);
    filter.is("commands.agentid", search.agent_id);
    filter.like("commands.status", search.status.as_ref());
    filter.between("commands.starttime", "commands.starttime", search);
    let flag = search.found_anything.map(|found| if found { 2 } else { 1 });
    filter.add(
        "commands.status = 'success' AND commands.found & ? <> 0",
        flag,
    );
    let others = Search {
        action_id: None,
        agent_id: None,
        ..search.clone()
    };
    filter.exists("actions WHERE actions.id = commands.actionid", |inner| {
        inner.action(&others)
    });
    filter.exists("agents WHERE agents.id = commands.agentid", |inner| {
        inner.agent(&others)
    });
    filter.exists(
        "signatures, investigators WHERE signatures.actionid = commands.actionid
         AND investigators.id = signatures.investigatorid",
        |inner| inner.investigator(search),
    );
    let mut assembly = Assembly::default();
    let mut found = Vec::new();
    filter.run(db, "commands", "starttime DESC, id DESC", search, |row| {
        let load = |action| actions::completed(db, actions::row(db, action)?);
        let mut command = assembly.command(db, row, load)?;
        command.agent = Agent {
            id: command.agent.id,
            name: command.agent.name,
            version: command.agent.version,
            tags: command.agent.tags,
            environment: command.agent.environment,
            ..Agent::default()
        };
        found.push(command);
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn of_agents(db: &Connection, search: &Search) -> Outcome<Vec<Agent>> {
    let mut filter = Filter::default();
    filter.agent(search);
    filter.like("agents.status", search.status.as_ref());
    filter.between("agents.heartbeattime", "agents.heartbeattime", search);
    filter.exists(
        "commands, actions WHERE commands.agentid = agents.id AND actions.id = commands.actionid",
        |inner| {
            inner.command(search);
            inner.action(search);
        },
    );
    filter.exists(
        "commands, signatures, investigators WHERE commands.agentid = agents.id
         AND signatures.actionid = commands.actionid
         AND investigators.id = signatures.investigatorid",
        |inner| inner.investigator(search),
    );
    let mut found = Vec::new();
    filter.run(db, "agents", "heartbeattime DESC, id DESC", search, |row| {
        found.push(agents::from_row(row)?);
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn of_investigators(db: &Connection, search: &Search) -> Outcome<Vec<Investigator>> {
    let mut filter = Filter::default();
    filter.investigator(search);
    filter.like("investigators.status", search.status.as_ref());
    filter.between(
        "investigators.lastmodified",
        "investigators.lastmodified",
        search,
    );
    filter.exists(
        "signatures, actions WHERE signatures.investigatorid = investigators.id
         AND actions.id = signatures.actionid",
        |inner| inner.action(search),
    );
    filter.exists(
        "signatures, commands, agents WHERE signatures.investigatorid = investigators.id
         AND commands.actionid = signatures.actionid AND agents.id = commands.agentid",
        |inner| {
            inner.command(search);
            inner.agent(search);
        },
    );
    let mut found = Vec::new();
    filter.run(db, "investigators", "id", search, |row| {
        let mut investigator = investigators::from_row(row)?;
        investigator.publickey.clear();
        found.push(investigator);
        Ok(())
    })?;
    Ok(found)
}
