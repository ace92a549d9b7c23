//! The owner's record: what this agent did and for whom, kept on the machine for
//! whoever owns it. It needs no control plane, and none can change it.
//!
//! Lines of JSON in the directory `record` of the run directory, in three parts
//! that cannot push each other out: `operations`, `refusals`, which anybody who
//! reaches the relay may cause, and `alerts`, of which there may be thousands a
//! second. Each line carries the SHA-256 of the one before, so that [`reader`]
//! notices what was changed or taken out. Each part has its share of a bound;
//! when it is used up the oldest lines go, and a line says how many.
//!
//! The record never stops the agent. What cannot be written is counted and said.

pub mod entry;
pub(crate) mod keep;
pub mod line;
pub mod reader;
mod refusals;
mod segments;
pub mod show;
mod stream;
pub mod tell;
#[cfg(test)]
mod tests;
mod text;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mig_protocol::clock::Clock;

use crate::VERSION;
use entry::Entry;
use refusals::Refusals;
pub use stream::Condition;
use stream::Stream;
pub use text::Text;

/// Name of the directory in the run directory.
pub const DIRECTORY: &str = "record";
/// Size of a whole record unless the configuration says otherwise, in bytes.
pub const DEFAULT_SIZE: u64 = 16 << 20;
/// A record can be made smaller than this, but not switched off.
pub const SMALLEST: u64 = 1 << 20;
/// Parts, and their shares of the size in eighths.
pub const PARTS: [(&str, u64); 3] = [("operations", 4), ("refusals", 1), ("alerts", 3)];

/// Longest alert that is kept whole, in bytes.
const LONGEST_ALERT: usize = 16 << 10;
/// Longest name that others give.
const LONGEST_NAME: usize = 256;

/// The record of a running agent. One per run directory; the caller holds the
/// agent's lock.
pub struct Record {
    operations: Mutex<Stream>,
    refusals: Mutex<(Refusals, Stream)>,
    alerts: Mutex<Stream>,
    clock: Arc<dyn Clock>,
    directory: PathBuf,
}

