//! Reading the files of the database.

use super::DIRECTORY;
use super::record::Record;
use crate::collection::Collection;
use crate::stanzas::{Line, Lines};
use crate::sys::Database;
use crate::trouble::Trouble;
use crate::{Kind, Package};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Most files of `updates/` and of `status.d/`.
const MAX_FILES: usize = 20_000;
/// Lines between two questions whether to go on.
const LINES_PER_CHECK: u64 = 1024;

/// Name and architecture, by which an update finds what it replaces.
type Key = (String, String);

/// Reads everything that belongs to dpkg below a root.
pub fn read(root: &Path, collection: &mut Collection<'_>) {
    let directory = root.join(DIRECTORY);
    let mark = collection.mark();
    let mut list = List::default();
    // What dpkg has done since it last wrote the status file. The status file
    // is replaced as a whole and the updates are removed afterwards, so they
    // are read first: an update that is already in the status file is harmless.
    let mut updates = BTreeMap::new();
    for path in files(&directory.join("updates"), collection, is_update) {
        gather_updates(&path, collection, &mut updates);
    }
    let status = directory.join("status");
    match Database::open(&status) {
        Ok(file) => {
            collection.manager(Kind::Dpkg);
            let mut take = |record: Record, collection: &mut Collection<'_>| {
                let record = updates.remove(&key(&record)).unwrap_or(record);
                list.take(&status, record, collection)
            };
            each(&status, file, collection, &mut take);
        }
        Err(error) if absent(&error) => {}
        Err(error) => {
            collection.manager(Kind::Dpkg);
            collection.problem(&status, &error);
        }
    }
    if !updates.is_empty() {
        collection.manager(Kind::Dpkg);
    }
    for record in updates.into_values() {
        if list.take(&status, record, collection).is_err() {
            break;
        }
    }
    for path in files(&directory.join("status.d"), collection, is_status) {
        collection.manager(Kind::Dpkg);
        match Database::open(&path) {
            Ok(file) => each(&path, file, collection, &mut |record, collection| {
                list.take(&path, record, collection)
            }),
            Err(error) => collection.problem(&path, &error),
        }
    }
    let native = list
        .native
        .take()
        .or_else(|| first_architecture(&directory.join("arch"), collection));
    list.finish(native.as_deref(), collection, &mark);
}

/// The installed packages so far.
#[derive(Default)]
struct List {
    /// Of each package since the mark: whether it says `Multi-Arch: same`.
    same: Vec<bool>,
    /// The architecture of dpkg itself, which is the native one.
    native: Option<String>,
}

impl List {
    fn take(
        &mut self,
        path: &Path,
        record: Record,
        collection: &mut Collection<'_>,
    ) -> Result<(), Trouble> {
        match record.installed() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(what) => {
                collection.problem(path, &Trouble::Damaged(what));
                return Ok(());
            }
        }
        if record.name == "dpkg" {
            self.native = Some(record.arch.clone());
        }
        let taken = collection.package(Package {
            name: record.name,
            version: record.version,
            kind: Kind::Dpkg,
            arch: record.arch,
        });
        match taken {
            Ok(()) => {
                self.same.push(record.same);
                Ok(())
            }
            Err(trouble) => {
                collection.problem(path, &trouble);
                Err(Trouble::Stopped)
            }
        }
    }

    /// Puts the packages in the order of dpkg's own lists, by name and then the
    /// native architecture first, and adds the architecture to the names that
    /// need it.
    fn finish(
        self,
        native: Option<&str>,
        collection: &mut Collection<'_>,
        mark: &crate::collection::Mark,
    ) {
        let packages = collection.take_since(mark);
        let mut list: Vec<(Package, bool)> = packages.into_iter().zip(self.same).collect();
        list.sort_by(|(a, _), (b, _)| {
            let foreign = |package: &Package| Some(package.arch.as_str()) != native;
            (&a.name, foreign(a), &a.arch).cmp(&(&b.name, foreign(b), &b.arch))
        });
        collection.put_back(list.into_iter().map(|(mut package, same)| {
            let foreign = native
                .is_some_and(|native| package.arch != native && package.arch != "all")
                && !package.arch.is_empty();
            if (same || foreign) && !package.arch.is_empty() {
                package.name = format!("{}:{}", package.name, package.arch);
            }
            package
        }));
    }
}

