//! Which scheduler publishes which command.

use mig_protocol::{Command, Id};
use rusqlite::{Connection, params};

use super::columns::{Key, Micros, storable};
use super::commands;
use super::failure::Outcome;
use crate::Holding;

pub(super) fn take(
    db: &Connection,
    holding: Holding,
    after: Id,
    limit: u32,
) -> Outcome<Vec<Command>> {
    let holder = storable(Id(holding.holder), "scheduler")?;
    // What they held is free with that.
    db.prepare_cached("DELETE FROM schedulers WHERE (seen < ?1 OR seen > ?3) AND holder <> ?2")?
        .execute(params![
            Micros(holding.abandoned_before),
            holder,
            Micros(holding.impossible_after())
        ])?;
    db.prepare_cached(
        "INSERT INTO schedulers (holder, seen) VALUES (?1, ?2)
         ON CONFLICT (holder) DO UPDATE SET seen = excluded.seen",
    )?
    .execute(params![holder, Micros(holding.now)])?;
    db.prepare_cached(
        "UPDATE outbox SET holder = ?1 WHERE holder IS NULL AND commandid IN
             (SELECT commandid FROM outbox
              WHERE commandid > ?2 AND (holder IS NULL OR holder = ?1)
              ORDER BY commandid LIMIT ?3)",
    )?
    .execute(params![holder, Key(after), limit])?;
    let mut statement = db.prepare_cached(
        "SELECT commands.* FROM outbox JOIN commands ON commands.id = outbox.commandid
         WHERE outbox.holder = ?1 AND outbox.commandid > ?2
         ORDER BY outbox.commandid LIMIT ?3",
    )?;
    commands::documents(db, statement.query(params![holder, Key(after), limit])?)
}

pub(super) fn release(db: &Connection, holder: Id) -> Outcome<()> {
    db.prepare_cached("DELETE FROM schedulers WHERE holder = ?1")?
        .execute([storable(holder, "scheduler")?])?;
    Ok(())
}
