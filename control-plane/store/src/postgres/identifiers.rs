//! Identifiers in the form of the original, from one counter in the database.

use mig_protocol::{Id, Time};

use super::columns::{id, key};
use super::connection::Tx;
use super::failure::{Failure, Outcome};
use crate::{IdBlock, StoreError};

/// Reserves identifiers: those the clock gives, or those after the last one.
pub(super) async fn issue(tx: &Tx<'_>, count: u32, now: Time) -> Outcome<IdBlock> {
    let row = tx
        .row(
            "UPDATE identifiers SET next = greatest(next, $1) + $2 RETURNING next - $2 AS first",
            &[&key(Id::first_at(now)), &i64::from(count)],
        )
        .await?;
    let row = row.ok_or_else(|| {
        Failure::Store(StoreError::Corrupt {
            what: "table identifiers".into(),
            reason: "it is empty".into(),
        })
    })?;
    Ok(IdBlock {
        first: id(&row, "first")?,
        count,
    })
}
