//! What all connections share: exchanges, queues, who consumes, and what is
//! delivered but not acknowledged. Everything here is synchronous and happens
//! under one lock; the disk and the sockets are reached through queues.

mod acknowledge;
mod bindings;
mod consume;
mod deadlines;
mod deliver;
mod exchanges;
mod peers;
mod publish;
mod queues;
mod recovery;
#[cfg(test)]
mod tests;

use crate::limits::Limits;
use crate::persistence::{Op, Storage};
use crate::queue::backlog::{Entry, Stored};
use crate::queue::{MessageId, Queue, QueueId};
use crate::stats::{Counters, Stats, count};
pub(crate) use acknowledge::Settlement;
pub(crate) use consume::{ConsumeRequest, Got};
use deadlines::Deadlines;
pub(crate) use exchanges::{ExchangeSettings, Exchanges};
pub(crate) use peers::{Peer, Peers};
pub(crate) use publish::{Publication, Published};
pub(crate) use queues::{DeclareQueue, QueueInfo};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// See the module.
pub(crate) struct Broker {
    pub(crate) vhost: Arc<str>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) storage: Storage,
    pub(crate) counters: Arc<Counters>,
    pub(crate) exchanges: Exchanges,
    queues: HashMap<QueueId, Queue>,
    names: HashMap<Arc<str>, QueueId>,
    pub(crate) peers: Peers,
    deadlines: Deadlines,
    next_queue: QueueId,
    next_message: MessageId,
    /// Bytes of bodies that queues keep in memory.
    body_memory: usize,
    /// Bytes of bodies in the store.
    stored_bytes: u64,
}

impl Broker {
    /// An empty broker.
    pub fn new(
        vhost: &str,
        limits: Arc<Limits>,
        storage: Storage,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            vhost: vhost.into(),
            limits,
            storage,
            counters,
            exchanges: Exchanges::default(),
            queues: HashMap::new(),
            names: HashMap::new(),
            peers: Peers::default(),
            deadlines: Deadlines::default(),
            next_queue: 1,
            next_message: 1,
            body_memory: 0,
            stored_bytes: 0,
        }
    }

    /// Forgets a message that left its queue for good.
    fn discard(&mut self, id: MessageId, entry: &Entry) {
        self.release_memory(entry);
        self.release_store(id, entry);
    }

    fn release_memory(&mut self, entry: &Entry) {
        if let Some(body) = &entry.body {
            self.body_memory -= body.len();
        }
    }

    fn release_store(&mut self, id: MessageId, entry: &Entry) {
        if entry.stored != Stored::No {
            self.stored_bytes -= entry.length;
            self.storage.send(Op::Delete(id));
        }
    }

    /// Takes note of what the store did with messages.
    pub fn stored(&mut self, outcomes: &[(QueueId, MessageId, bool)]) {
        for (queue_id, id, committed) in outcomes {
            let Some(queue) = self.queues.get_mut(queue_id) else {
                continue;
            };
            let Some(entry) = queue.backlog.get_mut(*id) else {
                continue;
            };
            if *committed {
                entry.stored = Stored::Yes;
                if self.body_memory > self.limits.body_memory_bytes
                    && let Some(body) = entry.body.take()
                {
                    self.body_memory -= body.len();
                }
                continue;
            }
            entry.stored = Stored::No;
            self.stored_bytes -= entry.length;
            // Its publisher keeps it; what is delivered already stays so.
            if let Some(entry) = queue.backlog.withdraw(*id) {
                count(&self.counters.refused);
                self.release_memory(&entry);
            }
        }
    }

    /// Sums up.
    pub fn stats(&self) -> Stats {
        let sum = |of: fn(&Queue) -> usize| self.queues.values().map(of).sum::<usize>() as u64;
        Stats {
            connections: self.peers.len() as u64,
            exchanges: self.exchanges.len() as u64,
            queues: self.queues.len() as u64,
            consumers: sum(|queue| queue.consumers.len()),
            ready: sum(|queue| queue.backlog.ready()),
            unacked: sum(|queue| queue.backlog.unacked()),
            body_memory_bytes: self.body_memory as u64,
            stored_bytes: self.stored_bytes,
            ..self.counters.snapshot()
        }
    }

    /// Forgets many messages at once and counts them.
    fn discard_all(
        &mut self,
        gone: Vec<(MessageId, Entry)>,
        counter: fn(&Counters) -> &std::sync::atomic::AtomicU64,
    ) {
        counter(&self.counters).fetch_add(gone.len() as u64, Relaxed);
        for (id, entry) in &gone {
            self.discard(*id, entry);
        }
    }
}
