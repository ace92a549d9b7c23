//! What agents answer: stored exactly once.

use std::collections::{BTreeMap, HashMap};

use mig_protocol::{CommandStatus, Id, Time};
use time::OffsetDateTime;

use super::columns::{id, key, keys, moment};
use super::commands::{found_flags, result_columns};
use super::connection::Tx;
use super::failure::Outcome;
use super::{notify, verbatim};
use crate::{Answer, AnswerOutcome};

/// Most bytes of results in one statement, which keeps the server's memory small.
const MOST: usize = 16 << 20;

/// How a command stands when its answer arrives.
struct Waiting {
    action: Id,
    queueloc: String,
    answered: bool,
    expired: bool,
    finished: Option<OffsetDateTime>,
}

impl Waiting {
    /// An earlier try has stored this very answer, and nobody was told.
    fn has(&self, answer: &Answer) -> bool {
        self.finished == Some(moment(answer.received))
    }
}

/// Stores answers in a few statements, whatever their number. Doing it again
/// changes nothing: what is stored is answered already, and after a try of which
/// nobody knows how it ended what that has stored is stored now.
pub(super) async fn finish(tx: &Tx<'_>, answers: &[Answer]) -> Outcome<Vec<AnswerOutcome>> {
    let mut waiting = lock(tx, answers).await?;
    let mut outcomes = Vec::with_capacity(answers.len());
    let (mut stored, mut before) = (Vec::new(), BTreeMap::new());
    for answer in answers {
        outcomes.push(match waiting.get_mut(&answer.command) {
            None => AnswerOutcome::UnknownCommand,
            Some(waiting) if waiting.queueloc != verbatim::text(&answer.queueloc) => {
                AnswerOutcome::OtherAgent
            }
            Some(waiting) if waiting.answered && tx.may_have_happened() && waiting.has(answer) => {
                // Given twice, it is stored once.
                waiting.finished = None;
                before.insert(waiting.action, (outcomes.len(), answer.received));
                AnswerOutcome::Stored {
                    action: waiting.action,
                    // It took the place of the word that said so.
                    replaced_expired: false,
                    completed: false,
                }
            }
            Some(waiting) if waiting.answered => AnswerOutcome::AlreadyAnswered {
                action: waiting.action,
            },
            Some(waiting) => {
                waiting.answered = true;
                stored.push(answer);
                AnswerOutcome::Stored {
                    action: waiting.action,
                    replaced_expired: waiting.expired,
                    completed: false,
                }
            }
        });
    }
    for action in completed_before(tx, &before).await? {
        complete(&mut outcomes, &before, action);
    }
    if stored.is_empty() {
        return Ok(outcomes);
    }
    store(tx, &stored).await?;
    // The last answer of an action in this batch says when it changed, and
    // whether it was the last one missing.
    let mut last = Last::new();
    for (place, (answer, outcome)) in answers.iter().zip(&outcomes).enumerate() {
        if let AnswerOutcome::Stored { action, .. } = outcome {
            last.insert(*action, (place, answer.received));
        }
    }
    for action in completed(tx, &last).await? {
        complete(&mut outcomes, &last, action);
    }
    let changed: Vec<Id> = last.into_keys().collect();
    notify::changed(tx, &changed).await?;
    Ok(outcomes)
}

/// The last answer of each action: its place in the batch and when it arrived.
type Last = BTreeMap<Id, (usize, Time)>;

/// Notes that the last answer of this action was the last one missing.
fn complete(outcomes: &mut [AnswerOutcome], last: &Last, action: Id) {
    if let Some((place, _)) = last.get(&action)
        && let Some(AnswerOutcome::Stored { completed, .. }) = outcomes.get_mut(*place)
    {
        *completed = true;
    }
}

/// Reads the commands of answers and keeps everybody else from them. Their
/// actions come first, in one order: whoever changes commands does that, so two
/// who store the last two answers of an action see each other.
async fn lock(tx: &Tx<'_>, answers: &[Answer]) -> Outcome<HashMap<Id, Waiting>> {
    let commands = keys(answers.iter().map(|answer| answer.command));
    tx.rows(
        "SELECT id FROM actions
         WHERE id IN (SELECT actionid FROM commands WHERE id = ANY ($1))
         ORDER BY id FOR NO KEY UPDATE",
        &[&commands],
    )
    .await?;
    let rows = tx
        .rows(
            "SELECT id, actionid, queueloc, answered, status, finishtime FROM commands
             WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
            &[&commands],
        )
        .await?;
    let mut waiting = HashMap::new();
    for row in &rows {
        let one = Waiting {
            action: id(row, "actionid")?,
            queueloc: row.try_get("queueloc")?,
            answered: row.try_get("answered")?,
            expired: row.try_get::<_, &str>("status")? == CommandStatus::Expired.as_str(),
            finished: row.try_get("finishtime")?,
        };
        waiting.insert(id(row, "id")?, one);
    }
    Ok(waiting)
}

