//! What is known about this machine without asking a running agent.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use mig_host::ModuleStore;
use mig_protocol::{Agent as Record, AgentMode, Time};
use mig_target::{AgentFacts, Base, Column, Condition, Fact, Facts, Select, Step, Target, Value};

use crate::environment::Surroundings;
use crate::execution::Runner;
use crate::settings::Settings;
use crate::{VERSION, authorise, daemon, identity, sys};

/// Parts of the environment that an agent finds out while it runs.
const FOUND_LATER: [&str; 5] = ["publicip", "aws", "isproxied", "proxy", "persistent"];

/// The agent's row as far as it is known.
pub(super) struct Known {
    facts: AgentFacts,
    /// Columns of the agent's row that are not known, and why.
    missing: Vec<(&'static str, &'static str)>,
    /// Columns that the target asks about.
    asked: BTreeSet<&'static str>,
}

impl Known {
    /// Finds out what a target asks about. Blocks for some milliseconds.
    pub(super) fn find(store: &ModuleStore, settings: &Settings, target: &str, now: Time) -> Self {
        let surroundings = Surroundings::discover(store.names(), now);
        let identity = identity::read(&settings.run_directory).ok().flatten();
        let pid = running(&settings.run_directory);
        let mut asks = Asks::default();
        if let Ok(target) = Target::parse(target) {
            asks.condition(target.condition());
        }
        let mut missing = Vec::new();
        if identity.is_none() {
            missing.push(("queueloc", "the agent's identity cannot be read here"));
        }
        if pid.is_none() {
            missing.push(("pid", "no agent runs here"));
        }
        if asks.found_later {
            missing.push((
                "environment",
                "the running agent finds out its public address, proxy and the like",
            ));
        }
        let record = Record {
            name: surroundings.name,
            queueloc: identity
                .map(|identity| identity.queueloc)
                .unwrap_or_default(),
            mode: if settings.checkin {
                AgentMode::Checkin
            } else {
                AgentMode::Daemon
            },
            version: VERSION.to_owned(),
            pid: pid.unwrap_or_default(),
            environment: surroundings.environment,
            tags: settings.tags.clone(),
            ..Record::default()
        };
        Self {
            facts: authorise::facts(&record),
            missing,
            asked: asks.columns,
        }
    }

    /// What the target asks about that is not known, one line each.
    pub(super) fn unknown(&self) -> Vec<String> {
        self.asked
            .iter()
            .filter_map(|column| {
                let mine = self.missing.iter().find(|(missing, _)| missing == column);
                match mine {
                    Some((_, why)) => Some(format!("`{column}` is not known: {why}")),
                    None if is_mine(column) => None,
                    None => Some(format!("`{column}` is known to the scheduler only")),
                }
            })
            .collect()
    }
}

fn is_mine(column: &str) -> bool {
    [
        "name",
        "queueloc",
        "mode",
        "version",
        "pid",
        "environment",
        "tags",
    ]
    .contains(&column)
}

impl Facts for Known {
    fn fact(&self, column: &'static Column) -> Fact<'_> {
        if self.missing.iter().any(|(name, _)| *name == column.name) {
            return Fact::Unknown;
        }
        self.facts.fact(column)
    }
}

/// Process id of the agent that holds the run directory.
fn running(directory: &Path) -> Option<i64> {
    let path = directory.join(daemon::LOCK);
    let pid = fs::read_to_string(&path).ok()?.trim().parse().ok()?;
    let inode = fs::metadata(path).ok()?.ino();
    sys::holds_lock(pid, inode).ok()?.then_some(pid)
}

/// What a condition asks about.
#[derive(Default)]
struct Asks {
    columns: BTreeSet<&'static str>,
    found_later: bool,
}

impl Asks {
    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Or(all) | Condition::And(all) => {
                for condition in all {
                    self.condition(condition);
                }
            }
            Condition::Not(condition) => self.condition(condition),
            Condition::Constant(_) => {}
            Condition::Compare { left, right, .. } => {
                self.value(left);
                self.value(right);
            }
            Condition::Between {
                value, low, high, ..
            } => {
                self.value(value);
                self.value(low);
                self.value(high);
            }
            Condition::OneOf { value, list, .. } => {
                self.value(value);
                for value in list {
                    self.value(value);
                }
            }
            Condition::Selected { value, select, .. } => {
                self.value(value);
                self.select(select);
            }
            Condition::Truth(value)
            | Condition::Like { value, .. }
            | Condition::Matches { value, .. }
            | Condition::Null { value, .. } => self.value(value),
        }
    }

    fn select(&mut self, select: &Select) {
        self.column(select.column);
        if let Some(condition) = &select.condition {
            self.condition(condition);
        }
    }

    fn column(&mut self, column: &'static Column) {
        self.columns.insert(column.name);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Column(column) => self.column(column),
            Value::Json { base, path, .. } => {
                let Base::Column(column) = base else { return };
                self.column(column);
                // The whole document has all of its parts.
                let later = match path.first() {
                    Some(Step::Key(key)) => FOUND_LATER.contains(&key.as_str()),
                    _ => true,
                };
                self.found_later |= column.name == "environment" && later;
            }
            Value::Cast { value, .. } => self.value(value),
            Value::Text(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::Time(_)
            | Value::Now(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_target_asks_about_is_found() {
        for (target, columns, later) in [
            ("name='a' AND NOT pid=1", &["name", "pid"][..], false),
            ("environment->>'os'='linux'", &["environment"], false),
            (
                "environment->>'publicip'='192.0.2.1'",
                &["environment"],
                true,
            ),
            ("environment->'aws'->>'ami'='x'", &["environment"], true),
            (
                "status='online' OR tags->>'a' IN ('b')",
                &["status", "tags"],
                false,
            ),
        ] {
            let mut asks = Asks::default();
            asks.condition(Target::parse(target).unwrap().condition());
            let expected: BTreeSet<&str> = columns.iter().copied().collect();
            assert_eq!(asks.columns, expected, "{target}");
            assert_eq!(asks.found_later, later, "{target}");
        }
    }
}
