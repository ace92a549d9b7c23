//! What is in the database, and what must have become of everything.

use std::collections::BTreeMap;
use std::sync::Mutex;

use mig_acceptance::Site;
use mig_client::http::Api;
use mig_protocol::Action;
use mig_swarm::{Stored, Swarm};
use mig_test_servers::Postgres;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::asking;

/// A database that is looked into from the side.
pub enum Database<'a> {
    /// That of a large site.
    Postgres(&'a Postgres),
    /// That of `mig-server`.
    Sqlite(&'a Site),
}

impl Database<'_> {
    /// The rows of a query, each an object.
    fn rows(&self, query: &str) -> Vec<Value> {
        match self {
            Self::Postgres(server) => {
                let wrapped = format!("SELECT row_to_json(r)::jsonb FROM ({query}) r");
                let lines = server.sql("mig", &wrapped);
                let rows = lines.lines().filter(|line| !line.is_empty());
                rows.map(|row| serde_json::from_str(row).expect("a row"))
                    .collect()
            }
            Self::Sqlite(site) => sqlite(site, query).expect("rows"),
        }
    }

    fn count(&self, query: &str) -> u64 {
        let counted = self.rows(&format!("SELECT count(*) AS n FROM {query}"));
        counted[0]["n"].as_u64().expect("a number")
    }

    /// How many agents are online.
    pub fn online(&self) -> u64 {
        self.count("agents WHERE status = 'online'")
    }

    /// How many commands have gone out and are not over.
    pub fn open_commands(&self) -> u64 {
        self.count("commands WHERE status = 'sent'")
    }

    /// How many commands an action has, and how many of them are not over.
    pub fn commands_of(&self, action: u64) -> (u64, u64) {
        let own = format!("commands WHERE actionid = {action}");
        (
            self.count(&own),
            self.count(&format!("{own} AND status = 'sent'")),
        )
    }

    /// Whether so many commands were made in all, and the relay has got them.
    pub fn has_sent(&self, commands: usize) -> bool {
        self.count("commands") == commands as u64 && self.count("outbox") == 0
    }

    /// How many commands are over.
    pub fn finished_commands(&self) -> u64 {
        self.count("commands WHERE status != 'sent'")
    }

    /// Whether nothing is under way any more.
    pub fn is_settled(&self) -> bool {
        let open = "actions WHERE status IN ('pending', 'scheduled', 'preparing', 'inflight')";
        self.count(open) == 0 && self.open_commands() == 0 && self.count("outbox") == 0
    }

    /// What is under way, for the message of a test that fails.
    pub fn open(&self) -> String {
        let actions = self.rows("SELECT id, name, status FROM actions WHERE status != 'completed'");
        let open = self.open_commands();
        format!("{open} commands are open, and of actions {actions:?}")
    }

    fn commands(&self) -> Vec<(u64, Stored)> {
        let rows = self.rows(
            "SELECT id, actionid, queueloc, status, answered, results FROM commands ORDER BY id",
        );
        let number = |value: &Value| value.as_u64().expect("a number");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        rows.iter()
            .map(|row| {
                let results = match &row["results"] {
                    Value::String(text) => serde_json::from_str(text).expect("results"),
                    results => results.clone(),
                };
                let answered = &row["answered"];
                let stored = Stored {
                    id: number(&row["id"]),
                    queueloc: text(&row["queueloc"]),
                    status: text(&row["status"]),
                    // SQLite has numbers.
                    answered: answered.as_bool().unwrap_or_else(|| number(answered) == 1),
                    results,
                };
                (number(&row["actionid"]), stored)
            })
            .collect()
    }
}

fn sqlite(site: &Site, query: &str) -> rusqlite::Result<Vec<Value>> {
    use rusqlite::types::ValueRef;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(site.path("mig.db"), flags)?;
    // The server holds the lock for moments.
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    let mut statement = connection.prepare(query)?;
    let names: Vec<String> = statement.column_names().map(Into::into).collect();
    let rows = statement.query_map([], |row| {
        let mut object = serde_json::Map::new();
        for (number, name) in names.iter().enumerate() {
            let value = match row.get_ref(number)? {
                ValueRef::Integer(value) => json!(value),
                ValueRef::Text(value) => json!(String::from_utf8_lossy(value)),
                other => panic!("{name}: {:?}", other.data_type()),
            };
            object.insert(name.clone(), value);
        }
        Ok(Value::Object(object))
    })?;
    rows.collect()
}

/// All actions that were posted, whoever accepted them.
#[derive(Default)]
pub struct Posted(Mutex<BTreeMap<String, Option<u64>>>);

impl Posted {
    /// Posts an action and notes what came of it. Without an answer it may have been
    /// accepted or not.
    pub fn post(&self, api: &Api, action: &Action) -> bool {
        let id = asking::post(api, action);
        let accepted = id.is_ok();
        let id = id.ok().map(|id| id.0);
        let mut posted = self.0.lock().expect("nobody panics with it");
        posted.insert(action.name.clone(), id);
        accepted
    }

    /// The identifier of an action that was accepted.
    pub fn id(&self, name: &str) -> u64 {
        let posted = self.0.lock().expect("nobody panics with it");
        let id = posted.get(name).copied().flatten();
        id.unwrap_or_else(|| panic!("`{name}` was not accepted"))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().expect("nobody panics with it").len()
    }

    /// Checks that everything that was accepted is there, that every action is
    /// complete with an answer of each agent, and, for a swarm, that its agents saw
    /// the same and ran each command once. Returns the commands.
    pub fn check(
        &self,
        database: &Database<'_>,
        agents: usize,
        swarm: Option<&Swarm>,
    ) -> Vec<Stored> {
        let actions = database.rows("SELECT id, name, status FROM actions ORDER BY id");
        let posted = self.0.lock().expect("nobody panics with it");
        for (name, id) in posted.iter() {
            let Some(id) = id else { continue };
            let found = actions.iter().find(|action| action["id"] == *id);
            let found = found.unwrap_or_else(|| panic!("`{name}` was accepted and is gone"));
            assert_eq!(found["name"], name.as_str());
        }
        let commands = database.commands();
        for action in &actions {
            assert_eq!(action["status"], "completed", "{action}");
            let name = action["name"].as_str().expect("a name");
            let same = actions.iter().filter(|other| other["name"] == name);
            assert_eq!(same.count(), 1, "`{name}` was stored twice");
            let own = commands.iter().filter(|(of, _)| action["id"] == *of);
            let mut asked: Vec<_> = own.map(|(_, command)| &command.queueloc).collect();
            asked.sort();
            asked.dedup();
            assert_eq!(asked.len(), agents, "agents of {action}");
            assert_eq!(
                commands
                    .iter()
                    .filter(|(of, _)| action["id"] == *of)
                    .count(),
                agents,
                "commands of {action}"
            );
        }
        let commands: Vec<Stored> = commands.into_iter().map(|(_, command)| command).collect();
        for command in &commands {
            assert_eq!(command.status, "success", "{command:?}");
        }
        if let Some(swarm) = swarm {
            let ledger = swarm.ledger();
            let wrong = ledger.discrepancies(&commands);
            assert!(
                wrong.is_empty(),
                "{}",
                wrong[..wrong.len().min(10)].join("\n")
            );
            for agent in ledger.agents {
                for (id, seen) in &agent.commands {
                    assert_eq!(seen.executed, 1, "{id} at {}: {seen:?}", agent.name);
                }
            }
        }
        commands
    }
}
