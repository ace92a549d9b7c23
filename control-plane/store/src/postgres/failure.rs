//! What can go wrong with a database, and what is worth another try.

use std::error::Error as _;
use std::fmt;

use deadpool_postgres::{BuildError, PoolError, TimeoutType};
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// What is said of a server that says nothing.
pub(super) const SILENT: &str = "it does not answer";

/// Result of a piece of work in a transaction.
pub(super) type Outcome<T> = Result<T, Failure>;

/// Why a piece of work failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The driver's error; who asked for the work knows what it was for.
    Sql(tokio_postgres::Error),
    /// There was no connection to be had.
    Pool(PoolError),
    /// Complete already.
    Store(StoreError),
}

/// The driver's error without statement, parameters and other details that name
/// what somebody stored.
#[derive(Debug)]
struct Refusal {
    code: Option<String>,
    message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} (SQLSTATE {code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    fn of(error: &tokio_postgres::Error) -> Refusal {
        match error.as_db_error() {
            Some(refused) => Refusal {
                code: Some(refused.code().code().to_owned()),
                message: one_line(refused.message()),
            },
            None => Refusal {
                code: None,
                message: chain(error),
            },
        }
    }
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Some errors repeat their cause.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    one_line(&text)
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

/// One line about an error of the driver, safe to show.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    Refusal::of(error).to_string()
}

impl Failure {
    /// What the caller of the store gets. `doing` is in the past tense.
    pub(super) fn into_store(self, doing: &'static str, database: &str) -> StoreError {
        match self {
            Failure::Store(error) => error,
            Failure::Sql(error) if is_gone(&error) => StoreError::Unreachable {
                database: database.to_owned(),
                reason: describe(&error),
            },
            Failure::Sql(error) if error.code() == Some(&SqlState::DISK_FULL) => StoreError::Full {
                database: database.to_owned(),
            },
            Failure::Sql(error) if is_about_values(&error) => StoreError::Refused {
                doing,
                source: Box::new(Refusal::of(&error)),
            },
            Failure::Sql(error) => StoreError::Database {
                doing,
                source: Box::new(Refusal::of(&error)),
            },
            Failure::Pool(error) => StoreError::Unreachable {
                database: database.to_owned(),
                reason: match &error {
                    PoolError::Backend(error) => describe(error),
                    PoolError::Timeout(TimeoutType::Wait) => {
                        "all connections are in use; raise `maxconn`".into()
                    }
                    PoolError::Timeout(_) => SILENT.into(),
                    other => chain(other),
                },
            },
        }
    }

    /// What this program does not accept of a database, with the remedy.
    pub(super) fn refusal(doing: &'static str, message: String) -> Failure {
        Failure::Store(StoreError::Database {
            doing,
            source: Box::new(Refusal {
                code: None,
                message,
            }),
        })
    }

    fn code(&self) -> Option<&SqlState> {
        match self {
            Failure::Sql(error) => error.code(),
            _ => None,
        }
    }

    /// Turns a violation of a primary key or a unique index into `Duplicate`.
    pub(super) fn or_duplicate(self, what: impl FnOnce() -> String) -> Failure {
        if self.code() == Some(&SqlState::UNIQUE_VIOLATION) {
            return Failure::Store(StoreError::Duplicate { what: what() });
        }
        self
    }

    /// True when the server took the transaction back because of others.
    pub(super) fn is_collision(&self) -> bool {
        matches!(
            self.code(),
            Some(code) if *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::T_R_DEADLOCK_DETECTED
        )
    }

    /// True when the connection or the server is gone, or there never was one.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            Failure::Sql(error) => is_gone(error),
            Failure::Pool(PoolError::Backend(error)) => is_gone(error),
            Failure::Pool(PoolError::Timeout(TimeoutType::Wait)) => false,
            Failure::Pool(_) => true,
            Failure::Store(_) => false,
        }
    }
}

/// True when a new connection may do better.
pub(super) fn is_gone(error: &tokio_postgres::Error) -> bool {
    if let Some(code) = error.code() {
        // Connection exceptions, shutdown and crash, start-up, too many clients.
        return code.code().starts_with("08")
            || [
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::TOO_MANY_CONNECTIONS,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                // It is a standby now; another one took over, perhaps at this address.
                SqlState::READ_ONLY_SQL_TRANSACTION,
            ]
            .contains(code);
    }
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.is::<std::io::Error>() {
            return true;
        }
        next = cause.source();
    }
    error.is_closed()
}

/// True when the server would refuse the same values at any other time too: data
/// exceptions, broken constraints, and what is beyond the limits of the program.
/// What it is short of is another class.
fn is_about_values(error: &tokio_postgres::Error) -> bool {
    let of = |class: &str| {
        error
            .code()
            .is_some_and(|code| code.code().starts_with(class))
    };
    of("22") || of("23") || of("54")
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Failure {
        Failure::Sql(error)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Failure {
        Failure::Pool(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

/// Why there is no pool: only settings of ours can be wrong.
pub(super) fn no_pool(error: &BuildError) -> StoreError {
    StoreError::Database {
        doing: "made a pool of connections",
        source: chain(error).into(),
    }
}

/// There is no such row.
pub(super) fn not_found(what: &'static str, id: impl ToString) -> Failure {
    Failure::Store(StoreError::NotFound {
        what,
        id: id.to_string(),
    })
}
