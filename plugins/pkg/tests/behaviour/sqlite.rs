//! `rpmdb.sqlite`, against the library that writes it.

use crate::support::{REAL, Root, header, package, real_packages};
use mig_module_pkg::Kind;
use proptest::prelude::*;
use rusqlite::Connection;
use std::path::Path;

pub const FILE: &str = "var/lib/rpm/rpmdb.sqlite";

/// A database with the tables that rpm makes.
pub fn create(path: &Path, page_size: u32, mode: &str) -> Connection {
    let database = Connection::open(path).expect("a database");
    database
        .execute_batch(&format!(
            "PRAGMA page_size = {page_size};
             PRAGMA journal_mode = {mode};
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA synchronous = OFF;
             CREATE TABLE 'Name' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL);
             CREATE INDEX 'Name_key_idx' ON 'Name'(key ASC);
             CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL);"
        ))
        .expect("tables");
    database
}

pub fn insert(database: &Connection, blob: &[u8]) {
    database
        .execute("INSERT INTO Packages(blob) VALUES (?)", [blob])
        .expect("a row");
}

#[test]
fn real_headers_are_read_in_the_order_of_their_numbers() {
    let root = Root::new();
    let database = create(&root.path(FILE), 4096, "DELETE");
    for (blob, ..) in REAL {
        insert(&database, blob);
    }
    let installed = root.installed();
    assert_eq!(installed.packages, real_packages());
    assert_eq!(installed.managers, [Kind::Rpm]);
    assert_eq!(installed.problems, Vec::<String>::new());
}

#[test]
fn what_is_only_in_the_log_counts_and_what_is_not_committed_does_not() {
    let root = Root::new();
    let mut database = create(&root.path(FILE), 4096, "WAL");
    insert(&database, &header("one", "1", None, 9000));
    assert_eq!(
        std::fs::metadata(root.path(FILE)).expect("the file").len(),
        4096
    );
    assert_eq!(root.packages().len(), 1);
    // A large transaction spills into the log before it is committed.
    database
        .execute_batch("PRAGMA cache_size = 2; PRAGMA cache_spill = 2")
        .expect("set");
    let transaction = database.transaction().expect("a transaction");
    for number in 0..40 {
        insert(
            &transaction,
            &header(&format!("late{number}"), "1", None, 9000),
        );
    }
    let log = std::fs::metadata(root.path("var/lib/rpm/rpmdb.sqlite-wal"))
        .expect("a log")
        .len();
    assert!(log > 40 * 9000, "nothing was spilled: {log}");
    assert_eq!(root.packages().len(), 1);
    transaction.rollback().expect("undone");
    insert(&database, &header("two", "2", None, 0));
    let names: Vec<String> = root
        .packages()
        .into_iter()
        .map(|package| package.name)
        .collect();
    assert_eq!(names, ["one", "two"]);
    // A log that has been copied back and begun again.
    database
        .execute_batch("PRAGMA wal_checkpoint(RESTART)")
        .expect("copied");
    insert(&database, &header("three", "3", None, 0));
    assert_eq!(root.packages().len(), 3);
}

#[test]
fn a_change_without_log_that_is_unfinished_is_said() {
    let root = Root::new();
    let mut database = create(&root.path(FILE), 4096, "DELETE");
    insert(&database, &header("one", "1", None, 9000));
    assert_eq!(root.packages().len(), 1);
    // A large transaction spills into the file before it is committed.
    database
        .execute_batch("PRAGMA cache_size = 2; PRAGMA cache_spill = 2")
        .expect("set");
    let transaction = database.transaction().expect("a transaction");
    for number in 0..40 {
        let blob = header(&format!("late{number}"), "1", None, 9000);
        insert(&transaction, &blob);
    }
    let problems = root.installed().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains("rpmdb.sqlite-journal says that a change is unfinished"),
        "{problems:?}"
    );
    transaction.rollback().expect("undone");
    assert_eq!(root.packages().len(), 1);
    // What a finished change leaves in the other two modes.
    for journal in [&b""[..], &[0; 512]] {
        root.file("var/lib/rpm/rpmdb.sqlite-journal", journal);
        assert_eq!(root.packages().len(), 1);
    }
}

#[test]
fn views_indexes_and_tables_without_row_numbers_do_not_disturb() {
    let root = Root::new();
    let database = Connection::open(root.path(FILE)).expect("a database");
    let long = "x".repeat(5000);
    database
        .execute_batch(&format!(
            "PRAGMA auto_vacuum = FULL;
             CREATE TABLE {long} (a);
             CREATE TABLE other (a PRIMARY KEY, b) WITHOUT ROWID;
             CREATE VIEW v AS SELECT 1;
             CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB);
             CREATE INDEX i ON Packages(blob);
             CREATE TRIGGER t AFTER INSERT ON other BEGIN SELECT 1; END"
        ))
        .expect("a schema");
    for (blob, ..) in REAL {
        insert(&database, blob);
    }
    assert_eq!(root.packages(), real_packages());
    // A table of the right name and another kind is not read as one of rows.
    database
        .execute_batch(
            "DROP TABLE Packages;
             CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB) WITHOUT ROWID;",
        )
        .expect("another table");
    insert_numbered(&database, 1, REAL[0].0);
    let installed = root.installed();
    assert_eq!(installed.packages, []);
    assert!(
        installed.problems[0].contains("is not a page of a table"),
        "{installed:?}"
    );
}

