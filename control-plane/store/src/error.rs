//! Why the store could not do what it was asked.

use std::path::PathBuf;

/// Result of a store operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why the store could not do what it was asked.
///
/// `Display` is one line for the log; it never holds statement text. What a
/// caller over the network may see is decided by the API.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// `action`, `command`, `agent` or `investigator`.
        what: &'static str,
        /// The identifier (or fingerprint) asked for.
        id: String,
    },
    /// Something unique is there already.
    #[error("{what} exists already")]
    Duplicate {
        /// What is there, with the value that makes it unique.
        what: String,
    },
    /// The row is not in a state that allows the change; somebody else was
    /// faster.
    #[error("{what} {id} is {found}, which does not allow this")]
    Conflict {
        /// `action`, `command`, …
        what: &'static str,
        /// Its identifier.
        id: String,
        /// The state it is in.
        found: String,
    },
    /// Nobody could change permissions any more.
    #[error("this is the last investigator who may manage investigators; make another one first")]
    LastAdmin,
    /// The database was written by a newer version of this program.
    #[error(
        "{path}: the database has schema version {found}, this program knows up to {known}; use a newer program"
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Version in the database.
        found: i64,
        /// Newest version known.
        known: i64,
    },
    /// The database was written by an older version of this program, or is empty.
    #[error(
        "{database}: the database has schema version {found}, this program needs {needed}; run `mig-scheduler database migrate`"
    )]
    OlderSchema {
        /// The database.
        database: String,
        /// Version in the database, 0 for none.
        found: i64,
        /// Version this program needs.
        needed: i64,
    },
    /// The database's server cannot be reached.
    #[error("{database} cannot be reached: {reason}")]
    Unreachable {
        /// The database and its server.
        database: String,
        /// Why.
        reason: String,
    },
    /// The connection was lost amid the last step and nobody could be asked since:
    /// it may have happened, whole, or not at all.
    #[error(
        "{database}: the connection was lost at the very end, so it is not known whether it has \
         {doing}: {reason}"
    )]
    Unsure {
        /// The database and its server.
        database: String,
        /// What was being done, in the past tense: `stored an action`.
        doing: &'static str,
        /// Why nobody could be asked.
        reason: String,
    },
    /// Another process holds the database.
    #[error("{path}: the database is in use by another process")]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// What is stored cannot be understood.
    #[error("{what}: stored data cannot be understood: {reason}")]
    Corrupt {
        /// Where.
        what: String,
        /// Why.
        reason: String,
    },
    /// A file or directory cannot be used.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database refused or failed.
    #[error("the database failed while it {doing}")]
    Database {
        /// What was being done, in the past tense: `stored an action`.
        doing: &'static str,
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The disk of the database is full.
    #[error("{database}: its disk is full; make room there")]
    Full {
        /// The database.
        database: String,
    },
    /// The database will never take what it was given, however often it is
    /// asked: a value it cannot hold, or one that breaks a rule of its own.
    #[error("the database refused what it was given when it {doing}")]
    Refused {
        /// What was being done, in the past tense: `stored an action`.
        doing: &'static str,
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// True when another try with the same values is bound to fail.
    pub fn is_refused(&self) -> bool {
        matches!(self, StoreError::Refused { .. })
    }

    /// True when the database cannot be asked now, whatever it is asked.
    pub fn is_away(&self) -> bool {
        matches!(
            self,
            StoreError::Unreachable { .. } | StoreError::Unsure { .. }
        )
    }

    /// True when there is no such row.
    pub fn is_not_found(&self) -> bool {
        matches!(self, StoreError::NotFound { .. })
    }
}
