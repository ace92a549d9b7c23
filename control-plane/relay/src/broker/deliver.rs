//! From a queue to its consumers.

use super::Broker;
use super::peers::Unacked;
use crate::connection::outbox::{Body, Content, Purpose};
use crate::queue::backlog::Entry;
use crate::queue::{ConnectionId, ConsumerRef, MessageId, QueueId};
use crate::stats::count;
use amq_protocol::protocol::{AMQPClass, basic};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Broker {
    /// Delivers what waits in a queue as far as its consumers take it, and
    /// drops what is expired.
    pub fn pump(&mut self, id: QueueId, now: u64) {
        // A message that expires this very millisecond gets its chance: a time
        // to live of 0 means "now or never".
        self.expire(id, now, false);
        while let Some(queue) = self.queues.get_mut(&id) {
            if queue.backlog.ready() == 0 {
                break;
            }
            let most = self.limits.max_unacked_per_channel;
            let peers = &self.peers;
            let next = queue.consumers.next(|consumer| {
                peers.get(consumer.connection).is_some_and(|peer| {
                    peer.channels
                        .get(&consumer.channel)
                        .is_some_and(|channel| channel.accepts(&consumer.tag, most))
                        && peer.outbox.has_room()
                })
            });
            let Some(consumer) = next else {
                break;
            };
            if let Some((message, entry)) = queue.backlog.pop() {
                self.deliver(id, message, entry, &consumer);
            }
        }
        self.expire(id, now, true);
        self.schedule(id);
    }

    fn deliver(&mut self, id: QueueId, message: MessageId, entry: Entry, to: &ConsumerRef) {
        let Some(peer) = self.peers.get_mut(to.connection) else {
            return;
        };
        let Some(channel) = peer.channels.get_mut(&to.channel) else {
            return;
        };
        let Some(consumer) = channel.consumers.get_mut(&to.tag) else {
            return;
        };
        let no_ack = consumer.no_ack;
        if !no_ack {
            consumer.unacked += 1;
        }
        let tag = channel.next_tag();
        let method = basic::AMQPMethod::Deliver(basic::Deliver {
            consumer_tag: (*to.tag).into(),
            delivery_tag: tag,
            redelivered: entry.redelivered,
            exchange: (*entry.envelope.exchange).into(),
            routing_key: (*entry.envelope.routing_key).into(),
        });
        let content = content(
            Purpose::Delivery,
            to.channel,
            &method,
            message,
            &entry,
            no_ack,
        );
        if !no_ack {
            channel.unacked.insert(
                tag,
                Unacked {
                    queue: id,
                    id: message,
                    consumer: Some(to.tag.clone()),
                },
            );
        }
        peer.outbox.content(content);
        count(&self.counters.delivered);
        self.handed_out(id, message, entry, no_ack);
    }

    /// Keeps a popped message until it is acknowledged, or lets it go.
    pub(super) fn handed_out(
        &mut self,
        id: QueueId,
        message: MessageId,
        entry: Entry,
        no_ack: bool,
    ) {
        if !no_ack {
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.backlog.hold(message, entry);
            }
        } else if entry.body.is_some() {
            self.discard(message, &entry);
        } else {
            // Whoever writes it to the socket reads and deletes it.
            self.uncount(&entry);
            self.stored_bytes -= entry.length;
        }
    }

    /// Delivers from all queues this connection consumes from: it has room
    /// again.
    pub fn refill(&mut self, connection: ConnectionId, now: u64) {
        let Some(peer) = self.peers.get(connection) else {
            return;
        };
        let queues: BTreeSet<QueueId> = peer
            .channels
            .values()
            .flat_map(|channel| channel.consumers.values())
            .map(|consumer| consumer.queue)
            .collect();
        for queue in queues {
            self.pump(queue, now);
        }
    }
}

/// A method with the message it carries.
pub(super) fn content(
    purpose: Purpose,
    channel: u16,
    method: &basic::AMQPMethod,
    id: MessageId,
    entry: &Entry,
    no_ack: bool,
) -> Content {
    Content {
        purpose,
        channel,
        method: crate::codec::encode_method(channel, &AMQPClass::Basic(method.clone())),
        properties: entry.envelope.properties.clone(),
        length: entry.length,
        body: match &entry.body {
            Some(held) => Body::Held(Arc::clone(held)),
            None => Body::Disk { id, delete: no_ack },
        },
    }
}
