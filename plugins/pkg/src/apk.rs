//! Alpine's database: paragraphs of one-letter fields.

use crate::collection::{Collection, MAX_FIELD};
use crate::stanzas::{Line, Lines, text};
use crate::sys::Database;
use crate::trouble::Trouble;
use crate::{Kind, Package};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Where the database is, below the root: the usual place, and the one of
/// systems that keep `/lib` free.
pub const FILES: &[&str] = &["lib/apk/db/installed", "usr/lib/apk/db/installed"];
/// Lines between two questions whether to go on.
const LINES_PER_CHECK: u64 = 1024;

/// Reads the databases below a root.
pub fn read(root: &Path, collection: &mut Collection<'_>) {
    let mut seen = Vec::new();
    for name in FILES {
        let path = root.join(name);
        match Database::open(&path) {
            // Both paths may lead to one file.
            Ok(file) if seen.contains(&file.identity()) => {}
            Ok(file) => {
                collection.manager(Kind::Apk);
                seen.push(file.identity());
                each(&path, file, collection);
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => {
                collection.manager(Kind::Apk);
                collection.problem(&path, &error);
            }
        }
    }
}

/// The fields of a paragraph that are wanted.
#[derive(Default)]
struct Record {
    name: Option<String>,
    version: String,
    arch: String,
    oversized: bool,
    /// The paragraph has begun.
    begun: bool,
}

/// Adds each paragraph of a file. What is wrong becomes a problem of the
/// collection, and what can be read is read nevertheless.
pub fn each(path: &Path, input: impl Read, collection: &mut Collection<'_>) {
    let mut lines = Lines::new(input);
    let mut record = Record::default();
    loop {
        let number = lines.number() + 1;
        let asked = if number.is_multiple_of(LINES_PER_CHECK) {
            collection.check()
        } else {
            Ok(())
        };
        let line = asked.and_then(|()| lines.next_line(&mut || collection.check()));
        let line = match line {
            Ok(line) => line,
            Err(Trouble::Stopped) => return,
            Err(trouble) => return collection.problem(path, &trouble),
        };
        match line {
            Some(Line::Field(name, value)) => {
                record.begun = true;
                let field = match name {
                    b"P" => record.name.get_or_insert_default(),
                    b"V" => &mut record.version,
                    b"A" => &mut record.arch,
                    _ => continue,
                };
                record.oversized |= value.len() > MAX_FIELD;
                *field = text(&value[..value.len().min(MAX_FIELD)]);
            }
            Some(Line::Continuation | Line::Odd) => {
                let what = Trouble::Damaged(format!("line {number} is no field"));
                collection.problem(path, &what);
            }
            Some(Line::Blank) | None => {
                let end = line.is_none();
                let whole = std::mem::take(&mut record);
                if whole.begun && add(path, number, whole, collection).is_err() || end {
                    return;
                }
            }
        }
    }
}

fn add(
    path: &Path,
    number: u64,
    record: Record,
    collection: &mut Collection<'_>,
) -> Result<(), Trouble> {
    let problem = match record.name {
        _ if record.oversized => format!("a field of more than {MAX_FIELD} bytes"),
        None => "a paragraph without P:".to_owned(),
        Some(name) => {
            let added = collection.package(Package {
                name,
                version: record.version,
                kind: Kind::Apk,
                arch: record.arch,
            });
            return added.inspect_err(|trouble| collection.problem(path, trouble));
        }
    };
    let what = Trouble::Damaged(format!("{problem} before line {number}"));
    collection.problem(path, &what);
    Ok(())
}
