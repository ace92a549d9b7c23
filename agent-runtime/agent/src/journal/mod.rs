//! The agent's memory of what it was asked and what it answered.
//!
//! A command is written here, and on the disk, before the relay hears that it
//! arrived; its answer is written before it is published. So a crash at any
//! point costs neither: on the next start the open commands are found again,
//! unsent answers are published, and a command seen before is recognised.
//!
//! One append-only file of checksummed records, rewritten when more than half
//! of it is history. Answers that wait to be sent are bounded: when the bound
//! is reached the oldest turns into a short notice that it was dropped.

mod compact;
mod entry;
mod peek;
mod record;
mod spool;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use entry::{Answer, Body, Entry};
use mig_protocol::Id;
pub use peek::Remembered;
use record::{Head, Kind, Source, Span};
pub use state::{Arrival, Condition, EntryId, JournalError, Open, Totals};

/// Name of the file in the run directory.
pub const FILE: &str = "mig-agent.journal";
/// Replay keys remembered at most. More accepted actions than this at one time
/// are refused: forgetting a key early would let its action run twice.
const MAX_KEYS: usize = 65_536;
/// A sent answer up to this size is kept for a redelivery of its command.
const KEEP_SENT: usize = 64 << 10;
/// All sent answers kept for redelivery, together.
const KEEP_SENT_TOTAL: u64 = 4 << 20;

/// How long the agent must have run with a clock that says that a command is over
/// before it forgets the command's replay key. A clock that jumped ahead and comes
/// back must find what was run in the meantime.
const SURE: Duration = Duration::from_secs(24 * 3600);
/// Seconds after which a command that is over is forgotten when the agent starts:
/// machines that never run for a day forget, too.
const LONG_OVER: i64 = 30 * 24 * 3600;

/// Time since whenever, which no change of the machine's clock touches.
type Steady = Box<dyn Fn() -> Duration + Send>;

/// SHA-256 of an action's signing string.
pub type ReplayKey = [u8; 32];

/// The open journal. One per run directory; the caller holds the lock.
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Where the next record goes.
    end: u64,
    /// Bytes that a rewritten file would have.
    live: u64,
    /// Most bytes of unsent answers.
    spool: u64,
    entries: BTreeMap<u64, Entry>,
    keys: HashMap<ReplayKey, u64>,
    next: u64,
    dropped: u64,
    condition: Condition,
    steady: Steady,
}

impl Journal {
    /// Opens or creates the journal in `directory`. `spool` bounds the bytes of
    /// unsent answers; `now` is in Unix seconds.
    ///
    /// # Errors
    /// The file cannot be opened, read or written.
    pub fn open(directory: &Path, spool: u64, now: i64) -> Result<Self, JournalError> {
        let begun = Instant::now();
        Self::open_by(directory, spool, now, Box::new(move || begun.elapsed()))
    }

    fn open_by(
        directory: &Path,
        spool: u64,
        now: i64,
        steady: Steady,
    ) -> Result<Self, JournalError> {
        let path = directory.join(FILE);
        let error = |source| JournalError::Io {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(error)?;
        let mut journal = Self {
            path: path.clone(),
            file,
            end: 0,
            live: 0,
            spool,
            entries: BTreeMap::new(),
            keys: HashMap::new(),
            next: 1,
            dropped: 0,
            condition: Condition::default(),
            steady,
        };
        journal.load().map_err(error)?;
        journal.forget(now.saturating_sub(LONG_OVER), Duration::ZERO);
        journal.live = journal.live_size();
        // Also brings a damaged file back into shape.
        journal.compact().map_err(error)?;
        Ok(journal)
    }

    /// What was found when the file was opened.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// Numbers for people.
    pub fn totals(&self) -> Totals {
        Totals {
            unsent: self.unsent_entries().count(),
            unsent_bytes: self.unsent_bytes(),
            dropped: self.dropped,
        }
    }

    /// Commands that were accepted and not answered.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open_commands(&self) -> Result<Vec<Open>, JournalError> {
        let mut open = Vec::new();
        for (number, entry) in &self.entries {
            if entry.answer.is_some() {
                continue;
            }
            open.push(Open {
                entry: EntryId(*number),
                command: entry.command.read(&self.file).map_err(|e| self.error(e))?,
                started: entry.started.clone(),
            });
        }
        Ok(open)
    }

