//! The store's thread: takes what has arrived, commits it as one transaction,
//! then tells everybody who waited.
//!
//! Reading needs no room on the disk, writing does. So bodies are read outside of
//! transactions: while the disk is full consumers get what is in the file, and
//! what they acknowledge waits until it can be deleted, for which room is set aside.
//! A body that nobody will acknowledge is handed out before its deletion is
//! committed: a relay that dies between the two hands it out again. Whoever wants a
//! message exactly once cannot do without acknowledgements anyway, since one without
//! may be lost on its way.

use super::room::Room;
use super::{OnStored, Op, StoreFailed, write};
use crate::queue::MessageId;
use crate::stats::{Counters, count};
use bytes::Bytes;
use rusqlite::Connection;
use std::iter::Peekable;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

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
/// Most pages that are given back at once: that takes room in the log first, up to
/// three pages for each.
const VACUUM_AT_ONCE: i64 = 256;
/// How often that is done in a row while others need the room.
const VACUUM_ROUNDS: u32 = 4;

/// Somebody who waits for a body.
struct Asked {
    id: MessageId,
    delete: bool,
    reply: oneshot::Sender<Result<Option<Bytes>, StoreFailed>>,
}

pub(super) struct Committer {
    connection: Connection,
    receiver: Receiver<Op>,
    counters: Arc<Counters>,
    on_stored: Option<OnStored>,
    /// What the next transaction is about; of a failed one, what must not be
    /// forgotten.
    due: Vec<Op>,
    /// Bodies that are not in the file, but may be with the next transaction.
    asked: Vec<Asked>,
    /// After a failed transaction, when the next one is tried.
    retry: Option<Instant>,
    transactions: u32,
    vacuumed: Instant,
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
            due: Vec::new(),
            asked: Vec::new(),
            retry: None,
            transactions: 0,
            vacuumed: Instant::now(),
            room,
        }
    }

    /// Works until [`Op::Stop`] or until nobody can send any more.
    pub fn run(mut self) -> Result<(), String> {
        loop {
            let last = self.collect();
            self.answer(false);
            if !last && self.retry.is_some_and(|at| Instant::now() < at) {
                continue;
            }
            let result = self.write();
            // What was to come with the transaction is there now, or refused.
            self.answer(true);
            if last {
                return result;
            }
            self.vacuum();
        }
    }

    /// How long to wait for work; for ever when there is nothing else to do.
    fn patience(&self) -> Option<Duration> {
        if let Some(at) = self.retry {
            return Some(at.saturating_duration_since(Instant::now()));
        }
        if !self.due.is_empty() {
            return Some(Duration::ZERO);
        }
        self.room.is_short().then_some(RETRY)
    }

    /// Waits for work and takes what is there. True when it is the last.
    fn collect(&mut self) -> bool {
        let mut next = match self.patience() {
            None => self
                .receiver
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.receiver.recv_timeout(patience),
        };
        let (mut ops, mut bytes) = (0, 0);
        loop {
            match next {
                Ok(Op::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
                Ok(Op::Attach(on_stored)) => self.on_stored = Some(on_stored),
                Ok(Op::Fetch { id, delete, reply }) => {
                    self.asked.push(Asked { id, delete, reply });
                }
                Ok(op) => {
                    bytes += op.bytes();
                    self.due.push(op);
                }
            }
            ops += 1;
            if ops >= MAX_OPS || bytes >= MAX_BYTES {
                return false;
            }
            next = self.receiver.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            });
        }
    }

    /// Hands out the bodies that are in the file; the others too, with `all`, as
    /// bodies that do not exist.
    fn answer(&mut self, all: bool) {
        for Asked { id, delete, reply } in std::mem::take(&mut self.asked) {
            let body = write::fetch(&self.connection, id);
            if !all && body == Ok(None) {
                self.asked.push(Asked { id, delete, reply });
                continue;
            }
            if delete && matches!(body, Ok(Some(_))) {
                self.due.push(Op::Delete(id));
            }
            // Who asked may be gone.
            let _ = reply.send(body);
        }
    }

    /// Commits what is due. When that fails, nothing that came with it is tried
    /// any more: its senders would wait for as long as there is no room.
    fn write(&mut self) -> Result<(), String> {
        let refused = self.refuse_without_reserve();
        let mut due = std::mem::take(&mut self.due).into_iter().peekable();
        loop {
            let part = part(&mut due, self.retry.is_some());
            let bytes = part.iter().map(Op::bytes).sum();
            self.room.writes(bytes);
            let result = self
                .room
                .takes(bytes)
                .and_then(|()| self.commit(&part).map_err(|error| error.to_string()));
            // Publishers that hear of a refusal find the door shut already.
            self.room
                .committed(result.as_ref().map(drop).map_err(String::as_str));
            if result.is_err() {
                count(&self.counters.store_failures);
                let deletes = part.iter().any(Op::is_deletion);
                self.retry = Some(Instant::now() + RETRY);
                self.announce(part.into_iter().chain(due).collect(), false);
                // Before somebody else takes the room.
                if deletes && self.room.give_up_reserve() {
                    due = std::mem::take(&mut self.due).into_iter().peekable();
                    continue;
                }
                return result;
            }
            self.retry = None;
            self.announce(part, true);
            if due.peek().is_none() {
                return refused;
            }
        }
    }

    /// While no room is set aside for deletions no message may take what there is.
    fn refuse_without_reserve(&mut self) -> Result<(), String> {
        if self.room.is_reserved() {
            return Ok(());
        }
        let is_message = |op: &mut Op| matches!(op, Op::Insert(_));
        let messages: Vec<Op> = self.due.extract_if(.., is_message).collect();
        if messages.is_empty() {
            return Ok(());
        }
        count(&self.counters.store_failures);
        self.announce(messages, false);
        Err("its disk has no room for messages".into())
    }

    fn commit(&mut self, part: &[Op]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        if self.retry.is_some() {
            write::probe(&transaction)?;
        }
        for op in part {
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
                Op::Barrier(reply) => {
                    // Who asked may be gone.
                    let _ = reply.send(committed);
                }
                other if !committed => self.due.push(other),
                _ => {}
            }
        }
    }

    /// Gives the pages of a former backlog back to the file system, a part at a
    /// time: some are worth keeping, unless others need the room.
    fn vacuum(&mut self) {
        self.transactions = (self.transactions + 1) % VACUUM_EVERY;
        let short = self.room.is_short() && self.vacuumed.elapsed() >= RETRY;
        if self.retry.is_some() || !short && self.transactions != 0 {
            return;
        }
        self.vacuumed = Instant::now();
        // Failing to shrink the file harms nobody.
        let _ = if short {
            self.shrink_now()
        } else {
            self.shrink(SPARE_PAGES).map(drop)
        };
    }

    /// The file system has the pages when this returns, not with some checkpoint.
    fn shrink_now(&self) -> rusqlite::Result<()> {
        // On a full disk a log that can begin anew is all the room there is for it.
        self.checkpoint("RESTART")?;
        for _ in 0..VACUUM_ROUNDS {
            if !self.shrink(0)? {
                break;
            }
            self.checkpoint("TRUNCATE")?;
        }
        Ok(())
    }

    fn checkpoint(&self, how: &str) -> rusqlite::Result<()> {
        let pragma = format!("PRAGMA wal_checkpoint({how})");
        self.connection.query_row(&pragma, [], |_| Ok(()))
    }

    /// Keeps so many free pages; false when there are no others.
    fn shrink(&self, spare: i64) -> rusqlite::Result<bool> {
        let free: i64 = self
            .connection
            .pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        if free <= spare {
            return Ok(false);
        }
        let most = (free - spare / 2).min(VACUUM_AT_ONCE);
        // It gives back one page for each row that is taken from it.
        let mut giving = self
            .connection
            .prepare(&format!("PRAGMA incremental_vacuum({most})"))?;
        let mut rows = giving.query([])?;
        while rows.next()?.is_some() {}
        Ok(true)
    }
}

