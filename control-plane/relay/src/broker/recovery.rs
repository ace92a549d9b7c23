//! The broker as the store remembers it.

use super::{Broker, ExchangeSettings, Host};
use crate::persistence::{Loaded, LoadedMessage};
use crate::queue::Queue;
use crate::queue::backlog::{Entry, Stored};
use crate::vhost::VhostId;
use std::sync::Arc;

impl Broker {
    /// Takes over what a former process left in the store.
    pub fn restore(&mut self, loaded: Loaded, now: u64) {
        for exchange in loaded.exchanges {
            let vhost = self.known_host(&exchange.vhost);
            self.host_mut(vhost).exchanges.add(
                exchange.name,
                ExchangeSettings {
                    kind: exchange.kind,
                    durable: true,
                    auto_delete: exchange.auto_delete,
                    internal: exchange.internal,
                },
            );
        }
        for queue in loaded.queues {
            self.next_queue = self.next_queue.max(queue.id + 1);
            let vhost = self.known_host(&queue.vhost);
            self.add_queue(
                queue.id,
                Queue::new(vhost, queue.name, queue.settings, queue.user, now),
            );
        }
        for (exchange, key, id) in loaded.bindings {
            let Some(queue) = self.queues.get_mut(&id) else {
                continue;
            };
            let exchanges = &mut self.hosts[queue.vhost.0].exchanges;
            if let Some(found) = exchanges.get_mut(&exchange) {
                found.routes.bind(&key, id);
                queue.bindings.push((exchange, key));
            }
        }
        for message in loaded.messages {
            self.restore_message(message);
        }
        let ids: Vec<_> = self.queues.keys().copied().collect();
        for id in ids {
            self.schedule(id);
        }
    }

    /// The virtual host of that name. One that is in the store but not in the
    /// configuration keeps what it has, though nobody can open it.
    fn known_host(&mut self, name: &Arc<str>) -> VhostId {
        let known = self.hosts.iter().position(|host| host.name == *name);
        VhostId(known.unwrap_or_else(|| {
            tracing::warn!(
                vhost = %name,
                "The relay's store holds a virtual host that is not configured: it is kept, and \
                 nobody can open it."
            );
            self.hosts.push(Host::new(Arc::clone(name)));
            self.hosts.len() - 1
        }))
    }

    fn restore_message(&mut self, message: LoadedMessage) {
        self.next_message = self.next_message.max(message.id + 1);
        let Some(queue) = self.queues.get_mut(&message.queue) else {
            return;
        };
        let entry = Entry {
            envelope: message.envelope,
            body: None,
            length: message.length,
            expires: message.expires,
            publisher: 0,
            // Whether it was delivered before is not written down; the flag
            // means that it may have been.
            redelivered: true,
            stored: Stored::Yes,
        };
        queue.backlog.insert(message.id, entry.clone());
        self.stored_bytes += message.length;
        self.count_in(&entry);
    }
}