    /// Looks a command up by its action's replay key and its own identifier.
    /// Nothing is written; `New` is never returned.
    pub fn known(&mut self, key: &ReplayKey, id: Id) -> Option<Arrival> {
        let number = *self.keys.get(key)?;
        let entry = self.entries.get_mut(&number)?;
        if entry.id != id.0 {
            return Some(Arrival::Replayed);
        }
        Some(match &mut entry.answer {
            None => Arrival::Running(EntryId(number)),
            Some(Answer { body: None, .. }) => Arrival::Forgotten,
            Some(answer) => {
                answer.sent = false;
                Arrival::Answered(EntryId(number))
            }
        })
    }

    /// Journals an authorised command, on the disk before this returns.
    /// `until` (Unix seconds) is how long its replay key is remembered at least:
    /// it is forgotten when the agent has run for a day with a clock that says that
    /// this is over.
    ///
    /// # Errors
    /// The record cannot be written, or too many keys are remembered. The
    /// command must not run then.
    pub fn accept(
        &mut self,
        key: &ReplayKey,
        id: Id,
        until: i64,
        now: i64,
        command: &[u8],
    ) -> Result<Arrival, JournalError> {
        if let Some(arrival) = self.known(key, id) {
            return Ok(arrival);
        }
        if self.keys.len() >= MAX_KEYS {
            self.forget(now, Duration::ZERO);
            if self.keys.len() >= MAX_KEYS {
                return Err(JournalError::Full);
            }
        }
        let number = self.next;
        let mut head = self.head(Kind::Accepted, number);
        head.id = id.0;
        head.until = until;
        head.key = *key;
        let before = self.end;
        let span = self.append(&head, command).map_err(|e| self.error(e))?;
        if let Err(error) = self.sync() {
            // It would be found at the next start, and is offered again.
            let _ = self.file.set_len(before);
            self.end = before;
            return Err(self.error(error));
        }
        self.next += 1;
        self.keys.insert(*key, number);
        self.entries.insert(
            number,
            Entry {
                id: head.id,
                key: Some(*key),
                until,
                command: Body::Stored(span),
                started: Vec::new(),
                answer: None,
                over_since: None,
            },
        );
        self.tidy(now);
        Ok(Arrival::New(EntryId(number)))
    }

    /// Notes that an operation is about to run. With `durable` the note is on
    /// the disk before this returns: needed where a second run would do harm.
    ///
    /// # Errors
    /// The note cannot be written.
    pub fn start(
        &mut self,
        entry: EntryId,
        operation: u32,
        durable: bool,
    ) -> Result<(), JournalError> {
        let mut head = self.head(Kind::Started, entry.0);
        head.number = operation;
        self.append(&head, &[]).map_err(|e| self.error(e))?;
        if durable {
            self.sync().map_err(|e| self.error(e))?;
        }
        if let Some(entry) = self.entries.get_mut(&entry.0) {
            entry.started.push(operation);
        }
        Ok(())
    }

    /// Stores the answer to a journalled command, durably if the disk allows
    /// and in memory otherwise; the error then says why. `notice` makes the
    /// short answer that replaces an older one that no longer fits, from the
    /// command as it was received.
    ///
    /// # Errors
    /// The answer is held in memory only. It will be sent all the same.
    pub fn finish(
        &mut self,
        entry: EntryId,
        answer: Vec<u8>,
        now: i64,
        notice: &dyn Fn(&[u8]) -> Vec<u8>,
    ) -> Result<(), JournalError> {
        let outcome = self.store_answer(entry.0, answer, false);
        self.bound_spool(notice);
        self.tidy(now);
        outcome.map_err(|e| self.error(e))
    }

    /// Stores the answer to a command that was refused: there is no replay key
    /// and nothing ran. Returns its place.
    ///
    /// # Errors
    /// As [`Journal::finish`].
    pub fn refuse(
        &mut self,
        id: Id,
        answer: Vec<u8>,
        now: i64,
        notice: &dyn Fn(&[u8]) -> Vec<u8>,
    ) -> Result<(), JournalError> {
        let number = self.next;
        self.next += 1;
        self.entries.insert(
            number,
            Entry {
                id: id.0,
                key: None,
                until: 0,
                command: Body::Held(Vec::new()),
                started: Vec::new(),
                answer: None,
                over_since: None,
            },
        );
        // A refusal is as short as its notice would be.
        let outcome = self.store_answer(number, answer, true);
        self.bound_spool(notice);
        self.tidy(now);
        outcome.map_err(|e| self.error(e))
    }

