//! `Packages.db`. No tool here writes it, so the test lays it out itself.

use crate::support::{REAL, Root, real_packages};
use mig_module_pkg::installed_until;
use std::cell::Cell;

pub const FILE: &str = "usr/lib/sysimage/rpm/Packages.db";

/// A database with these headers; their slots are in reverse order.
pub fn database(blobs: &[&[u8]]) -> Vec<u8> {
    let mut slots = vec![*b"Slot\0\0\0\0\0\0\0\0\0\0\0\0"; 254];
    let mut blocks: Vec<u8> = Vec::new();
    let count = blobs.len();
    for (number, blob) in blobs.iter().enumerate() {
        let package = (number as u32 + 1).to_le_bytes();
        let offset = (4096 + blocks.len()) / 16;
        let length = (blob.len() as u32).to_le_bytes();
        let mut record = Vec::new();
        record.extend(b"BlbS");
        record.extend(package);
        record.extend(0u32.to_le_bytes());
        record.extend(length);
        record.extend(*blob);
        // The tail stands at the end of the last block.
        record.resize((record.len() + 12).next_multiple_of(16) - 12, 0);
        record.extend(0u32.to_le_bytes());
        record.extend(length);
        record.extend(b"BlbE");
        let slot = &mut slots[count - 1 - number];
        slot[4..8].copy_from_slice(&package);
        slot[8..12].copy_from_slice(&(offset as u32).to_le_bytes());
        slot[12..].copy_from_slice(&((record.len() / 16) as u32).to_le_bytes());
        blocks.extend(record);
    }
    let mut file = Vec::new();
    file.extend(b"RpmP");
    for number in [0u32, 7, 1, count as u32 + 1, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    file.extend(slots.concat());
    file.extend(blocks);
    file
}

#[test]
fn headers_are_read_in_the_order_of_the_file() {
    let blobs: Vec<&[u8]> = REAL.iter().map(|(blob, ..)| *blob).collect();
    let root = Root::new();
    root.file(FILE, database(&blobs));
    assert_eq!(root.packages(), real_packages());
}

#[test]
fn a_slot_that_points_astray_costs_one_package() {
    let blobs: Vec<&[u8]> = REAL.iter().map(|(blob, ..)| *blob).collect();
    for (at, value) in [(40, u32::MAX), (40, 5), (36, 99), (44, 1)] {
        let mut file = database(&blobs);
        file[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        let root = Root::new();
        root.file(FILE, file);
        let installed = root.installed();
        assert_eq!(installed.packages, real_packages()[..2], "{at}");
        assert_eq!(
            installed.problems.len(),
            1,
            "{at}: {:?}",
            installed.problems
        );
        assert!(installed.problems[0].contains("Packages.db: damaged: "));
    }
}

#[test]
fn a_header_that_was_not_written_to_its_end_is_listed_and_named() {
    let blobs: Vec<&[u8]> = REAL.iter().map(|(blob, ..)| *blob).collect();
    for back in [1, 5] {
        let mut file = database(&blobs);
        let at = file.len() - back;
        file[at] ^= 0xff;
        let root = Root::new();
        root.file(FILE, file);
        let installed = root.installed();
        assert_eq!(installed.packages, real_packages(), "{back}");
        assert!(
            installed.problems[0].ends_with("of package 3 was not written to its end"),
            "{installed:?}"
        );
    }
}

#[test]
fn a_number_of_pages_that_is_none_does_not_lead_through_holes() {
    let mut content = database(&[REAL[0].0]);
    content[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    let root = Root::new();
    let path = root.file(FILE, content);
    let file = std::fs::OpenOptions::new().write(true).open(path);
    // The pages behind the content are holes.
    file.expect("the file").set_len(1 << 40).expect("room");
    let installed = root.installed();
    assert_eq!(installed.packages, real_packages()[..1]);
    assert!(
        installed.problems[0].contains(" of 4294967295 holds no slot"),
        "{installed:?}"
    );
}

#[test]
fn an_unknown_version_is_named() {
    let mut file = database(&[REAL[0].0]);
    file[4] = 9;
    let root = Root::new();
    root.file(FILE, file);
    let installed = root.installed();
    assert!(installed.problems[0].contains("version 9 of the ndb format is unknown"));
}

/// Reads while somebody replaces the content, for so many questions whether to
/// go on.
fn read_while_written(times: u32) -> (mig_module_pkg::Installed, u32) {
    let root = Root::new();
    let path = root.file(FILE, database(&[REAL[0].0]));
    let asked = Cell::new(0);
    let installed = installed_until(root.directory(), &|| {
        asked.set(asked.get() + 1);
        if asked.get() <= times {
            let mut content = database(&[REAL[0].0, REAL[1].0]);
            // The length tells, however coarse the clock of the file system.
            content.resize(content.len() + 16 * asked.get() as usize, 0);
            std::fs::write(&path, content).expect("written");
        }
        false
    });
    (installed, asked.get())
}

#[test]
fn a_database_that_changes_meanwhile_is_read_again() {
    let (installed, _) = read_while_written(1);
    assert_eq!(installed.packages, real_packages()[..2]);
    assert_eq!(installed.problems, Vec::<String>::new());
}

#[test]
fn a_database_that_never_rests_is_read_as_it_is_and_that_is_said() {
    let (installed, asked) = read_while_written(u32::MAX);
    assert!(asked < 100, "{asked}");
    assert_eq!(installed.packages, real_packages()[..2]);
    assert_eq!(installed.problems.len(), 1);
    assert!(
        installed.problems[0].contains("changed while it was read"),
        "{installed:?}"
    );
}
