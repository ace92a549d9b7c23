//! The SQLite file: how it is opened and what it holds.

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Stored in `user_version`; a newer file is refused.
const VERSION: i64 = 2;

/// Exchanges and queues. Bindings belong to their queue's virtual host.
const TOPOLOGY: &str = "
CREATE TABLE exchanges (
    vhost TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    auto_delete INTEGER NOT NULL,
    internal INTEGER NOT NULL,
    PRIMARY KEY (vhost, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE queues (
    id INTEGER PRIMARY KEY,
    vhost TEXT NOT NULL,
    name TEXT NOT NULL,
    user TEXT NOT NULL,
    auto_delete INTEGER NOT NULL,
    message_ttl INTEGER,
    expires INTEGER,
    max_length INTEGER,
    max_bytes INTEGER,
    drop_head INTEGER NOT NULL,
    UNIQUE (vhost, name)
) STRICT;
";

/// What a bound property of a message means is said in `queue::backlog`.
const CONTENT: &str = "
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

/// Opens or creates the file for this process alone. What a version without
/// virtual hosts has left goes to `vhost`.
pub(super) fn open(path: &Path, vhost: &str) -> Result<Connection, String> {
    // Messages are nobody else's business; the files SQLite adds take over this
    // mode.
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| format!("{error}; check the directory and its permissions"))?;
    Connection::open(path)
        .and_then(|connection| prepare(connection, vhost))
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

fn prepare(mut connection: Connection, vhost: &str) -> rusqlite::Result<(Connection, i64)> {
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 8 << 20, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(32);
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    // Takes the lock now rather than at the first message.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match version {
        0 => transaction.execute_batch(&format!("{TOPOLOGY} {CONTENT}"))?,
        1 => upgrade(&transaction, vhost)?,
        _ => {}
    }
    if version < VERSION {
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok((connection, version))
}

/// From the version that knew one virtual host and direct exchanges.
fn upgrade(connection: &Connection, vhost: &str) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "ALTER TABLE exchanges RENAME TO former_exchanges;
         ALTER TABLE queues RENAME TO former_queues;
         {TOPOLOGY}"
    ))?;
    connection.execute(
        "INSERT INTO exchanges SELECT ?1, name, 'direct', auto_delete, internal
         FROM former_exchanges",
        [vhost],
    )?;
    connection.execute(
        "INSERT INTO queues SELECT id, ?1, name, user, auto_delete, message_ttl, expires,
         max_length, max_bytes, drop_head FROM former_queues",
        [vhost],
    )?;
    connection.execute_batch("DROP TABLE former_exchanges; DROP TABLE former_queues;")
}

pub(super) fn explain(error: rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another relay uses it; stop that one or configure another file".into()
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            format!("{error}; move the file away to start with an empty store")
        }
        Some(ErrorCode::DiskFull) => format!("{error}; make room on its disk"),
        _ => error.to_string(),
    }
}
