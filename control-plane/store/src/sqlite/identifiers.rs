//! Identifiers in the form of the original, from one counter in the database.

use mig_protocol::{Id, Time};
use rusqlite::Connection;

use super::columns::Key;
use super::failure::Outcome;
use crate::IdBlock;

/// Reserves identifiers: those the clock gives, or those after the last one.
pub(super) fn issue(db: &Connection, count: u32, now: Time) -> Outcome<IdBlock> {
    let next: Key = db
        .prepare_cached("SELECT next FROM identifiers")?
        .query_row([], |row| row.get(0))?;
    let first = next.0.max(Id::first_at(now));
    let after = Key(Id(first.0 + u64::from(count)));
    db.prepare_cached("UPDATE identifiers SET next = ?1")?
        .execute([after])?;
    Ok(IdBlock { first, count })
}
