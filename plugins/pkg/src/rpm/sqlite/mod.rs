//! The table `Packages` of `rpmdb.sqlite`, by the published file format of
//! SQLite (<https://www.sqlite.org/fileformat2.html>).
//!
//! SQLite itself would add more than a megabyte to the agent, keeps pages in
//! memory as it likes, and wants to write beside a database in WAL mode even to
//! read it, which the worker's sandbox forbids. Reading one table from front to back
//! takes little: pages, the log of committed pages that are not in the file
//! yet, and one kind of tree.

mod log;
mod pages;
mod record;
mod tree;

use super::Take;
use super::source::Source;
use crate::sys::Database;
use crate::trouble::Trouble;
use pages::Pages;
use record::{Column, columns};
use std::path::{Path, PathBuf};

/// The log that belongs to a database.
pub fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// How the journal begins that undoes a change; SQLite removes it, or empties
/// or zeroes it, when the change is complete.
const JOURNAL: &[u8] = &[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Says so when somebody changes the database, or died of it: in the modes
/// without a log the file then holds a part of the change, and what it held
/// before is in a journal.
pub fn note_unfinished(path: &Path, take: &mut dyn Take) {
    let mut name = path.as_os_str().to_owned();
    name.push("-journal");
    let journal = PathBuf::from(name);
    let mut magic = [0; JOURNAL.len()];
    let begun = match Database::open(&journal) {
        // A shorter one undoes nothing.
        Ok(file) => file.read_at(&mut magic, 0).is_ok() && magic == JOURNAL,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => {
            take.damaged(format!("its journal cannot be read: {error}"));
            false
        }
    };
    if begun {
        take.damaged(format!(
            "{} says that a change is unfinished: packages may be missing or listed too early; \
             let rpm finish or recover, and ask again",
            journal.display()
        ));
    }
}

/// Opens the log, if there is one.
pub fn open_log(path: &Path, take: &mut dyn Take) -> Option<Database> {
    match Database::open(&log_of(path)) {
        Ok(log) => Some(log),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        // What the log holds is newer than what the file holds.
        Err(error) => {
            take.damaged(format!("its log cannot be read: {error}"));
            None
        }
    }
}

/// Reads the headers of all packages, in the order of their numbers.
pub fn read(file: &Database, log: Option<Database>, take: &mut dyn Take) -> Result<(), Trouble> {
    let log = match log {
        Some(log) => log::Log::read(log, &mut || take.check())?,
        None => None,
    };
    let pages = Pages::new(file, log)?;
    let mut root = None;
    tree::walk(&pages, 1, take, &mut |payload, _length, _take| {
        if root.is_none() {
            root = table(payload, pages.encoding())?;
        }
        Ok(())
    })?;
    let Some(root) = root else {
        return Err(Trouble::damaged("it has no table Packages"));
    };
    tree::walk(&pages, root, take, &mut |payload, _length, take| {
        // (hnum INTEGER PRIMARY KEY, blob BLOB)
        match columns::<2>(payload)? {
            // A number that is not the row's own could have any length, and
            // passing over it cost what nobody counts.
            [
                Some(number @ (Column::Null | Column::Integer(_) | Column::Constant(_))),
                Some(Column::Blob(length)),
            ] => {
                payload.skip(number.length())?;
                take.header(payload, length)
            }
            _ => Err(Trouble::damaged("a row of Packages without a header")),
        }
    })
}

/// The first page of the table, when a row of the schema is about it:
/// (type, name, tbl_name, rootpage, sql).
fn table(payload: &mut dyn Source, encoding: pages::Encoding) -> Result<Option<u32>, Trouble> {
    /// No name that matters is longer, in bytes of any encoding.
    const LONGEST: u64 = 64;
    let [kind, name, of, root] = columns::<4>(payload)?;
    let mut is = |column: Option<Column>, wanted: &str| -> Result<bool, Trouble> {
        match column {
            Some(Column::Text(length)) if length <= LONGEST => {
                let mut bytes = [0; LONGEST as usize];
                let bytes = &mut bytes[..length as usize];
                payload.read(bytes)?;
                Ok(encoding.decode(bytes).eq_ignore_ascii_case(wanted))
            }
            _ => Ok(false),
        }
    };
    if !is(kind, "table")? || !is(name, "Packages")? || !is(of, "Packages")? {
        return Ok(None);
    }
    let root = root.unwrap_or(Column::Null).integer(payload)?;
    match u32::try_from(root) {
        Ok(root) if root > 0 => Ok(Some(root)),
        _ => Err(Trouble::damaged(format!(
            "the table Packages starts on page {root}"
        ))),
    }
}
