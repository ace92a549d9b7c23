//! The write-ahead log of `rpmdb.sqlite`, whole and damaged, against the library
//! that writes it.

use crate::sqlite::{FILE, create, insert};
use crate::support::{Root, header};
use rusqlite::Connection;

const LOG: &str = "var/lib/rpm/rpmdb.sqlite-wal";
const PAGE: usize = 512;
const FRAME: usize = 24 + PAGE;

/// A database, and a log of five transactions that are not in it yet.
fn database_and_log() -> (Vec<u8>, Vec<u8>) {
    let root = Root::new();
    let database = create(&root.path(FILE), PAGE as u32, "WAL");
    for number in 0..5 {
        insert(&database, &header(&format!("p{number}"), "1", None, 700));
    }
    let read = |name| std::fs::read(root.path(name)).expect("a file");
    (read(FILE), read(LOG))
}

/// How many packages we find, and how many SQLite.
fn found(database: &[u8], log: &[u8]) -> (usize, usize) {
    let root = Root::new();
    let path = root.file(FILE, database);
    root.file(LOG, log);
    let ours = root.installed().packages.len();
    let database = Connection::open(path).expect("a database");
    let count = database.query_row("SELECT count(*) FROM Packages", [], |row| {
        row.get::<_, u32>(0)
    });
    // Without the log there is no such table yet.
    (ours, count.unwrap_or(0) as usize)
}

/// Calculates the checksums of a log anew, in one of the two byte orders.
fn sign(log: &mut [u8], big: bool) {
    log[3] = 0x82 | u8::from(big);
    let mut state = (0u32, 0u32);
    let mut add = |bytes: &[u8]| {
        let word = |at: usize| {
            let bytes = bytes[at..at + 4].try_into().expect("four bytes");
            if big {
                u32::from_be_bytes(bytes)
            } else {
                u32::from_le_bytes(bytes)
            }
        };
        for at in (0..bytes.len()).step_by(8) {
            state.0 = state.0.wrapping_add(word(at)).wrapping_add(state.1);
            state.1 = state.1.wrapping_add(word(at + 4)).wrapping_add(state.0);
        }
        let mut sum = state.0.to_be_bytes().to_vec();
        sum.extend(state.1.to_be_bytes());
        sum
    };
    let sum = add(&log[..24]);
    log[24..32].copy_from_slice(&sum);
    for frame in log[32..].chunks_exact_mut(FRAME) {
        add(&frame[..8]);
        let sum = add(&frame[24..]);
        frame[16..24].copy_from_slice(&sum);
    }
}

#[test]
fn a_log_counts_whatever_machine_wrote_it() {
    let (database, log) = database_and_log();
    for big in [false, true] {
        let mut signed = log.clone();
        sign(&mut signed, big);
        assert_eq!(found(&database, &signed), (5, 5), "{big}");
        // With the checksums of the other one it is none.
        signed[3] ^= 1;
        assert_eq!(found(&database, &signed), (0, 0), "{big}");
    }
}

#[test]
fn a_damaged_log_counts_as_far_as_sqlite_believes_it() {
    let (database, log) = database_and_log();
    let frames = (log.len() - 32) / FRAME;
    assert!(frames > 10, "{frames}");
    let mut seen = Vec::new();
    for frame in 0..frames {
        // Its page number, the size of a commit, the salts, the sums, content.
        for at in [3, 7, 8, 15, 16, 23, 24, FRAME - 1] {
            let mut damaged = log.clone();
            damaged[32 + frame * FRAME + at] ^= 0x40;
            let (ours, theirs) = found(&database, &damaged);
            assert_eq!(ours, theirs, "frame {frame}, byte {at}");
            seen.push(ours);
        }
        // A half-written frame.
        let cut = &log[..32 + frame * FRAME + FRAME / 2];
        let (ours, theirs) = found(&database, cut);
        assert_eq!(ours, theirs, "frame {frame}, half");
    }
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3, 4], "every transaction was cut off once");
    for at in 0..32 {
        let mut damaged = log.clone();
        damaged[at] ^= 0x40;
        assert_eq!(found(&database, &damaged), (0, 0), "byte {at}");
    }
}
