//! The schema, version by version. `user_version` says how far a database is; a
//! released migration is never changed, only followed by another one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::failure::{Failure, Outcome};
use crate::StoreError;

const MIGRATIONS: [&str; 3] = [
    include_str!("0001.sql"),
    include_str!("0002.sql"),
    include_str!("0003.sql"),
];

/// Marks the file as ours: `MIG` and a version of the marker.
const APPLICATION: i64 = 0x4d49_4701;

/// Brings a database to the newest schema, each version in one transaction.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Outcome<()> {
    apply(connection, path, &MIGRATIONS)
}

fn apply(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Outcome<()> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    loop {
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let pragma = |name| change.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (found, application) = (pragma("user_version")?, pragma("application_id")?);
        if found > known {
            let path = path.to_owned();
            return Err(Failure::Store(StoreError::NewerSchema {
                path,
                found,
                known,
            }));
        }
        let tables: i64 =
            change.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let (blank, ours) = (found == 0 && tables == 0, application == APPLICATION);
        let next = usize::try_from(found).ok().filter(|_| ours || blank);
        let Some(next) = next else {
            return Err(Failure::Store(StoreError::Corrupt {
                what: path.display().to_string(),
                reason: "this is a database of another program".into(),
            }));
        };
        let Some(migration) = migrations.get(next) else {
            return Ok(());
        };
        change.execute_batch(migration)?;
        change.pragma_update(None, "application_id", APPLICATION)?;
        change.pragma_update(None, "user_version", found + 1)?;
        change.commit()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn migrations_run_once_each_in_their_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = [
            "CREATE TABLE a (x);",
            "ALTER TABLE a ADD COLUMN y;",
            "CREATE TABLE b (z);",
        ];
        apply(&mut connection, Path::new("db"), &steps[..1]).unwrap();
        assert_eq!(version(&connection), 1);
        apply(&mut connection, Path::new("db"), &steps).unwrap();
        apply(&mut connection, Path::new("db"), &steps).unwrap();
        assert_eq!(version(&connection), 3);
        connection
            .execute("INSERT INTO a (x, y) VALUES (1, 2)", [])
            .unwrap();
    }

    #[test]
    fn a_migration_that_fails_leaves_the_version_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = [
            "CREATE TABLE a (x);",
            "CREATE TABLE b (x); CREATE TABLE a (x);",
        ];
        apply(&mut connection, Path::new("db"), &steps).unwrap_err();
        assert_eq!(version(&connection), 1);
        connection.execute("CREATE TABLE b (x)", []).unwrap();
    }

    #[test]
    fn a_newer_database_is_refused_by_name() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("mig.db")).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = migrate(&mut connection, Path::new("mig.db")).unwrap_err();
        assert_eq!(
            error
                .into_store("migrated", Path::new("mig.db"))
                .to_string(),
            "mig.db: the database has schema version 99, this program knows up to 3; \
             use a newer program"
        );
    }

    #[test]
    fn a_database_of_another_program_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute("CREATE TABLE notes (x)", []).unwrap();
        let error = migrate(&mut connection, Path::new("notes.db")).unwrap_err();
        assert_eq!(
            error
                .into_store("migrated", Path::new("notes.db"))
                .to_string(),
            "notes.db: stored data cannot be understood: this is a database of another program"
        );
    }
}
