//! What happens by time alone.

use mig_protocol::{Id, Time};
use rusqlite::{Connection, params};

use super::actions::invalidate;
use super::answers::complete;
use super::columns::{Key, Micros};
use super::failure::Outcome;
use crate::Expired;

pub(super) fn expire(db: &Connection, now: Time) -> Outcome<Expired> {
    let mut expired = Expired::default();
    let due: Vec<(Id, String)> = db
        .prepare_cached(
            "SELECT id, status FROM actions
             WHERE status IN ('pending', 'scheduled', 'inflight') AND expireafter <= ?1
             ORDER BY id",
        )?
        .query_map([Micros(now)], |row| {
            Ok((row.get::<_, Key>(0)?.0, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (action, status) in due {
        if status == "inflight" {
            expired.commands += expire_commands(db, action, now)?;
            complete(db, action, now)?;
        } else {
            let reason = match status.as_str() {
                "pending" => "expired before a scheduler took it up",
                _ => "expired before its commands were made",
            };
            invalidate(db, action, reason, now)?;
            expired.invalidated.push(action);
        }
        expired.actions.push(action);
    }
    Ok(expired)
}

fn expire_commands(db: &Connection, action: Id, now: Time) -> Outcome<u64> {
    db.prepare_cached(
        "DELETE FROM outbox WHERE commandid IN
             (SELECT id FROM commands WHERE actionid = ?1 AND status = 'sent')",
    )?
    .execute([Key(action)])?;
    let changed = db
        .prepare_cached(
            "UPDATE commands SET status = 'expired', finishtime = ?2
             WHERE actionid = ?1 AND status = 'sent'",
        )?
        .execute(params![Key(action), Micros(now)])?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

pub(super) fn next(db: &Connection, now: Time) -> Outcome<Option<Time>> {
    let next: Option<Micros> = db
        .prepare_cached(
            "SELECT min(CASE WHEN status = 'pending' AND validfrom > ?1
                        THEN min(validfrom, expireafter) ELSE expireafter END)
             FROM actions WHERE status IN ('pending', 'scheduled', 'inflight')",
        )?
        .query_row([Micros(now)], |row| row.get(0))?;
    Ok(next.map(|Micros(time)| time))
}
