//! What happens to commands, as entries of the record.

use std::time::Duration;

use mig_protocol::action::{DEFAULT_EXPANDED, canonical_operations, expand_parameters};
use mig_protocol::json::{command_id_hint, to_go_json};
use mig_protocol::{Action, Command, CommandStatus, canonical_json};

use super::LONGEST_NAME;
use super::entry::{About, Accepted, Claims, Ended, Entry, Refused, Signer};
use super::text::{Allowance, Text, sha256, short};
use crate::agent::Agent;
use crate::execution::Report;

/// Longest parameters or result that are kept whole, in bytes.
const LONGEST: usize = 64 << 10;
/// All parameters, or all results, of one command.
const LONGEST_OF_ALL: usize = 256 << 10;
/// Operations of one command that have lines of their own.
const MOST_OPERATIONS: usize = 64;
/// The same when a command is taken up again: an agent that keeps dying must not
/// fill the record with what is in it already.
const LONGEST_AGAIN: usize = 4 << 10;
/// Longest target.
const LONGEST_TARGET: usize = 4 << 10;
/// Longest target or reason of a refused command.
const LONGEST_REFUSED: usize = 1 << 10;
/// What is kept of the operations of a refused command.
const LONGEST_CLAIM: usize = 2 << 10;
/// Modules, or names, that are kept of one action.
const MOST_NAMES: usize = 16;
/// Longest name of a module that is asked for without leave.
const LONGEST_MODULE: usize = 64;

impl Agent {
    /// A command was accepted, or taken up again.
    pub(crate) fn record_accepted(&self, command: &Command, signers: &[Signer], resumed: bool) {
        let entries = accepted(command, signers, resumed);
        // The end of the command forces these lines to the disk as well; the
        // journal has the command until then.
        self.owners_record().operations(&entries, false);
    }

    /// A command was refused.
    pub(crate) fn record_refused(&self, command: &Command, kind: &str, reason: &str) {
        self.owners_record().refused(refused(command, kind, reason));
    }

    /// Something came that is no command.
    pub(crate) fn record_malformed(&self, reason: &str) {
        self.owners_record().refused(malformed(reason));
    }

    /// The stored answer to a command, given as it was received, never leaves.
    pub(crate) fn record_unsent(&self, command: &[u8], why: &str) {
        let id = command_id_hint(command).map(|id| id.to_string());
        let id = id.unwrap_or_else(|| "that was refused".to_owned());
        self.owners_record().unsent(&id, why);
    }
}

/// What an accepted command asks for.
pub(crate) fn accepted(command: &Command, signers: &[Signer], resumed: bool) -> Vec<Entry> {
    let operations = command.action.operations();
    let about = about(&command.action);
    let mut allowance = match resumed {
        true => Allowance::new(LONGEST_AGAIN, 4 * LONGEST_AGAIN),
        false => Allowance::new(LONGEST, LONGEST_OF_ALL),
    };
    let mut entries = Vec::new();
    for (operation, number) in operations.iter().zip(1_u32..).take(MOST_OPERATIONS) {
        // What does not expand is kept as it came.
        let parameters = expand_parameters(operation, DEFAULT_EXPANDED)
            .unwrap_or_else(|_| operation.parameters.clone());
        entries.push(Entry::Accepted(Box::new(Accepted {
            resumed,
            command: command.id.to_string(),
            action: about.clone(),
            signers: signers.to_vec(),
            operation: number,
            operations: u32::try_from(operations.len()).unwrap_or(u32::MAX),
            module: short(&operation.module, LONGEST_NAME),
            asked: allowance.take(canonical_json(&parameters).as_bytes()),
        })));
    }
    if operations.len() > MOST_OPERATIONS {
        let whole = canonical_operations(Some(&operations[MOST_OPERATIONS..]));
        entries.push(further(
            command,
            "asked",
            operations.len(),
            &whole,
            &mut allowance,
        ));
    }
    entries
}

