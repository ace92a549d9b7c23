//! What happened to each agent, to be held against what a database has.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::member::MUST_NOT_RUN_TWICE;
use crate::scenario::Scenario;
use crate::seen::Event;
pub use crate::seen::Seen;

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections that were made.
    pub connections: u64,
    /// Attempts to connect that failed.
    pub failed_connections: u64,
    /// Connections that the agent itself cut without a word.
    pub cut: u64,
    /// Those among them that were cut because the network failed for all.
    pub outages: u64,
    /// Deliveries of commands.
    pub received: u64,
    /// Those among them that had come before.
    pub redelivered: u64,
    /// Messages that are no commands.
    pub unreadable: u64,
    /// Commands carried out.
    pub executed: u64,
    /// Commands refused.
    pub refused: u64,
    /// Commands that a silent agent let lie.
    pub ignored: u64,
    /// Answers handed to the relay.
    pub published: u64,
    /// Answers the relay confirmed.
    pub confirmed: u64,
    /// Answers the relay did not take at that moment.
    pub unaccepted: u64,
    /// Heartbeats the relay or the API took.
    pub heartbeats: u64,
    /// Heartbeats that failed.
    pub failed_heartbeats: u64,
    /// Lies the relay took.
    pub lies: u64,
    /// Lies the relay did not take.
    pub refused_lies: u64,
}

impl Counts {
    /// Counts what happens to a command of which so much was seen until now.
    pub(crate) fn note(&mut self, event: Event, before: &Seen) {
        match event {
            Event::Received => {
                self.received += 1;
                self.redelivered += u64::from(before.received > 0);
            }
            Event::Executed | Event::ExecutedOnce => self.executed += 1,
            Event::Refused => self.refused += u64::from(before.is_refusal()),
            Event::Confirmed => self.confirmed += 1,
            Event::Answered => {}
        }
    }

    /// Counts a connection that was cut because the network failed for all.
    pub(crate) fn note_outage(&mut self) {
        self.cut += 1;
        self.outages += 1;
    }

    pub(crate) fn add(&mut self, more: &Self) {
        for (own, other) in [
            (&mut self.connections, more.connections),
            (&mut self.failed_connections, more.failed_connections),
            (&mut self.cut, more.cut),
            (&mut self.outages, more.outages),
            (&mut self.received, more.received),
            (&mut self.redelivered, more.redelivered),
            (&mut self.unreadable, more.unreadable),
            (&mut self.executed, more.executed),
            (&mut self.refused, more.refused),
            (&mut self.ignored, more.ignored),
            (&mut self.published, more.published),
            (&mut self.confirmed, more.confirmed),
            (&mut self.unaccepted, more.unaccepted),
            (&mut self.heartbeats, more.heartbeats),
            (&mut self.failed_heartbeats, more.failed_heartbeats),
            (&mut self.lies, more.lies),
            (&mut self.refused_lies, more.refused_lies),
        ] {
            *own += other;
        }
    }
}

/// What happened to one agent.
#[derive(Clone, Debug)]
pub struct AgentLedger {
    /// Its number, from 0.
    pub number: usize,
    /// Host name.
    pub name: String,
    /// Identity.
    pub queueloc: String,
    /// How it behaves.
    pub scenario: Scenario,
    /// How far its clock is off, in seconds.
    pub skew: i64,
    /// How often things happened.
    pub counts: Counts,
    /// Commands by identifier.
    pub commands: BTreeMap<u64, Seen>,
    /// Lies that were told, by kind.
    pub lies: BTreeMap<&'static str, u64>,
}

impl AgentLedger {
    pub(crate) fn note(&mut self, event: Event, id: u64) {
        let seen = self.commands.entry(id).or_default();
        self.counts.note(event, seen);
        seen.note(event);
    }
}

/// A command as a database has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Identifier.
    pub id: u64,
    /// Identity of the agent it was made for.
    pub queueloc: String,
    /// Where it stands.
    pub status: String,
    /// Whether the agent answered.
    pub answered: bool,
    /// What it answered.
    pub results: Value,
}

/// What happened to all agents at one moment.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// By number.
    pub agents: Vec<AgentLedger>,
}

