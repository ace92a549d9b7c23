//! What agents answer: stored exactly once.

use mig_protocol::{CommandStatus, Id, Time};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::columns::{Key, Micros, to_json};
use super::commands::found_flags;
use super::failure::Outcome;
use crate::{Answer, AnswerOutcome};

pub(super) fn finish(db: &Connection, answers: &[Answer]) -> Outcome<Vec<AnswerOutcome>> {
    answers.iter().map(|answer| store(db, answer)).collect()
}

/// How a command stands when its answer arrives.
struct Waiting {
    action: Id,
    queueloc: String,
    answered: bool,
    expired: bool,
}

fn store(db: &Connection, answer: &Answer) -> Outcome<AnswerOutcome> {
    let waiting = db
        .prepare_cached("SELECT actionid, queueloc, answered, status FROM commands WHERE id = ?1")?
        .query_row([Key(answer.command)], |row| {
            Ok(Waiting {
                action: row.get::<_, Key>(0)?.0,
                queueloc: row.get(1)?,
                answered: row.get(2)?,
                expired: row.get_ref(3)?.as_str()? == CommandStatus::Expired.as_str(),
            })
        })
        .optional()?;
    let Some(waiting) = waiting else {
        return Ok(AnswerOutcome::UnknownCommand);
    };
    if waiting.queueloc != answer.queueloc {
        return Ok(AnswerOutcome::OtherAgent);
    }
    let action = waiting.action;
    if waiting.answered {
        return Ok(AnswerOutcome::AlreadyAnswered { action });
    }
    // A word nobody knows would leave the action open for ever.
    let status = if answer.status.is_terminal() {
        &answer.status
    } else {
        &CommandStatus::Failed
    };
    db.prepare_cached(
        "UPDATE commands SET status = :status, results = :results, finishtime = :received,
             answered = 1, found = :found
         WHERE id = :id",
    )?
    .execute(named_params! {
        ":id": Key(answer.command),
        ":status": status.as_str(),
        ":results": to_json(&answer.results, "results")?,
        ":received": Micros(answer.received),
        ":found": found_flags(&answer.results),
    })?;
    db.prepare_cached("DELETE FROM outbox WHERE commandid = ?1")?
        .execute([Key(answer.command)])?;
    db.prepare_cached("UPDATE actions SET lastupdatetime = ?2 WHERE id = ?1")?
        .execute(params![Key(action), Micros(answer.received)])?;
    let completed = complete(db, action, answer.received)?;
    Ok(AnswerOutcome::Stored {
        action,
        replaced_expired: waiting.expired,
        completed,
    })
}

/// Completes an action in flight that has no open command; true if it did.
pub(super) fn complete(db: &Connection, action: Id, now: Time) -> Outcome<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE actions SET status = 'completed', finishtime = ?2, lastupdatetime = ?2
             WHERE id = ?1 AND status = 'inflight' AND NOT EXISTS
                 (SELECT 1 FROM commands WHERE actionid = ?1 AND status = 'sent')",
        )?
        .execute(params![Key(action), Micros(now)])?;
    Ok(changed == 1)
}
