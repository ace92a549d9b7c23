//! A few connections that read beside the writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::open_reader;
use super::failure::Outcome;
use crate::{StoreError, StoreResult};

/// How many reads happen at once.
const CONNECTIONS: usize = 3;

/// Longest time one read may take: a target can join large tables.
const LONGEST: Duration = Duration::from_secs(30);

/// Instructions of SQLite's machine between two looks at the clock.
const INSTRUCTIONS: i32 = 100_000;

/// The connections.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    free: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    /// Opens them.
    pub(super) fn open(path: &Path) -> Outcome<Readers> {
        let connections = (0..CONNECTIONS)
            .map(|_| open_reader(path))
            .collect::<Outcome<Vec<_>>>()?;
        Ok(Readers {
            path: path.to_owned(),
            free: Arc::new(Mutex::new(connections)),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    }

    /// Does `work` on one state of the database.
    pub(super) async fn read<T, F>(&self, doing: &'static str, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    {
        let place = self
            .places
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Closed)?;
        let free = self.free.clone();
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            let taken = free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match taken {
                Some(connection) => connection,
                // One was lost to a panic.
                None => open_reader(&path).map_err(|failure| failure.into_store(doing, &path))?,
            };
            let result = limited(&mut connection, LONGEST, work);
            free.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            result.map_err(|failure| failure.into_store(doing, &path))
        });
        done.await.map_err(|_| StoreError::Closed)?
    }
}

fn limited<T>(
    connection: &mut Connection,
    longest: Duration,
    work: impl FnOnce(&Connection) -> Outcome<T>,
) -> Outcome<T> {
    let end = Instant::now() + longest;
    connection.progress_handler(INSTRUCTIONS, Some(move || Instant::now() > end))?;
    let transaction = connection.transaction()?;
    // Reading has nothing to commit.
    work(&transaction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_without_end_is_stopped_and_the_next_one_works() {
        let mut connection = Connection::open_in_memory().unwrap();
        let count = |connection: &Connection, limit: &str| -> Outcome<i64> {
            let sql = format!(
                "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers {limit})
                 SELECT count(*) FROM numbers"
            );
            Ok(connection.query_row(&sql, [], |row| row.get(0))?)
        };
        let stopped = limited(&mut connection, Duration::ZERO, |db| count(db, ""));
        let error = stopped
            .unwrap_err()
            .into_store("evaluated a target", Path::new("mig.db"));
        assert_eq!(
            error.to_string(),
            "the database failed while it evaluated a target"
        );
        let next = limited(&mut connection, LONGEST, |db| count(db, "LIMIT 1000000"));
        assert_eq!(next.unwrap(), 1_000_000);
    }
}
