//! Actions: stored, taken up, invalidated.

use std::collections::HashMap;

use mig_protocol::{Action, Counters, Id, Investigator, Time};
use tokio_postgres::Row;

use super::columns::{
    count, from_json, id, key, keys, moment, parse, storable, text, time, to_json,
};
use super::connection::Tx;
use super::failure::{Failure, Outcome, not_found};
use super::{investigators, notify, verbatim};
use crate::{Claim, Progress, Signature, StoreError, StoredAction};

/// What [`from_row`] reads, of the table `actions`.
pub(super) const COLUMNS: &str = "actions.id, actions.name, actions.target, \
     actions.description::text, actions.threat::text, actions.operations::text, \
     actions.validfrom, actions.expireafter, actions.starttime, actions.finishtime, \
     actions.lastupdatetime, actions.status, actions.syntaxversion, actions.pgpsignatures, \
     actions.verbatim";

pub(super) async fn create(tx: &Tx<'_>, action: &Action, signatures: &[Signature]) -> Outcome<()> {
    let key = storable(action.id, "action")?;
    let description = to_json(&action.description, "description")?;
    let threat = to_json(&action.threat, "threat")?;
    let operations = to_json(&action.operations, "operations")?;
    let whole = to_json(action, "action")?;
    // Any of its texts may hold U+0000.
    let whole = verbatim::json(&whole).map(|_| whole);
    let readable = |document: &str| verbatim::json(document).unwrap_or_else(|| document.to_owned());
    let documents = to_json(&action.pgpsignatures, "pgpsignatures")?;
    let added = tx
        .change(
            "INSERT INTO actions (id, name, target, description, threat, operations, validfrom,
             expireafter, starttime, finishtime, lastupdatetime, status, syntaxversion,
             pgpsignatures, verbatim)
         VALUES ($1, $2, $3, $4::text::json, $5::text::json, $6::text::json, $7, $8, $9, $10, $11,
             $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING",
            &[
                &key,
                &verbatim::text(&action.name),
                &verbatim::text(&action.target),
                &readable(&description),
                &readable(&threat),
                &readable(&operations),
                &moment(action.validfrom),
                &moment(action.expireafter),
                &moment(action.starttime),
                &moment(action.finishtime),
                &moment(action.lastupdatetime),
                &verbatim::text(action.status.as_str()),
                &i32::from(action.syntaxversion),
                &documents,
                &whole,
            ],
        )
        .await?;
    if added != 1 {
        return known(tx, action).await;
    }
    sign(tx, key, signatures).await?;
    notify::wake(tx).await
}

/// There is an action of this identifier: the very one, if an earlier try stored
/// it without our hearing of it.
async fn known(tx: &Tx<'_>, action: &Action) -> Outcome<()> {
    if tx.may_have_happened()
        && let Some(stored) = rows(tx, &[key(action.id)]).await?.remove(&action.id)
    {
        let same = stored.name == action.name
            && stored.target == action.target
            && stored.operations == action.operations
            && stored.pgpsignatures == action.pgpsignatures
            && stored.validfrom == action.validfrom.truncated_to_micros()
            && stored.expireafter == action.expireafter.truncated_to_micros();
        if same {
            return Ok(());
        }
    }
    Err(Failure::Store(StoreError::Duplicate {
        what: format!("action {}", action.id),
    }))
}

async fn sign(tx: &Tx<'_>, action: i64, signatures: &[Signature]) -> Outcome<()> {
    if signatures.is_empty() {
        return Ok(());
    }
    let signers = keys(signatures.iter().map(|signature| signature.investigator));
    if let Some(twice) =
        (1..signers.len()).find(|&place| signers[..place].contains(&signers[place]))
    {
        let what = format!("a signature of investigator {}", signers[twice]);
        return Err(Failure::Store(StoreError::Duplicate { what }));
    }
    let known = tx
        .rows(
            "SELECT id FROM investigators WHERE id = ANY ($1)",
            &[&signers],
        )
        .await?;
    let mut found = Vec::new();
    for row in &known {
        found.push(id(row, "id")?);
    }
    for signature in signatures {
        if !found.contains(&signature.investigator) {
            return Err(not_found("investigator", signature.investigator));
        }
    }
    let texts: Vec<_> = signatures
        .iter()
        .map(|signature| verbatim::text(&signature.signature))
        .collect();
    tx.change(
        "INSERT INTO signatures (actionid, investigatorid, pgpsignature)
         SELECT $1::bigint, * FROM unnest($2::bigint[], $3::text[])",
        &[&action, &signers, &texts],
    )
    .await?;
    Ok(())
}

