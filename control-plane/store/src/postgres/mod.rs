//! The store in a PostgreSQL database, which many schedulers and APIs share.
//!
//! Whoever changes something tells the others through the database
//! ([`PostgresStore::follow`]). Every value a statement works on is a bound
//! parameter, and no statement is longer the more rows it touches.

mod access;
mod actions;
pub mod administer;
mod agents;
mod answers;
mod columns;
mod commands;
mod connection;
mod deadlines;
mod duties;
mod failure;
mod follow;
mod gathering;
mod heartbeats;
mod holding;
mod hosts;
mod identifiers;
mod investigators;
mod migrations;
mod notify;
mod planted;
mod remarks;
mod retention;
mod roles;
mod search;
mod statistics;
mod store;
mod tls;
mod verbatim;

use std::sync::Arc;

pub use access::{PostgresAccess, SslMode};
pub use follow::Following;

use crate::signals::{Changes, Wake};
use crate::{StoreError, StoreResult};
use connection::{Database, Kind, transaction};
use failure::Failure;
use gathering::Gathering;
use migrations::Found;

/// A store in a PostgreSQL database. Made inside a Tokio runtime, which has to
/// outlive it.
#[derive(Debug)]
pub struct PostgresStore {
    database: Arc<Database>,
    heartbeats: Gathering,
}

impl PostgresStore {
    /// Connects to a database that has the schema of this program. Connections
    /// are made when they are needed, `maxconn` at most, and made anew when they
    /// break; while the database is away every method tries for ten seconds, and a
    /// last time after them.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`]; [`StoreError::OlderSchema`] and
    /// [`StoreError::NewerSchema`] when the schema is not this program's.
    pub async fn connect(access: PostgresAccess) -> StoreResult<PostgresStore> {
        let database = Arc::new(Database::new(access, "mig")?);
        let found = transaction!(&database, "looked at the schema", Kind::Read, tx => tx.look())?;
        let name = || database.access.to_string();
        let older = |found| StoreError::OlderSchema {
            database: name(),
            found,
            needed: migrations::NEWEST,
        };
        match found {
            Found::Version(version) if version > migrations::NEWEST => {
                Err(migrations::newer(&name(), version).into_store("looked at the schema", ""))
            }
            Found::Version(version) if version < migrations::NEWEST => Err(older(version)),
            Found::Version(_) => Ok(PostgresStore {
                heartbeats: Gathering::start(Arc::clone(&database)),
                database,
            }),
            Found::Empty | Found::Original => Err(older(0)),
            Found::Foreign => Err(Failure::Store(StoreError::Corrupt {
                what: name(),
                reason: "this is a database of another program".into(),
            })
            .into_store("looked at the schema", "")),
        }
    }

    /// What an operator should know of the database although it works, a line each.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`].
    pub async fn remarks(&self) -> StoreResult<Vec<String>> {
        let several = self.database.access.has_several_hosts();
        transaction!(&self.database, "looked at the server", Kind::Read, tx => tx.remarks(several))
    }

    /// Hears from the database what any process does with it and passes it on to
    /// this process's own signals, until the value is dropped. Takes a connection
    /// beside the pool. After a lost connection, and at the start, everything is
    /// woken once, since nobody knows what was missed.
    pub fn follow(&self, wake: Wake, changes: Changes) -> Following {
        Following::start(&self.database.access, wake, changes)
    }
}
