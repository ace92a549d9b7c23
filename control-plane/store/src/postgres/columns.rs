//! Between the types of the documents and those of the columns.

use mig_protocol::{Id, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::{OffsetDateTime, UtcOffset};
use tokio_postgres::Row;

use super::failure::{Failure, Outcome};
use crate::StoreError;

/// A time as a column holds it. Cut to microseconds here, since the driver
/// would round times before its epoch up.
pub(super) fn moment(time: Time) -> OffsetDateTime {
    OffsetDateTime::from(time.truncated_to_micros()).to_offset(UtcOffset::UTC)
}

/// An identifier as a column holds it. One beyond that names no row, as -1 does.
pub(super) fn key(id: Id) -> i64 {
    i64::try_from(id.0).unwrap_or(-1)
}

/// Several identifiers.
pub(super) fn keys(ids: impl IntoIterator<Item = Id>) -> Vec<i64> {
    ids.into_iter().map(key).collect()
}

/// Refuses an identifier that a column cannot hold, before it is stored.
pub(super) fn storable(id: Id, what: &str) -> Outcome<i64> {
    i64::try_from(id.0).map_err(|_| {
        Failure::Store(StoreError::Corrupt {
            what: format!("{what} {id}"),
            reason: "the identifier is too large".into(),
        })
    })
}

/// A document as JSON text.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T, what: &str) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| corrupt(what, &error))
}

/// A document from JSON text.
pub(super) fn parse<T: DeserializeOwned>(text: &str, what: &str) -> Outcome<T> {
    serde_json::from_str(text).map_err(|error| corrupt(what, &error))
}

/// A document from the JSON text of a column.
pub(super) fn from_json<T: DeserializeOwned>(row: &Row, column: &str) -> Outcome<T> {
    parse(row.try_get(column)?, column)
}

/// A time from a column.
pub(super) fn time(row: &Row, column: &str) -> Outcome<Time> {
    Ok(row.try_get::<_, OffsetDateTime>(column)?.into())
}

/// An identifier from a column.
pub(super) fn id(row: &Row, column: &str) -> Outcome<Id> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map(Id).map_err(|_| {
        Failure::Store(StoreError::Corrupt {
            what: format!("{column} {number}"),
            reason: "an identifier is not negative".into(),
        })
    })
}

/// Text from a column.
pub(super) fn text(row: &Row, column: &str) -> Outcome<String> {
    Ok(row
        .try_get::<_, Option<String>>(column)?
        .unwrap_or_default())
}

/// A count from a column.
pub(super) fn count(row: &Row, column: &str) -> Outcome<u64> {
    Ok(u64::try_from(row.try_get::<_, i64>(column)?).unwrap_or(0))
}

fn corrupt(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::Store(StoreError::Corrupt {
        what: what.into(),
        reason: error.to_string(),
    })
}