/// What comes of a command, and what leaves the machine for it.
pub(crate) struct Ending<'a> {
    /// The command, as it was received.
    pub command: &'a Brief,
    /// How each operation ended, and how long it took.
    pub endings: &'a [(CommandStatus, Duration)],
    /// The results as they are in the answer.
    pub results: &'a [Report],
    /// Whether they were masked.
    pub masked: bool,
    /// Status of the whole.
    pub status: &'a CommandStatus,
    /// The answer as the relay gets it.
    pub answer: &'a [u8],
}

/// What is still known of a command when its answer has been made.
pub(crate) struct Brief {
    command: String,
    action: String,
    modules: Vec<String>,
}

impl Brief {
    pub(crate) fn of(command: &Command) -> Self {
        Self {
            command: command.id.to_string(),
            action: command.action.id.to_string(),
            modules: command
                .action
                .operations()
                .iter()
                .map(|operation| short(&operation.module, LONGEST_NAME))
                .collect(),
        }
    }
}

impl Ending<'_> {
    /// The entries.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let Brief {
            command,
            action,
            modules,
        } = self.command;
        let mut allowance = Allowance::new(LONGEST, LONGEST_OF_ALL);
        let mut entries = Vec::new();
        let each = modules.iter().zip(self.endings).zip(self.results);
        for (((module, (status, took)), result), number) in each.zip(1_u32..).take(MOST_OPERATIONS)
        {
            // As it stands in the answer. One at a time: they may be large.
            let sent = to_go_json(result).unwrap_or_default();
            entries.push(Entry::Ended(Box::new(Ended {
                command: command.clone(),
                action: action.clone(),
                operation: number,
                module: module.clone(),
                status: status.to_string(),
                foundanything: found_anything(result),
                milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                masked: self.masked,
                sent: allowance.take(&sent),
            })));
        }
        if self.results.len() > MOST_OPERATIONS {
            let rest = to_go_json(&self.results[MOST_OPERATIONS..]).unwrap_or_default();
            entries.push(Entry::Further {
                command: command.clone(),
                part: "sent".into(),
                operations: (self.results.len() - MOST_OPERATIONS) as u64,
                whole: allowance.take(&rest),
            });
        }
        entries.push(Entry::Answered {
            command: command.clone(),
            action: action.clone(),
            status: self.status.to_string(),
            bytes: self.answer.len() as u64,
            sha256: sha256(self.answer),
        });
        entries
    }
}

/// A refused command, with what it says about itself.
pub(crate) fn refused(command: &Command, kind: &str, reason: &str) -> Refused {
    let mut modules: Vec<String> = Vec::new();
    for operation in command.action.operations() {
        let module = short(&operation.module, LONGEST_MODULE);
        if modules.len() < MOST_NAMES && !modules.contains(&module) {
            modules.push(module);
        }
    }
    let operations = canonical_operations(command.action.operations.as_deref());
    Refused {
        claimed: Some(Claims {
            command: command.id.to_string(),
            action: About {
                target: short(&command.action.target, LONGEST_REFUSED),
                investigators: Vec::new(),
                ..about(&command.action)
            },
            signatures: command.action.signatures().len() as u64,
            modules,
            asked: Text::new(&operations, LONGEST_CLAIM),
        }),
        ..malformed_as(kind, reason)
    }
}

/// A message that is no command.
pub(crate) fn malformed(reason: &str) -> Refused {
    malformed_as("malformed", reason)
}

fn malformed_as(kind: &str, reason: &str) -> Refused {
    Refused {
        kind: kind.into(),
        reason: short(reason, LONGEST_REFUSED),
        count: 1,
        since: String::new(),
        claimed: None,
    }
}

fn further(
    command: &Command,
    part: &str,
    operations: usize,
    whole: &str,
    allowance: &mut Allowance,
) -> Entry {
    Entry::Further {
        command: command.id.to_string(),
        part: part.into(),
        operations: (operations - MOST_OPERATIONS) as u64,
        whole: allowance.take(whole.as_bytes()),
    }
}

