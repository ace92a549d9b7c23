//! One queue: its settings, its messages, its consumers and its bindings.

pub(crate) mod backlog;
mod consumers;
pub(crate) mod settings;

use crate::vhost::VhostId;
use backlog::Backlog;
pub(crate) use consumers::{ConsumerRef, Consumers};
pub(crate) use settings::{Overflow, QueueSettings};
use std::sync::Arc;

/// Names a queue for its whole life; the row in the store for durable ones.
pub(crate) type QueueId = i64;
/// Names a message in a queue. Grows with every publication over all queues, so
/// it is the message's position, too.
pub(crate) type MessageId = i64;
/// Names a connection.
pub(crate) type ConnectionId = u64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Queue {
    pub vhost: VhostId,
    pub name: Arc<str>,
    pub settings: QueueSettings,
    /// Account that declared it.
    pub user: Arc<str>,
    /// The only connection that may use an exclusive queue.
    pub owner: Option<ConnectionId>,
    pub backlog: Backlog,
    pub consumers: Consumers,
    /// Exchange and key of each binding.
    pub bindings: Vec<(Arc<str>, Arc<str>)>,
    /// When it was last declared, consumed from or asked for a message.
    pub last_used: u64,
    /// The deadline under which it is filed, see `Broker::schedule`.
    pub deadline: Option<u64>,
}

impl Queue {
    pub fn new(
        vhost: VhostId,
        name: Arc<str>,
        settings: QueueSettings,
        user: Arc<str>,
        now: u64,
    ) -> Self {
        Self {
            vhost,
            name,
            settings,
            user,
            owner: None,
            backlog: Backlog::default(),
            consumers: Consumers::default(),
            bindings: Vec::new(),
            last_used: now,
            deadline: None,
        }
    }

    /// Whether queue and persistent messages survive a restart.
    pub fn is_stored(&self) -> bool {
        self.settings.durable && !self.settings.exclusive
    }

    /// When an unused queue disappears.
    pub fn expires_at(&self) -> Option<u64> {
        let expires = self.settings.expires?;
        self.consumers
            .is_empty()
            .then(|| self.last_used.saturating_add(expires))
    }

    /// The earliest moment at which something is to be done without being
    /// asked.
    pub fn next_deadline(&self) -> Option<u64> {
        match (self.expires_at(), self.backlog.next_expiry()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}
