//! The SQLite store: the contract, and what only a file can get wrong.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use mig_protocol::{ActionStatus, Id};
use mig_store::contract_tests::fixtures::{
    action, agent, answer, at, claimed, heard, started, stored,
};
use mig_store::{SqliteStore, Store, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

mod contract {
    use super::*;

    /// An empty store in a directory of its own.
    async fn make() -> Option<(Arc<dyn Store>, TempDir)> {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(&directory.path().join("mig.db")).expect("a store");
        Some((Arc::new(store), directory))
    }

    mig_store::contract_tests!(make);
}

fn refusal(path: &Path) -> StoreError {
    SqliteStore::open(path).expect_err("it must not open")
}

#[tokio::test]
async fn what_was_stored_is_there_after_closing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mig.db");
    let store = SqliteStore::open(&path).unwrap();
    let a = heard(&store, &agent("a", "linux.a", 1), at(0)).await;
    stored(&store, &action(1, "go"), &[]).await;
    started(&store, 1, &[(10, a, "linux.a")]).await;
    let ids = store.issue_ids(3, at(0)).await.unwrap();
    drop(store);

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.outbox(Id(0), 9).await.unwrap().len(), 1);
    assert!(store.issue_ids(1, at(0)).await.unwrap().first > ids.ids().last().unwrap());
    store
        .finish_commands(&[answer(10, "linux.a", at(5))])
        .await
        .unwrap();
    let progress = store.action_progress(Id(1)).await.unwrap();
    assert_eq!(progress.status, ActionStatus::Completed);
}

#[test]
fn only_one_process_opens_a_database_and_only_its_owner_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mig.db");
    let store = SqliteStore::open(&path).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    let message = format!(
        "{}: the database is in use by another process",
        path.display()
    );
    assert_eq!(error.to_string(), message);
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.file_name());
    }
    drop(store);
    SqliteStore::open(&path).unwrap();
}

#[test]
fn what_is_no_database_of_ours_is_refused_in_one_line_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text.db");
    std::fs::write(
        &text,
        "not a database, but long enough to look like one".repeat(100),
    )
    .unwrap();
    let before = std::fs::read(&text).unwrap();
    let error = refusal(&text);
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert_eq!(std::fs::read(&text).unwrap(), before);

    let other = directory.path().join("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE notes (x)")
        .unwrap();
    assert!(matches!(refusal(&other), StoreError::Corrupt { .. }));

    let newer = directory.path().join("newer.db");
    drop(SqliteStore::open(&newer).unwrap());
    Connection::open(&newer)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = refusal(&newer);
    assert!(
        matches!(error, StoreError::NewerSchema { found: 99, .. }),
        "{error}"
    );

    let missing = directory.path().join("no/such/place.db");
    let error = refusal(&missing);
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    for error in [error, refusal(&other)] {
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

/// The file was written by the first released schema and is never made again.
#[tokio::test]
async fn the_first_database_is_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mig.db");
    let first = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/first.db");
    std::fs::write(&path, std::fs::read(first).unwrap()).unwrap();
    let store = SqliteStore::open(&path).unwrap();

    let done = store.action(Id(1)).await.unwrap().action;
    assert_eq!(
        (done.name.as_str(), done.status),
        ("first of all", ActionStatus::Completed)
    );
    assert_eq!((done.counters.success, done.investigators.len()), (1, 1));
    assert_eq!(done.investigators[0].name, "Ada");
    let command = store.command(Id(10)).await.unwrap();
    assert_eq!(
        (command.agent.queueloc.as_str(), command.results().len()),
        ("linux.a", 1)
    );
    let open = store.outbox(Id(0), 9).await.unwrap();
    assert_eq!(
        open.iter().map(|command| command.id).collect::<Vec<_>>(),
        [Id(20)]
    );
    store
        .finish_commands(&[answer(20, "linux.a", at(50))])
        .await
        .unwrap();
    let progress = store.action_progress(Id(2)).await.unwrap();
    assert_eq!(progress.status, ActionStatus::Completed);
    drop(store);

    let connection = Connection::open(&path).unwrap();
    let check: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn identifiers_are_integers_in_every_column() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mig.db");
    let store = SqliteStore::open(&path).unwrap();
    let a = heard(&store, &agent("a", "linux.a", 1), at(0)).await;
    // Beyond what a double holds exactly.
    let large = (1 << 53) + 1;
    stored(&store, &action(large, "large"), &[]).await;
    started(&store, large, &[(large + 2, a, "linux.a")]).await;
    assert_eq!(
        store.command(Id(large + 2)).await.unwrap().action.id,
        Id(large)
    );
    drop(store);
    let connection = Connection::open(&path).unwrap();
    for column in [
        "actions.id",
        "commands.id",
        "commands.actionid",
        "commands.agentid",
        "agents.id",
    ] {
        let (table, _) = column.split_once('.').unwrap();
        let sql = format!("SELECT typeof({column}) FROM {table}");
        let kind: String = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(kind, "integer", "{column}");
    }
}

/// One piece of work that fails takes nothing of the others with it, though they
/// may share a transaction.
#[tokio::test]
async fn an_action_that_cannot_be_read_becomes_invalid_and_holds_up_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mig.db");
    let store = SqliteStore::open(&path).unwrap();
    for id in [1, 2] {
        stored(&store, &action(id, "go"), &[]).await;
    }
    drop(store);
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE actions SET operations = '[{' WHERE id = 1", [])
        .unwrap();

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(claimed(&store, at(5)).await, [Id(2)]);
    let progress = store.action_progress(Id(1)).await.unwrap();
    assert_eq!(progress.status, ActionStatus::Invalid);
}

#[tokio::test]
async fn a_failure_in_a_crowd_stays_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&directory.path().join("mig.db")).unwrap());
    let tasks: Vec<_> = (0..100_u64)
        .map(|number| {
            let store = store.clone();
            // Each identifier comes twice.
            tokio::spawn(
                async move { store.create_action(&action(1 + number / 2, "x"), &[]).await },
            )
        })
        .collect();
    let mut duplicates = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => {}
            Err(StoreError::Duplicate { .. }) => duplicates += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(duplicates, 50);
    for id in 1..=50 {
        store.action(Id(id)).await.unwrap();
    }
}

/// The columns of the original's table, which reports read.
#[tokio::test]
async fn a_row_of_statistics_has_the_originals_columns() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mig.db");
    let store = SqliteStore::open(&path).unwrap();
    for pid in [1, 2] {
        heard(&store, &agent("a", "linux.a", pid), at(0)).await;
    }
    let round = mig_store::StatisticsRound {
        now: at(10),
        none_since: at(0),
        keep_since: at(0),
    };
    assert!(store.record_statistics(&round).await.unwrap().written);
    drop(store);
    let row = Connection::open(&path)
        .unwrap()
        .query_row(
            "SELECT (timestamp / 1000000) || ' ' || online_agents || ' ' || online_endpoints || ' '
                 || multi_agents_endpoints || ' ' || flapping_endpoints || ' ' || new_endpoints
                 || ' ' || (online_agents_by_version ->> '$[0].count')
                 || ' ' || idle_agents_by_version
             FROM agents_stats",
            [],
            |row| row.get::<_, String>(0),
        )
        .unwrap();
    assert_eq!(row, format!("{} 2 1 1 1 1 2 null", at(10).unix_seconds()));
}
