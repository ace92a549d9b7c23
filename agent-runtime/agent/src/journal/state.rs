//! What the journal tells about commands and about itself.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::MAX_KEYS;

/// Which command of the journal. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub(super) u64);

/// Why the journal cannot be used.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file cannot be opened, read or written.
    #[error(
        "cannot use the journal {path}: {source}; the run directory must be writable and have free space"
    )]
    Io {
        /// The journal file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file cannot be looked into.
    #[error("cannot read the journal {path}: {source}")]
    Unreadable {
        /// The journal file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Too many accepted actions are still valid.
    #[error(
        "the agent already remembers {MAX_KEYS} actions that have not expired; try again later"
    )]
    Full,
}

/// What is known about a command that has just arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Never seen: it is journalled now and may run.
    New(EntryId),
    /// Seen before and not answered yet.
    Running(EntryId),
    /// Seen before; its stored answer waits to be sent (again).
    Answered(EntryId),
    /// Seen before and answered; the answer is no longer kept.
    Forgotten,
    /// The same action under another command identifier.
    Replayed,
}

/// A command that was accepted but not answered when the agent last ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Open {
    /// Its place in the journal.
    pub entry: EntryId,
    /// The command as it was received.
    pub command: Vec<u8>,
    /// Operations that had been started.
    pub started: Vec<u32>,
}

/// What there was to tell about the file when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Bytes that could not be understood, in the middle of the file.
    pub damaged: u64,
    /// Bytes of a record whose writing was interrupted.
    pub torn: u64,
}

/// Numbers for heartbeat, status page and log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Answers that wait to be sent.
    pub unsent: usize,
    /// Their bytes.
    pub unsent_bytes: u64,
    /// Answers dropped in this agent's life because the bound was reached.
    pub dropped: u64,
}
