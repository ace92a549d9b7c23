//! Queues bound to exchanges.

use super::Broker;
use crate::exception::Exception;
use crate::persistence::Op;
use crate::queue::QueueId;
use crate::vhost::VhostId;
use std::sync::Arc;

impl Broker {
    /// Binds a queue; the flag says that the store has something to commit.
    ///
    /// # Errors
    /// 404 when the exchange does not exist, 403 for the default exchange, 406
    /// for one binding too many.
    pub fn bind(&mut self, queue: QueueId, exchange: &str, key: &str) -> Result<bool, Exception> {
        let Some(vhost) = self.vhost_of(queue) else {
            return Ok(false);
        };
        let name = self.exchange_to_bind(vhost, exchange)?;
        let most = self.limits.max_bindings_per_queue;
        let host = &mut self.hosts[vhost.0];
        let (Some(exchange), Some(bound)) =
            (host.exchanges.get_mut(&name), self.queues.get_mut(&queue))
        else {
            return Ok(false);
        };
        if bound
            .bindings
            .iter()
            .any(|(e, k)| **e == *name && **k == *key)
        {
            return Ok(false);
        }
        if bound.bindings.len() >= most {
            return Err(Exception::precondition_failed(format!(
                "queue '{}' has reached its limit of {most} bindings",
                bound.name
            )));
        }
        let key: Arc<str> = key.into();
        bound.bindings.push((Arc::clone(&name), Arc::clone(&key)));
        let stored = bound.is_stored() && exchange.settings.durable;
        exchange.routes.bind(&key, queue);
        if stored {
            self.storage.send(Op::Bind {
                exchange: name,
                queue,
                key,
            });
        }
        Ok(stored)
    }

    /// Undoes a binding; one that does not exist is undone already.
    ///
    /// # Errors
    /// As [`Broker::bind`].
    pub fn unbind(&mut self, queue: QueueId, exchange: &str, key: &str) -> Result<bool, Exception> {
        let Some(vhost) = self.vhost_of(queue) else {
            return Ok(false);
        };
        let name = self.exchange_to_bind(vhost, exchange)?;
        let Some(bound) = self.queues.get_mut(&queue) else {
            return Ok(false);
        };
        let Some(at) = bound
            .bindings
            .iter()
            .position(|(e, k)| **e == *name && **k == *key)
        else {
            return Ok(false);
        };
        let (name, key) = bound.bindings.remove(at);
        let stored = bound.is_stored();
        let durable = self.forget_binding(vhost, queue, &name, &key);
        if stored && durable {
            self.storage.send(Op::Unbind {
                exchange: name,
                queue,
                key,
            });
        }
        Ok(stored && durable)
    }

    fn vhost_of(&self, queue: QueueId) -> Option<VhostId> {
        self.queues.get(&queue).map(|queue| queue.vhost)
    }

    fn exchange_to_bind(&self, vhost: VhostId, exchange: &str) -> Result<Arc<str>, Exception> {
        if exchange.is_empty() {
            return Err(Exception::access_refused(
                "operation not permitted on the default exchange",
            ));
        }
        self.find_exchange(vhost, exchange)?;
        self.host(vhost)
            .exchanges
            .name(exchange)
            .ok_or_else(|| Exception::not_found(format!("no exchange '{exchange}'")))
    }

    /// Takes a binding out of its exchange, which goes too if it was waiting
    /// for that. The flag says that the exchange is durable.
    pub(super) fn forget_binding(
        &mut self,
        vhost: VhostId,
        queue: QueueId,
        name: &str,
        key: &str,
    ) -> bool {
        let Some(exchange) = self.host_mut(vhost).exchanges.get_mut(name) else {
            return false;
        };
        exchange.routes.unbind(key, queue);
        let settings = exchange.settings;
        if settings.auto_delete && exchange.routes.is_empty() {
            self.remove_exchange(vhost, name);
        }
        settings.durable
    }
}
