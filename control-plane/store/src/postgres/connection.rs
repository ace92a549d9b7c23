//! Connections, and transactions over them that are tried again where that
//! cannot do anything twice.

use std::time::Duration;

use deadpool_postgres::{
    Client, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Transaction,
};
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, NoTls, Row};

use super::access::PostgresAccess;
use super::failure::{self, Failure, Outcome};
use super::migrations::{self, Found};
use crate::{StoreError, StoreResult};

/// How long a piece of work is tried again while the database is away. A caller
/// with more patience calls again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest wait for a free connection.
const WAIT: Duration = Duration::from_secs(30);

/// What a transaction does, which decides when it may be run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reads, all of it as of one moment.
    Read,
    /// Writes what may be written twice: done again it changes nothing more.
    Repeatable,
    /// Writes what must not be done twice, and finds out by itself whether it was
    /// when [`Tx::may_have_happened`].
    Confirmed,
    /// Writes what must not be done twice.
    Once,
}

/// A database and the connections to it.
pub(super) struct Database {
    pub(super) access: PostgresAccess,
    pool: Pool,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.access.fmt(f)
    }
}

/// How far a transaction came that failed.
pub(super) struct Trouble {
    /// Its COMMIT was on the way: it may have happened.
    pub(super) committing: bool,
    pub(super) failure: Failure,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble {
            committing: false,
            failure,
        }
    }
}

/// The tries of one piece of work.
pub(super) struct Attempts {
    end: Instant,
    pause: Duration,
    /// A connection was lost while COMMIT was on the way.
    unsure: bool,
}

impl Attempts {
    pub(super) fn new() -> Attempts {
        Attempts {
            end: Instant::now() + PATIENCE,
            pause: Duration::from_millis(10),
            unsure: false,
        }
    }
}

impl Database {
    pub(super) fn new(access: PostgresAccess, name: &str) -> StoreResult<Database> {
        let config = access.config(name);
        // A connection is looked at before it is used; what breaks later is
        // noticed by the statement that meets it.
        let manner = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match access.tls()?.connector() {
            Some(tls) => Manager::from_config(config, tls, manner),
            None => Manager::from_config(config, NoTls, manner),
        };
        let pool = Pool::builder(manager)
            .max_size(access.pool_size())
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(Duration::from_secs(10)))
            .build()
            .map_err(|error| failure::no_pool(&error))?;
        Ok(Database { access, pool })
    }

    pub(super) async fn client(&self) -> Outcome<Client> {
        Ok(self.pool.get().await?)
    }

    /// Waits until a failed piece of work may be tried again, or says why it
    /// may not.
    pub(super) async fn again(
        &self,
        attempts: &mut Attempts,
        trouble: Trouble,
        kind: Kind,
        doing: &'static str,
    ) -> StoreResult<()> {
        let Trouble {
            committing,
            failure,
        } = trouble;
        // A collision takes a transaction back for certain. A connection that is
        // lost does so too, unless it was lost after COMMIT had been sent.
        let lost = failure.is_lost();
        if committing && lost && kind == Kind::Once {
            return Err(StoreError::Database {
                doing,
                source: format!(
                    "the connection to {} was lost at the very end, so it may have happened",
                    self.access
                )
                .into(),
            });
        }
        if !(lost || failure.is_collision()) || Instant::now() >= attempts.end {
            return Err(failure.into_store(doing, &self.access.to_string()));
        }
        attempts.unsure |= committing && lost;
        // Those that collided must not meet again.
        tokio::time::sleep(attempts.pause.mul_f64(rand::random_range(0.5..1.5))).await;
        attempts.pause = (attempts.pause * 2).min(Duration::from_millis(500));
        Ok(())
    }
}

/// A transaction.
pub(super) struct Tx<'a> {
    open: Transaction<'a>,
    unsure: bool,
}

impl<'a> Tx<'a> {
    pub(super) async fn begin(
        client: &'a mut Client,
        kind: Kind,
        attempts: &Attempts,
    ) -> Outcome<Tx<'a>> {
        let builder = client.build_transaction();
        let builder = match kind {
            Kind::Read => builder
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true),
            _ => builder.isolation_level(IsolationLevel::ReadCommitted),
        };
        Ok(Tx {
            open: builder.start().await?,
            unsure: attempts.unsure,
        })
    }

    /// An earlier try was lost at its very end: what it wrote may be there, or
    /// appear as soon as it is asked for in a way that waits for its writer.
    pub(super) fn may_have_happened(&self) -> bool {
        self.unsure
    }

    pub(super) async fn commit(self) -> Result<(), Trouble> {
        self.open.commit().await.map_err(|error| Trouble {
            committing: true,
            failure: error.into(),
        })
    }

    /// The rows of a statement that is always the same.
    pub(super) async fn rows(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Outcome<Vec<Row>> {
        let statement = self.open.prepare_cached(sql).await?;
        Ok(self.open.query(&statement, values).await?)
    }

    /// The rows of a statement that is made for this one time.
    pub(super) async fn rows_once(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Outcome<Vec<Row>> {
        Ok(self.open.query(sql, values).await?)
    }

    /// At most one row.
    pub(super) async fn row(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Outcome<Option<Row>> {
        let statement = self.open.prepare_cached(sql).await?;
        Ok(self.open.query_opt(&statement, values).await?)
    }

    /// How many rows a statement changed.
    pub(super) async fn change(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Outcome<u64> {
        let statement = self.open.prepare_cached(sql).await?;
        Ok(self.open.execute(&statement, values).await?)
    }

    /// What kind of database this is.
    pub(super) async fn look(&self) -> Outcome<Found> {
        migrations::look(&self.open).await
    }

    /// Statements without parameters or results.
    pub(super) async fn run(&self, sql: &str) -> Outcome<()> {
        Ok(self.open.batch_execute(sql).await?)
    }
}

/// Runs `$body`, a future over the transaction `$tx` that ends in an
/// [`Outcome`], in one transaction, again where [`Database::again`] allows it.
macro_rules! transaction {
    ($database:expr, $doing:literal, $kind:expr, $tx:ident => $body:expr) => {{
        let database: &$crate::postgres::connection::Database = $database;
        let mut attempts = $crate::postgres::connection::Attempts::new();
        loop {
            let outcome: Result<_, $crate::postgres::connection::Trouble> = async {
                let mut client = database.client().await?;
                let transaction =
                    $crate::postgres::connection::Tx::begin(&mut client, $kind, &attempts).await?;
                let value = {
                    let $tx = &transaction;
                    $body.await?
                };
                transaction.commit().await?;
                Ok(value)
            }
            .await;
            match outcome {
                Ok(value) => break Ok(value),
                Err(trouble) => {
                    let again = database.again(&mut attempts, trouble, $kind, $doing);
                    if let Err(error) = again.await {
                        break Err(error);
                    }
                }
            }
        }
    }};
}
pub(super) use transaction;
