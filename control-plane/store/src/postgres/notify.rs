//! What a transaction tells all processes when it is committed.

use mig_protocol::Id;

use super::columns::key;
use super::connection::Tx;
use super::failure::Outcome;

/// There is new work for a scheduler.
pub(super) const WAKE: &str = "mig_wake";
/// An action changed: its identifier.
pub(super) const CHANGED: &str = "mig_changed";
/// An agent was heard of for which a command waits: its queueloc, or nothing
/// when that is too long for a notification.
pub(super) const SEEN: &str = "mig_seen";

/// Longest text that fits into a notification for certain.
pub(super) const LONGEST: i32 = 4000;

/// There is new work.
pub(super) async fn wake(tx: &Tx<'_>) -> Outcome<()> {
    tx.run("NOTIFY mig_wake").await
}

/// Actions changed.
pub(super) async fn changed(tx: &Tx<'_>, actions: &[Id]) -> Outcome<()> {
    if actions.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = actions.iter().copied().map(key).collect();
    tx.rows(
        "SELECT pg_notify('mig_changed', id::text) FROM unnest($1::bigint[]) AS id",
        &[&ids],
    )
    .await?;
    Ok(())
}
