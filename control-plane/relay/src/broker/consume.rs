//! Consumers come and go; `basic.get` takes a single message.

use super::Broker;
use super::deliver::content;
use super::peers::{Consumer, Unacked};
use crate::connection::outbox::Purpose;
use crate::exception::Exception;
use crate::queue::{ConnectionId, ConsumerRef, QueueId};
use crate::stats::count;
use amq_protocol::protocol::{AMQPClass, basic};
use std::sync::Arc;

/// What `basic.consume` asks for.
pub(crate) struct ConsumeRequest {
    pub connection: ConnectionId,
    pub channel: u16,
    pub queue: QueueId,
    pub tag: Arc<str>,
    pub no_ack: bool,
    pub exclusive: bool,
    /// Whether it wants an answer, which goes out before the first delivery.
    pub reply: bool,
}

/// What `basic.get` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Got {
    /// The answer is on its way.
    Message,
    Empty,
}

impl Broker {
    /// Adds a consumer and delivers to it.
    ///
    /// # Errors
    /// 403 when another consumer is or wants to be alone, 530 for a tag that is
    /// in use, 406 for one consumer too many.
    pub fn consume(&mut self, request: ConsumeRequest, now: u64) -> Result<(), Exception> {
        let ConsumeRequest {
            connection,
            channel: number,
            queue: id,
            tag,
            no_ack,
            exclusive,
            reply,
        } = request;
        let most = self.limits.max_consumers_per_channel;
        let (Some(queue), Some(peer)) = (self.queues.get_mut(&id), self.peers.get_mut(connection))
        else {
            return Err(Exception::internal_error("the queue vanished"));
        };
        let Some(channel) = peer.channels.get_mut(&number) else {
            return Err(Exception::internal_error("the channel vanished"));
        };
        if channel.consumers.contains_key(&tag) {
            return Err(Exception::not_allowed(format!(
                "attempt to reuse consumer tag '{tag}'"
            )));
        }
        if channel.consumers.len() >= most {
            return Err(Exception::precondition_failed(format!(
                "the channel has reached its limit of {most} consumers"
            )));
        }
        if !queue.consumers.admits(exclusive) {
            return Err(Exception::access_refused(format!(
                "queue '{}' in vhost '{}' in exclusive use",
                queue.name, self.hosts[queue.vhost.0].name
            )));
        }
        channel.consumers.insert(
            Arc::clone(&tag),
            Consumer {
                queue: id,
                no_ack,
                prefetch: channel.prefetch,
                unacked: 0,
            },
        );
        if reply {
            let ok = basic::AMQPMethod::ConsumeOk(basic::ConsumeOk {
                consumer_tag: (*tag).into(),
            });
            peer.outbox.method(number, &AMQPClass::Basic(ok));
        }
        queue.consumers.add(
            ConsumerRef {
                connection,
                channel: number,
                tag,
            },
            exclusive,
        );
        self.used(id, now);
        self.pump(id, now);
        Ok(())
    }

    /// Removes a consumer, if there is such; what it has not acknowledged stays
    /// with its channel.
    pub fn cancel(&mut self, connection: ConnectionId, number: u16, tag: &str, now: u64) {
        let Some(channel) = self.peers.channel_mut(connection, number) else {
            return;
        };
        if let Some((tag, consumer)) = channel.consumers.remove_entry(tag) {
            self.consumer_left(
                consumer.queue,
                &ConsumerRef {
                    connection,
                    channel: number,
                    tag,
                },
                now,
            );
        }
    }

    /// Takes a consumer out of its queue, which goes too if it was waiting for
    /// that.
    pub(super) fn consumer_left(&mut self, id: QueueId, consumer: &ConsumerRef, now: u64) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        queue.consumers.remove(consumer);
        if queue.settings.auto_delete && queue.consumers.all_left() {
            self.remove_queue(id);
        } else {
            self.used(id, now);
        }
    }

    /// Takes the oldest message of a queue and sends it.
    pub fn get(
        &mut self,
        connection: ConnectionId,
        number: u16,
        id: QueueId,
        no_ack: bool,
        now: u64,
    ) -> Got {
        self.used(id, now);
        self.expire(id, now, true);
        let Some(queue) = self.queues.get_mut(&id) else {
            return Got::Empty;
        };
        let Some((message, entry)) = queue.backlog.pop() else {
            return Got::Empty;
        };
        let left = queue.backlog.ready();
        let Some(peer) = self.peers.get_mut(connection) else {
            return Got::Empty;
        };
        let Some(channel) = peer.channels.get_mut(&number) else {
            return Got::Empty;
        };
        let tag = channel.next_tag();
        let method = basic::AMQPMethod::GetOk(basic::GetOk {
            delivery_tag: tag,
            redelivered: entry.redelivered,
            exchange: (*entry.envelope.exchange).into(),
            routing_key: (*entry.envelope.routing_key).into(),
            message_count: u32::try_from(left).unwrap_or(u32::MAX),
        });
        if !no_ack {
            channel.unacked.insert(
                tag,
                Unacked {
                    queue: id,
                    id: message,
                    consumer: None,
                },
            );
        }
        peer.outbox.content(content(
            Purpose::Reply,
            number,
            &method,
            message,
            &entry,
            no_ack,
        ));
        count(&self.counters.delivered);
        self.handed_out(id, message, entry, no_ack);
        self.schedule(id);
        Got::Message
    }
}
