//! Connections, and transactions over them that are tried again where that
//! cannot do anything twice.

use std::time::Duration;

use deadpool_postgres::{
    Client, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Transaction,
};
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, IsolationLevel, NoTls, Row};

use super::access::PostgresAccess;
use super::failure::{self, Failure, Outcome};
use super::hosts::{Connector, Hosts};
use super::migrations::{self, Found};
use super::remarks;
use crate::{StoreError, StoreResult};

/// How long a piece of work is tried again while the database is away. The last try
/// begins after that: whoever was held up during a try has one more. A caller with
/// more patience calls again.
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

impl Trouble {
    /// As [`Failure::is_lost`].
    pub(super) fn is_lost(&self) -> bool {
        self.failure.is_lost()
    }
}

/// The tries of one piece of work.
pub(super) struct Attempts {
    end: Instant,
    /// The try that is on began after the end.
    late: bool,
    pause: Duration,
    /// A connection was lost while COMMIT was on the way.
    unsure: bool,
}

impl Attempts {
    pub(super) fn new() -> Attempts {
        Attempts {
            end: Instant::now() + PATIENCE,
            late: false,
            pause: Duration::from_millis(10),
            unsure: false,
        }
    }
}

impl Database {
    pub(super) fn new(access: PostgresAccess, name: &str) -> StoreResult<Database> {
        let hosts = Hosts::new(&access, name);
        // A connection is looked at before it is used; what breaks later is
        // noticed by the statement that meets it.
        let manner = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        // A moment more than it takes to hear that none of them answers.
        let longest = hosts.longest() + Duration::from_secs(1);
        let config = Config::new();
        let manager = match access.tls()?.connector() {
            Some(tls) => Manager::from_connect(config, Connector { hosts, tls }, manner),
            None => Manager::from_connect(config, Connector { hosts, tls: NoTls }, manner),
        };
        let pool = Pool::builder(manager)
            .max_size(access.pool_size())
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(longest))
            .build()
            .map_err(|error| failure::no_pool(&error))?;
        Ok(Database { access, pool })
    }

    pub(super) async fn client(&self) -> Outcome<Client> {
        Ok(self.pool.get().await?)
    }

    /// Keeps a connection from being used again: it may look alive although the
    /// server behind it is of no use any more.
    pub(super) fn discard(client: Client) {
        drop(Object::take(client));
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
        attempts.unsure |= committing && lost;
        let once = attempts.unsure && kind == Kind::Once;
        if once || !(lost || failure.is_collision()) || attempts.late {
            let database = self.access.to_string();
            // What a later try found in the database is an answer; what kept it from
            // looking is none.
            let answered = matches!(failure, Failure::Store(_));
            let error = failure.into_store(doing, &database);
            let may_matter = matches!(kind, Kind::Confirmed | Kind::Once);
            return Err(if attempts.unsure && may_matter && !answered {
                StoreError::Unsure {
                    database,
                    doing,
                    reason: causes(&error),
                }
            } else {
                error
            });
        }
        // Those that collided must not meet again.
        tokio::time::sleep(attempts.pause.mul_f64(rand::random_range(0.5..1.5))).await;
        attempts.pause = (attempts.pause * 2).min(Duration::from_millis(500));
        attempts.late = Instant::now() >= attempts.end;
        Ok(())
    }
}

/// An error with its causes on one line.
fn causes(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
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

    /// What an operator should know of it.
    pub(super) async fn remarks(&self, several_hosts: bool) -> Outcome<Vec<String>> {
        remarks::of(&self.open, several_hosts).await
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
                let outcome = async {
                    let transaction =
                        $crate::postgres::connection::Tx::begin(&mut client, $kind, &attempts)
                            .await?;
                    let value = {
                        let $tx = &transaction;
                        $body.await?
                    };
                    transaction.commit().await?;
                    Ok(value)
                }
                .await;
                let lost = |trouble: &$crate::postgres::connection::Trouble| trouble.is_lost();
                if outcome.as_ref().is_err_and(lost) {
                    $crate::postgres::connection::Database::discard(client);
                }
                outcome
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

#[cfg(test)]
mod tests {
    use deadpool_postgres::{PoolError, TimeoutType};

    use super::super::access::SslMode;
    use super::*;

    /// The machine stood still in the middle of a try, and when it goes on the time
    /// for tries is over.
    #[tokio::test]
    async fn who_was_held_up_during_a_try_has_one_more() {
        let access = PostgresAccess {
            host: "127.0.0.1".into(),
            port: 5432,
            dbname: "mig".into(),
            user: "mig".into(),
            password: String::new(),
            sslmode: SslMode::Disable,
            ca: None,
            maxconn: None,
        };
        let database = Database::new(access, "test").unwrap();
        let lost = |committing| Trouble {
            committing,
            failure: Failure::Pool(PoolError::Timeout(TimeoutType::Create)),
        };
        let mut attempts = Attempts {
            end: Instant::now(),
            ..Attempts::new()
        };
        let again = database.again(&mut attempts, lost(true), Kind::Confirmed, "tried");
        again.await.unwrap();
        let again = database.again(&mut attempts, lost(false), Kind::Confirmed, "tried");
        let error = again.await.unwrap_err();
        assert!(matches!(error, StoreError::Unsure { .. }), "{error}");
    }
}
