//! Opening the database.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mig_target::Pattern;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags};

use super::failure::{Failure, Outcome};
use super::migrations::migrate;
use crate::StoreError;

/// The database and its lock hold keys and results of investigations.
const MODE: u32 = 0o600;

/// How long a connection waits for another one of this process.
const BUSY: Duration = Duration::from_secs(10);

/// Most steps of one regular expression on one text, some ten seconds: the time
/// limit on a read cannot interrupt a match.
const MOST_STEPS: u64 = 1 << 30;

/// Makes sure that this is the only process on the database: the scheduler's
/// wake-up signals do not reach another one. The lock ends with the process,
/// however it ends.
pub(super) fn lock(path: &Path) -> Outcome<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = create(&name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::Store(StoreError::Busy {
            path: path.to_owned(),
        })),
        Err(TryLockError::Error(source)) => {
            Err(Failure::Store(StoreError::Io { path: name, source }))
        }
    }
}

fn create(path: &Path) -> Outcome<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path)
        .map_err(|source| {
            Failure::Store(StoreError::Io {
                path: path.to_owned(),
                source,
            })
        })
}

/// Opens the one connection that writes, and brings the schema up to date.
pub(super) fn open_writer(path: &Path) -> Outcome<Connection> {
    // SQLite would create it readable for everybody.
    drop(create(path)?);
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // An accepted result survives a power cut as well.
    connection.pragma_update(None, "synchronous", "full")?;
    migrate(&mut connection, path)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    prepare(&connection)?;
    Ok(connection)
}

/// Opens a connection that cannot write.
pub(super) fn open_reader(path: &Path) -> Outcome<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    // Kilobytes.
    connection.pragma_update(None, "cache_size", -1024)?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Outcome<()> {
    connection.set_prepared_statement_cache_capacity(64);
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("regexp", 2, flags, |context| {
        let pattern = context.get_or_create_aux(0, |value| match value.as_str() {
            Ok(text) => Pattern::new(text),
            Err(error) => Err(error.to_string()),
        })?;
        let Some(text) = context.get_raw(1).as_str_or_null()? else {
            return Ok(None);
        };
        if pattern.most_steps(text) > MOST_STEPS {
            let length = text.len();
            let reason = format!(
                "the regular expression is too large for a text of {length} bytes; shorten it"
            );
            return Err(rusqlite::Error::UserFunctionError(reason.into()));
        }
        Ok(Some(pattern.is_match(text)))
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_expression_on_a_long_text_is_refused_instead_of_matched() {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection).unwrap();
        let matched = |text: &str, pattern: &str| -> rusqlite::Result<bool> {
            connection.query_row("SELECT ?1 REGEXP ?2", [text, pattern], |row| row.get(0))
        };
        let long = "a".repeat(1 << 20);
        let error = matched(&long, "(a{255}){40}$").unwrap_err();
        assert!(
            error.to_string().contains("a text of 1048576 bytes"),
            "{error}"
        );
        assert!(matched(&long[..255 * 40], "(a{255}){40}$").unwrap());
        assert!(matched(&long, "^a+$").unwrap());
    }
}