fn about(action: &Action) -> About {
    let threat = &action.threat;
    let words = [
        &threat.level,
        &threat.family,
        &threat.kind,
        &threat.reference,
    ];
    let threat: Vec<&str> = words
        .into_iter()
        .map(String::as_str)
        .filter(|word| !word.is_empty())
        .collect();
    let described = [&action.description.author, &action.description.email];
    let author: Vec<&str> = described
        .into_iter()
        .map(String::as_str)
        .filter(|word| !word.is_empty())
        .collect();
    About {
        id: action.id.to_string(),
        name: short(&action.name, LONGEST_NAME),
        target: short(&action.target, LONGEST_TARGET),
        author: short(&author.join(", "), LONGEST_NAME),
        threat: short(&threat.join(", "), LONGEST_NAME),
        investigators: action
            .investigators
            .iter()
            .take(MOST_NAMES)
            .map(|investigator| short(&investigator.name, LONGEST_NAME))
            .collect(),
        validfrom: action.validfrom.to_utc().to_string(),
        expireafter: action.expireafter.to_utc().to_string(),
    }
}

fn found_anything(result: &Report) -> bool {
    match result {
        Report::Document(document) => document.flag("foundanything"),
        Report::Result(result) => result.foundanything,
    }
}

#[cfg(test)]
mod tests {
    use mig_protocol::{Id, ModuleResult, Operation};
    use serde_json::json;

    use super::*;

    fn command(operations: usize, bytes: usize) -> Command {
        let operation = Operation {
            module: "file".into(),
            parameters: json!({"asked": "x".repeat(bytes)}),
            ..Operation::default()
        };
        Command {
            id: Id(7),
            action: Action {
                id: Id(5),
                name: "n".repeat(10_000),
                target: "t".repeat(100_000),
                operations: Some(vec![operation; operations]),
                ..Action::default()
            },
            ..Command::default()
        }
    }

    #[test]
    fn no_command_fills_the_record() {
        for (operations, bytes) in [(1, 10 << 20), (64, 10_000), (5000, 3000)] {
            let command = command(operations, bytes);
            let results =
                vec![Report::from(ModuleResult::from_error("y".repeat(bytes))); operations];
            let ending = Ending {
                command: &Brief::of(&command),
                endings: &vec![(CommandStatus::Success, Duration::ZERO); operations],
                results: &results,
                masked: false,
                status: &CommandStatus::Success,
                answer: b"answer",
            };
            for entries in [accepted(&command, &[], false), ending.entries()] {
                let whole = serde_json::to_vec(&entries).unwrap().len();
                assert!(whole < 1 << 20, "{operations}: {whole}");
                assert!(entries.len() <= MOST_OPERATIONS + 2);
            }
        }
        let refused = refused(&command(5000, 3000), "acl", &"r".repeat(100_000));
        assert!(serde_json::to_vec(&refused).unwrap().len() < 12 << 10);
    }

    #[test]
    fn compressed_parameters_are_kept_readable() {
        let mut command = command(1, 10);
        let operation = &mut command.action.operations.as_mut().unwrap()[0];
        operation.want_compressed = true;
        mig_protocol::action::compress_parameters(operation);
        let Entry::Accepted(accepted) = accepted(&command, &[], false).remove(0) else {
            panic!("accepted");
        };
        assert_eq!(accepted.asked.text, r#"{"asked":"xxxxxxxxxx"}"#);
        // What does not expand is no reason to keep nothing.
        command.action.operations.as_mut().unwrap()[0].parameters = json!("bm90IGd6aXA=");
        let Entry::Accepted(accepted) = super::accepted(&command, &[], false).remove(0) else {
            panic!("accepted");
        };
        assert_eq!(accepted.asked.text, r#""bm90IGd6aXA=""#);
    }
}
