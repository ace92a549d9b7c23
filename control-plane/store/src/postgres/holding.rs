//! Which scheduler publishes which command.

use mig_protocol::{Command, Id};

use super::columns::{key, moment, storable};
use super::connection::Tx;
use super::failure::Outcome;
use super::{commands, notify};
use crate::Holding;

pub(super) async fn take(
    tx: &Tx<'_>,
    holding: &Holding,
    after: Id,
    limit: u32,
) -> Outcome<Vec<Command>> {
    let holder = storable(Id(holding.holder), "scheduler")?;
    // What they held is free with that. One that another scheduler is burying
    // already, or that just came back, is left alone.
    tx.change(
        "DELETE FROM schedulers WHERE holder IN
             (SELECT holder FROM schedulers WHERE (seen < $1 OR seen > $3) AND holder <> $2
              FOR UPDATE SKIP LOCKED)",
        &[
            &moment(holding.abandoned_before),
            &holder,
            &moment(holding.impossible_after()),
        ],
    )
    .await?;
    tx.change(
        "INSERT INTO schedulers (holder, seen) VALUES ($1, $2)
         ON CONFLICT (holder) DO UPDATE SET seen = excluded.seen",
        &[&holder, &moment(holding.now)],
    )
    .await?;
    tx.change(
        "WITH free AS MATERIALIZED (
             SELECT commandid FROM outbox
             WHERE commandid > $2 AND (holder IS NULL OR holder = $1)
             ORDER BY commandid LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED)
         UPDATE outbox SET holder = $1 FROM free
         WHERE outbox.commandid = free.commandid AND outbox.holder IS NULL",
        &[&holder, &key(after), &i64::from(limit)],
    )
    .await?;
    let rows = tx
        .rows(
            &format!(
                "SELECT {} FROM outbox JOIN commands ON commands.id = outbox.commandid
                 WHERE outbox.holder = $1 AND outbox.commandid > $2
                 ORDER BY outbox.commandid LIMIT $3",
                commands::COLUMNS
            ),
            &[&holder, &key(after), &i64::from(limit)],
        )
        .await?;
    commands::documents(tx, &rows).await
}

pub(super) async fn release(tx: &Tx<'_>, holder: u64) -> Outcome<()> {
    let holder = storable(Id(holder), "scheduler")?;
    let gone = tx
        .change("DELETE FROM schedulers WHERE holder = $1", &[&holder])
        .await?;
    if gone > 0 {
        notify::wake(tx).await?;
    }
    Ok(())
}
