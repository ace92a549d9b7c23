//! What a restarted relay finds.

use crate::queue::backlog::Envelope;
use crate::queue::{MessageId, Overflow, QueueId, QueueSettings};
use crate::routing::ExchangeKind;
use bytes::Bytes;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use std::collections::HashSet;
use std::sync::Arc;

/// A durable exchange.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LoadedExchange {
    pub vhost: Arc<str>,
    pub name: Arc<str>,
    pub kind: ExchangeKind,
    pub auto_delete: bool,
    pub internal: bool,
}

/// A durable queue.
pub(crate) struct LoadedQueue {
    pub id: QueueId,
    pub vhost: Arc<str>,
    pub name: Arc<str>,
    pub user: Arc<str>,
    pub settings: QueueSettings,
}

/// A message; its body stays on disk.
pub(crate) struct LoadedMessage {
    pub id: MessageId,
    pub queue: QueueId,
    pub envelope: Arc<Envelope>,
    pub length: u64,
    pub expires: Option<u64>,
}

/// Everything in the file.
#[derive(Default)]
pub(crate) struct Loaded {
    pub exchanges: Vec<LoadedExchange>,
    pub queues: Vec<LoadedQueue>,
    /// Exchange, key, queue.
    pub bindings: Vec<(Arc<str>, Arc<str>, QueueId)>,
    /// In order.
    pub messages: Vec<LoadedMessage>,
}

/// Reads the file, dropping parked, expired and orphaned messages.
pub(super) fn load(connection: &Connection, now: u64) -> rusqlite::Result<Loaded> {
    connection.execute(
        "DELETE FROM messages WHERE survives = 0 OR expires <= ?1
         OR queue NOT IN (SELECT id FROM queues)",
        [clamp(now)],
    )?;
    let mut names = Names::default();
    Ok(Loaded {
        exchanges: rows(
            connection,
            "SELECT vhost, name, kind, auto_delete, internal FROM exchanges",
            |row| {
                let kind: String = row.get(2)?;
                let kind = ExchangeKind::parse(&kind).ok_or_else(|| {
                    let problem = format!("there are no exchanges of type `{kind}`");
                    rusqlite::Error::FromSqlConversionFailure(2, Type::Text, problem.into())
                })?;
                Ok(LoadedExchange {
                    vhost: names.get(row, 0)?,
                    name: names.get(row, 1)?,
                    kind,
                    auto_delete: row.get(3)?,
                    internal: row.get(4)?,
                })
            },
        )?,
        queues: rows(
            connection,
            "SELECT id, name, user, auto_delete, message_ttl, expires, max_length, max_bytes,
             drop_head, vhost FROM queues ORDER BY id",
            |row| {
                Ok(LoadedQueue {
                    id: row.get(0)?,
                    vhost: names.get(row, 9)?,
                    name: names.get(row, 1)?,
                    user: names.get(row, 2)?,
                    settings: QueueSettings {
                        durable: true,
                        exclusive: false,
                        auto_delete: row.get(3)?,
                        message_ttl: unsigned(row, 4)?,
                        expires: unsigned(row, 5)?,
                        max_length: unsigned(row, 6)?,
                        max_bytes: unsigned(row, 7)?,
                        overflow: if row.get(8)? {
                            Overflow::DropHead
                        } else {
                            Overflow::RejectPublish
                        },
                    },
                })
            },
        )?,
        bindings: rows(
            connection,
            "SELECT exchange, routing_key, queue FROM bindings",
            |row| Ok((names.get(row, 0)?, names.get(row, 1)?, row.get(2)?)),
        )?,
        messages: rows(
            connection,
            "SELECT id, queue, exchange, routing_key, properties, length(body), expires
             FROM messages ORDER BY id",
            |row| {
                Ok(LoadedMessage {
                    id: row.get(0)?,
                    queue: row.get(1)?,
                    envelope: Arc::new(Envelope {
                        exchange: names.get(row, 2)?,
                        routing_key: row.get::<_, String>(3)?.into(),
                        properties: Bytes::from(row.get::<_, Vec<u8>>(4)?),
                        persistent: true,
                    }),
                    length: unsigned(row, 5)?.unwrap_or(0),
                    expires: unsigned(row, 6)?,
                })
            },
        )?,
    })
}

fn rows<T>(
    connection: &Connection,
    query: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(query)?.query_map([], read)?.collect()
}

/// SQLite's integers are signed; a time beyond them is as good as their end.
pub(super) fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row
        .get::<_, Option<i64>>(column)?
        .map(|value| value.max(0).unsigned_abs()))
}

/// Keeps one copy of each name: a million messages name a handful of exchanges.
#[derive(Default)]
struct Names(HashSet<Arc<str>>);

impl Names {
    fn get(&mut self, row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<str>> {
        let name: String = row.get(column)?;
        if let Some(known) = self.0.get(name.as_str()) {
            return Ok(Arc::clone(known));
        }
        let name: Arc<str> = name.into();
        self.0.insert(Arc::clone(&name));
        Ok(name)
    }
}
