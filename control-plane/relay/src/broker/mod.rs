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

use crate::body_memory::Gauge;
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
    /// Bodies in memory.
    memory: Arc<Gauge>,
    /// Messages in all queues, waiting or delivered.
    messages: u64,
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
        let memory = Gauge::new(limits.body_memory_bytes);
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
            memory,
            messages: 0,
            stored_bytes: 0,
        }
    }

    /// Forgets a message that left its queue for good.
    fn discard(&mut self, id: MessageId, entry: &Entry) {
        self.messages -= 1;
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
                continue;
            }
            entry.stored = Stored::No;
            self.stored_bytes -= entry.length;
            // Its publisher keeps it. What is delivered already stays so, unless
            // its body was to come from the store.
            let lost = entry.body.is_none();
            let gone = match queue.backlog.withdraw(*id) {
                None if lost => queue.backlog.settle(*id),
                withdrawn => withdrawn,
            };
            if let Some(entry) = gone {
                count(&self.counters.refused);
                self.discard(*id, &entry);
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
            body_memory_bytes: self.memory.used() as u64,
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
