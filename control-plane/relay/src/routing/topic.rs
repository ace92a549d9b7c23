//! Topic patterns: words separated by dots, `*` for exactly one word, `#` for
//! any number of words, none included.
//!
//! The patterns form a tree of words. A key walks all its matching branches at
//! the same time, one word after the other, so that a key costs its words times
//! the branches that match so far, however many patterns there are and however
//! many `#` a malicious one has.

use crate::queue::QueueId;
use std::collections::{BTreeSet, HashMap};

type NodeId = usize;
const ROOT: NodeId = 0;

#[derive(Debug, Default)]
struct Node {
    /// By word; `*` and `#` are never literal in a pattern.
    next: HashMap<Box<str>, NodeId>,
    /// The pattern that leads here ends in `#`, which takes any more words.
    stays: bool,
    /// Bound with the pattern that ends here.
    queues: BTreeSet<QueueId>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Topics {
    nodes: Vec<Node>,
    /// Places in `nodes` to use again.
    free: Vec<NodeId>,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            free: Vec::new(),
        }
    }
}

/// An empty key has no words, as RabbitMQ sees it; `.` has two empty ones.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split('.').filter(move |_| !text.is_empty())
}

impl Topics {
    pub fn bind(&mut self, pattern: &str, queue: QueueId) {
        let mut at = ROOT;
        for word in words(pattern) {
            at = match self.nodes[at].next.get(word) {
                Some(next) => *next,
                None => self.grow(at, word),
            };
        }
        self.nodes[at].queues.insert(queue);
    }

    fn grow(&mut self, from: NodeId, word: &str) -> NodeId {
        let node = Node {
            stays: word == "#",
            ..Node::default()
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id] = node;
                id
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        self.nodes[from].next.insert(word.into(), id);
        id
    }

    pub fn unbind(&mut self, pattern: &str, queue: QueueId) {
        let mut path = vec![ROOT];
        for word in words(pattern) {
            let Some(next) = path.last().and_then(|at| self.nodes[*at].next.get(word)) else {
                return;
            };
            path.push(*next);
        }
        if let Some(end) = path.last() {
            self.nodes[*end].queues.remove(&queue);
        }
        // What leads nowhere any more is cut off, from its end.
        let taken: Vec<&str> = words(pattern).collect();
        for depth in (1..path.len()).rev() {
            let (parent, id) = (path[depth - 1], path[depth]);
            let node = &mut self.nodes[id];
            if !node.queues.is_empty() || !node.next.is_empty() {
                break;
            }
            *node = Node::default();
            self.free.push(id);
            self.nodes[parent].next.remove(taken[depth - 1]);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.nodes[ROOT].next.is_empty() && self.nodes[ROOT].queues.is_empty()
    }

    pub fn bound(&self) -> BTreeSet<QueueId> {
        self.nodes
            .iter()
            .flat_map(|node| node.queues.iter().copied())
            .collect()
    }

    /// The queues with at least one pattern that `key` matches.
    pub fn route(&self, key: &str) -> BTreeSet<QueueId> {
        let mut here = BTreeSet::new();
        self.enter(ROOT, &mut here);
        for word in words(key) {
            let mut there = BTreeSet::new();
            for id in here {
                let node = &self.nodes[id];
                if node.stays {
                    self.enter(id, &mut there);
                }
                for step in [word, "*"] {
                    if let Some(next) = node.next.get(step) {
                        self.enter(*next, &mut there);
                    }
                }
            }
            if there.is_empty() {
                return BTreeSet::new();
            }
            here = there;
        }
        here.into_iter()
            .flat_map(|id| self.nodes[id].queues.iter().copied())
            .collect()
    }

    /// Being somewhere is also being behind every `#` that follows: it may stand
    /// for no word.
    fn enter(&self, mut id: NodeId, set: &mut BTreeSet<NodeId>) {
        while set.insert(id) {
            match self.nodes[id].next.get("#") {
                Some(next) => id = *next,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, word for word.
    fn matches(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern, key) {
            ([], []) => true,
            (["#", rest @ ..], _) => (0..=key.len()).any(|skipped| matches(rest, &key[skipped..])),
            ([first, rest @ ..], [word, more @ ..]) => {
                (*first == "*" || first == word) && matches(rest, more)
            }
            _ => false,
        }
    }

    fn all(text: &str) -> Vec<&str> {
        words(text).collect()
    }

    #[test]
    fn the_examples_of_the_specification() {
        let table = [
            ("*.stock.#", "usd.stock", true),
            ("*.stock.#", "eur.stock.db", true),
            ("*.stock.#", "stock.nasdaq", false),
            ("#", "", true),
            ("#", "a.b.c", true),
            ("*", "", false),
            ("*", "a", true),
            ("*", "a.b", false),
            ("", "", true),
            ("", "a", false),
            ("a.#.b", "a.b", true),
            ("a.#.b", "a.x.y.b", true),
            ("a.#.b", "a.x.y", false),
            ("a..b", "a..b", true),
            ("a.*.b", "a..b", true),
            (".", ".", true),
            ("#.#", "", true),
            ("a*", "ab", false),
            ("agent.#", "agent.authentication.failure", true),
        ];
        for (pattern, key, expected) in table {
            let mut topics = Topics::default();
            topics.bind(pattern, 1);
            assert_eq!(!topics.route(key).is_empty(), expected, "{pattern} {key}");
            assert_eq!(
                matches(&all(pattern), &all(key)),
                expected,
                "{pattern} {key}"
            );
        }
    }

    #[test]
    fn wildcards_without_end_cost_no_more_than_their_number() {
        let mut topics = Topics::default();
        let repeated = |words: &str, times: usize| vec![words; times].join(".");
        topics.bind(&repeated("#.a", 60), 1);
        topics.bind(&repeated("#", 120), 2);
        topics.bind(&repeated("*.#", 60), 3);
        topics.bind(&repeated("#.b", 60), 4);
        // Trying every split would not end before the sun does.
        let found = topics.route(&repeated("a", 128));
        assert_eq!(found, BTreeSet::from([1, 2, 3]));
    }

    fn word() -> impl Strategy<Value = &'static str> {
        prop_oneof![Just("a"), Just("b"), Just(""), Just("*"), Just("#")]
    }

    fn text(most: usize) -> impl Strategy<Value = String> {
        proptest::collection::vec(word(), 0..most).prop_map(|words| words.join("."))
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_the_definition_finds(
            steps in proptest::collection::vec((any::<bool>(), text(6), 1..4_i64), 1..40),
            keys in proptest::collection::vec(text(7), 1..20),
        ) {
            let mut topics = Topics::default();
            let mut bound: BTreeSet<(String, QueueId)> = BTreeSet::new();
            for (bind, pattern, queue) in steps {
                let new = !bound.contains(&(pattern.clone(), queue));
                if bind && new {
                    topics.bind(&pattern, queue);
                    bound.insert((pattern, queue));
                } else if !bind {
                    topics.unbind(&pattern, queue);
                    bound.remove(&(pattern, queue));
                }
            }
            for key in &keys {
                let expected: BTreeSet<QueueId> = bound
                    .iter()
                    .filter(|(pattern, _)| matches(&all(pattern), &all(key)))
                    .map(|(_, queue)| *queue)
                    .collect();
                prop_assert_eq!(topics.route(key), expected, "{}", key);
            }
            for (pattern, queue) in &bound {
                topics.unbind(pattern, *queue);
            }
            // Nothing is left but places to use again.
            prop_assert!(topics.is_empty());
            prop_assert_eq!(topics.free.len() + 1, topics.nodes.len());
        }
    }
}
