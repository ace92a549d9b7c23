//! The store's thread: takes what has arrived, commits it as one transaction,
//! then tells everybody who waited.

use super::room::Room;
use super::{OnStored, Op, write};
use crate::stats::{Counters, count};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

/// Operations of one transaction.
const MAX_OPS: usize = 1024;
/// Bytes of bodies in one transaction.
const MAX_BYTES: usize = 8 << 20;
/// After a failed commit, deletions and declarations are tried again; and whether
/// there is room again is looked at.
const RETRY: Duration = Duration::from_millis(500);
/// How often, in transactions, free pages are given back.
const VACUUM_EVERY: u32 = 256;
/// Free pages worth keeping.
const SPARE_PAGES: i64 = 4096;

pub(super) struct Committer {
    connection: Connection,
    receiver: Receiver<Op>,
    counters: Arc<Counters>,
    on_stored: Option<OnStored>,
    /// Of a failed transaction: what must not be forgotten.
    kept: Vec<Op>,
    transactions: u32,
    room: Room,
}

impl Committer {
    pub fn new(
        connection: Connection,
        receiver: Receiver<Op>,
        counters: Arc<Counters>,
        room: Room,
    ) -> Self {
        Self {
            connection,
            receiver,
            counters,
            on_stored: None,
            kept: Vec::new(),
            transactions: 0,
            room,
        }
    }

    /// Works until [`Op::Stop`] or until nobody can send any more.
    pub fn run(mut self) -> Result<(), String> {
        loop {
            let (mut batch, last) = self.collect();
            let attaching = batch
                .extract_if(.., |op| matches!(op, Op::Attach(_)))
                .last();
            if let Some(Op::Attach(on_stored)) = attaching {
                self.on_stored = Some(on_stored);
            }
            let result = self.commit(&mut batch).map_err(|error| error.to_string());
            // Publishers that hear of a refusal find the door shut already.
            self.room
                .committed(result.as_ref().map(drop).map_err(String::as_str));
            if result.is_err() {
                count(&self.counters.store_failures);
            }
            self.announce(batch, result.is_ok());
            if last {
                return result;
            }
            self.vacuum();
        }
    }

    /// Waits for work and takes what is there. The flag says that it is the
    /// last.
    fn collect(&mut self) -> (Vec<Op>, bool) {
        let mut batch = std::mem::take(&mut self.kept);
        let first = if batch.is_empty() && !self.room.is_short() {
            self.receiver
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            self.receiver.recv_timeout(RETRY)
        };
        let mut bytes = 0;
        let mut next = match first {
            Ok(op) => Some(op),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return (batch, true),
        };
        while let Some(op) = next {
            match &op {
                Op::Stop => return (batch, true),
                Op::Insert(insert) => bytes += insert.body.len(),
                _ => {}
            }
            batch.push(op);
            if batch.len() >= MAX_OPS || bytes >= MAX_BYTES {
                break;
            }
            next = match self.receiver.try_recv() {
                Ok(op) => Some(op),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => return (batch, true),
            };
        }
        (batch, false)
    }

    fn commit(&mut self, batch: &mut [Op]) -> rusqlite::Result<()> {
        let probe = self.room.is_short();
        let transaction = self.connection.transaction()?;
        if probe {
            write::probe(&transaction)?;
        }
        for op in batch {
            if let Op::Fetch { id, reply, .. } = op
                && let Some(reply) = reply.take()
            {
                let _ = reply.send(write::fetch(&transaction, *id));
            }
            write::apply(&transaction, op)?;
        }
        transaction.commit()
    }

    /// Tells the broker first: when a publisher hears that its message was
    /// refused, it is not in the queue any more.
    fn announce(&mut self, batch: Vec<Op>, committed: bool) {
        let stored: Vec<_> = batch
            .iter()
            .filter_map(|op| match op {
                Op::Insert(insert) => Some((insert.queue, insert.id, committed)),
                _ => None,
            })
            .collect();
        if let (false, Some(on_stored)) = (stored.is_empty(), &self.on_stored) {
            on_stored(&stored);
        }
        for op in batch {
            match op {
                Op::Insert(insert) => {
                    if let (true, Some(confirm)) = (committed, &insert.confirm) {
                        confirm.committed();
                    }
                    // Its publisher may send more.
                    drop(insert.permit);
                }
                Op::Barrier(Some(reply)) => {
                    // Who asked may be gone.
                    let _ = reply.send(committed);
                }
                Op::Fetch {
                    id,
                    delete: true,
                    reply: None,
                } if !committed => self.kept.push(Op::Delete(id)),
                // Not reached before the transaction failed.
                Op::Fetch { reply: Some(_), .. } if !committed => self.kept.push(op),
                Op::Barrier(None) | Op::Fetch { .. } | Op::Attach(_) | Op::Stop => {}
                other if !committed => self.kept.push(other),
                _ => {}
            }
        }
    }

    /// Gives the pages of a former backlog back to the file system, a part at a
    /// time.
    fn vacuum(&mut self) {
        self.transactions = (self.transactions + 1) % VACUUM_EVERY;
        if self.transactions != 0 {
            return;
        }
        let free: i64 = self
            .connection
            .pragma_query_value(None, "freelist_count", |row| row.get(0))
            .unwrap_or(0);
        if free > SPARE_PAGES {
            // Failing to shrink the file harms nobody.
            let _ = self.connection.execute_batch(&format!(
                "PRAGMA incremental_vacuum({})",
                free - SPARE_PAGES / 2
            ));
        }
    }
}
