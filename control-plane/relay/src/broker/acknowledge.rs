//! What happens to delivered messages: acknowledged, rejected, put back; and
//! the end of channels and connections, which puts everything back.

use super::Broker;
use super::peers::{ChannelState, Unacked};
use crate::exception::Exception;
use crate::queue::{ConnectionId, ConsumerRef, QueueId};
use crate::stats::count;
use std::collections::BTreeSet;

/// What a client says about deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settlement {
    Acknowledge,
    Discard,
    Requeue,
}

impl Broker {
    /// Settles one delivery, or with `multiple` all up to `tag` (0: all).
    ///
    /// # Errors
    /// 406 for a tag that is not outstanding.
    pub fn settle(
        &mut self,
        connection: ConnectionId,
        number: u16,
        tag: u64,
        multiple: bool,
        settlement: Settlement,
        now: u64,
    ) -> Result<(), Exception> {
        let Some(channel) = self.peers.channel_mut(connection, number) else {
            return Ok(());
        };
        let settled: Vec<Unacked> = if !multiple {
            channel.unacked.remove(&tag).into_iter().collect()
        } else if tag == 0 {
            std::mem::take(&mut channel.unacked).into_values().collect()
        } else if tag > channel.last_tag {
            Vec::new()
        } else {
            let later = channel.unacked.split_off(&(tag + 1));
            std::mem::replace(&mut channel.unacked, later)
                .into_values()
                .collect()
        };
        if settled.is_empty() && !(multiple && tag == 0) {
            return Err(Exception::precondition_failed(format!(
                "unknown delivery tag {tag}"
            )));
        }
        for unacked in &settled {
            if let Some(tag) = &unacked.consumer {
                channel.settled(tag);
            }
        }
        // Room for the channel's consumers, and messages for anybody's.
        let mut queues: BTreeSet<QueueId> = channel.consumers.values().map(|c| c.queue).collect();
        queues.extend(self.settle_all(settled, settlement));
        for queue in queues {
            self.pump(queue, now);
        }
        Ok(())
    }

    /// Applies a settlement and says which queues got messages back.
    fn settle_all(&mut self, settled: Vec<Unacked>, settlement: Settlement) -> BTreeSet<QueueId> {
        let mut touched = BTreeSet::new();
        for Unacked {
            queue: id,
            id: message,
            ..
        } in settled
        {
            let Some(queue) = self.queues.get_mut(&id) else {
                continue;
            };
            let Some(mut entry) = queue.backlog.settle(message) else {
                continue;
            };
            match settlement {
                Settlement::Requeue => {
                    count(&self.counters.requeued);
                    entry.redelivered = true;
                    queue.backlog.insert(message, entry);
                    touched.insert(id);
                }
                Settlement::Acknowledge => {
                    count(&self.counters.acknowledged);
                    self.discard(message, &entry);
                }
                Settlement::Discard => {
                    count(&self.counters.rejected);
                    self.discard(message, &entry);
                }
            }
        }
        touched
    }

    /// Puts everything outstanding of a channel back (`basic.recover`).
    pub fn recover(&mut self, connection: ConnectionId, number: u16, now: u64) {
        // Settling "all" has no tag that could be unknown.
        let _ = self.settle(connection, number, 0, true, Settlement::Requeue, now);
    }

    /// Opens a channel.
    pub fn open_channel(&mut self, connection: ConnectionId, number: u16) {
        if let Some(peer) = self.peers.get_mut(connection) {
            peer.channels.insert(number, ChannelState::default());
        }
    }

    /// Ends a channel: its consumers leave, its deliveries go back.
    pub fn close_channel(&mut self, connection: ConnectionId, number: u16, now: u64) {
        let Some(channel) = self
            .peers
            .get_mut(connection)
            .and_then(|peer| peer.channels.remove(&number))
        else {
            return;
        };
        // Back first: a queue that goes with its last consumer takes them along.
        let unacked = channel.unacked.into_values().collect();
        let touched = self.settle_all(unacked, Settlement::Requeue);
        for (tag, consumer) in channel.consumers {
            let consumer_ref = ConsumerRef {
                connection,
                channel: number,
                tag,
            };
            self.consumer_left(consumer.queue, &consumer_ref, now);
        }
        for queue in touched {
            self.pump(queue, now);
        }
    }

    /// Ends a connection with its channels and its exclusive queues.
    pub fn disconnect(&mut self, connection: ConnectionId, now: u64) {
        let Some(peer) = self.peers.get(connection) else {
            return;
        };
        let channels: Vec<u16> = peer.channels.keys().copied().collect();
        for number in channels {
            self.close_channel(connection, number, now);
        }
        let owned = self.peers.remove(connection).map(|peer| peer.owned);
        for id in owned.unwrap_or_default() {
            self.remove_queue(id);
        }
    }
}
