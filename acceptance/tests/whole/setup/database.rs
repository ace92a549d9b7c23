//! A look into the server's databases, read only and behind its back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};
use serde_json::Value;

/// The database of a site.
pub struct Database(PathBuf);

/// One row of `commands`.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    pub id: u64,
    pub action: u64,
    /// Name of the action.
    pub name: String,
    pub status: String,
    pub results: Value,
    pub finished: i64,
    pub answered: bool,
}

impl Command {
    /// Whether nothing more is to come.
    pub fn is_over(&self) -> bool {
        self.status != "sent"
    }

    /// All errors of all results on one line.
    pub fn errors(&self) -> String {
        let results = self.results.as_array().into_iter().flatten();
        let errors = results.flat_map(|result| result["errors"].as_array().into_iter().flatten());
        let texts: Vec<&str> = errors.filter_map(Value::as_str).collect();
        texts.join("; ")
    }
}

/// One row of `actions`.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    pub id: u64,
    pub name: String,
    pub status: String,
}

impl Action {
    /// Whether nothing more is to come.
    pub fn is_over(&self) -> bool {
        !matches!(
            self.status.as_str(),
            "pending" | "scheduled" | "preparing" | "inflight"
        )
    }
}

impl Database {
    /// The database of the site in this directory.
    pub fn of(site: &Path) -> Self {
        Self(site.join("mig.db"))
    }

    /// All actions, oldest first.
    pub fn actions(&self) -> Vec<Action> {
        rows(
            &self.0,
            "SELECT id, name, status FROM actions ORDER BY id",
            |row| {
                Ok(Action {
                    id: number(row, 0)?,
                    name: row.get(1)?,
                    status: row.get(2)?,
                })
            },
        )
    }

    /// All commands, oldest first.
    pub fn commands(&self) -> Vec<Command> {
        let query = "SELECT c.id, c.actionid, a.name, c.status, c.results, c.finishtime, c.answered \
                     FROM commands c JOIN actions a ON a.id = c.actionid ORDER BY c.id";
        rows(&self.0, query, |row| {
            let results: String = row.get(4)?;
            Ok(Command {
                id: number(row, 0)?,
                action: number(row, 1)?,
                name: row.get(2)?,
                status: row.get(3)?,
                results: serde_json::from_str(&results).expect("results are JSON"),
                finished: row.get(5)?,
                answered: row.get(6)?,
            })
        })
    }

    /// Commands that the relay has not confirmed.
    pub fn outbox(&self) -> Vec<u64> {
        rows(&self.0, "SELECT commandid FROM outbox", |row| {
            number(row, 0)
        })
    }

    /// How many results and commands wait in the relay's durable queues. The
    /// relay keeps its database to itself, so it must have stopped.
    pub fn messages(&self) -> u64 {
        let relay = self.0.with_file_name("relay.db");
        rows(
            &relay,
            "SELECT count(*) FROM messages WHERE routing_key != 'mig.agt.heartbeats'",
            |row| number(row, 0),
        )[0]
    }
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

fn rows<T>(path: &Path, query: &str, read: impl Fn(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    let asked = || -> rusqlite::Result<Vec<T>> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // The server holds the lock for moments.
        connection.busy_timeout(Duration::from_secs(60))?;
        let mut statement = connection.prepare(query)?;
        statement.query_map([], &read)?.collect()
    };
    asked().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
