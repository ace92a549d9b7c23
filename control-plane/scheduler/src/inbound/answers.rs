//! Answers of agents to commands.

use lapin::Channel;
use mig_logging::causes;
use mig_protocol::{Command, CommandStatus, Limits, ModuleResult, Time, read_document};
use mig_store::{Answer, AnswerOutcome, StoreError};
use serde_json::Value;

use super::complaints::shown;
use super::{Storing, acknowledge, consumer, excerpt, next_batch, persist};
use crate::events::Kind;
use crate::relay::{RESULTS, SessionError};
use crate::start::Shared;

/// Answers on their way and stored at once; each may have many megabytes.
const PREFETCH: u16 = 16;
/// Shortest body that can be an answer.
const SHORTEST: usize = 10;

/// Stores answers until the relay is lost.
pub(crate) async fn consume(shared: &Shared, channel: &Channel, storing: &Storing) -> SessionError {
    match consume_forever(shared, channel, storing).await {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

async fn consume_forever(
    shared: &Shared,
    channel: &Channel,
    storing: &Storing,
) -> Result<std::convert::Infallible, SessionError> {
    let mut consumer = consumer(channel, RESULTS, PREFETCH).await?;
    loop {
        let batch = next_batch(&mut consumer, RESULTS, PREFETCH).await?;
        let _storing = storing.batch();
        let mut answers = Vec::with_capacity(batch.len());
        // The messages they came in, for events.
        let mut bodies = Vec::with_capacity(batch.len());
        for delivery in &batch {
            match read(&delivery.data, shared.config.max_answer, shared.now()) {
                Ok(answer) => {
                    answers.push(answer);
                    bodies.push(delivery.data.as_slice());
                }
                Err(reason) => {
                    shared.counts.answers_malformed.one();
                    if shared.may_complain() {
                        tracing::warn!(
                            "An answer was dropped: {reason}; it starts with `{}`.",
                            excerpt(&delivery.data)
                        );
                    }
                }
            }
        }
        if !answers.is_empty() {
            let outcomes = persist(answers.len(), |part| {
                shared.store.finish_commands(&answers[part])
            })
            .await;
            for ((answer, body), outcome) in answers.iter().zip(bodies).zip(outcomes) {
                match outcome {
                    Ok(outcome) => {
                        if matches!(outcome, AnswerOutcome::Stored { .. }) {
                            shared.tell(Kind::CommandResults, body);
                        }
                        report(shared, answer, outcome);
                    }
                    Err(error) => refused(shared, answer, body, &error).await,
                }
            }
        }
        acknowledge(&batch).await?;
    }
}

/// Why a message is not an answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum Malformed {
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("it is not a JSON object")]
    NotAnObject,
    #[error("it is not a command: {0}")]
    NotACommand(String),
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its status `{0}` is not one an agent gives")]
    Status(String),
}

/// Reads the body of a message.
fn read(body: &[u8], largest: usize, received: Time) -> Result<Answer, Malformed> {
    if body.len() > largest {
        return Err(Malformed::TooLarge(largest));
    }
    if body.len() < SHORTEST || body.first() != Some(&b'{') || body.last() != Some(&b'}') {
        return Err(Malformed::NotAnObject);
    }
    let limits = Limits {
        bytes: largest,
        ..Limits::COMMAND
    };
    let command: Command =
        read_document(body, &limits).map_err(|error| Malformed::NotACommand(error.to_string()))?;
    for (name, missing) in [
        ("id", command.id.is_zero()),
        ("agent name", command.agent.name.is_empty()),
        ("agent queueloc", command.agent.queueloc.is_empty()),
        ("status", command.status.is_empty()),
    ] {
        if missing {
            return Err(Malformed::Missing(name));
        }
    }
    match command.status {
        CommandStatus::Success
        | CommandStatus::Failed
        | CommandStatus::Timeout
        | CommandStatus::Cancelled => {}
        CommandStatus::Sent | CommandStatus::Expired | CommandStatus::Other(_) => {
            return Err(Malformed::Status(shown(command.status.as_str())));
        }
    }
    let mut results = command.results.unwrap_or_default();
    results.iter_mut().for_each(replace_nul);
    Ok(Answer {
        command: command.id,
        queueloc: command.agent.queueloc,
        status: command.status,
        results,
        received,
    })
}

/// Writes `NULL` for U+0000, which PostgreSQL cannot store.
fn replace_nul(result: &mut ModuleResult) {
    replace_nul_in(&mut result.elements);
    replace_nul_in(&mut result.statistics);
    result
        .errors
        .iter_mut()
        .flatten()
        .for_each(replace_nul_in_text);
}

