//! Looking into the journal of an agent, which may be running, without changing
//! it.

use std::fs::File;
use std::io;
use std::path::Path;

use super::record::{self, Kind};
use super::{FILE, Journal, JournalError, LONG_OVER, MAX_KEYS, ReplayKey};

/// Whether an agent would recognise an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// It took it before.
    Yes,
    /// It did not.
    No,
    /// It did not, and has no room to remember another one.
    Full,
}

/// An accepted action.
struct Taken {
    entry: u64,
    until: i64,
    sent: bool,
    /// Whether it is the one that is asked about.
    same: bool,
}

impl Journal {
    /// Whether the agent of `directory` remembers the action with this key at
    /// the time `now`, in Unix seconds.
    ///
    /// # Errors
    /// There is a journal and it cannot be read.
    pub fn remembers(
        directory: &Path,
        key: &ReplayKey,
        now: i64,
    ) -> Result<Remembered, JournalError> {
        let path = directory.join(FILE);
        let read = || {
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                other => other?,
            };
            taken(&file, key)
        };
        let mut taken = read().map_err(|source| JournalError::Unreadable {
            path: path.clone(),
            source,
        })?;
        // What is over may be forgotten by the running agent, but need not be: an
        // action that is over is refused either way.
        let oldest = now.saturating_sub(LONG_OVER);
        taken.retain(|taken| !taken.sent || taken.until >= oldest);
        let needed = |taken: &&Taken| !taken.sent || taken.until >= now;
        Ok(if taken.iter().any(|taken| taken.same) {
            Remembered::Yes
        } else if taken.iter().filter(needed).count() >= MAX_KEYS {
            Remembered::Full
        } else {
            Remembered::No
        })
    }
}

fn taken(file: &File, key: &ReplayKey) -> io::Result<Vec<Taken>> {
    let size = file.metadata()?.len();
    let mut taken: Vec<Taken> = Vec::new();
    let mut at = 0;
    while at < size {
        let Some((head, span)) = record::read_head(file, at, size)? else {
            at = record::next_marker(file, at + 1, size)?;
            continue;
        };
        match head.kind {
            Kind::Accepted => taken.push(Taken {
                entry: head.entry,
                until: head.until,
                sent: false,
                same: head.key == *key,
            }),
            Kind::Sent => {
                for taken in taken.iter_mut().filter(|taken| taken.entry == head.entry) {
                    taken.sent = true;
                }
            }
            Kind::Started | Kind::Finished | Kind::Dropped => {}
        }
        at += record::record_size(span.length as usize);
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use mig_protocol::Id;

    use super::*;
    use crate::journal::Arrival;

    #[test]
    fn what_the_journal_would_recognise_is_remembered_until_then() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = ([1; 32], [2; 32]);
        let look = |key, now| Journal::remembers(directory.path(), key, now).unwrap();
        assert_eq!(look(&one, 10), Remembered::No);
        let mut journal = Journal::open(directory.path(), 1 << 20, 10).unwrap();
        let Arrival::New(entry) = journal.accept(&one, Id(7), 100, 10, b"{}").unwrap() else {
            panic!("new");
        };
        assert_eq!(look(&one, 10), Remembered::Yes);
        assert_eq!(look(&other, 10), Remembered::No);
        // Not answered: remembered however late it is.
        assert_eq!(look(&one, 1000), Remembered::Yes);
        journal
            .finish(entry, b"answer".into(), 10, &|_| Vec::new())
            .unwrap();
        journal.sent(entry, 10);
        assert_eq!(look(&one, 100 + LONG_OVER), Remembered::Yes);
        assert_eq!(look(&one, 101 + LONG_OVER), Remembered::No);
        // Looking changes nothing, not even a torn end.
        let path = directory.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"MJr1torn");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(look(&one, 10), Remembered::Yes);
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
