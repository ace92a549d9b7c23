//! The messages of a queue: waiting in order of publication, or delivered and
//! not yet acknowledged.

use super::{ConnectionId, MessageId};
use crate::body_memory::HeldBody;
use crate::broker::{Amount, Origins};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What all copies of one publication share.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub exchange: Arc<str>,
    pub routing_key: Box<str>,
    /// Property flags and values as received.
    pub properties: Bytes,
    pub persistent: bool,
}

/// Where the store stands with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    No,
    /// Handed over, not yet committed.
    Pending,
    Yes,
}

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub envelope: Arc<Envelope>,
    /// `None` when the body is on disk only.
    pub body: Option<Arc<HeldBody>>,
    pub length: u64,
    /// Milliseconds since the epoch.
    pub expires: Option<u64>,
    /// The connection it came from.
    pub publisher: ConnectionId,
    pub redelivered: bool,
    pub stored: Stored,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    ready: BTreeMap<MessageId, Entry>,
    unacked: HashMap<MessageId, Entry>,
    /// Waiting messages that expire, by time.
    expiries: BTreeSet<(u64, MessageId)>,
    ready_bytes: u64,
    /// Who sent the waiting messages.
    origins: Origins,
}

impl Backlog {
    /// Waiting messages.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Bytes of the waiting messages' bodies.
    pub fn ready_bytes(&self) -> u64 {
        self.ready_bytes
    }

    /// What of the waiting messages came from a connection.
    pub fn sent_by(&self, connection: ConnectionId) -> Amount {
        self.origins.of(connection)
    }

    /// Delivered messages that are not acknowledged.
    pub fn unacked(&self) -> usize {
        self.unacked.len()
    }

    /// When the next waiting message expires.
    pub fn next_expiry(&self) -> Option<u64> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Puts a message at its position: the end for a new one, where it was for
    /// one that comes back.
    pub fn insert(&mut self, id: MessageId, entry: Entry) {
        self.ready_bytes += entry.length;
        self.origins.add(entry.publisher, entry.length);
        if let Some(expires) = entry.expires {
            self.expiries.insert((expires, id));
        }
        self.ready.insert(id, entry);
    }

    /// Takes the oldest waiting message.
    pub fn pop(&mut self) -> Option<(MessageId, Entry)> {
        let (id, entry) = self.ready.pop_first()?;
        self.left(id, &entry);
        Some((id, entry))
    }

    /// Keeps a popped message until it is settled.
    pub fn hold(&mut self, id: MessageId, entry: Entry) {
        self.unacked.insert(id, entry);
    }

    /// Ends the wait for an acknowledgement.
    pub fn settle(&mut self, id: MessageId) -> Option<Entry> {
        self.unacked.remove(&id)
    }

    /// Takes the waiting messages whose time ended before `now`, or at it.
    pub fn expire(&mut self, now: u64, inclusive: bool) -> Vec<(MessageId, Entry)> {
        let mut gone = Vec::new();
        while let Some((at, id)) = self.expiries.first().copied() {
            if at > now || (at == now && !inclusive) {
                break;
            }
            self.expiries.pop_first();
            if let Some(entry) = self.ready.remove(&id) {
                self.ready_bytes -= entry.length;
                self.origins.remove(entry.publisher, entry.length);
                gone.push((id, entry));
            }
        }
        gone
    }

    /// Takes one message, if it still waits.
    pub fn withdraw(&mut self, id: MessageId) -> Option<Entry> {
        let entry = self.ready.remove(&id)?;
        self.left(id, &entry);
        Some(entry)
    }

    /// Takes all waiting messages.
    pub fn purge(&mut self) -> Vec<(MessageId, Entry)> {
        self.expiries.clear();
        self.ready_bytes = 0;
        self.origins.clear();
        std::mem::take(&mut self.ready).into_iter().collect()
    }

    /// Takes everything, delivered messages too.
    pub fn clear(&mut self) -> Vec<(MessageId, Entry)> {
        let mut all = self.purge();
        all.extend(self.unacked.drain());
        all
    }

    /// The message, waiting or delivered.
    pub fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        match self.ready.get_mut(&id) {
            Some(entry) => Some(entry),
            None => self.unacked.get_mut(&id),
        }
    }

    fn left(&mut self, id: MessageId, entry: &Entry) {
        self.ready_bytes -= entry.length;
        self.origins.remove(entry.publisher, entry.length);
        if let Some(expires) = entry.expires {
            self.expiries.remove(&(expires, id));
        }
    }
}

#[cfg(test)]
#[path = "backlog_model.rs"]
mod model;