/// An action as its row has it, without counters and investigators.
pub(super) fn from_row(row: &Row) -> Outcome<Action> {
    let given: Action = match row.try_get::<_, Option<&str>>("verbatim")? {
        Some(whole) => parse(whole, "verbatim")?,
        None => Action {
            name: text(row, "name")?,
            target: text(row, "target")?,
            description: from_json(row, "description")?,
            threat: from_json(row, "threat")?,
            operations: from_json(row, "operations")?,
            pgpsignatures: from_json(row, "pgpsignatures")?,
            ..Action::default()
        },
    };
    let version: i32 = row.try_get("syntaxversion")?;
    Ok(Action {
        id: id(row, "id")?,
        validfrom: time(row, "validfrom")?,
        expireafter: time(row, "expireafter")?,
        investigators: Vec::new(),
        status: text(row, "status")?.into(),
        starttime: time(row, "starttime")?,
        finishtime: time(row, "finishtime")?,
        lastupdatetime: time(row, "lastupdatetime")?,
        counters: Counters::default(),
        syntaxversion: u16::try_from(version).unwrap_or(0),
        ..given
    })
}

/// Adds what is in other tables: counters and signers.
pub(super) async fn complete(tx: &Tx<'_>, actions: &mut [Action]) -> Outcome<()> {
    if actions.is_empty() {
        return Ok(());
    }
    let all = keys(actions.iter().map(|action| action.id));
    let mut counters = counters(tx, &all).await?;
    let mut signers = signers(tx, &all).await?;
    for action in actions {
        action.counters = counters.remove(&action.id).unwrap_or_default();
        action.investigators = signers.remove(&action.id).unwrap_or_default();
    }
    Ok(())
}

/// Rows by their identifiers, without counters and investigators.
pub(super) async fn rows(tx: &Tx<'_>, actions: &[i64]) -> Outcome<HashMap<Id, Action>> {
    let rows = tx
        .rows(
            &format!("SELECT {COLUMNS} FROM actions WHERE id = ANY ($1)"),
            &[&actions],
        )
        .await?;
    let mut found = HashMap::new();
    for row in &rows {
        let action = from_row(row)?;
        found.insert(action.id, action);
    }
    Ok(found)
}

pub(super) async fn get(tx: &Tx<'_>, action: Id) -> Outcome<StoredAction> {
    let row = tx
        .row(
            &format!("SELECT {COLUMNS}, actions.reason FROM actions WHERE id = $1"),
            &[&key(action)],
        )
        .await?
        .ok_or_else(|| not_found("action", action))?;
    let mut found = [from_row(&row)?];
    complete(tx, &mut found).await?;
    let [action] = found;
    Ok(StoredAction {
        action,
        reason: row.try_get("reason")?,
    })
}

pub(super) async fn progress(tx: &Tx<'_>, action: Id) -> Outcome<Progress> {
    let row = tx
        .row(
            "SELECT status, lastupdatetime FROM actions WHERE id = $1",
            &[&key(action)],
        )
        .await?
        .ok_or_else(|| not_found("action", action))?;
    Ok(Progress {
        status: text(&row, "status")?.into(),
        lastupdatetime: time(&row, "lastupdatetime")?,
        counters: counters(tx, &[key(action)])
            .await?
            .remove(&action)
            .unwrap_or_default(),
    })
}

async fn counters(tx: &Tx<'_>, actions: &[i64]) -> Outcome<HashMap<Id, Counters>> {
    let rows = tx
        .rows(
            "SELECT actionid, status, count(*) AS count FROM commands
             WHERE actionid = ANY ($1) GROUP BY actionid, status",
            &[&actions],
        )
        .await?;
    let mut all: HashMap<Id, Counters> = HashMap::new();
    for row in &rows {
        let counters = all.entry(id(row, "actionid")?).or_default();
        let number = i64::try_from(count(row, "count")?).unwrap_or(i64::MAX);
        let field = match row.try_get("status")? {
            "sent" => &mut counters.inflight,
            "success" => &mut counters.success,
            "cancelled" => &mut counters.cancelled,
            "expired" => &mut counters.expired,
            "failed" => &mut counters.failed,
            _ => &mut counters.timeout,
        };
        *field += number;
        counters.sent += number;
    }
    for counters in all.values_mut() {
        counters.done = counters.sent - counters.inflight;
    }
    Ok(all)
}