/// Answers as columns.
#[derive(Default)]
struct Columns<'a> {
    id: Vec<i64>,
    status: Vec<&'a str>,
    results: Vec<String>,
    verbatim: Vec<Option<String>>,
    received: Vec<OffsetDateTime>,
    found: Vec<i32>,
    bytes: usize,
}

async fn store(tx: &Tx<'_>, answers: &[&Answer]) -> Outcome<()> {
    let mut columns = Columns::default();
    for answer in answers {
        let (results, whole) = result_columns(&answer.results)?;
        columns.bytes += results.len() + whole.as_ref().map_or(0, String::len);
        columns.id.push(key(answer.command));
        // A word nobody knows would leave the action open for ever.
        columns.status.push(if answer.status.is_terminal() {
            answer.status.as_str()
        } else {
            CommandStatus::Failed.as_str()
        });
        columns.results.push(results);
        columns.verbatim.push(whole);
        columns.received.push(moment(answer.received));
        columns.found.push(found_flags(&answer.results));
        if columns.bytes >= MOST {
            write(tx, &std::mem::take(&mut columns)).await?;
        }
    }
    if columns.id.is_empty() {
        return Ok(());
    }
    write(tx, &columns).await
}

async fn write(tx: &Tx<'_>, columns: &Columns<'_>) -> Outcome<()> {
    tx.change(
        "WITH answered AS (
             UPDATE commands SET status = given.status, results = given.results::json,
                 verbatim = given.verbatim, finishtime = given.received, answered = true,
                 found = given.found
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
                 $6::int[]) AS given (id, status, results, verbatim, received, found)
             WHERE commands.id = given.id RETURNING commands.id)
         DELETE FROM outbox USING answered WHERE commandid = answered.id",
        &[
            &columns.id,
            &columns.status,
            &columns.results,
            &columns.verbatim,
            &columns.received,
            &columns.found,
        ],
    )
    .await?;
    Ok(())
}

/// Notes when actions changed and ends those in flight that have no open
/// command; says which.
async fn completed(tx: &Tx<'_>, last: &Last) -> Outcome<Vec<Id>> {
    let actions = keys(last.keys().copied());
    let times: Vec<_> = last.values().map(|(_, time)| moment(*time)).collect();
    let rows = tx
        .rows(
            "WITH given AS (SELECT * FROM unnest($1::bigint[], $2::timestamptz[]) AS given (id, received)),
                 ended AS (
                     SELECT given.id FROM given JOIN actions USING (id)
                     WHERE actions.status = 'inflight' AND NOT EXISTS
                         (SELECT FROM commands WHERE actionid = given.id AND status = 'sent'))
             UPDATE actions SET lastupdatetime = given.received,
                 status = CASE WHEN ended.id IS NULL THEN actions.status ELSE 'completed' END,
                 finishtime = CASE WHEN ended.id IS NULL THEN actions.finishtime
                     ELSE given.received END
             FROM given LEFT JOIN ended USING (id)
             WHERE actions.id = given.id
             RETURNING actions.id, ended.id IS NOT NULL AS ended",
            &[&actions, &times],
        )
        .await?;
    let mut ended = Vec::new();
    for row in &rows {
        if row.try_get("ended")? {
            ended.push(id(row, "id")?);
        }
    }
    Ok(ended)
}

/// Which actions ended with answers that an earlier try has stored.
async fn completed_before(tx: &Tx<'_>, last: &Last) -> Outcome<Vec<Id>> {
    if last.is_empty() {
        return Ok(Vec::new());
    }
    let actions = keys(last.keys().copied());
    let times: Vec<_> = last.values().map(|(_, time)| moment(*time)).collect();
    let rows = tx
        .rows(
            "SELECT actions.id FROM actions
             JOIN unnest($1::bigint[], $2::timestamptz[]) AS given (id, received) USING (id)
             WHERE status = 'completed' AND finishtime = given.received",
            &[&actions, &times],
        )
        .await?;
    rows.iter().map(|row| id(row, "id")).collect()
}
