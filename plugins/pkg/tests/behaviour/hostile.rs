//! Databases that somebody prepared, and those that chance did.

use crate::support::{REAL, Root, header};
use crate::{berkeley, ndb};
use mig_module_pkg::{Kind, installed_until};
use proptest::prelude::*;
use rusqlite::Connection;
use std::cell::Cell;
use std::io::{Seek, SeekFrom, Write};

const SQLITE: &str = "var/lib/rpm/rpmdb.sqlite";

fn sqlite() -> Vec<u8> {
    let root = Root::new();
    let database = Connection::open(root.path(SQLITE)).expect("a database");
    database
        .execute_batch(
            "PRAGMA synchronous = OFF; PRAGMA page_size = 512; CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB)",
        )
        .expect("a table");
    for number in 0..30 {
        let blob = header(&format!("p{number}"), "1", Some(1), number * 40);
        database
            .execute("INSERT INTO Packages(blob) VALUES (?)", [blob])
            .expect("a row");
    }
    drop(database);
    std::fs::read(root.path(SQLITE)).expect("the file")
}

#[test]
fn files_that_are_none_are_named_and_hold_nobody_up() {
    let root = Root::new();
    for name in [SQLITE, "var/lib/dpkg/status", "lib/apk/db/installed"] {
        let path = root.path(name);
        let made = std::process::Command::new("mkfifo")
            .arg(path)
            .status()
            .expect("mkfifo");
        assert!(made.success());
    }
    std::fs::create_dir_all(root.path("usr/lib/sysimage/rpm/Packages.db")).expect("a directory");
    let installed = root.installed();
    assert_eq!(installed.packages, []);
    assert_eq!(installed.problems.len(), 4, "{:?}", installed.problems);
    for problem in &installed.problems {
        assert!(problem.ends_with(": is not a regular file"), "{problem}");
    }
}

#[test]
fn what_may_not_be_read_is_named_and_is_no_missing_manager() {
    if mig_testkit::is_root() {
        return mig_testkit::skip("root may read everything");
    }
    use std::os::unix::fs::PermissionsExt;
    let root = Root::new();
    let path = root.file("var/lib/dpkg/status", "Package: a\nVersion: 1\n");
    let closed = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(&path, closed).expect("closed");
    let installed = root.installed();
    assert_eq!(installed.managers, [Kind::Dpkg]);
    let expected = format!("{}: Permission denied", path.display());
    assert!(
        installed.problems[0].starts_with(&expected),
        "{installed:?}"
    );
}

#[test]
fn broken_files_without_number_are_counted() {
    let root = Root::new();
    for number in 0..300 {
        root.file(&format!("var/lib/dpkg/status.d/{number}"), "no field\n\n");
    }
    let problems = root.installed().problems;
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100], "and 200 more problems in other files");
}

#[test]
fn more_packages_than_any_host_has_are_left_out() {
    let root = Root::new();
    let text = "P:p\nV:1\n\n".repeat(500_010);
    root.file("lib/apk/db/installed", text);
    let installed = root.installed();
    assert_eq!(installed.packages.len(), 500_000);
    let problem = &installed.problems[0];
    assert!(
        problem.ends_with(": more than 500000 packages; the rest is left out"),
        "{problem}"
    );
}

#[test]
fn links_in_a_circle_are_named() {
    let root = Root::new();
    std::os::unix::fs::symlink("rpmdb.sqlite", root.path(SQLITE)).expect("a link");
    let installed = root.installed();
    assert!(
        installed.problems[0].contains("rpmdb.sqlite: "),
        "{installed:?}"
    );
}

#[test]
fn empty_and_foreign_files_are_named() {
    for (name, content) in [
        (SQLITE, &b""[..]),
        (SQLITE, b"SQLite format 3\0"),
        (ndb::FILE, b"RpmP"),
        (ndb::FILE, &[b'x'; 9000]),
        (berkeley::FILE, b""),
        (berkeley::FILE, &[0; 9000]),
    ] {
        let root = Root::new();
        let path = root.file(name, content);
        let installed = root.installed();
        assert_eq!(installed.packages, []);
        let expected = format!("{}: damaged: ", path.display());
        assert!(
            installed.problems[0].starts_with(&expected),
            "{installed:?}"
        );
    }
}