fn key(record: &Record) -> Key {
    (record.name.clone(), record.arch.clone())
}

/// The records of a file of `updates/`, the last one for a package counts.
fn gather_updates(
    path: &Path,
    collection: &mut Collection<'_>,
    updates: &mut BTreeMap<Key, Record>,
) {
    let file = match Database::open(path) {
        Ok(file) => file,
        // dpkg removes them when it is done.
        Err(error) if absent(&error) => return,
        Err(error) => return collection.problem(path, &error),
    };
    each(path, file, collection, &mut |record, collection| {
        if updates.len() >= MAX_FILES {
            collection.problem(path, &"too many updates; the rest is left out");
            return Err(Trouble::Stopped);
        }
        updates.insert(key(&record), record);
        Ok(())
    });
}

/// Hands over each paragraph of a file. What is wrong becomes a problem of the
/// collection, and what can be read is read nevertheless.
pub fn each(
    path: &Path,
    input: impl Read,
    collection: &mut Collection<'_>,
    take: &mut dyn FnMut(Record, &mut Collection<'_>) -> Result<(), Trouble>,
) {
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
            Err(trouble) => {
                collection.problem(path, &trouble);
                // The paragraph may miss its end.
                return;
            }
        };
        match line {
            Some(Line::Field(name, value)) => record.field(name, value),
            Some(Line::Continuation) => {}
            Some(Line::Odd) => {
                let what = Trouble::Damaged(format!("line {number} is no field"));
                collection.problem(path, &what);
            }
            Some(Line::Blank) | None => {
                let end = line.is_none();
                let whole = std::mem::take(&mut record);
                if whole.begun && take(whole, collection).is_err() || end {
                    return;
                }
            }
        }
    }
}

/// The files of a directory that are wanted, in the order of their names.
fn files(
    directory: &Path,
    collection: &mut Collection<'_>,
    wanted: fn(&[u8]) -> bool,
) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if absent(&error) => return Vec::new(),
        Err(error) => {
            collection.problem(directory, &error);
            return Vec::new();
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) if files.len() >= MAX_FILES => {
                let _ = entry;
                collection.problem(
                    directory,
                    &format!("more than {MAX_FILES} files; the rest is left out"),
                );
                break;
            }
            Ok(entry) => {
                if wanted(entry.file_name().as_encoded_bytes()) {
                    files.push(entry.path());
                }
            }
            Err(error) => {
                collection.problem(directory, &error);
                break;
            }
        }
        if collection.check().is_err() {
            break;
        }
    }
    files.sort();
    files
}

/// dpkg numbers its updates; `tmp.i` beside them is unfinished.
fn is_update(name: &[u8]) -> bool {
    name.iter().all(u8::is_ascii_digit)
}

/// Beside the paragraphs there may be lists of checksums.
fn is_status(name: &[u8]) -> bool {
    !name.starts_with(b".") && !name.ends_with(b".md5sums")
}

/// The native architecture where dpkg knows several: the first line.
fn first_architecture(path: &Path, collection: &Collection<'_>) -> Option<String> {
    let file = Database::open(path).ok()?;
    let mut line = Vec::new();
    let mut input = std::io::BufReader::new(file.take(256));
    std::io::BufRead::read_until(&mut input, b'\n', &mut line).ok()?;
    collection.check().ok()?;
    let line = line.trim_ascii();
    (!line.is_empty()).then(|| crate::stanzas::text(line))
}

fn absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
