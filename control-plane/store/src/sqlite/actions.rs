//! Actions: stored, taken up, invalidated.

use mig_protocol::{Action, ActionStatus, Counters, Id, Investigator, Time};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::columns::{Key, Micros, from_json, id, storable, text, time, to_json};
use super::failure::{Failure, Outcome, not_found};
use super::investigators;
use crate::{Claim, Progress, Signature, StoreError, StoredAction};

pub(super) fn create(db: &Connection, action: &Action, signatures: &[Signature]) -> Outcome<()> {
    let key = storable(action.id, "action")?;
    db.prepare_cached(
        "INSERT INTO actions (id, name, target, description, threat, operations, validfrom,
             expireafter, starttime, finishtime, lastupdatetime, status, syntaxversion,
             pgpsignatures)
         VALUES (:id, :name, :target, :description, :threat, :operations, :validfrom,
             :expireafter, :starttime, :finishtime, :lastupdatetime, :status, :syntaxversion,
             :pgpsignatures)",
    )?
    .execute(named_params! {
        ":id": key,
        ":name": action.name,
        ":target": action.target,
        ":description": to_json(&action.description, "description")?,
        ":threat": to_json(&action.threat, "threat")?,
        ":operations": to_json(&action.operations, "operations")?,
        ":validfrom": Micros(action.validfrom),
        ":expireafter": Micros(action.expireafter),
        ":starttime": Micros(action.starttime),
        ":finishtime": Micros(action.finishtime),
        ":lastupdatetime": Micros(action.lastupdatetime),
        ":status": action.status.as_str(),
        ":syntaxversion": action.syntaxversion,
        ":pgpsignatures": to_json(&action.pgpsignatures, "pgpsignatures")?,
    })
    .map_err(|error| Failure::from(error).or_duplicate(|| format!("action {}", action.id)))?;
    let mut insert = db.prepare_cached("INSERT INTO signatures VALUES (?1, ?2, ?3)")?;
    for signature in signatures {
        let signer = signature.investigator;
        insert
            .execute(params![key, Key(signer), signature.signature])
            .map_err(|error| {
                Failure::from(error)
                    .or_duplicate(|| format!("a signature of investigator {signer}"))
                    .or_not_found("investigator", signer)
            })?;
    }
    Ok(())
}

/// An action as its row has it, without counters and investigators.
pub(super) fn from_row(row: &Row<'_>) -> Outcome<Action> {
    Ok(Action {
        id: id(row, "id")?,
        name: text(row, "name")?,
        target: text(row, "target")?,
        description: from_json(row, "description")?,
        threat: from_json(row, "threat")?,
        validfrom: time(row, "validfrom")?,
        expireafter: time(row, "expireafter")?,
        operations: from_json(row, "operations")?,
        pgpsignatures: from_json(row, "pgpsignatures")?,
        investigators: Vec::new(),
        status: text(row, "status")?.into(),
        starttime: time(row, "starttime")?,
        finishtime: time(row, "finishtime")?,
        lastupdatetime: time(row, "lastupdatetime")?,
        counters: Counters::default(),
        syntaxversion: row.get("syntaxversion")?,
    })
}

/// Adds what is in other tables: counters and signers.
pub(super) fn completed(db: &Connection, mut action: Action) -> Outcome<Action> {
    action.counters = counters(db, action.id)?;
    action.investigators = signers(db, action.id)?;
    Ok(action)
}

/// One row, without counters and investigators.
pub(super) fn row(db: &Connection, action: Id) -> Outcome<Action> {
    let mut statement = db.prepare_cached("SELECT * FROM actions WHERE id = ?1")?;
    let mut rows = statement.query([Key(action)])?;
    match rows.next()? {
        Some(row) => from_row(row),
        None => Err(not_found("action", action)),
    }
}

pub(super) fn get(db: &Connection, action: Id) -> Outcome<StoredAction> {
    let found = completed(db, row(db, action)?)?;
    let reason = db
        .prepare_cached("SELECT reason FROM actions WHERE id = ?1")?
        .query_row([Key(action)], |row| row.get(0))?;
    Ok(StoredAction {
        action: found,
        reason,
    })
}

