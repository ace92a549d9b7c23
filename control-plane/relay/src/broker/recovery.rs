//! The broker as the store remembers it.

use super::{Broker, ExchangeSettings};
use crate::persistence::{Loaded, LoadedMessage};
use crate::queue::Queue;
use crate::queue::backlog::{Entry, Stored};
use std::sync::Arc;

impl Broker {
    /// Takes over what a former process left in the store.
    pub fn restore(&mut self, loaded: Loaded, now: u64) {
        for (name, auto_delete, internal) in loaded.exchanges {
            self.exchanges.add(
                name,
                ExchangeSettings {
                    durable: true,
                    auto_delete,
                    internal,
                },
            );
        }
        for queue in loaded.queues {
            self.next_queue = self.next_queue.max(queue.id + 1);
            self.add_queue(
                queue.id,
                Queue::new(queue.name, queue.settings, queue.user, now),
            );
        }
        for (exchange, key, id) in loaded.bindings {
            if let (Some(found), Some(queue)) =
                (self.exchanges.get_mut(&exchange), self.queues.get_mut(&id))
            {
                found.bindings.entry(Arc::clone(&key)).or_default().push(id);
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

    fn restore_message(&mut self, message: LoadedMessage) {
        self.next_message = self.next_message.max(message.id + 1);
        let Some(queue) = self.queues.get_mut(&message.queue) else {
            return;
        };
        self.stored_bytes += message.length;
        self.messages += 1;
        queue.backlog.insert(
            message.id,
            Entry {
                envelope: message.envelope,
                body: None,
                length: message.length,
                expires: message.expires,
                // Whether it was delivered before is not written down; the flag
                // means that it may have been.
                redelivered: true,
                stored: Stored::Yes,
            },
        );
    }
}
