//! The consumers of a queue, served in turn.

use super::ConnectionId;
use std::collections::VecDeque;
use std::sync::Arc;

/// Names a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumerRef {
    pub connection: ConnectionId,
    pub channel: u16,
    pub tag: Arc<str>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    turn: VecDeque<ConsumerRef>,
    /// The only consumer asked to be so.
    exclusive: bool,
    /// There has been one: what auto-delete waits for.
    had_any: bool,
}

impl Consumers {
    pub fn len(&self) -> usize {
        self.turn.len()
    }

    pub fn is_empty(&self) -> bool {
        self.turn.is_empty()
    }

    /// Whether another consumer may join.
    pub fn admits(&self, exclusive: bool) -> bool {
        !self.exclusive && (!exclusive || self.turn.is_empty())
    }

    pub fn add(&mut self, consumer: ConsumerRef, exclusive: bool) {
        self.had_any = true;
        self.exclusive = exclusive;
        self.turn.push_back(consumer);
    }

    pub fn remove(&mut self, consumer: &ConsumerRef) {
        self.turn.retain(|other| other != consumer);
        if self.turn.is_empty() {
            self.exclusive = false;
        }
    }

    /// True when the last of at least one consumer has left.
    pub fn all_left(&self) -> bool {
        self.had_any && self.turn.is_empty()
    }

    /// The first consumer in turn that `ready` accepts; it goes to the end.
    pub fn next(&mut self, mut ready: impl FnMut(&ConsumerRef) -> bool) -> Option<ConsumerRef> {
        let at = self.turn.iter().position(&mut ready)?;
        let consumer = self.turn.remove(at)?;
        self.turn.push_back(consumer.clone());
        Some(consumer)
    }

    pub fn iter(&self) -> impl Iterator<Item = &ConsumerRef> {
        self.turn.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(tag: &str) -> ConsumerRef {
        ConsumerRef {
            connection: 1,
            channel: 1,
            tag: tag.into(),
        }
    }

    #[test]
    fn consumers_take_turns_and_busy_ones_keep_theirs() {
        let mut consumers = Consumers::default();
        for tag in ["a", "b", "c"] {
            consumers.add(consumer(tag), false);
        }
        let mut served = String::new();
        for _ in 0..4 {
            served.push_str(&consumers.next(|_| true).expect("one").tag);
        }
        // b is busy: it stays first in turn and is served when free.
        for _ in 0..2 {
            served.push_str(&consumers.next(|c| &*c.tag != "b").expect("one").tag);
        }
        served.push_str(&consumers.next(|_| true).expect("one").tag);
        assert_eq!(served, "abcacab");
        assert_eq!(consumers.next(|_| false), None);
    }

    #[test]
    fn an_exclusive_consumer_is_alone() {
        let mut consumers = Consumers::default();
        assert!(!consumers.all_left());
        assert!(consumers.admits(true));
        consumers.add(consumer("a"), true);
        assert!(!consumers.admits(false));
        consumers.remove(&consumer("a"));
        assert!(consumers.all_left());
        consumers.add(consumer("b"), false);
        assert!(consumers.admits(false));
        assert!(!consumers.admits(true));
    }
}