fn replace_nul_in(value: &mut Value) {
    match value {
        Value::String(text) => replace_nul_in_text(text),
        Value::Array(elements) => elements.iter_mut().for_each(replace_nul_in),
        Value::Object(members) => {
            members.values_mut().for_each(replace_nul_in);
            if members.keys().any(|key| key.contains('\0')) {
                *members = std::mem::take(members)
                    .into_iter()
                    .map(|(mut key, value)| {
                        replace_nul_in_text(&mut key);
                        (key, value)
                    })
                    .collect();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn replace_nul_in_text(text: &mut String) {
    if text.contains('\0') {
        *text = text.replace('\0', "NULL");
    }
}

/// The database will never take an answer: its command fails, and says why, so
/// that nobody waits for what cannot come.
async fn refused(shared: &Shared, answer: &Answer, body: &[u8], error: &StoreError) {
    shared.counts.answers_unstorable.one();
    tracing::error!(
        command = answer.command.0,
        "{} gave an answer that cannot be stored: {}; its command fails instead. It starts with \
         `{}`.",
        answer.queueloc,
        causes(error),
        excerpt(body)
    );
    let reason = "the agent answered, but the database does not take what it answered; the \
                  scheduler's log says why";
    let instead = Answer {
        status: CommandStatus::Failed,
        results: vec![ModuleResult::from_error(reason)],
        ..answer.clone()
    };
    let write = |_| shared.store.finish_commands(std::slice::from_ref(&instead));
    for outcome in persist(1, write).await {
        match outcome {
            Ok(outcome) => report(shared, &instead, outcome),
            Err(error) => tracing::error!(
                command = answer.command.0,
                "The command cannot fail either: {}; it will expire.",
                causes(&error)
            ),
        }
    }
}

/// Tells readers, counters and log what became of an answer.
fn report(shared: &Shared, answer: &Answer, outcome: AnswerOutcome) {
    let (counts, command) = (&shared.counts, answer.command.0);
    match outcome {
        AnswerOutcome::Stored {
            action,
            replaced_expired,
            completed,
        } => {
            counts.answers_stored.one();
            if replaced_expired {
                counts.answers_late.one();
                tracing::info!(
                    action = action.0,
                    command,
                    "{} answered after its time: {}.",
                    answer.queueloc,
                    answer.status
                );
            } else {
                tracing::debug!(
                    action = action.0,
                    command,
                    "{} answered: {}.",
                    answer.queueloc,
                    answer.status
                );
            }
            if completed {
                tracing::info!(action = action.0, "The action is complete.");
            }
            shared.changes.changed(action);
        }
        AnswerOutcome::AlreadyAnswered { action } => {
            counts.answers_repeated.one();
            if shared.may_complain() {
                tracing::info!(
                    action = action.0,
                    command,
                    "{} answered again; the first answer stays.",
                    shown(&answer.queueloc)
                );
            }
        }
        AnswerOutcome::UnknownCommand => {
            counts.answers_unknown.one();
            if shared.may_complain() {
                tracing::warn!(
                    command,
                    "{} answered a command that does not exist.",
                    shown(&answer.queueloc)
                );
            }
        }
        AnswerOutcome::OtherAgent => {
            counts.answers_foreign.one();
            if shared.may_complain() {
                tracing::warn!(
                    command,
                    "{} answered a command made for another agent; the answer was dropped.",
                    shown(&answer.queueloc)
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(body: &str) -> Result<Answer, Malformed> {
        read(body.as_bytes(), 1000, Time::from_unix(1_700_000_000))
    }

    #[test]
    fn an_answer_needs_id_sender_and_a_status_an_agent_gives() {
        let agent = r#""agent":{"name":"h","queueloc":"linux.x"}"#;
        let table = [
            (r#"{"a":1}"#.to_owned(), "it is not a JSON object"),
            ("[1,2,3,4,5,6,7]".to_owned(), "it is not a JSON object"),
            (
                format!(r#"{{"id":5,{agent},"status":"success"}}x"#),
                "it is not a JSON object",
            ),
            (
                format!(r#"{{"id":"x",{agent},"status":"success"}}"#),
                "it is not a command",
            ),
            (format!(r#"{{{agent},"status":"success"}}"#), "it has no id"),
            (
                r#"{"id":5,"agent":{"queueloc":"linux.x"},"status":"success"}"#.to_owned(),
                "it has no agent name",
            ),
            (
                r#"{"id":5,"agent":{"name":"h"},"status":"success"}"#.to_owned(),
                "it has no agent queueloc",
            ),
            (format!(r#"{{"id":5,{agent}}}"#), "it has no status"),
            (
                format!(r#"{{"id":5,{agent},"status":"sent"}}"#),
                "its status `sent` is not one an agent gives",
            ),
            (
                format!(r#"{{"id":5,{agent},"status":"expired"}}"#),
                "its status `expired`",
            ),
            (
                format!(r#"{{"id":5,{agent},"status":"done\n"}}"#),
                "its status `done\\n`",
            ),
            (
                format!(r#"{{"id":5,{agent},"x":"{}"}}"#, "x".repeat(1000)),
                "it is larger than 1000 bytes",
            ),
        ];
        for (body, reason) in table {
            let error = reading(&body).expect_err(&body).to_string();
            assert!(error.starts_with(reason), "{body}: {error}");
        }
        assert!(reading(&format!(r#"{{"id":5,{agent},"status":"failed"}}"#)).is_ok());
    }

    #[test]
    fn the_null_character_is_written_out_wherever_it_stands() {
        let body = r#"{"id":5,"agent":{"name":"h","queueloc":"linux.x"},"status":"success",
            "results":[{"elements":{"k\u0000":["a\u0000b",{"x":"\u0000"}]},"statistics":"\u0000","errors":["e\u0000"]}]}"#;
        let answer = reading(body).expect("an answer");
        let result = &answer.results[0];
        assert_eq!(
            result.elements,
            serde_json::json!({"kNULL":["aNULLb",{"x":"NULL"}]})
        );
        assert_eq!(result.statistics, serde_json::json!("NULL"));
        assert_eq!(result.errors(), ["eNULL"]);
    }
}
