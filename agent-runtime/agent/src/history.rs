//! The last actions this agent was asked to take, for its status page.

use std::collections::VecDeque;

use mig_protocol::{Action, Time};

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// When it arrived.
    pub at: Time,
    /// Its name.
    pub name: String,
    /// Distinct module names, in order.
    pub modules: Vec<String>,
    /// Whether it was allowed.
    pub accepted: bool,
}

/// A bounded list, newest last.
#[derive(Debug)]
pub struct History {
    most: usize,
    past: VecDeque<Past>,
}

impl History {
    /// A history of the last `most` actions; 0 keeps none.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            past: VecDeque::new(),
        }
    }

    /// Adds an action.
    pub fn add(&mut self, action: &Action, accepted: bool, at: Time) {
        if self.most == 0 {
            return;
        }
        let mut modules: Vec<String> = Vec::new();
        for operation in action.operations() {
            if !modules.contains(&operation.module) {
                modules.push(operation.module.clone());
            }
        }
        if self.past.len() == self.most {
            self.past.pop_front();
        }
        self.past.push_back(Past {
            at,
            name: action.name.clone(),
            modules,
            accepted,
        });
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Past> {
        self.past.iter()
    }
}

#[cfg(test)]
mod tests {
    use mig_protocol::Operation;

    use super::*;

    fn action(name: &str) -> Action {
        let operation = |module: &str| Operation {
            module: module.into(),
            ..Operation::default()
        };
        Action {
            name: name.into(),
            operations: Some(vec![operation("file"), operation("pkg"), operation("file")]),
            ..Action::default()
        }
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut history = History::new(2);
        for name in ["one", "two", "three"] {
            history.add(&action(name), name != "two", Time::from_unix(1));
        }
        let seen: Vec<_> = history
            .iter()
            .map(|past| (past.name.as_str(), past.accepted))
            .collect();
        assert_eq!(seen, [("two", false), ("three", true)]);
        assert_eq!(history.iter().next().unwrap().modules, ["file", "pkg"]);
    }

    #[test]
    fn no_history_is_kept_when_none_is_wanted() {
        let mut history = History::new(0);
        history.add(&action("one"), true, Time::from_unix(1));
        assert_eq!(history.iter().count(), 0);
    }
}
