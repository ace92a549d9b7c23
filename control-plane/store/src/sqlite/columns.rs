//! Between the types of the documents and those of the columns.

use mig_protocol::{Id, Time};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::failure::{Failure, Outcome};
use crate::StoreError;

/// A time as integer microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Micros(pub(super) Time);

impl ToSql for Micros {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let nanos = OffsetDateTime::from(self.0).unix_timestamp_nanos();
        let micros = i64::try_from(nanos.div_euclid(1000));
        // The calendar's ends are far inside an i64.
        Ok(ToSqlOutput::from(micros.unwrap_or(i64::MAX)))
    }
}

impl FromSql for Micros {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Micros> {
        let micros = value.as_i64()?;
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
            .map(|time| Micros(time.into()))
            .map_err(|_| FromSqlError::OutOfRange(micros))
    }
}

/// An identifier as an integer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key(pub(super) Id);

impl ToSql for Key {
    /// An identifier beyond what a column holds names no row, as -1 does.
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(i64::try_from(self.0.0).unwrap_or(-1)))
    }
}

impl FromSql for Key {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Key> {
        let number = value.as_i64()?;
        u64::try_from(number)
            .map(|id| Key(Id(id)))
            .map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// Refuses an identifier that a column cannot hold, before it is stored.
pub(super) fn storable(id: Id, what: &str) -> Outcome<Key> {
    if i64::try_from(id.0).is_ok() {
        return Ok(Key(id));
    }
    Err(Failure::Store(StoreError::Corrupt {
        what: format!("{what} {id}"),
        reason: "the identifier is too large".into(),
    }))
}

/// A document as JSON text.
pub(super) fn to_json<T: Serialize>(value: &T, what: &str) -> Outcome<String> {
    serde_json::to_string(value).map_err(|error| corrupt(what, &error))
}

/// A document from the JSON text of a column.
pub(super) fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Outcome<T> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(|error| corrupt(column, &error))?;
    serde_json::from_str(text).map_err(|error| corrupt(column, &error))
}

/// A time from a column.
pub(super) fn time(row: &Row<'_>, column: &str) -> Outcome<Time> {
    Ok(row.get::<_, Micros>(column)?.0)
}

/// An identifier from a column.
pub(super) fn id(row: &Row<'_>, column: &str) -> Outcome<Id> {
    Ok(row.get::<_, Key>(column)?.0)
}

/// Text from a column.
pub(super) fn text(row: &Row<'_>, column: &str) -> Outcome<String> {
    Ok(row.get::<_, Option<String>>(column)?.unwrap_or_default())
}

/// A count from a column.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn corrupt(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::Store(StoreError::Corrupt {
        what: what.into(),
        reason: error.to_string(),
    })
}
