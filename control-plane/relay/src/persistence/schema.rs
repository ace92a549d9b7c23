//! The SQLite file: how it is opened and what it holds.

use rusqlite::{Connection, ErrorCode};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Stored in `user_version`; a newer file is refused.
const VERSION: i64 = 1;

/// What a bound property of a message means is said in `queue::backlog`.
const TABLES: &str = "
CREATE TABLE exchanges (
    name TEXT PRIMARY KEY,
    auto_delete INTEGER NOT NULL,
    internal INTEGER NOT NULL
) STRICT;
CREATE TABLE queues (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    auto_delete INTEGER NOT NULL,
    message_ttl INTEGER,
    expires INTEGER,
    max_length INTEGER,
    max_bytes INTEGER,
    drop_head INTEGER NOT NULL
) STRICT;
CREATE TABLE bindings (
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    queue INTEGER NOT NULL,
    PRIMARY KEY (exchange, routing_key, queue)
) STRICT, WITHOUT ROWID;
CREATE INDEX bindings_by_queue ON bindings (queue);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    exchange TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    properties BLOB NOT NULL,
    survives INTEGER NOT NULL,
    expires INTEGER,
    body BLOB NOT NULL
) STRICT;
";

/// Opens or creates the file for this process alone.
pub(super) fn open(path: &Path) -> Result<Connection, String> {
    // Messages are nobody else's business; the files SQLite adds take over this
    // mode.
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| format!("{error}; check the directory and its permissions"))?;
    Connection::open(path)
        .and_then(prepare)
        .map_err(explain)
        .and_then(|(connection, version)| {
            if version > VERSION {
                return Err(format!(
                    "it was written by a newer version (schema {version}, this one knows \
                     {VERSION}); upgrade, or move the file away"
                ));
            }
            Ok(connection)
        })
}

fn prepare(connection: Connection) -> rusqlite::Result<(Connection, i64)> {
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 8 << 20, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(32);
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"
        ))?;
    } else {
        // Takes the lock now rather than at the first message.
        connection.execute_batch("BEGIN IMMEDIATE; COMMIT;")?;
    }
    Ok((connection, version))
}

fn explain(error: rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another relay uses it; stop that one or configure another file".into()
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            format!("{error}; move the file away to start with an empty store")
        }
        _ => error.to_string(),
    }
}
