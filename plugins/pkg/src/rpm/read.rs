//! Finding rpm's database and reading it.

use super::source::{Metered, Source};
use super::{Take, berkeley, header, ndb, sqlite};
use crate::collection::Collection;
use crate::sys::{Database, Stamp};
use crate::trouble::Trouble;
use crate::{Kind, Package};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where databases are, below the root: the traditional place, and the two of
/// systems whose `/usr` is exchanged as a whole.
pub const DIRECTORIES: &[&str] = &["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

/// How often a database is read that changes meanwhile.
const ATTEMPTS: u32 = 3;

/// A format, in the order in which rpm came to prefer them.
#[derive(Clone, Copy)]
enum Format {
    Sqlite,
    Ndb,
    Berkeley,
}

/// The file of each format in a database directory.
const FILES: &[(&str, Format)] = &[
    ("rpmdb.sqlite", Format::Sqlite),
    ("Packages.db", Format::Ndb),
    ("Packages", Format::Berkeley),
];

/// Reads every database below a root. Of several in one directory the one of
/// the newest format counts: what is left over from a conversion is old.
pub fn read(root: &Path, collection: &mut Collection<'_>) {
    let mut seen = Vec::new();
    for directory in DIRECTORIES {
        let mut chosen: Option<PathBuf> = None;
        for (name, format) in FILES {
            let path = root.join(directory).join(name);
            let file = match Database::open(&path) {
                Ok(file) => file,
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(error) => {
                    collection.manager(Kind::Rpm);
                    collection.problem(&path, &error);
                    continue;
                }
            };
            collection.manager(Kind::Rpm);
            // The directories are often links to each other.
            if seen.contains(&file.identity()) {
                chosen = Some(path);
                continue;
            }
            seen.push(file.identity());
            if let Some(other) = &chosen {
                let what = format!("not read, because there is {}", other.display());
                collection.problem(&path, &what);
                continue;
            }
            read_steadily(&path, &file, *format, collection);
            chosen = Some(path);
        }
    }
}

/// Reads a database, again when it changes meanwhile.
fn read_steadily(path: &Path, file: &Database, format: Format, collection: &mut Collection<'_>) {
    let mark = collection.mark();
    for attempt in 1..=ATTEMPTS {
        let before = stamps(path, file);
        collection.rewind(&mark);
        let mut take = Taking {
            path,
            collection,
            left: most_content(path, file),
        };
        let outcome = match format {
            Format::Sqlite => {
                sqlite::note_unfinished(path, &mut take);
                let log = sqlite::open_log(path, &mut take);
                sqlite::read(file, log, &mut take)
            }
            Format::Ndb => ndb::read(file, &mut take),
            Format::Berkeley => berkeley::read(file, &mut take),
        };
        if collection.check().is_err() {
            return;
        }
        let changed = stamps(path, file) != before;
        if changed && attempt < ATTEMPTS {
            continue;
        }
        if let Err(trouble) = outcome {
            collection.problem(path, &trouble);
        }
        if changed {
            let what = "changed while it was read: packages may be missing; ask again later";
            collection.problem(path, &what);
        }
        return;
    }
}

/// What changes when rpm writes: the database, or its log.
fn stamps(path: &Path, file: &Database) -> (Option<Stamp>, Option<Stamp>) {
    let log = Database::open(&sqlite::log_of(path));
    (file.stamp().ok(), log.ok().and_then(|log| log.stamp().ok()))
}

/// As many bytes as database and log have.
fn most_content(path: &Path, file: &Database) -> u64 {
    let log = Database::open(&sqlite::log_of(path));
    file.length() + log.map_or(0, |log| log.length())
}

/// Puts what a reader finds into the collection.
pub struct Taking<'a, 'b> {
    pub path: &'a Path,
    pub collection: &'a mut Collection<'b>,
    /// Bytes of headers that the database can still hold.
    pub left: u64,
}

impl Take for Taking<'_, '_> {
    fn header(&mut self, source: &mut dyn Source, length: u64) -> Result<(), Trouble> {
        self.collection.check()?;
        let mut source = Metered {
            source,
            left: &mut self.left,
        };
        match header::read(&mut source, length) {
            Ok(header) => self.collection.package(Package::of_header(header)),
            Err(trouble @ Trouble::Damaged(_)) => {
                self.collection.problem(self.path, &trouble);
                Ok(())
            }
            Err(trouble) => Err(trouble),
        }
    }

    fn damaged(&mut self, what: String) {
        self.collection.problem(self.path, &Trouble::Damaged(what));
    }

    fn check(&mut self) -> Result<(), Trouble> {
        self.collection.check()
    }
}
