//! The schema, version by version. The table `mig_schema` says how far a
//! database is; a released migration is never changed, only followed by another
//! one. An original's database is brought to version 1 in place.

use tokio_postgres::{Client, Transaction};

use super::failure::{Failure, Outcome};
use super::planted;
use super::roles;
use crate::StoreError;

/// What `mig_schema` holds when everything was done.
pub(super) const NEWEST: i64 = 2;

/// Serialises migrations of one database: `MIG` and a number.
const LOCK: i64 = 0x4d49_4700_0001;

const FRESH: &str = include_str!("0001.sql");
const ADOPTED: &str = include_str!("adopt.sql");
const LINKS: &str = include_str!("links.sql");
/// From version 1 on, in their order.
const FURTHER: [&str; 1] = [include_str!("0002.sql")];

/// Columns by which an original's database is known.
const ORIGINAL: [(&str, &str); 5] = [
    ("actions", "pgpsignatures"),
    ("agents", "queueloc"),
    ("commands", "results"),
    ("investigators", "pgpfingerprint"),
    ("signatures", "pgpsignature"),
];

/// What a database is before anything is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing is there.
    Empty,
    /// The original's tables.
    Original,
    /// Ours.
    Version(i64),
    /// Somebody else's.
    Foreign,
}

/// Looks at a database.
pub(super) async fn look(client: &tokio_postgres::Transaction<'_>) -> Outcome<Found> {
    let ours = client
        .query_one("SELECT to_regclass('public.mig_schema') IS NOT NULL", &[])
        .await?;
    if ours.try_get(0)? {
        let version = client
            .query_one(
                "SELECT coalesce(max(version), 0) FROM public.mig_schema",
                &[],
            )
            .await?;
        return Ok(Found::Version(version.try_get(0)?));
    }
    // The catalogue, since the information schema shows only what one may use.
    let columns = client
        .query(
            "SELECT relname::text, attname::text FROM pg_class
             JOIN pg_attribute ON attrelid = pg_class.oid
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
             AND attnum > 0 AND NOT attisdropped",
            &[],
        )
        .await?;
    if columns.is_empty() {
        return Ok(Found::Empty);
    }
    let mut names = Vec::new();
    for column in &columns {
        names.push((column.try_get::<_, &str>(0)?, column.try_get::<_, &str>(1)?));
    }
    let original = ORIGINAL.iter().all(|column| names.contains(column));
    Ok(if original {
        Found::Original
    } else {
        Found::Foreign
    })
}

/// Brings a database to the newest schema and its roles to the rights they
/// need, all of it or nothing; says what it was before.
pub(super) async fn migrate(client: &mut Client, database: &str) -> Outcome<Found> {
    let change = client.transaction().await?;
    // As long as it takes: tables are rewritten.
    change
        .batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL search_path = public")
        .await?;
    change
        .query("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    // Again, as the schema may have been open until now.
    planted::refuse(&change).await?;
    let found = look(&change).await?;
    let version = match found {
        Found::Empty => first(&change, FRESH).await?,
        Found::Original => first(&change, ADOPTED).await?,
        Found::Version(version) if version <= NEWEST => version,
        Found::Version(version) => return Err(newer(database, version)),
        Found::Foreign => {
            return Err(Failure::Store(StoreError::Corrupt {
                what: database.to_owned(),
                reason: "this is a database of another program".into(),
            }));
        }
    };
    for (statements, version) in FURTHER.iter().zip(2..).filter(|(_, to)| *to > version) {
        change.batch_execute(statements).await?;
        change
            .execute("INSERT INTO mig_schema (version) VALUES ($1)", &[&version])
            .await?;
    }
    if found == Found::Original {
        // Nothing is known of tables that were written anew, and the first searches and
        // deadlines would be planned by that.
        change
            .batch_execute("ANALYZE actions, agents, commands, investigators, signatures")
            .await?;
    }
    roles::grant(&change).await?;
    change.commit().await?;
    Ok(found)
}

/// To version 1.
async fn first(change: &Transaction<'_>, tables: &str) -> Outcome<i64> {
    change.batch_execute(tables).await?;
    change.batch_execute(LINKS).await?;
    change
        .batch_execute(
            "CREATE TABLE mig_schema (
                 version bigint PRIMARY KEY,
                 applied timestamptz NOT NULL DEFAULT now()
             );
             INSERT INTO mig_schema (version) VALUES (1)",
        )
        .await?;
    Ok(1)
}

pub(super) fn newer(database: &str, found: i64) -> Failure {
    Failure::Store(StoreError::NewerSchema {
        path: database.into(),
        found,
        known: NEWEST,
    })
}
