//! `mig-server`: everything in one process, with SQLite and its own relay.

use std::path::PathBuf;
use std::time::Duration;

use mig_acceptance::{Process, Site};
use mig_protocol::command_id_hint;
use mig_swarm::Stored;
use rusqlite::{Connection, OpenFlags, Row};

use super::engines::{Engines, StoredAction, StoredCommand};

/// Its only part.
const SERVER: &str = "mig-server";

/// A site with its server.
pub struct Embedded {
    server: Process,
    site: Site,
}

impl Embedded {
    /// Starts the server of a site.
    pub fn start(site: Site) -> Self {
        let server = site.start_server().unwrap();
        Self { server, site }
    }

    fn rows<T>(
        &self,
        file: &str,
        query: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let path: PathBuf = self.site.path(file);
        let asked = || -> rusqlite::Result<Vec<T>> {
            let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            // The server holds the lock for moments, and while it starts.
            connection.busy_timeout(Duration::from_secs(60))?;
            let mut statement = connection.prepare(query)?;
            statement.query_map([], &read)?.collect()
        };
        asked().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn count(&self, file: &str, query: &str) -> u64 {
        self.rows(file, query, |row| number(row, 0))[0]
    }
}

impl Engines for Embedded {
    fn site(&self) -> &Site {
        &self.site
    }

    fn parts(&self) -> Vec<&'static str> {
        vec![SERVER]
    }

    fn kill(&mut self, part: &str) {
        assert_eq!(part, SERVER);
        self.server.kill().unwrap();
    }

    fn revive(&mut self, part: &str) {
        assert_eq!(part, SERVER);
        self.server = self.site.start_server().unwrap();
    }

    fn online(&self) -> usize {
        let query = "SELECT count(*) FROM agents WHERE status = 'online'";
        self.count("mig.db", query) as usize
    }

    fn actions(&self) -> Vec<StoredAction> {
        let query = "SELECT id, name, status FROM actions ORDER BY id";
        self.rows("mig.db", query, |row| {
            Ok(StoredAction {
                id: number(row, 0)?,
                name: row.get(1)?,
                status: row.get(2)?,
            })
        })
    }

    fn commands(&self) -> Vec<StoredCommand> {
        let query = "SELECT id, actionid, queueloc, status, answered, results \
                     FROM commands ORDER BY id";
        self.rows("mig.db", query, |row| {
            let results: String = row.get(5)?;
            Ok(StoredCommand {
                action: number(row, 1)?,
                stored: Stored {
                    id: number(row, 0)?,
                    queueloc: row.get(2)?,
                    status: row.get(3)?,
                    answered: row.get(4)?,
                    results: serde_json::from_str(&results).expect("results are JSON"),
                },
            })
        })
    }

    fn over(&self, action: u64) -> usize {
        let query =
            format!("SELECT count(*) FROM commands WHERE actionid = {action} AND status != 'sent'");
        self.count("mig.db", &query) as usize
    }

    fn outbox(&self) -> usize {
        self.count("mig.db", "SELECT count(*) FROM outbox") as usize
    }

    fn close(mut self) -> Vec<u64> {
        self.server.stop().unwrap();
        // The relay keeps its database to itself while it runs.
        let query = "SELECT body FROM messages WHERE routing_key != 'mig.agt.heartbeats'";
        self.rows("relay.db", query, |row| {
            let body: Vec<u8> = row.get(0)?;
            Ok(command_id_hint(&body).map_or(0, |id| id.0))
        })
    }

    fn last_words(&self) -> String {
        self.server.last_words()
    }
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}
