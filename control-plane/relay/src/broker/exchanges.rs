//! Direct exchanges: a routing key leads to the queues bound with exactly that
//! key.

use super::Broker;
use crate::exception::Exception;
use crate::persistence::Op;
use crate::queue::QueueId;
use std::collections::HashMap;
use std::sync::Arc;

/// The exchange that every server has; queues are bound to it by hand.
const AMQ_DIRECT: &str = "amq.direct";

/// What `exchange.declare` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExchangeSettings {
    pub durable: bool,
    pub auto_delete: bool,
    /// Clients cannot publish to it.
    pub internal: bool,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub settings: ExchangeSettings,
    pub bindings: HashMap<Arc<str>, Vec<QueueId>>,
}

/// All exchanges but the nameless default one, which is the queues' names.
pub(crate) struct Exchanges(HashMap<Arc<str>, Exchange>);

impl Default for Exchanges {
    fn default() -> Self {
        let mut all = Self(HashMap::new());
        all.add(
            AMQ_DIRECT.into(),
            ExchangeSettings {
                durable: true,
                auto_delete: false,
                internal: false,
            },
        );
        all
    }
}

impl Exchanges {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, name: &str) -> Option<&Exchange> {
        self.0.get(name)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Exchange> {
        self.0.get_mut(name)
    }

    pub fn add(&mut self, name: Arc<str>, settings: ExchangeSettings) {
        self.0.entry(name).or_insert_with(|| Exchange {
            settings,
            bindings: HashMap::new(),
        });
    }

    pub fn remove(&mut self, name: &str) -> Option<(Arc<str>, Exchange)> {
        self.0.remove_entry(name)
    }

    /// The name as it is kept.
    pub fn name(&self, name: &str) -> Option<Arc<str>> {
        self.0.get_key_value(name).map(|(name, _)| Arc::clone(name))
    }
}

impl Broker {
    /// # Errors
    /// 404 when it does not exist.
    pub fn find_exchange(&self, name: &str) -> Result<&Exchange, Exception> {
        self.exchanges.get(name).ok_or_else(|| {
            Exception::not_found(format!("no exchange '{name}' in vhost '{}'", self.vhost))
        })
    }

    /// Declares an exchange; the flag says that the store has something to
    /// commit.
    ///
    /// # Errors
    /// 406 when it exists with other settings, or for one too many.
    pub fn declare_exchange(
        &mut self,
        name: &str,
        settings: ExchangeSettings,
    ) -> Result<bool, Exception> {
        if let Some(existing) = self.exchanges.get(name) {
            let current = existing.settings;
            let fields = [
                ("durable", settings.durable, current.durable),
                ("auto_delete", settings.auto_delete, current.auto_delete),
                ("internal", settings.internal, current.internal),
            ];
            for (field, received, current) in fields {
                if received != current {
                    return Err(Exception::precondition_failed(format!(
                        "inequivalent arg '{field}' for exchange '{name}' in vhost '{}': \
                         received '{received}' but current is '{current}'",
                        self.vhost
                    )));
                }
            }
            return Ok(false);
        }
        if name.starts_with("amq.") {
            return Err(Exception::access_refused(format!(
                "exchange name '{name}' contains reserved prefix 'amq.*'"
            )));
        }
        if self.exchanges.len() >= self.limits.max_exchanges {
            return Err(Exception::precondition_failed(format!(
                "cannot declare exchange '{name}': the limit of {} is reached",
                self.limits.max_exchanges
            )));
        }
        let name: Arc<str> = name.into();
        if settings.durable {
            self.storage.send(Op::PutExchange {
                name: Arc::clone(&name),
                auto_delete: settings.auto_delete,
                internal: settings.internal,
            });
        }
        self.exchanges.add(name, settings);
        Ok(settings.durable)
    }

    /// Deletes an exchange with its bindings; one that does not exist is
    /// deleted already.
    ///
    /// # Errors
    /// 406 when it is in use and `if_unused` is set, 403 for a predeclared one.
    pub fn delete_exchange(&mut self, name: &str, if_unused: bool) -> Result<bool, Exception> {
        if name.starts_with("amq.") {
            return Err(Exception::access_refused(format!(
                "exchange '{name}' cannot be deleted"
            )));
        }
        let Some(exchange) = self.exchanges.get(name) else {
            return Ok(false);
        };
        if if_unused && !exchange.bindings.is_empty() {
            return Err(Exception::precondition_failed(format!(
                "exchange '{name}' in vhost '{}' in use",
                self.vhost
            )));
        }
        Ok(self.remove_exchange(name))
    }

    pub(super) fn remove_exchange(&mut self, name: &str) -> bool {
        let Some((name, exchange)) = self.exchanges.remove(name) else {
            return false;
        };
        for id in exchange.bindings.values().flatten() {
            if let Some(queue) = self.queues.get_mut(id) {
                queue.bindings.retain(|(bound, _)| *bound != name);
            }
        }
        if exchange.settings.durable {
            self.storage.send(Op::DeleteExchange(name));
        }
        exchange.settings.durable
    }
}