impl Ledger {
    /// Everything together.
    pub fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        for agent in &self.agents {
            totals.add(&agent.counts);
        }
        totals
    }

    /// Agents that behave in one way.
    pub fn of(&self, scenario: Scenario) -> impl Iterator<Item = &AgentLedger> {
        self.agents
            .iter()
            .filter(move |agent| agent.scenario == scenario)
    }

    /// Commands that arrived at agents and whose answers no relay has confirmed.
    pub fn unsettled(&self) -> Vec<String> {
        let commands = self.agents.iter().flat_map(|agent| {
            let commands = agent.commands.iter();
            commands.map(move |(id, seen)| (agent, id, seen))
        });
        commands
            .filter(|(_, _, seen)| seen.confirmed == 0)
            .map(|(agent, id, seen)| {
                format!("{id} at {} ({}): {seen:?}", agent.name, agent.scenario)
            })
            .collect()
    }

    /// What does not agree with a database when everything is over: a command
    /// without an answer or with somebody else's, an answer without a run, a
    /// success of what was refused, a command that nobody was asked for. Empty
    /// when nothing was lost and nothing made up. Commands of silent agents
    /// have to be without an answer.
    pub fn discrepancies(&self, stored: &[Stored]) -> Vec<String> {
        let owners: BTreeMap<&str, &AgentLedger> = self
            .agents
            .iter()
            .map(|agent| (agent.queueloc.as_str(), agent))
            .collect();
        let mut wrong = Vec::new();
        let mut known = BTreeMap::new();
        for command in stored {
            if known.insert(command.id, command).is_some() {
                wrong.push(format!("command {} is there twice", command.id));
            }
            match owners.get(command.queueloc.as_str()) {
                None => wrong.push(format!(
                    "command {} is for {}, which is not of this swarm",
                    command.id, command.queueloc
                )),
                Some(agent) => {
                    let seen = agent.commands.get(&command.id);
                    let complaint = disagreement(agent, seen, command);
                    wrong.extend(complaint.map(|what| {
                        format!(
                            "command {} for {} ({}): {what}; the agent saw {seen:?}, stored is {} {}",
                            command.id, agent.name, agent.scenario, command.status, command.results
                        )
                    }));
                }
            }
        }
        for agent in &self.agents {
            for (id, seen) in &agent.commands {
                let owner = known.get(id).map(|command| command.queueloc.as_str());
                if owner != Some(agent.queueloc.as_str()) {
                    wrong.push(format!(
                        "{} got command {id} of {owner:?}: {seen:?}",
                        agent.name
                    ));
                }
            }
        }
        wrong
    }
}

impl Stored {
    /// Whether its agent answered that it was killed while a module ran which
    /// must not run twice.
    pub fn was_interrupted(&self) -> bool {
        self.status == "failed" && was_interrupted(&self.results)
    }
}

/// What is wrong with one command.
fn disagreement(
    agent: &AgentLedger,
    seen: Option<&Seen>,
    command: &Stored,
) -> Option<&'static str> {
    if agent.scenario == Scenario::Silent {
        let open = ["sent", "expired"].contains(&command.status.as_str());
        return (command.answered || !open).then_some("a silent agent answers nothing");
    }
    let Some(seen) = seen else {
        return Some("it never reached its agent");
    };
    if !command.answered {
        return Some("its answer is lost");
    }
    if seen.confirmed == 0 {
        return Some("its answer was stored before the relay confirmed it");
    }
    if let Some(excess) = seen.excess() {
        return Some(excess);
    }
    match command.status.as_str() {
        "success" if seen.executed == 0 => Some("it succeeded without having run"),
        "success" if seen.refused => Some("it succeeded although it was refused"),
        "success" if !is_from(agent, &command.results) => Some("its result is somebody else's"),
        "success" => None,
        "failed" if was_interrupted(&command.results) && seen.interruptions == 0 => {
            Some("it says that it was interrupted, and was not")
        }
        "failed" if was_interrupted(&command.results) || seen.refused => None,
        _ => Some("it ended neither well nor refused"),
    }
}

/// Whether results say that a module, which must not run twice, was interrupted
/// by its agent's end.
pub(crate) fn was_interrupted(results: &Value) -> bool {
    let expected = format!("interrupted while module '{MUST_NOT_RUN_TWICE}' ran");
    let errors = results[0]["errors"].as_array();
    errors.is_some_and(|errors| {
        let mut texts = errors.iter().filter_map(Value::as_str);
        texts.any(|text| text.contains(&expected))
    })
}

