//! The document an agent returns: the command with status and results.

use mig_protocol::{Action, Agent as Record, Command, CommandStatus, Id, ModuleResult, Time};
use serde::Serialize;

use crate::agent::document;
use crate::execution::Report;

/// Longest answer: the embedded relay takes 20 MiB, and brokers customarily 16
/// or more. One operation's output is bounded well below, but a command may have
/// several.
const MAX_ANSWER: usize = 19 << 20;

/// Fills a command in. The agent states its own queue; the rest of the record
/// stays as the scheduler wrote it, which is how it finds the row again. Returns
/// the answer and the results as they are in it.
pub fn complete(
    command: Command,
    status: CommandStatus,
    results: Vec<Report>,
    own: &Record,
) -> (Vec<u8>, Vec<Report>) {
    complete_within(MAX_ANSWER, command, status, results, own)
}

fn complete_within(
    limit: usize,
    mut command: Command,
    status: CommandStatus,
    mut results: Vec<Report>,
    own: &Record,
) -> (Vec<u8>, Vec<Report>) {
    command.status = status;
    identify(&mut command, own);
    let mut answer = written(&command, &results);
    while answer.len() > limit && shorten(&mut results, answer.len(), limit) {
        if command.status == CommandStatus::Success {
            command.status = CommandStatus::Failed;
        }
        // Not both at once.
        drop(answer);
        answer = written(&command, &results);
    }
    (answer, results)
}

/// A command with these results, member by member as [`Command`] has them.
#[derive(Serialize)]
struct Answer<'a> {
    id: &'a Id,
    action: &'a Action,
    agent: &'a Record,
    status: &'a CommandStatus,
    results: &'a [Report],
    starttime: &'a Time,
    finishtime: &'a Time,
}

fn written(command: &Command, results: &[Report]) -> Vec<u8> {
    let Command {
        id,
        action,
        agent,
        status,
        results: _,
        starttime,
        finishtime,
    } = command;
    document(&Answer {
        id,
        action,
        agent,
        status,
        results,
        starttime,
        finishtime,
    })
}

/// Replaces the largest result by the reason; false when there is nothing left
/// to gain.
fn shorten(results: &mut [Report], length: usize, limit: usize) -> bool {
    let sizes = results.iter().map(|result| document(result).len());
    let Some((index, size)) = sizes.enumerate().max_by_key(|(_, size)| *size) else {
        return false;
    };
    let reason = format!(
        "result dropped: the answer had {length} bytes and the relay takes {limit}; ask for less at one time"
    );
    if size <= 2 * reason.len() {
        return false;
    }
    results[index] = ModuleResult::from_error(reason).into();
    true
}

/// Refuses a command with one reason, in the place of each operation's result.
pub fn refuse(mut command: Command, reason: &str, own: &Record) -> Vec<u8> {
    // An action without operations has no place for the reason otherwise.
    let slots = command.action.operations().len().max(1);
    command.status = CommandStatus::Failed;
    command.results = Some(vec![ModuleResult::from_error(reason); slots]);
    identify(&mut command, own);
    document(&command)
}

/// Refuses a command of which only the identifier could be read.
pub fn refuse_unreadable(id: Id, reason: &str, own: &Record) -> Vec<u8> {
    let command = Command {
        id,
        agent: own.clone(),
        ..Command::default()
    };
    refuse(command, reason, own)
}

/// Why a result is dropped that had to make room for newer ones.
pub const SPOOL_FULL: &str = "too many results waited for the relay on this host";

/// What replaces a result that cannot be sent.
pub fn dropped(command: &[u8], reason: &str, own: &Record) -> Vec<u8> {
    let reason = format!("result dropped: {reason}");
    match mig_protocol::json::parse_command(command) {
        Ok(command) => refuse(command, &reason, own),
        // It was read when it arrived.
        Err(_) => match mig_protocol::json::command_id_hint(command) {
            Some(id) => refuse_unreadable(id, &reason, own),
            None => Vec::new(),
        },
    }
}