impl Record {
    /// Opens or begins the record in `run_directory`, to take `size` bytes at
    /// most. What is wrong with it is in [`Record::condition`], and it is tried
    /// again with every entry: nothing about it stops an agent.
    pub fn open(run_directory: &Path, size: u64, clock: Arc<dyn Clock>) -> Self {
        let directory = run_directory.join(DIRECTORY);
        let [operations, refusals, alerts] = PARTS.map(|(name, share)| {
            let durable = name == PARTS[0].0;
            Stream::new(name, directory.clone(), size / 8 * share, durable)
        });
        let record = Self {
            operations: Mutex::new(operations),
            refusals: Mutex::new((Refusals::default(), refusals)),
            alerts: Mutex::new(alerts),
            clock,
            directory,
        };
        let time = record.time();
        lock(&record.operations).look(&time);
        lock(&record.refusals).1.look(&time);
        lock(&record.alerts).look(&time);
        record
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The agent started; `privacy` says whether it masks what it sends.
    pub fn started(&self, privacy: bool) {
        let entry = Entry::Started {
            version: VERSION.to_owned(),
            pid: std::process::id(),
            privacy,
        };
        self.operations(&[entry], true);
        self.log_heads();
    }

    /// The agent ends.
    pub fn stopped(&self) {
        self.flush();
        let pid = std::process::id();
        self.operations(&[Entry::Stopped { pid }], true);
        self.log_heads();
    }

    /// A persistent module raised an alert, which went to `went`: `dispatch`,
    /// `log` and the like. `text` is what went there, masked already if it had
    /// to be. Takes some microseconds: it is written, not forced to the disk.
    pub fn alert(&self, module: &str, text: &str, went: &str, masked: bool) {
        let entry = Entry::Alert {
            module: text::short(module, LONGEST_NAME),
            went: text::short(went, LONGEST_NAME),
            masked,
            text: Text::new(text, LONGEST_ALERT),
        };
        lock(&self.alerts).append(&self.time(), &[entry], false);
    }

    /// Alerts of a module went nowhere.
    pub fn alerts_dropped(&self, module: &str, count: u64, why: &str) {
        let entry = Entry::Dropped {
            module: text::short(module, LONGEST_NAME),
            count,
            why: text::short(why, 1024),
        };
        lock(&self.alerts).append(&self.time(), &[entry], false);
    }

    /// A command was refused.
    pub fn refused(&self, refused: entry::Refused) {
        let now = self.clock.now();
        let mut refusals = lock(&self.refusals);
        let lines = refusals.0.take(refused, now);
        if !lines.is_empty() {
            refusals.1.append(&time(now), &lines, false);
        }
    }

    /// A stored answer will never leave. Kept among the refusals: a relay that
    /// takes no answers may cause any number.
    pub fn unsent(&self, command: &str, why: &str) {
        let entry = Entry::Unsent {
            command: command.to_owned(),
            why: text::short(why, 1024),
        };
        lock(&self.refusals).1.append(&self.time(), &[entry], false);
    }

    /// Lines about operations, on the disk before this returns if `durable`.
    pub fn operations(&self, entries: &[Entry], durable: bool) {
        lock(&self.operations).append(&self.time(), entries, durable);
    }

    /// Writes the counts of refusals whose minute is over.
    pub fn tidy(&self) {
        let now = self.clock.now();
        let mut refusals = lock(&self.refusals);
        let lines = refusals.0.due(now);
        if !lines.is_empty() {
            refusals.1.append(&time(now), &lines, false);
        }
    }

    /// Refusals that are counted in memory only, until their minute is over.
    pub fn pending(&self) -> u64 {
        lock(&self.refusals).0.pending()
    }

    fn flush(&self) {
        let time = self.time();
        let mut refusals = lock(&self.refusals);
        let lines = refusals.0.all();
        if !lines.is_empty() {
            refusals.1.append(&time, &lines, true);
        }
    }

    /// State of each part, by name.
    pub fn condition(&self) -> [(&'static str, Condition); 3] {
        let operations = lock(&self.operations).condition();
        let refusals = lock(&self.refusals).1.condition();
        let alerts = lock(&self.alerts).condition();
        [
            (PARTS[0].0, operations),
            (PARTS[1].0, refusals),
            (PARTS[2].0, alerts),
        ]
    }

    /// All of it in a line, for the status page.
    pub fn to_line(&self) -> String {
        let parts = self.condition();
        let sum = |number: &dyn Fn(&Condition) -> u64| -> u64 {
            parts.iter().map(|(_, condition)| number(condition)).sum()
        };
        let mut line = format!(
            "{} entries ({} bytes) in {}",
            sum(&|condition| condition.entries),
            sum(&|condition| condition.bytes),
            self.directory.display()
        );
        let lost = sum(&|condition| condition.lost);
        if lost > 0 {
            line.push_str(&format!("; {lost} could not be written"));
        }
        let failing = parts
            .iter()
            .find_map(|(_, condition)| condition.failing.as_ref());
        if let Some(why) = failing {
            line.push_str(&format!("; it fails: {why}"));
        }
        line
    }

    /// Tells the log where the chains stand: a log that is kept elsewhere shows
    /// whether a record was cut short or written anew.
    fn log_heads(&self) {
        let heads = [
            (PARTS[0].0, lock(&self.operations).head()),
            (PARTS[1].0, lock(&self.refusals).1.head()),
            (PARTS[2].0, lock(&self.alerts).head()),
        ];
        for (part, (number, sum)) in heads {
            tracing::info!("owner's record: {part} stands at entry {number} with {sum}");
        }
    }

    fn time(&self) -> String {
        time(self.clock.now())
    }
}

fn time(now: mig_protocol::Time) -> String {
    now.truncated_to_micros().to_utc().to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
