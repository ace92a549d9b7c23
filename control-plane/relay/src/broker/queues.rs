//! Declaring, purging and deleting queues.

use super::Broker;
use crate::exception::Exception;
use crate::persistence::Op;
use crate::queue::{ConnectionId, Queue, QueueId, QueueSettings};
use crate::vhost::VhostId;
use amq_protocol::protocol::{AMQPClass, basic};
use std::sync::Arc;

/// What `queue.declare` asks for.
pub(crate) struct DeclareQueue<'a> {
    pub vhost: VhostId,
    pub name: &'a str,
    pub settings: QueueSettings,
    pub user: &'a Arc<str>,
    pub connection: ConnectionId,
}

/// What `queue.declare-ok` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueInfo {
    pub id: QueueId,
    pub name: Arc<str>,
    pub ready: usize,
    pub consumers: usize,
}

impl Broker {
    /// The queue, if this connection may use it.
    ///
    /// # Errors
    /// 404 when it does not exist, 405 when it belongs to another connection.
    pub fn find_queue(
        &self,
        vhost: VhostId,
        name: &str,
        connection: ConnectionId,
    ) -> Result<(QueueId, &Queue), Exception> {
        let host = self.host(vhost);
        let found = host
            .names
            .get(name)
            .and_then(|id| self.queues.get(id).map(|queue| (*id, queue)));
        let Some((id, queue)) = found else {
            return Err(Exception::not_found(format!(
                "no queue '{name}' in vhost '{}'",
                host.name
            )));
        };
        if queue.owner.is_some_and(|owner| owner != connection) {
            return Err(Exception::resource_locked(format!(
                "cannot obtain exclusive access to locked queue '{name}' in vhost '{}'",
                host.name
            )));
        }
        Ok((id, queue))
    }

    pub fn has_queue(&self, vhost: VhostId, name: &str) -> bool {
        self.host(vhost).names.contains_key(name)
    }

    /// Answers a declaration that only asks.
    ///
    /// # Errors
    /// As [`Broker::find_queue`].
    pub fn queue_info(
        &mut self,
        vhost: VhostId,
        name: &str,
        connection: ConnectionId,
        now: u64,
    ) -> Result<QueueInfo, Exception> {
        let (id, queue) = self.find_queue(vhost, name, connection)?;
        let info = QueueInfo {
            id,
            name: Arc::clone(&queue.name),
            ready: queue.backlog.ready(),
            consumers: queue.consumers.len(),
        };
        self.used(id, now);
        Ok(info)
    }

    /// Declares a queue; the flag says that the store has something to commit.
    ///
    /// # Errors
    /// 405 when it belongs to another connection, 406 when it exists with other
    /// settings or for one too many, 403 for a reserved name.
    pub fn declare_queue(
        &mut self,
        request: DeclareQueue<'_>,
        now: u64,
    ) -> Result<(QueueInfo, bool), Exception> {
        let DeclareQueue {
            vhost,
            name,
            settings,
            user,
            connection,
        } = request;
        if self.has_queue(vhost, name) {
            let (_, queue) = self.find_queue(vhost, name, connection)?;
            settings.check_equivalent(&queue.settings, name, &self.host(vhost).name)?;
            return Ok((self.queue_info(vhost, name, connection, now)?, false));
        }
        self.check_queue_limits(name, user)?;
        let id = self.next_queue;
        self.next_queue += 1;
        let mut queue = Queue::new(vhost, name.into(), settings, Arc::clone(user), now);
        if queue.settings.exclusive {
            queue.owner = Some(connection);
            if let Some(peer) = self.peers.get_mut(connection) {
                peer.owned.push(id);
            }
        }
        let stored = queue.is_stored();
        if stored {
            self.storage.send(Op::PutQueue {
                id,
                vhost: Arc::clone(&self.host(vhost).name),
                name: Arc::clone(&queue.name),
                user: Arc::clone(user),
                settings: queue.settings.clone(),
            });
        }
        self.add_queue(id, queue);
        Ok((self.queue_info(vhost, name, connection, now)?, stored))
    }

    pub(super) fn add_queue(&mut self, id: QueueId, queue: Queue) {
        let host = self.host_mut(queue.vhost);
        host.names.insert(Arc::clone(&queue.name), id);
        self.queues.insert(id, queue);
        self.schedule(id);
    }

    fn check_queue_limits(&self, name: &str, user: &Arc<str>) -> Result<(), Exception> {
        let reached = |limit: usize| {
            Exception::precondition_failed(format!(
                "cannot declare queue '{name}': the limit of {limit} queues is reached"
            ))
        };
        if self.queues.len() >= self.limits.max_queues {
            return Err(reached(self.limits.max_queues));
        }
        if let Some(limit) = self.limits.max_queues_per_user
            && self.queues.values().filter(|q| q.user == *user).count() >= limit
        {
            return Err(reached(limit));
        }
        Ok(())
    }

    /// Starts its time of disuse anew.
    pub(super) fn used(&mut self, id: QueueId, now: u64) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.last_used = now;
        }
        self.schedule(id);
    }

    /// Drops what waits in a queue and says how many.
    pub fn purge(&mut self, id: QueueId) -> usize {
        let Some(queue) = self.queues.get_mut(&id) else {
            return 0;
        };
        let gone = queue.backlog.purge();
        let count = gone.len();
        self.discard_all(gone, |counters| &counters.deleted);
        self.schedule(id);
        count
    }

    /// Deletes a queue and says how many messages waited in it, and whether the
    /// store has something to commit.
    ///
    /// # Errors
    /// 406 when it is used or not empty and that matters.
    pub fn delete_queue(
        &mut self,
        id: QueueId,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<(usize, bool), Exception> {
        let Some(queue) = self.queues.get(&id) else {
            return Ok((0, false));
        };
        let refuse = |what: &str| {
            Exception::precondition_failed(format!(
                "queue '{}' in vhost '{}' {what}",
                queue.name,
                self.host(queue.vhost).name
            ))
        };
        if if_unused && !queue.consumers.is_empty() {
            return Err(refuse("in use"));
        }
        if if_empty && queue.backlog.ready() > 0 {
            return Err(refuse("is not empty"));
        }
        let waiting = queue.backlog.ready();
        Ok((waiting, self.remove_queue(id)))
    }

    /// Deletes a queue whatever is in it. Its consumers hear of it.
    pub(super) fn remove_queue(&mut self, id: QueueId) -> bool {
        let Some(mut queue) = self.queues.remove(&id) else {
            return false;
        };
        self.host_mut(queue.vhost).names.remove(&queue.name);
        self.unschedule(id, queue.deadline);
        for (exchange, key) in std::mem::take(&mut queue.bindings) {
            self.forget_binding(queue.vhost, id, &exchange, &key);
        }
        for consumer in queue.consumers.iter() {
            let Some(peer) = self.peers.get_mut(consumer.connection) else {
                continue;
            };
            if let Some(channel) = peer.channels.get_mut(&consumer.channel) {
                channel.consumers.remove(&consumer.tag);
            }
            if peer.hears_cancel {
                let cancel = basic::AMQPMethod::Cancel(basic::Cancel {
                    consumer_tag: (*consumer.tag).into(),
                    nowait: true,
                });
                peer.outbox
                    .method(consumer.channel, &AMQPClass::Basic(cancel));
            }
        }
        let stored = queue.is_stored();
        let gone = queue.backlog.clear();
        self.discard_all(gone, |counters| &counters.deleted);
        if stored {
            self.storage.send(Op::DeleteQueue(id));
        }
        stored
    }
}
