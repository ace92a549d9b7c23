//! The connections as the broker sees them: where to deliver, and what each
//! channel owes.

use crate::connection::outbox::Outbox;
use crate::queue::{ConnectionId, MessageId, QueueId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A consumer of a channel.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub queue: QueueId,
    pub no_ack: bool,
    /// Unacknowledged messages it may have; 0 is no limit.
    pub prefetch: u16,
    pub unacked: usize,
}

/// A delivered message that is to be acknowledged.
#[derive(Debug)]
pub(crate) struct Unacked {
    pub queue: QueueId,
    pub id: MessageId,
    /// `None` for the answer to `basic.get`.
    pub consumer: Option<Arc<str>>,
}

/// A channel's part in deliveries.
#[derive(Debug, Default)]
pub(crate) struct ChannelState {
    pub consumers: HashMap<Arc<str>, Consumer>,
    /// By delivery tag.
    pub unacked: BTreeMap<u64, Unacked>,
    /// Of the last delivery.
    pub last_tag: u64,
    /// For consumers to come; 0 is no limit.
    pub prefetch: u16,
    /// For all consumers of the channel together; 0 is no limit.
    pub shared_prefetch: u16,
}

impl ChannelState {
    pub fn next_tag(&mut self) -> u64 {
        self.last_tag += 1;
        self.last_tag
    }

    /// One delivery to a consumer is settled.
    pub fn settled(&mut self, tag: &Arc<str>) {
        // A cancelled consumer's tag may be in use again: the new one owes
        // nothing for the old one.
        let same = self
            .consumers
            .get_key_value(tag)
            .is_some_and(|(current, _)| Arc::ptr_eq(current, tag));
        if same && let Some(consumer) = self.consumers.get_mut(tag) {
            consumer.unacked -= 1;
        }
    }

    /// Whether its consumer `tag` may get another message.
    pub fn accepts(&self, tag: &str, most: usize) -> bool {
        let below = |limit: u16, have: usize| limit == 0 || have < usize::from(limit);
        self.consumers.get(tag).is_some_and(|consumer| {
            consumer.no_ack
                || (below(consumer.prefetch, consumer.unacked)
                    && below(self.shared_prefetch, self.unacked.len())
                    && self.unacked.len() < most)
        })
    }
}

/// A connection that is logged in.
pub(crate) struct Peer {
    pub outbox: Arc<Outbox>,
    /// The client wants to hear that a consumer's queue is gone.
    pub hears_cancel: bool,
    pub channels: HashMap<u16, ChannelState>,
    /// Its exclusive queues, which go with it.
    pub owned: Vec<QueueId>,
}

impl Peer {
    pub fn new(outbox: Arc<Outbox>, hears_cancel: bool) -> Self {
        Self {
            outbox,
            hears_cancel,
            channels: HashMap::new(),
            owned: Vec::new(),
        }
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Peers(HashMap<ConnectionId, Peer>);

impl Peers {
    pub fn add(&mut self, id: ConnectionId, peer: Peer) {
        self.0.insert(id, peer);
    }

    pub fn remove(&mut self, id: ConnectionId) -> Option<Peer> {
        self.0.remove(&id)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, id: ConnectionId) -> Option<&Peer> {
        self.0.get(&id)
    }

    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Peer> {
        self.0.get_mut(&id)
    }

    pub fn channel_mut(&mut self, id: ConnectionId, channel: u16) -> Option<&mut ChannelState> {
        self.0.get_mut(&id)?.channels.get_mut(&channel)
    }
}