#[test]
fn a_truncated_database_gives_what_is_left() {
    let whole = sqlite();
    let root = Root::new();
    root.file(SQLITE, &whole[..whole.len() * 2 / 3]);
    let installed = root.installed();
    assert!(
        !installed.packages.is_empty() && installed.packages.len() < 30,
        "{installed:?}"
    );
    assert_eq!(installed.problems.len(), 1);
}

#[test]
fn pages_in_circles_come_to_an_end() {
    let mut file = sqlite();
    // Page 2 is the root of the table: all its children become itself.
    let page = &mut file[512..1024];
    assert_eq!(page[0], 5, "the root has children");
    page[8..12].copy_from_slice(&2u32.to_be_bytes());
    let cells = usize::from(u16::from_be_bytes([page[3], page[4]]));
    for cell in 0..cells {
        let at = usize::from(u16::from_be_bytes([
            page[12 + 2 * cell],
            page[13 + 2 * cell],
        ]));
        page[at..at + 4].copy_from_slice(&2u32.to_be_bytes());
    }
    let root = Root::new();
    root.file(SQLITE, file);
    let installed = root.installed();
    assert_eq!(installed.packages, []);
    assert!(
        installed.problems[0].contains("in circles"),
        "{installed:?}"
    );
}

#[test]
fn slots_that_are_all_the_same_are_one_package() {
    let mut file = ndb::database(&[&header("p", "1", None, 5000)]);
    let slot = file[32..48].to_vec();
    file[32..4096]
        .chunks_exact_mut(16)
        .for_each(|other| other.copy_from_slice(&slot));
    let root = Root::new();
    root.file(ndb::FILE, file);
    let installed = root.installed();
    assert_eq!(installed.packages.len(), 1);
    assert!(
        installed.problems[0].ends_with("is that of another one (and 252 more problems)"),
        "{installed:?}"
    );
}

#[test]
fn records_that_share_their_bytes_come_to_an_end() {
    // One header after the other, each in the padding of the one before.
    const STEP: usize = 512;
    let inner = header("p", "1", None, 0);
    let length = 250 * STEP;
    let blob = header("p", "1", None, length - inner.len());
    let mut file = ndb::database(&[&blob]);
    let blocks = (16 + blob.len() + 12).div_ceil(16);
    let end = 4096 + 16 * blocks;
    let (mut count, mut at) = (0, 4096);
    while at + 2 * STEP < end {
        let left = end - at - 28;
        let mut record = Vec::new();
        record.extend(b"BlbS");
        for number in [1u32, 0, left as u32] {
            record.extend(number.to_le_bytes());
        }
        let mut start = header("p", "1", None, left - inner.len());
        start.truncate(STEP - 16);
        record.extend(start);
        file[at..at + record.len()].copy_from_slice(&record);
        let slot = &mut file[32 + 16 * count..][..16];
        slot[4..8].copy_from_slice(&1u32.to_le_bytes());
        slot[8..12].copy_from_slice(&((at / 16) as u32).to_le_bytes());
        slot[12..].copy_from_slice(&(((end - at) / 16) as u32).to_le_bytes());
        (count, at) = (count + 1, at + STEP);
    }
    assert!(count > 200, "{count}");
    let root = Root::new();
    root.file(ndb::FILE, file);
    let installed = root.installed();
    assert!(installed.packages.len() < 10, "{installed:?}");
    let told = &installed.problems[0];
    assert!(told.contains("was not written to its end"), "{told}");
}