fn insert_numbered(database: &Connection, number: u32, blob: &[u8]) {
    database
        .execute("INSERT INTO Packages VALUES (?, ?)", (number, blob))
        .expect("a row");
}

#[test]
fn a_table_of_thousands_of_packages_is_a_tree() {
    let root = Root::new();
    let mut database = create(&root.path(FILE), 512, "DELETE");
    let transaction = database.transaction().expect("a transaction");
    for number in 0..5000 {
        insert(
            &transaction,
            &header(&format!("p{number}"), "1", Some(number), 300),
        );
    }
    transaction.commit().expect("committed");
    let packages = root.packages();
    assert_eq!(packages.len(), 5000);
    assert_eq!(
        packages[4999],
        package(Kind::Rpm, "p4999", "4999:1-1.el9", "x86_64")
    );
}

#[test]
fn other_encodings_are_understood() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let root = Root::new();
        let database = Connection::open(root.path(FILE)).expect("a database");
        database
            .execute_batch(&format!("PRAGMA encoding = '{encoding}'; CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)"))
            .expect("a table");
        insert(&database, REAL[0].0);
        assert_eq!(root.packages(), real_packages()[..1], "{encoding}");
    }
}

#[test]
fn bytes_that_pages_reserve_are_left_alone() {
    let root = Root::new();
    let path = root.path(FILE);
    drop(create(&path, 1024, "DELETE"));
    let empty = Connection::open(&path).expect("a database");
    empty
        .execute_batch("DROP TABLE Name; DROP TABLE Packages; VACUUM")
        .expect("emptied");
    drop(empty);
    // Every page ends with 32 bytes for others; the content of the first starts
    // in front of them.
    let mut file = std::fs::read(&path).expect("the file");
    file.truncate(2048);
    file[20] = 32;
    for page in [0, 1] {
        let header = if page == 0 { 100 } else { 1024 };
        if header < file.len() {
            file[header + 5..header + 7].copy_from_slice(&992u16.to_be_bytes());
        }
    }
    std::fs::write(&path, &file).expect("written");
    let database = Connection::open(&path).expect("a database");
    database
        .execute_batch("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)")
        .expect("a table");
    for number in 0..60 {
        insert(
            &database,
            &header(&format!("p{number}"), "1", None, number * 70),
        );
    }
    assert_eq!(std::fs::read(&path).expect("the file")[20], 32);
    assert_eq!(root.packages().len(), 60);
}

#[derive(Debug, Clone)]
enum Step {
    Insert(usize),
    Delete(usize),
    Replace(usize, usize),
    Checkpoint,
    Vacuum,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0usize..30_000).prop_map(Step::Insert),
        2 => (0usize..100).prop_map(Step::Delete),
        2 => ((0usize..100), (0usize..3000)).prop_map(|(row, size)| Step::Replace(row, size)),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Vacuum),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// After every step the rows are those that SQLite itself reads.
    #[test]
    fn sqlite_itself_reads_the_same(
        page_size in prop_oneof![Just(512u32), Just(1024), Just(4096), Just(65_536)],
        wal in any::<bool>(),
        steps in proptest::collection::vec(step(), 1..20),
    ) {
        let root = Root::new();
        let database = create(&root.path(FILE), page_size, if wal { "WAL" } else { "DELETE" });
        for (number, step) in steps.iter().enumerate() {
            let nth = |row: &usize| format!("(SELECT hnum FROM Packages LIMIT 1 OFFSET {row} % max(1, (SELECT count(*) FROM Packages)))");
            match step {
                Step::Insert(padding) => insert(&database, &header(&format!("n{number}"), "1", None, *padding)),
                Step::Delete(row) => {
                    database.execute(&format!("DELETE FROM Packages WHERE hnum = {}", nth(row)), []).expect("deleted");
                }
                Step::Replace(row, padding) => {
                    let blob = header(&format!("r{number}"), "2", Some(1), *padding);
                    database.execute(&format!("UPDATE Packages SET blob = ? WHERE hnum = {}", nth(row)), [blob]).expect("replaced");
                }
                Step::Checkpoint => {
                    let _ = database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
                }
                Step::Vacuum => database.execute_batch("VACUUM").expect("vacuumed"),
            }
            let mut rows = database.prepare("SELECT blob FROM Packages ORDER BY hnum").expect("a query");
            let expected: Vec<String> = rows
                .query_map([], |row| row.get::<_, Vec<u8>>(0))
                .expect("rows")
                .map(|blob| {
                    let blob = blob.expect("a blob");
                    let entries = u32::from_be_bytes(blob[..4].try_into().expect("four bytes")) as usize;
                    let name = blob[8 + 16 * entries..].split(|&byte| byte == 0).next().expect("a name");
                    String::from_utf8(name.to_vec()).expect("text")
                })
                .collect();
            let found: Vec<String> = root.packages().into_iter().map(|package| package.name).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
