//! Whether the disk still has room for the store.

use super::reserve::{self, Reserve};
use crate::alarms::Alarms;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Asking the file system more often than that tells nothing new, unless this
/// part of what must be free was written meanwhile.
const INTERVAL: Duration = Duration::from_millis(250);
const PART: u64 = 8;
/// Bytes that must be free whatever is configured: about as many are in the log
/// before the database takes them over, which needs room for them a second time.
pub(super) const LEAST: u64 = 4 << 20;

/// Watches the file system of one file, raises the alarm, and keeps the reserve.
pub(super) struct Room {
    path: PathBuf,
    /// Bytes that must be free.
    least: u64,
    alarms: Arc<Alarms>,
    looked: Option<Instant>,
    /// Bytes written since then.
    written: u64,
    /// The last commit failed.
    failed: bool,
    short: bool,
    reserve: Reserve,
}

impl Room {
    pub fn new(path: PathBuf, least: u64, alarms: Arc<Alarms>) -> Self {
        let mut room = Self {
            reserve: Reserve::of(&path),
            path,
            least: least.max(LEAST),
            alarms,
            looked: None,
            written: 0,
            failed: false,
            short: false,
        };
        room.committed(Ok(()));
        room
    }

    /// Publishers wait at the moment.
    pub fn is_short(&self) -> bool {
        self.short || self.failed || !self.reserve.is_there()
    }

    /// Whether there is room for deletions whatever happens, so that messages may
    /// take some.
    pub fn is_reserved(&self) -> bool {
        self.reserve.is_there()
    }

    /// Gives that room to a deletion that could not be written; false when there is
    /// none.
    pub fn give_up_reserve(&mut self) -> bool {
        let given = self.reserve.give_up();
        if given {
            tracing::warn!(
                "The relay uses {} bytes that it had set aside on the disk of {}, so that it can \
                 delete what was settled; make room there.",
                reserve::BYTES,
                self.path.display()
            );
        }
        given
    }

    /// Whether messages of so many bytes fit: into the log, and from there into the
    /// database, with what is in the log already.
    ///
    /// # Errors
    /// Says that they do not.
    pub fn takes(&self, bytes: usize) -> Result<(), String> {
        let needed = (bytes as u64).saturating_mul(2).saturating_add(LEAST);
        if bytes > 0 && self.free().is_some_and(|free| free < needed) {
            return Err(format!(
                "fewer than {needed} bytes are free on the disk of {}",
                self.path.display()
            ));
        }
        Ok(())
    }

    /// Takes note of bytes that the next commit is to write.
    pub fn writes(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes as u64);
    }

    /// Takes note of a commit, or of an attempt.
    pub fn committed(&mut self, result: Result<(), &str>) {
        let failed = result.is_err();
        if failed != self.failed {
            self.failed = failed;
            self.looked = None;
        }
        self.look();
        let why = || match result {
            Err(error) => format!("The relay cannot write its store: {error}"),
            Ok(()) if self.short => format!(
                "The disk of the relay's store {} has fewer than {} bytes free",
                self.path.display(),
                self.least
            ),
            Ok(()) => format!(
                "The relay cannot set {} bytes aside beside its store {}",
                reserve::BYTES,
                self.path.display()
            ),
        };
        self.alarms.set_disk(self.is_short(), why);
    }

    fn look(&mut self) {
        let recent = self.looked.is_some_and(|at| at.elapsed() < INTERVAL);
        if recent && self.written < self.least / PART {
            return;
        }
        self.looked = Some(Instant::now());
        self.written = 0;
        let free = self.free().unwrap_or(u64::MAX);
        self.short = free < self.least;
        // What it takes must not be what has to be free.
        if !self.failed
            && free.saturating_sub(reserve::BYTES) >= self.least
            && let Err(error) = self.reserve.make()
        {
            tracing::debug!(%error, "no room set aside");
        }
    }

    /// A file system that does not tell is not taken for a full one.
    fn free(&self) -> Option<u64> {
        let known = nix::sys::statvfs::statvfs(&self.path).ok()?;
        #[allow(clippy::useless_conversion, reason = "the types differ by platform")]
        let free =
            u64::from(known.blocks_available()).saturating_mul(u64::from(known.fragment_size()));
        Some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Counters;

    /// A fast publisher fills a small disk within the interval.
    #[test]
    fn after_much_was_written_it_looks_at_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let alarms = Alarms::new(Arc::new(Counters::default()));
        let path = directory.path().join("relay.db");
        std::fs::write(&path, "").expect("a file");
        let mut room = Room::new(path, 1, alarms);
        assert!(!room.is_short());
        room.committed(Ok(()));
        room.least = 1 << 60;
        room.writes(1 << 57);
        room.committed(Ok(()));
        assert!(room.is_short());
    }
}
