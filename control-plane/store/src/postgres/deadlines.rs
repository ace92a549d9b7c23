//! What happens by time alone.

use mig_protocol::{Id, Time};
use time::OffsetDateTime;

use super::columns::{id, keys, moment};
use super::connection::Tx;
use super::failure::Outcome;
use super::notify;
use crate::Expired;

/// How many actions end in one transaction, whose statements have a limited time:
/// each may have a command for every agent.
const AT_ONCE: i64 = 16;

/// Actions are locked first, as answers do, and looked at again once they are:
/// another scheduler may have ended them meanwhile.
pub(super) async fn expire(tx: &Tx<'_>, now: Time) -> Outcome<Expired> {
    let now = moment(now);
    let due = tx
        .rows(
            "SELECT id, status FROM actions
             WHERE status IN ('pending', 'scheduled', 'inflight') AND expireafter <= $1
             ORDER BY id LIMIT $2 FOR NO KEY UPDATE",
            &[&now, &AT_ONCE],
        )
        .await?;
    let mut expired = Expired {
        more: i64::try_from(due.len()) == Ok(AT_ONCE),
        ..Expired::default()
    };
    let mut running = Vec::new();
    for row in &due {
        let action = id(row, "id")?;
        expired.actions.push(action);
        if row.try_get::<_, &str>("status")? == "inflight" {
            running.push(action);
        } else {
            expired.invalidated.push(action);
        }
    }
    expired.commands = end_commands(tx, &running, now).await?;
    invalidate(tx, &expired.invalidated, now).await?;
    notify::changed(tx, &expired.actions).await?;
    Ok(expired)
}

async fn end_commands(tx: &Tx<'_>, actions: &[Id], now: OffsetDateTime) -> Outcome<u64> {
    if actions.is_empty() {
        return Ok(0);
    }
    let actions = keys(actions.iter().copied());
    // In the order in which answers lock them.
    tx.rows(
        "SELECT count(*) FROM (SELECT FROM commands
             WHERE actionid = ANY ($1) AND status = 'sent'
             ORDER BY id FOR NO KEY UPDATE) AS locked",
        &[&actions],
    )
    .await?;
    tx.change(
        "DELETE FROM outbox WHERE commandid IN
             (SELECT id FROM commands WHERE actionid = ANY ($1) AND status = 'sent')",
        &[&actions],
    )
    .await?;
    let ended = tx
        .change(
            "UPDATE commands SET status = 'expired', finishtime = $2
             WHERE actionid = ANY ($1) AND status = 'sent'",
            &[&actions, &now],
        )
        .await?;
    tx.change(
        "UPDATE actions SET status = 'completed', finishtime = $2, lastupdatetime = $2
         WHERE id = ANY ($1)",
        &[&actions, &now],
    )
    .await?;
    Ok(ended)
}

async fn invalidate(tx: &Tx<'_>, actions: &[Id], now: OffsetDateTime) -> Outcome<()> {
    if actions.is_empty() {
        return Ok(());
    }
    tx.change(
        "UPDATE actions SET
             reason = CASE status WHEN 'pending' THEN 'expired before a scheduler took it up'
                 ELSE 'expired before its commands were made' END,
             status = 'invalid', starttime = $2, finishtime = $2, lastupdatetime = $2
         WHERE id = ANY ($1)",
        &[&keys(actions.iter().copied()), &now],
    )
    .await?;
    Ok(())
}

pub(super) async fn next(tx: &Tx<'_>, now: Time) -> Outcome<Option<Time>> {
    let row = tx
        .row(
            "SELECT min(CASE WHEN status = 'pending' AND validfrom > $1
                        THEN least(validfrom, expireafter) ELSE expireafter END) AS next
             FROM actions WHERE status IN ('pending', 'scheduled', 'inflight')",
            &[&moment(now)],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let next: Option<OffsetDateTime> = row.try_get("next")?;
    Ok(next.map(Time::from))
}
