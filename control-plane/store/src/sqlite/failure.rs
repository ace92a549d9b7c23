//! Errors inside the SQLite store, before they are given a place.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::StoreError;

/// Result of a piece of work on a connection.
pub(super) type Outcome<T> = Result<T, Failure>;

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The driver's error; who asked for the work knows what it was for.
    Sql(rusqlite::Error),
    /// Complete already.
    Store(StoreError),
}

impl Failure {
    /// What the caller of the store gets. `doing` is in the past tense.
    pub(super) fn into_store(self, doing: &'static str, path: &Path) -> StoreError {
        match self {
            Failure::Store(error) => error,
            Failure::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy {
                    path: path.to_owned(),
                },
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Corrupt {
                    what: path.display().to_string(),
                    reason: error.to_string(),
                },
                Some(ErrorCode::DiskFull) => StoreError::Full {
                    database: path.display().to_string(),
                },
                Some(
                    ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch,
                ) => StoreError::Refused {
                    doing,
                    source: Box::new(error),
                },
                _ => StoreError::Database {
                    doing,
                    source: Box::new(error),
                },
            },
        }
    }

    /// Turns a violation of a primary key or a unique index into `Duplicate`.
    pub(super) fn or_duplicate(self, what: impl FnOnce() -> String) -> Failure {
        match self.extended_code() {
            Some(
                rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                | rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE
                | rusqlite::ffi::SQLITE_CONSTRAINT_ROWID,
            ) => Failure::Store(StoreError::Duplicate { what: what() }),
            _ => self,
        }
    }

    /// Turns a violation of a foreign key into `NotFound`.
    pub(super) fn or_not_found(self, what: &'static str, id: impl ToString) -> Failure {
        match self.extended_code() {
            Some(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => not_found(what, id),
            _ => self,
        }
    }

    fn extended_code(&self) -> Option<i32> {
        match self {
            Failure::Sql(rusqlite::Error::SqliteFailure(error, _)) => Some(error.extended_code),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

/// There is no such row.
pub(super) fn not_found(what: &'static str, id: impl ToString) -> Failure {
    Failure::Store(StoreError::NotFound {
        what,
        id: id.to_string(),
    })
}