pub(super) fn progress(db: &Connection, action: Id) -> Outcome<Progress> {
    let found: Option<(String, Micros)> = db
        .prepare_cached("SELECT status, lastupdatetime FROM actions WHERE id = ?1")?
        .query_row([Key(action)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (status, Micros(lastupdatetime)) = found.ok_or_else(|| not_found("action", action))?;
    Ok(Progress {
        status: status.into(),
        lastupdatetime,
        counters: counters(db, action)?,
    })
}

fn counters(db: &Connection, action: Id) -> Outcome<Counters> {
    let mut statement = db.prepare_cached(
        "SELECT status, count(*) FROM commands WHERE actionid = ?1 GROUP BY status",
    )?;
    let mut rows = statement.query([Key(action)])?;
    let mut counters = Counters::default();
    while let Some(row) = rows.next()? {
        let count: i64 = row.get(1)?;
        let field = match row.get_ref(0)?.as_str().unwrap_or_default() {
            "sent" => &mut counters.inflight,
            "success" => &mut counters.success,
            "cancelled" => &mut counters.cancelled,
            "expired" => &mut counters.expired,
            "failed" => &mut counters.failed,
            _ => &mut counters.timeout,
        };
        *field += count;
        counters.sent += count;
    }
    counters.done = counters.sent - counters.inflight;
    Ok(counters)
}

fn signers(db: &Connection, action: Id) -> Outcome<Vec<Investigator>> {
    let mut statement = db.prepare_cached(
        "SELECT investigators.* FROM signatures
         JOIN investigators ON investigators.id = signatures.investigatorid
         WHERE signatures.actionid = ?1 ORDER BY investigators.id",
    )?;
    let mut rows = statement.query([Key(action)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut investigator = investigators::from_row(row)?;
        investigator.publickey.clear();
        investigator.apikey.clear();
        found.push(investigator);
    }
    Ok(found)
}

pub(super) fn claim(db: &Connection, claim: Claim) -> Outcome<Vec<Action>> {
    let mut statement = db.prepare_cached(
        "SELECT * FROM actions
         WHERE expireafter > :now AND (
             (status = 'pending' AND validfrom <= :now)
             OR (status = 'scheduled'
                 AND (lastupdatetime < :abandoned OR lastupdatetime > :impossible)))
         ORDER BY validfrom, id LIMIT :limit",
    )?;
    let mut rows = statement.query(named_params! {
        ":now": Micros(claim.now),
        ":abandoned": Micros(claim.abandoned_before),
        ":impossible": Micros(claim.impossible_after()),
        ":limit": claim.limit,
    })?;
    let mut taken = Vec::new();
    let mut unreadable = Vec::new();
    while let Some(row) = rows.next()? {
        match from_row(row) {
            Ok(action) => taken.push(action),
            Err(Failure::Store(error @ StoreError::Corrupt { .. })) => {
                unreadable.push((id(row, "id")?, error));
            }
            Err(other) => return Err(other),
        }
    }
    // One bad row must not hold up the others, nor be tried for ever.
    for (action, error) in unreadable {
        tracing::error!(action = action.0, "an action cannot be read: {error}");
        let reason = format!("its stored form cannot be read: {error}");
        invalidate(db, action, &reason, claim.now)?;
    }
    let mut update = db.prepare_cached(
        "UPDATE actions SET status = 'scheduled', lastupdatetime = ?2 WHERE id = ?1",
    )?;
    for action in &mut taken {
        update.execute(params![Key(action.id), Micros(claim.now)])?;
        action.status = ActionStatus::Scheduled;
        action.lastupdatetime = claim.now.to_utc().truncated_to_micros();
    }
    Ok(taken)
}

pub(super) fn invalidate(db: &Connection, action: Id, reason: &str, now: Time) -> Outcome<()> {
    let changed = db
        .prepare_cached(
            "UPDATE actions SET status = 'invalid', reason = :reason, starttime = :now,
                 finishtime = :now, lastupdatetime = :now
             WHERE id = :id AND status IN ('pending', 'scheduled')",
        )?
        .execute(named_params! { ":id": Key(action), ":reason": reason, ":now": Micros(now) })?;
    if changed == 1 {
        Ok(())
    } else {
        Err(conflict(db, action)?)
    }
}

/// Why an action could not be changed: it does not exist, or stands elsewhere.
pub(super) fn conflict(db: &Connection, action: Id) -> Outcome<Failure> {
    let status: Option<String> = db
        .prepare_cached("SELECT status FROM actions WHERE id = ?1")?
        .query_row([Key(action)], |row| row.get(0))
        .optional()?;
    Ok(match status {
        None => not_found("action", action),
        Some(found) => {
            let id = action.to_string();
            Failure::Store(StoreError::Conflict {
                what: "action",
                id,
                found,
            })
        }
    })
}

pub(super) fn latest(db: &Connection, limit: u32) -> Outcome<Vec<Action>> {
    let mut statement =
        db.prepare_cached("SELECT * FROM actions ORDER BY starttime DESC, id DESC LIMIT ?1")?;
    let mut rows = statement.query([limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(completed(db, from_row(row)?)?);
    }
    Ok(found)
}
