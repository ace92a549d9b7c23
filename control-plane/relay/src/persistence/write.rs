//! One operation, applied to the file inside the current transaction.

use super::load::clamp;
use super::{Op, StoreFailed};
use crate::queue::Overflow;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

/// Applies `op`.
pub(super) fn apply(connection: &Connection, op: &Op) -> rusqlite::Result<()> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql)?.execute(values).map(drop)
    };
    match op {
        Op::PutExchange {
            vhost,
            name,
            kind,
            auto_delete,
            internal,
        } => execute(
            "INSERT OR REPLACE INTO exchanges VALUES (?1, ?2, ?3, ?4, ?5)",
            params![&**vhost, &**name, kind.name(), auto_delete, internal],
        ),
        Op::DeleteExchange { vhost, name } => {
            execute(
                "DELETE FROM bindings WHERE exchange = ?2
                 AND queue IN (SELECT id FROM queues WHERE vhost = ?1)",
                params![&**vhost, &**name],
            )?;
            execute(
                "DELETE FROM exchanges WHERE vhost = ?1 AND name = ?2",
                params![&**vhost, &**name],
            )
        }
        Op::PutQueue {
            id,
            vhost,
            name,
            user,
            settings,
        } => execute(
            "INSERT OR REPLACE INTO queues VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                id,
                &**vhost,
                &**name,
                &**user,
                settings.auto_delete,
                settings.message_ttl.map(clamp),
                settings.expires.map(clamp),
                settings.max_length.map(clamp),
                settings.max_bytes.map(clamp),
                settings.overflow == Overflow::DropHead,
            ],
        ),
        Op::DeleteQueue(id) => {
            execute("DELETE FROM bindings WHERE queue = ?1", params![id])?;
            execute("DELETE FROM queues WHERE id = ?1", params![id])
        }
        Op::Bind {
            exchange,
            queue,
            key,
        } => execute(
            "INSERT OR IGNORE INTO bindings VALUES (?1, ?2, ?3)",
            params![&**exchange, &**key, queue],
        ),
        Op::Unbind {
            exchange,
            queue,
            key,
        } => execute(
            "DELETE FROM bindings WHERE exchange = ?1 AND routing_key = ?2 AND queue = ?3",
            params![&**exchange, &**key, queue],
        ),
        Op::Insert(insert) => execute(
            "INSERT OR REPLACE INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                insert.id,
                insert.queue,
                &*insert.envelope.exchange,
                &*insert.envelope.routing_key,
                &insert.envelope.properties[..],
                insert.survives,
                insert.expires.map(clamp),
                &insert.body[..],
            ],
        ),
        Op::Delete(id) => execute("DELETE FROM messages WHERE id = ?1", params![id]),
        Op::Fetch { .. } | Op::Barrier(_) | Op::Attach(_) | Op::Stop => Ok(()),
    }
}

/// Reads a body.
pub(super) fn fetch(connection: &Connection, id: i64) -> Result<Option<Bytes>, StoreFailed> {
    connection
        .prepare_cached("SELECT body FROM messages WHERE id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([id], |row| row.get::<_, Vec<u8>>(0))
                .optional()
        })
        .map(|body| body.map(Bytes::from))
        .map_err(|error| {
            tracing::error!(%error, "The relay cannot read a message from its store.");
            StoreFailed
        })
}

/// Writes something that changes nothing, to see whether writing works.
pub(super) fn probe(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)
}
