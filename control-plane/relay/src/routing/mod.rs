//! Where an exchange leads: from a routing key to queues.

mod topic;

use crate::queue::QueueId;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use topic::Topics;

/// The kinds of exchanges there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExchangeKind {
    /// To the queues bound with exactly that key.
    Direct,
    /// To every bound queue.
    Fanout,
    /// To the queues bound with a pattern that the key matches.
    Topic,
}

impl ExchangeKind {
    /// The kind of that name in `exchange.declare`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "direct" => Some(Self::Direct),
            "fanout" => Some(Self::Fanout),
            "topic" => Some(Self::Topic),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
        }
    }
}

/// The bindings of one exchange. A queue may be bound with many keys, with each
/// of them once.
#[derive(Debug)]
pub(crate) enum Routes {
    Direct(HashMap<Arc<str>, BTreeSet<QueueId>>),
    /// With the number of bindings, whose keys mean nothing.
    Fanout(HashMap<QueueId, usize>),
    Topic(Topics),
}

impl Routes {
    pub fn new(kind: ExchangeKind) -> Self {
        match kind {
            ExchangeKind::Direct => Self::Direct(HashMap::new()),
            ExchangeKind::Fanout => Self::Fanout(HashMap::new()),
            ExchangeKind::Topic => Self::Topic(Topics::default()),
        }
    }

    /// Adds a binding that is not there yet.
    pub fn bind(&mut self, key: &Arc<str>, queue: QueueId) {
        match self {
            Self::Direct(keys) => {
                keys.entry(Arc::clone(key)).or_default().insert(queue);
            }
            Self::Fanout(queues) => *queues.entry(queue).or_default() += 1,
            Self::Topic(topics) => topics.bind(key, queue),
        }
    }

    /// Removes a binding that is there.
    pub fn unbind(&mut self, key: &str, queue: QueueId) {
        match self {
            Self::Direct(keys) => {
                if let Some(queues) = keys.get_mut(key) {
                    queues.remove(&queue);
                    if queues.is_empty() {
                        keys.remove(key);
                    }
                }
            }
            Self::Fanout(queues) => {
                if let Some(bindings) = queues.get_mut(&queue) {
                    *bindings -= 1;
                    if *bindings == 0 {
                        queues.remove(&queue);
                    }
                }
            }
            Self::Topic(topics) => topics.unbind(key, queue),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::Direct(keys) => keys.is_empty(),
            Self::Fanout(queues) => queues.is_empty(),
            Self::Topic(topics) => topics.is_empty(),
        }
    }

    /// The queues a message with this key goes to, each once.
    pub fn route(&self, key: &str) -> Vec<QueueId> {
        match self {
            Self::Direct(keys) => keys.get(key).into_iter().flatten().copied().collect(),
            Self::Fanout(queues) => queues.keys().copied().collect(),
            Self::Topic(topics) => topics.route(key).into_iter().collect(),
        }
    }

    /// Every bound queue, each once.
    pub fn bound(&self) -> BTreeSet<QueueId> {
        match self {
            Self::Direct(keys) => keys.values().flatten().copied().collect(),
            Self::Fanout(queues) => queues.keys().copied().collect(),
            Self::Topic(topics) => topics.bound(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_come_and_go_one_by_one() {
        for kind in [
            ExchangeKind::Direct,
            ExchangeKind::Fanout,
            ExchangeKind::Topic,
        ] {
            assert_eq!(ExchangeKind::parse(kind.name()), Some(kind));
            let mut routes = Routes::new(kind);
            for (key, queue) in [("a", 1), ("b", 1), ("a", 2)] {
                routes.bind(&key.into(), queue);
            }
            let route = |routes: &Routes| {
                let mut queues = routes.route("a");
                queues.sort_unstable();
                queues
            };
            assert_eq!(route(&routes), [1, 2], "{kind:?}");
            routes.unbind("a", 1);
            let still = if kind == ExchangeKind::Fanout {
                vec![1, 2]
            } else {
                vec![2]
            };
            assert_eq!(route(&routes), still, "{kind:?}");
            assert_eq!(routes.bound().len(), 2);
            routes.unbind("b", 1);
            routes.unbind("a", 2);
            assert!(
                routes.is_empty() && routes.route("a").is_empty(),
                "{kind:?}"
            );
        }
        assert_eq!(ExchangeKind::parse("headers"), None);
    }
}
