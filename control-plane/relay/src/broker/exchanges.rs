//! Exchanges: declaring and deleting them.

use super::Broker;
use crate::exception::Exception;
use crate::persistence::Op;
use crate::routing::{ExchangeKind, Routes};
use crate::vhost::VhostId;
use std::collections::HashMap;
use std::sync::Arc;

/// What `exchange.declare` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExchangeSettings {
    pub kind: ExchangeKind,
    pub durable: bool,
    pub auto_delete: bool,
    /// Clients cannot publish to it.
    pub internal: bool,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub settings: ExchangeSettings,
    pub routes: Routes,
}

/// The exchanges of a virtual host, but the nameless default one, which is the
/// queues' names.
pub(crate) struct Exchanges(HashMap<Arc<str>, Exchange>);

impl Default for Exchanges {
    /// Those that every server has.
    fn default() -> Self {
        let mut all = Self(HashMap::new());
        for kind in [
            ExchangeKind::Direct,
            ExchangeKind::Fanout,
            ExchangeKind::Topic,
        ] {
            all.add(
                format!("amq.{}", kind.name()).into(),
                ExchangeSettings {
                    kind,
                    durable: true,
                    auto_delete: false,
                    internal: false,
                },
            );
        }
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
            routes: Routes::new(settings.kind),
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
    pub fn find_exchange(&self, vhost: VhostId, name: &str) -> Result<&Exchange, Exception> {
        let host = self.host(vhost);
        host.exchanges.get(name).ok_or_else(|| {
            Exception::not_found(format!("no exchange '{name}' in vhost '{}'", host.name))
        })
    }

    /// Declares an exchange; the flag says that the store has something to
    /// commit.
    ///
    /// # Errors
    /// 406 when it exists with other settings, or for one too many.
    pub fn declare_exchange(
        &mut self,
        vhost: VhostId,
        name: &str,
        settings: ExchangeSettings,
    ) -> Result<bool, Exception> {
        let host = self.host(vhost);
        if let Some(existing) = host.exchanges.get(name) {
            let current = existing.settings;
            let fields = [
                ("type", settings.kind.name(), current.kind.name()),
                ("durable", text(settings.durable), text(current.durable)),
                (
                    "auto_delete",
                    text(settings.auto_delete),
                    text(current.auto_delete),
                ),
                ("internal", text(settings.internal), text(current.internal)),
            ];
            for (field, received, current) in fields {
                if received != current {
                    return Err(Exception::precondition_failed(format!(
                        "inequivalent arg '{field}' for exchange '{name}' in vhost '{}': \
                         received '{received}' but current is '{current}'",
                        host.name
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
        if self.exchanges() >= self.limits.max_exchanges {
            return Err(Exception::precondition_failed(format!(
                "cannot declare exchange '{name}': the limit of {} is reached",
                self.limits.max_exchanges
            )));
        }
        let name: Arc<str> = name.into();
        if settings.durable {
            self.storage.send(Op::PutExchange {
                vhost: Arc::clone(&host.name),
                name: Arc::clone(&name),
                kind: settings.kind,
                auto_delete: settings.auto_delete,
                internal: settings.internal,
            });
        }
        self.host_mut(vhost).exchanges.add(name, settings);
        Ok(settings.durable)
    }

    /// Exchanges in all virtual hosts.
    pub(super) fn exchanges(&self) -> usize {
        self.hosts.iter().map(|host| host.exchanges.len()).sum()
    }

    /// Deletes an exchange with its bindings; one that does not exist is
    /// deleted already.
    ///
    /// # Errors
    /// 406 when it is in use and `if_unused` is set, 403 for a predeclared one.
    pub fn delete_exchange(
        &mut self,
        vhost: VhostId,
        name: &str,
        if_unused: bool,
    ) -> Result<bool, Exception> {
        if name.starts_with("amq.") {
            return Err(Exception::access_refused(format!(
                "deletion of system exchange '{name}' in vhost '{}' not allowed",
                self.host(vhost).name
            )));
        }
        let host = self.host(vhost);
        let Some(exchange) = host.exchanges.get(name) else {
            return Ok(false);
        };
        if if_unused && !exchange.routes.is_empty() {
            return Err(Exception::precondition_failed(format!(
                "exchange '{name}' in vhost '{}' in use",
                host.name
            )));
        }
        Ok(self.remove_exchange(vhost, name))
    }

    pub(super) fn remove_exchange(&mut self, vhost: VhostId, name: &str) -> bool {
        let host = self.host_mut(vhost);
        let vhost = Arc::clone(&host.name);
        let Some((name, exchange)) = host.exchanges.remove(name) else {
            return false;
        };
        for id in exchange.routes.bound() {
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.bindings.retain(|(bound, _)| *bound != name);
            }
        }
        if exchange.settings.durable {
            self.storage.send(Op::DeleteExchange { vhost, name });
        }
        exchange.settings.durable
    }
}

fn text(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}