#[test]
fn rows_of_another_table_are_named_and_not_passed_over_byte_by_byte() {
    let columns: Vec<String> = (0..300).map(|number| format!("c{number}")).collect();
    let many = format!("hnum INTEGER PRIMARY KEY, blob, {}", columns.join(", "));
    for (columns, values, what) in [
        (
            "number, blob",
            "zeroblob(100000), x'00'",
            "without a header",
        ),
        (
            "hnum INTEGER PRIMARY KEY, blob",
            "1, 'text'",
            "without a header",
        ),
        (&many, "", "a row whose types have 304 bytes"),
    ] {
        let root = Root::new();
        let database = Connection::open(root.path(SQLITE)).expect("a database");
        let insert = match values {
            "" => "INSERT INTO Packages DEFAULT VALUES".to_owned(),
            values => format!("INSERT INTO Packages VALUES ({values})"),
        };
        database
            .execute_batch(&format!("CREATE TABLE Packages ({columns}); {insert}"))
            .expect("a row");
        let installed = root.installed();
        assert_eq!(installed.packages, []);
        assert!(installed.problems[0].contains(what), "{installed:?}");
    }
}

#[test]
fn sizes_that_cannot_be_are_not_believed() {
    for (at, value) in [
        (0, u32::MAX),
        (0, 0xffff),
        (4, 0x0fff_ffff),
        (12, 7),
        (16, u32::MAX),
        (20, 9),
    ] {
        let mut blob = REAL[0].0.to_vec();
        // The fourth of the numbers of the entry of the name.
        let name = (8..)
            .step_by(16)
            .find(|&at| blob[at..at + 4] == 1000u32.to_be_bytes())
            .expect("a name");
        let at = if at < 8 { at } else { name + at - 8 };
        blob[at..at + 4].copy_from_slice(&value.to_be_bytes());
        let root = Root::new();
        root.file(ndb::FILE, ndb::database(&[&blob, REAL[1].0]));
        let installed = root.installed();
        assert_eq!(installed.packages.len(), 1, "{at}");
        assert!(
            installed.problems[0].contains("damaged: a header "),
            "{installed:?}"
        );
    }
}

#[test]
fn a_huge_sparse_file_costs_no_memory_and_can_be_stopped() {
    let root = Root::new();
    let path = root.file(
        "var/lib/dpkg/status",
        "Package: a\nVersion: 1\nDescription: ",
    );
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(path)
        .expect("the file");
    file.set_len(1 << 40).expect("a sparse file");
    file.seek(SeekFrom::End(0)).expect("its end");
    file.write_all(b"\n").expect("written");
    // Stopped after some questions, not after a terabyte.
    let asked = Cell::new(0);
    let installed = installed_until(root.directory(), &|| {
        asked.set(asked.get() + 1);
        asked.get() > 100
    });
    assert_eq!(installed.packages, []);
}

#[test]
fn nothing_is_said_in_a_place_that_has_nothing_but_where_was_looked() {
    let root = Root::new();
    let installed = root.installed();
    assert_eq!(installed.packages, []);
    assert_eq!(installed.problems.len(), 1);
    let problem = &installed.problems[0];
    assert!(
        problem.starts_with("no package manager database found (looked for "),
        "{problem}"
    );
    for place in [
        "var/lib/rpm",
        "usr/lib/sysimage/rpm",
        "var/lib/dpkg",
        "lib/apk/db/installed",
    ] {
        assert!(problem.contains(place), "{problem}");
    }
}

#[test]
fn what_a_conversion_left_over_is_named_and_not_read() {
    let root = Root::new();
    root.file(SQLITE, sqlite());
    root.file("var/lib/rpm/Packages.db", ndb::database(&[REAL[0].0]));
    let installed = root.installed();
    assert_eq!(installed.packages.len(), 30);
    let problem = &installed.problems[0];
    assert!(
        problem.contains("Packages.db: not read, because there is "),
        "{problem}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any damage ends in packages or a line, never in a panic or a hang.
    #[test]
    fn any_damage_is_survived(
        which in 0..2usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        cutting in any::<bool>(),
    ) {
        let blobs: Vec<&[u8]> = REAL.iter().map(|(blob, ..)| *blob).collect();
        let (name, mut file) = match which {
            0 => (SQLITE, sqlite()),
            _ => (ndb::FILE, ndb::database(&blobs)),
        };
        for (at, value) in damage {
            let at = at.index(file.len());
            file[at] = value;
        }
        if cutting {
            file.truncate(cut.index(file.len()));
        }
        let root = Root::new();
        root.file(name, file);
        let installed = root.installed();
        prop_assert!(installed.packages.len() <= 30);
        prop_assert!(installed.problems.len() <= 1);
    }
}