async fn signers(tx: &Tx<'_>, actions: &[i64]) -> Outcome<HashMap<Id, Vec<Investigator>>> {
    let rows = tx
        .rows(
            &format!(
                "SELECT signatures.actionid, {} FROM signatures
                 JOIN investigators ON investigators.id = signatures.investigatorid
                 WHERE signatures.actionid = ANY ($1) ORDER BY investigators.id",
                investigators::COLUMNS
            ),
            &[&actions],
        )
        .await?;
    let mut found: HashMap<Id, Vec<Investigator>> = HashMap::new();
    for row in &rows {
        let mut investigator = investigators::from_row(row)?;
        investigator.publickey.clear();
        investigator.apikey.clear();
        found
            .entry(id(row, "actionid")?)
            .or_default()
            .push(investigator);
    }
    Ok(found)
}

/// Rows that another scheduler is taking are left to it.
pub(super) async fn claim(tx: &Tx<'_>, claim: &Claim) -> Outcome<Vec<Action>> {
    let rows = tx
        .rows(
            &format!(
                "WITH free AS (
                     SELECT id FROM actions
                     WHERE expireafter > $1 AND (
                         (status = 'pending' AND validfrom <= $1)
                         OR (status = 'scheduled'
                             AND (lastupdatetime < $2 OR lastupdatetime > $4)))
                     ORDER BY validfrom, id LIMIT $3 FOR UPDATE SKIP LOCKED),
                 taken AS (
                     UPDATE actions SET status = 'scheduled', lastupdatetime = $1
                     FROM free WHERE actions.id = free.id RETURNING {COLUMNS})
                 SELECT * FROM taken ORDER BY validfrom, id"
            ),
            &[
                &moment(claim.now),
                &moment(claim.abandoned_before),
                &i64::from(claim.limit),
                &moment(claim.impossible_after()),
            ],
        )
        .await?;
    let mut taken = Vec::new();
    for row in &rows {
        match from_row(row) {
            Ok(action) => taken.push(action),
            // One bad row must not hold up the others, nor be tried for ever.
            Err(Failure::Store(error @ StoreError::Corrupt { .. })) => {
                let action = id(row, "id")?;
                tracing::error!(action = action.0, "an action cannot be read: {error}");
                let reason = format!("its stored form cannot be read: {error}");
                invalidate(tx, action, &reason, claim.now).await?;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(taken)
}

pub(super) async fn invalidate(tx: &Tx<'_>, action: Id, reason: &str, now: Time) -> Outcome<()> {
    let changed = tx
        .change(
            "UPDATE actions SET status = 'invalid', reason = $2, starttime = $3,
                 finishtime = $3, lastupdatetime = $3
             WHERE id = $1 AND status IN ('pending', 'scheduled')",
            &[&key(action), &verbatim::text(reason), &moment(now)],
        )
        .await?;
    if changed != 1 {
        if tx.may_have_happened() {
            let ours = tx
                .row(
                    "SELECT FROM actions
                     WHERE id = $1 AND status = 'invalid' AND reason = $2 AND finishtime = $3",
                    &[&key(action), &verbatim::text(reason), &moment(now)],
                )
                .await?;
            if ours.is_some() {
                return Ok(());
            }
        }
        return Err(conflict(tx, action).await?);
    }
    notify::changed(tx, &[action]).await
}

/// Why an action could not be changed: it does not exist, or stands elsewhere.
pub(super) async fn conflict(tx: &Tx<'_>, action: Id) -> Outcome<Failure> {
    let row = tx
        .row("SELECT status FROM actions WHERE id = $1", &[&key(action)])
        .await?;
    Ok(match row {
        None => not_found("action", action),
        Some(row) => Failure::Store(StoreError::Conflict {
            what: "action",
            id: action.to_string(),
            found: text(&row, "status")?,
        }),
    })
}

pub(super) async fn latest(tx: &Tx<'_>, limit: u32) -> Outcome<Vec<Action>> {
    let rows = tx
        .rows(
            &format!("SELECT {COLUMNS} FROM actions ORDER BY starttime DESC, id DESC LIMIT $1"),
            &[&i64::from(limit)],
        )
        .await?;
    let mut found = rows.iter().map(from_row).collect::<Outcome<Vec<_>>>()?;
    complete(tx, &mut found).await?;
    Ok(found)
}
