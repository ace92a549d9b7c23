//! What all connections share: exchanges, queues, who consumes, and what is
//! delivered but not acknowledged. Everything here is synchronous and happens
//! under one lock; the disk and the sockets are reached through queues.

mod acknowledge;
mod bindings;
mod consume;
mod deadlines;
mod deliver;
mod exchanges;
mod fairness;
mod peers;
mod publish;
mod queues;
mod recovery;
#[cfg(test)]
mod tests;

use crate::alarms::Alarms;
use crate::body_memory::Gauge;
use crate::limits::Limits;
use crate::persistence::{Op, Storage};
use crate::queue::backlog::{Entry, Stored};
use crate::queue::{MessageId, Queue, QueueId};
use crate::stats::{Counters, Stats, count};
use crate::vhost::VhostId;
pub(crate) use acknowledge::Settlement;
pub(crate) use consume::{ConsumeRequest, Got};
use deadlines::Deadlines;
pub(crate) use exchanges::{ExchangeSettings, Exchanges};
pub(crate) use fairness::{Amount, Origins};
pub(crate) use peers::{Peer, Peers};
pub(crate) use publish::{Publication, Published};
pub(crate) use queues::{DeclareQueue, QueueInfo};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// See the module.
pub(crate) struct Broker {
    /// By their ids; never fewer.
    hosts: Vec<Host>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) storage: Storage,
    pub(crate) counters: Arc<Counters>,
    alarms: Arc<Alarms>,
    queues: HashMap<QueueId, Queue>,
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
    /// Who sent what is in the queues.
    origins: Origins,
    /// Bytes of memory that messages in queues take, with or without body.
    queued_memory: u64,
    /// That is too much.
    short_of_memory: bool,
}

/// A virtual host.
struct Host {
    name: Arc<str>,
    exchanges: Exchanges,
    /// Queues by name.
    names: HashMap<Arc<str>, QueueId>,
}

impl Broker {
    /// An empty broker.
    pub fn new(
        vhosts: &[Arc<str>],
        limits: Arc<Limits>,
        storage: Storage,
        counters: Arc<Counters>,
        alarms: Arc<Alarms>,
    ) -> Self {
        let memory = Gauge::new(limits.body_memory_bytes);
        Self {
            hosts: vhosts
                .iter()
                .map(|name| Host::new(Arc::clone(name)))
                .collect(),
            limits,
            storage,
            counters,
            alarms,
            queues: HashMap::new(),
            peers: Peers::default(),
            deadlines: Deadlines::default(),
            next_queue: 1,
            next_message: 1,
            memory,
            messages: 0,
            stored_bytes: 0,
            origins: Origins::default(),
            queued_memory: 0,
            short_of_memory: false,
        }
    }

    fn host(&self, id: VhostId) -> &Host {
        &self.hosts[id.0]
    }

    fn host_mut(&mut self, id: VhostId) -> &mut Host {
        &mut self.hosts[id.0]
    }

    /// Forgets a message that left its queue for good.
    fn discard(&mut self, id: MessageId, entry: &Entry) {
        self.uncount(entry);
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
            exchanges: self.exchanges() as u64,
            queues: self.queues.len() as u64,
            consumers: sum(|queue| queue.consumers.len()),
            ready: sum(|queue| queue.backlog.ready()),
            unacked: sum(|queue| queue.backlog.unacked()),
            body_memory_bytes: self.memory.used() as u64,
            stored_bytes: self.stored_bytes,
            queued_memory_bytes: self.queued_memory,
            alarms: self.alarms.number(),
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

impl Host {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            exchanges: Exchanges::default(),
            names: HashMap::new(),
        }
    }
}