    /// The oldest answer that waits to be sent, after `after` if given.
    pub fn next_unsent(&self, after: Option<EntryId>) -> Option<EntryId> {
        let from = after.map_or(0, |entry| entry.0 + 1);
        self.entries
            .range(from..)
            .find(|(_, entry)| entry.unsent_bytes().is_some())
            .map(|(number, _)| EntryId(*number))
    }

    /// Reads a stored answer; none when it is gone.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn answer(&self, entry: EntryId) -> Result<Option<Vec<u8>>, JournalError> {
        let Some(body) = self
            .entries
            .get(&entry.0)
            .and_then(|entry| entry.answer.as_ref())
            .and_then(|answer| answer.body.as_ref())
        else {
            return Ok(None);
        };
        body.read(&self.file).map(Some).map_err(|e| self.error(e))
    }

    /// Notes that the relay confirmed an answer. Not forced to the disk: a
    /// repeated publication is stored once all the same.
    pub fn sent(&mut self, entry: EntryId, now: i64) {
        let head = self.head(Kind::Sent, entry.0);
        // The worst that a missing note costs is one publication too many.
        let _ = self.append(&head, &[]);
        let kept = self.kept_bytes();
        if let Some(entry) = self.entries.get_mut(&entry.0) {
            entry.mark_sent(kept);
            if entry.key.is_none() {
                entry.until = i64::MIN;
            }
        }
        self.tidy(now);
    }

    /// Forgets what need not be remembered any longer and rewrites the file if
    /// more than half of it is history.
    pub fn tidy(&mut self, now: i64) {
        self.forget(now, SURE);
        self.live = self.live_size();
        if self.end > compact::WORTH_IT
            && self.end > 2 * self.live
            && let Err(error) = self.compact()
        {
            tracing::warn!(
                "cannot rewrite the journal {}: {error}",
                self.path.display()
            );
        }
    }

    /// Lets nothing be written any more, or again.
    #[cfg(test)]
    pub(crate) fn only_read(&mut self, only: bool) {
        let opened = OpenOptions::new().read(true).write(!only).open(&self.path);
        self.file = opened.expect("it was open");
    }

    fn head(&self, kind: Kind, entry: u64) -> Head {
        Head {
            kind,
            entry,
            id: 0,
            until: 0,
            key: [0; 32],
            number: 0,
        }
    }

    fn error(&self, source: io::Error) -> JournalError {
        JournalError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn append(&mut self, head: &Head, body: &[u8]) -> io::Result<Span> {
        match record::write(&self.file, self.end, head, &Source::Bytes(body)) {
            Ok(span) => {
                self.end += record::record_size(body.len());
                Ok(span)
            }
            Err(error) => {
                // What was written of it would look like a torn record.
                let _ = self.file.set_len(self.end);
                Err(error)
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn store_answer(&mut self, number: u64, answer: Vec<u8>, short: bool) -> io::Result<()> {
        let mut head = self.head(Kind::Finished, number);
        if let Some(entry) = self.entries.get(&number) {
            head.id = entry.id;
        }
        head.number = u32::from(short);
        let stored = self
            .append(&head, &answer)
            .and_then(|span| self.sync().map(|()| span));
        let (body, outcome) = match stored {
            Ok(span) => (Body::Stored(span), Ok(())),
            Err(error) => (Body::Held(answer), Err(error)),
        };
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.answer = Some(Answer {
                body: Some(body),
                sent: false,
                short,
            });
            entry.started = Vec::new();
        }
        outcome
    }

    /// Forgets what is done and has been over for so long.
    fn forget(&mut self, now: i64, sure: Duration) {
        let moment = (self.steady)();
        let keys = &mut self.keys;
        self.entries.retain(|_, entry| {
            let done = entry.answer.as_ref().is_some_and(|answer| answer.sent);
            if !done || entry.until >= now {
                entry.over_since = None;
                return true;
            }
            let Some(key) = &entry.key else {
                return false;
            };
            let since = *entry.over_since.get_or_insert(moment);
            let keep = moment.saturating_sub(since) < sure;
            if !keep {
                keys.remove(key);
            }
            keep
        });
    }
}
