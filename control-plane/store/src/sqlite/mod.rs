//! The store in one SQLite file: the embedded default.
//!
//! One thread writes, a few connections read. Nothing is polled; who changes
//! something tells the others through [`crate::Wake`] and [`crate::Changes`].

mod actions;
mod agents;
mod answers;
mod columns;
mod commands;
mod connection;
mod deadlines;
mod duties;
mod failure;
mod holding;
mod identifiers;
mod investigators;
mod migrations;
mod readers;
mod retention;
mod search;
mod statistics;
mod store;
mod writer;

use std::fs::File;
use std::path::Path;

use crate::StoreResult;
use readers::Readers;
use writer::Writer;

/// A store in an SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    // Fields are dropped in this order: the lock goes last.
    writer: Writer,
    readers: Readers,
    _lock: File,
}

impl SqliteStore {
    /// Opens a database, creates it (readable for its owner only) if it is not
    /// there, and brings its schema up to date. Two more files stand beside it
    /// while it is in use, and `PATH.lock` always.
    ///
    /// # Errors
    /// [`crate::StoreError::NewerSchema`], [`crate::StoreError::Busy`] when
    /// another process (or another store of this one) has it open,
    /// [`crate::StoreError::Corrupt`] when it is no database of this program.
    pub fn open(path: &Path) -> StoreResult<SqliteStore> {
        let failed = |failure: failure::Failure| failure.into_store("opened the database", path);
        let lock = connection::lock(path).map_err(failed)?;
        let connection = connection::open_writer(path).map_err(failed)?;
        Ok(SqliteStore {
            readers: Readers::open(path).map_err(failed)?,
            writer: Writer::start(connection, path.to_owned())?,
            _lock: lock,
        })
    }
}