/// Whether each of some results says that it is from this agent.
fn is_from(agent: &AgentLedger, results: &Value) -> bool {
    let results = results.as_array().map(Vec::as_slice).unwrap_or_default();
    !results.is_empty()
        && results
            .iter()
            .all(|result| result["elements"]["agent"] == agent.queueloc.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn agent(scenario: Scenario, seen: Seen) -> AgentLedger {
        AgentLedger {
            number: 0,
            name: "h0".into(),
            queueloc: "linux.a".into(),
            scenario,
            skew: 0,
            counts: Counts::default(),
            commands: [(7, seen)].into(),
            lies: BTreeMap::new(),
        }
    }

    fn stored(status: &str, answered: bool, from: &str) -> Stored {
        Stored {
            id: 7,
            queueloc: "linux.a".into(),
            status: status.into(),
            answered,
            results: json!([{"elements": {"agent": from}}]),
        }
    }

    #[test]
    fn each_kind_of_loss_and_invention_is_found() {
        let done = Seen {
            received: 2,
            executed: 1,
            confirmed: 2,
            ..Seen::default()
        };
        let refused = Seen {
            refused: true,
            executed: 0,
            ..done.clone()
        };
        let (well, silent) = (Scenario::Flap, Scenario::Silent);
        for (scenario, seen, rows, complaint) in [
            (well, &done, vec![stored("success", true, "linux.a")], ""),
            (well, &refused, vec![stored("failed", true, "")], ""),
            (silent, &done, vec![stored("expired", false, "")], ""),
            (well, &done, vec![], "got command 7 of None"),
            (
                well,
                &done,
                vec![stored("sent", false, "")],
                "answer is lost",
            ),
            (
                well,
                &done,
                vec![stored("expired", false, "")],
                "answer is lost",
            ),
            (
                well,
                &done,
                vec![stored("success", true, "linux.b")],
                "somebody else's",
            ),
            (
                well,
                &refused,
                vec![stored("success", true, "linux.a")],
                "without having run",
            ),
            (
                well,
                &done,
                vec![stored("failed", true, "linux.a")],
                "neither well nor refused",
            ),
            (
                silent,
                &done,
                vec![stored("success", true, "linux.a")],
                "answers nothing",
            ),
            (
                well,
                &done,
                vec![stored("success", true, "linux.a"); 2],
                "there twice",
            ),
        ] {
            let ledger = Ledger {
                agents: vec![agent(scenario, seen.clone())],
            };
            let found = ledger.discrepancies(&rows).join("; ");
            let as_expected = if complaint.is_empty() {
                found.is_empty()
            } else {
                found.contains(complaint)
            };
            assert!(as_expected, "{complaint}: {found}");
        }
        let excuse = format!(
            "the agent was interrupted while module '{MUST_NOT_RUN_TWICE}' ran, and it may not"
        );
        let interrupted = Stored {
            results: json!([{"errors": [excuse]}]),
            ..stored("failed", true, "")
        };
        assert!(interrupted.was_interrupted());
        assert!(!stored("failed", true, "").was_interrupted());
        let mut killed = done.clone();
        killed.begin_life();
        let mut again = killed.clone();
        again.note(Event::ExecutedOnce);
        let mut twice = done.clone();
        twice.note(Event::Executed);
        twice.note(Event::Executed);
        for (seen, row, complaint) in [
            (&killed, &interrupted, None),
            (&done, &interrupted, Some("was interrupted, and was not")),
            (&again, &interrupted, Some("ran twice and must not")),
            (
                &twice,
                &stored("success", true, "linux.a"),
                Some("without an interruption"),
            ),
        ] {
            let found = disagreement(&agent(well, done.clone()), Some(seen), row);
            match complaint {
                None => assert_eq!(found, None),
                Some(part) => assert!(found.is_some_and(|what| what.contains(part)), "{found:?}"),
            }
        }
        let foreign = Stored {
            queueloc: "linux.z".into(),
            ..stored("success", true, "linux.z")
        };
        let ledger = Ledger {
            agents: vec![agent(well, done)],
        };
        let found = ledger.discrepancies(&[foreign]).join("; ");
        assert!(found.contains("not of this swarm"), "{found}");
    }
}