/// The operations of the next transaction. When the last one failed, what frees
/// room is not mixed with what takes some.
fn part(due: &mut Peekable<impl Iterator<Item = Op>>, careful: bool) -> Vec<Op> {
    let mut part: Vec<Op> = Vec::new();
    let mut bytes = 0;
    while part.len() < MAX_OPS && bytes < MAX_BYTES {
        let alone = |op: &Op| careful && matches!(op, Op::Insert(_));
        if part.first().is_some_and(alone) {
            break;
        }
        let Some(op) = due.next_if(|op| part.is_empty() || !alone(op)) else {
            break;
        };
        bytes += op.bytes();
        part.push(op);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::super::tests::insert;
    use super::*;

    /// The messages that each transaction inserts (true) or deletes.
    fn parts(ops: Vec<Op>, careful: bool) -> Vec<Vec<bool>> {
        let mut due = ops.into_iter().peekable();
        let mut parts = Vec::new();
        while due.peek().is_some() {
            let part = part(&mut due, careful);
            parts.push(part.iter().map(|op| !op.is_deletion()).collect());
        }
        parts
    }

    #[test]
    fn after_a_failure_deletions_do_not_depend_on_messages() {
        let ops = || {
            let message = |id| Op::Insert(Box::new(insert(id, b"x")));
            vec![
                message(1),
                Op::Delete(7),
                Op::Delete(8),
                message(2),
                message(3),
                Op::Delete(9),
            ]
        };
        let together = vec![vec![true, false, false, true, true, false]];
        assert_eq!(parts(ops(), false), together);
        let apart: [&[bool]; 5] = [&[true], &[false, false], &[true], &[true], &[false]];
        assert_eq!(parts(ops(), true), apart);
    }
}
