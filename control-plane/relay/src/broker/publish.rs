//! From a publisher to the queues.

use super::Broker;
use super::fairness::fits;
use crate::body_memory::HeldBody;
use crate::confirm::Confirm;
use crate::exception::Exception;
use crate::persistence::{Insert, Op};
use crate::queue::backlog::{Entry, Envelope, Stored};
use crate::queue::{ConnectionId, Overflow, QueueId};
use crate::shared::InFlight;
use crate::stats::count;
use crate::vhost::VhostId;
use bytes::Bytes;
use std::sync::Arc;

/// A whole message on its way into the queues.
pub(crate) struct Publication {
    pub vhost: VhostId,
    pub publisher: ConnectionId,
    pub exchange: String,
    pub routing_key: String,
    pub properties: Bytes,
    pub persistent: bool,
    /// Its time to live in milliseconds.
    pub ttl: Option<u64>,
    pub body: Bytes,
    pub confirm: Option<Arc<Confirm>>,
    /// Its share of what may be in flight.
    pub permit: Option<Arc<InFlight>>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    Routed,
    Unroutable,
}

impl Broker {
    /// Puts a message into every queue it is routed to. Where it does not fit,
    /// its confirm becomes a refusal.
    ///
    /// # Errors
    /// 404 when the exchange does not exist (any more).
    pub fn publish(&mut self, message: &Publication, now: u64) -> Result<Published, Exception> {
        let (exchange, queues) =
            self.route(message.vhost, &message.exchange, &message.routing_key)?;
        if queues.is_empty() {
            count(&self.counters.unroutable);
            return Ok(Published::Unroutable);
        }
        let envelope = Arc::new(Envelope {
            exchange,
            routing_key: message.routing_key.as_str().into(),
            properties: message.properties.clone(),
            persistent: message.persistent,
        });
        // Without room in memory the body goes to the disk and comes from there.
        let body = self.memory.hold(&message.body);
        let mut accepted = false;
        for id in queues {
            if self.enqueue(id, &envelope, body.clone(), message, now) {
                accepted = true;
                self.pump(id, now);
            } else if let Some(confirm) = &message.confirm {
                confirm.refuse();
            }
        }
        count(if accepted {
            &self.counters.published
        } else {
            &self.counters.refused
        });
        Ok(Published::Routed)
    }

    fn route(
        &self,
        vhost: VhostId,
        exchange: &str,
        key: &str,
    ) -> Result<(Arc<str>, Vec<QueueId>), Exception> {
        let host = self.host(vhost);
        if exchange.is_empty() {
            return Ok((
                "".into(),
                host.names.get(key).copied().into_iter().collect(),
            ));
        }
        let found = self.find_exchange(vhost, exchange)?;
        let queues = found.routes.route(key);
        let name = host
            .exchanges
            .name(exchange)
            .unwrap_or_else(|| exchange.into());
        Ok((name, queues))
    }

    /// Adds a message to one queue; `false` when it does not fit.
    fn enqueue(
        &mut self,
        queue_id: QueueId,
        envelope: &Arc<Envelope>,
        body: Option<Arc<HeldBody>>,
        message: &Publication,
        now: u64,
    ) -> bool {
        let length = message.body.len() as u64;
        let publisher = message.publisher;
        let own = self.origins.of(publisher);
        let others = self.peers.len() > 1;
        let limits = &self.limits;
        let room = fits(self.messages, own.messages, 1, limits.max_messages, others);
        if !room || !self.make_room(queue_id, publisher, length) {
            return false;
        }
        let Some(queue) = self.queues.get_mut(&queue_id) else {
            return false;
        };
        let survives = queue.is_stored() && message.persistent;
        let to_disk = survives || body.is_none();
        let most = self.limits.max_stored_bytes;
        if to_disk && !fits(self.stored_bytes, own.bytes, length, most, others) {
            return false;
        }
        let ttl = match (message.ttl, queue.settings.message_ttl) {
            (Some(own), Some(queue)) => Some(own.min(queue)),
            (own, queue) => own.or(queue),
        };
        let expires = ttl.map(|ttl| now.saturating_add(ttl));
        let id = self.next_message;
        self.next_message += 1;
        let entry = Entry {
            envelope: Arc::clone(envelope),
            body,
            length,
            expires,
            publisher,
            redelivered: false,
            stored: if to_disk { Stored::Pending } else { Stored::No },
        };
        queue.backlog.insert(id, entry.clone());
        self.count_in(&entry);
        if to_disk {
            self.stored_bytes += length;
            // A message that is only parked is as safe as it asked to be.
            let confirm = message.confirm.clone().filter(|_| survives);
            if let Some(confirm) = &confirm {
                confirm.expect_commit();
            }
            self.storage.send(Op::Insert(Box::new(Insert {
                id,
                queue: queue_id,
                envelope: Arc::clone(envelope),
                expires,
                body: message.body.clone(),
                survives,
                confirm,
                permit: message.permit.clone(),
            })));
        }
        true
    }

    /// Whether a body of `length` fits into a queue, after dropping its oldest
    /// messages where it wants that.
    fn make_room(&mut self, id: QueueId, publisher: ConnectionId, length: u64) -> bool {
        let others = self.peers.len() > 1;
        loop {
            let Some(queue) = self.queues.get_mut(&id) else {
                return false;
            };
            let (messages, bytes) = (queue.backlog.ready() as u64, queue.backlog.ready_bytes());
            let settings = &queue.settings;
            let own = settings.max_length.is_none_or(|most| messages < most)
                && settings.max_bytes.is_none_or(|most| bytes + length <= most);
            if own {
                let limits = &self.limits;
                let sent = queue.backlog.sent_by(publisher);
                let most = limits.max_queue_messages;
                return fits(messages, sent.messages, 1, most, others)
                    && fits(bytes, sent.bytes, length, limits.max_queue_bytes, others);
            }
            let hopeless = settings.max_bytes.is_some_and(|most| length > most);
            if settings.overflow == Overflow::RejectPublish || hopeless {
                return false;
            }
            let Some(oldest) = queue.backlog.pop() else {
                // Not even an empty queue can take it: it is dropped itself.
                return false;
            };
            self.discard_all(vec![oldest], |counters| &counters.dropped);
        }
    }
}