fn identify(command: &mut Command, own: &Record) {
    command.agent.queueloc.clone_from(&own.queueloc);
    if command.agent.name.is_empty() {
        command.agent.name.clone_from(&own.name);
    }
}

#[cfg(test)]
mod tests {
    use mig_host::Document;
    use mig_protocol::Operation;
    use mig_protocol::json::parse_command;
    use serde_json::json;

    use super::*;

    fn own() -> Record {
        Record {
            name: "h1".into(),
            queueloc: "linux.x".into(),
            ..Record::default()
        }
    }

    fn command(operations: usize) -> Command {
        Command {
            id: Id(7),
            action: Action {
                name: "a".into(),
                operations: Some(vec![Operation::default(); operations]),
                ..Action::default()
            },
            agent: Record {
                name: "old name".into(),
                queueloc: "linux.other".into(),
                pid: 42,
                ..Record::default()
            },
            ..Command::default()
        }
    }

    #[test]
    fn a_refusal_carries_its_reason_in_every_place() {
        for (operations, slots) in [(0, 1), (1, 1), (3, 3)] {
            let answer = parse_command(&refuse(command(operations), "no", &own())).unwrap();
            assert_eq!(answer.status, CommandStatus::Failed);
            assert_eq!(answer.results().len(), slots);
            for result in answer.results() {
                assert_eq!(result.errors(), ["no"]);
                assert!(!result.success && !result.foundanything);
            }
        }
    }

    #[test]
    fn the_scheduler_finds_its_row_again() {
        let (answer, _) = complete(
            command(1),
            CommandStatus::Success,
            vec![ModuleResult::default().into()],
            &own(),
        );
        let answer = parse_command(&answer).unwrap();
        assert_eq!(answer.agent.queueloc, "linux.x");
        assert_eq!(
            (answer.agent.name.as_str(), answer.agent.pid),
            ("old name", 42)
        );
        let answer = parse_command(&refuse_unreadable(Id(7), "no", &own())).unwrap();
        assert_eq!((answer.id, answer.agent.name.as_str()), (Id(7), "h1"));
    }

    #[test]
    fn an_answer_is_written_as_a_command_is() {
        let value = json!({"foundanything": true, "success": true,
            "elements": {"b": [{"z": 1, "a": "<&>"}], "a": null},
            "statistics": {"y": 1.5, "x": null}, "errors": null});
        let result: ModuleResult = serde_json::from_value(value.clone()).unwrap();
        let mut whole = command(2);
        whole.results = Some(vec![result, ModuleResult::from_error("no")]);
        let reports = [
            Report::from(Document::from(value)),
            ModuleResult::from_error("no").into(),
        ];
        let text = |bytes| String::from_utf8(bytes).unwrap();
        assert_eq!(text(written(&whole, &reports)), text(document(&whole)));
    }

    #[test]
    fn an_answer_no_relay_takes_loses_its_largest_results() {
        let result = |kilobytes: usize| {
            Report::from(ModuleResult {
                success: true,
                elements: "x".repeat(kilobytes << 10).into(),
                ..ModuleResult::default()
            })
        };
        let results = vec![result(6), result(9), result(7), result(1)];
        let limit = 19 << 10;
        let (answer, sent) =
            complete_within(limit, command(4), CommandStatus::Success, results, &own());
        assert!(answer.len() <= limit);
        assert!(matches!(&sent[1], Report::Result(result) if !result.success));
        let answer = parse_command(&answer).unwrap();
        assert_eq!(answer.status, CommandStatus::Failed);
        let kept: Vec<bool> = answer
            .results()
            .iter()
            .map(|result| result.success)
            .collect();
        assert_eq!(kept, [true, false, true, true]);
        assert!(answer.results()[1].errors()[0].contains("ask for less"));
    }

    #[test]
    fn a_dropped_result_says_so() {
        let original = document(&command(2));
        let notice = parse_command(&dropped(&original, SPOOL_FULL, &own())).unwrap();
        assert_eq!((notice.id, notice.results().len()), (Id(7), 2));
        assert!(notice.results()[0].errors()[0].starts_with("result dropped"));
    }
}
