//! Whether the disk still has room for the store.

use crate::alarms::Alarms;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Asking the file system more often than that tells nothing new, unless this
/// part of what must be free was written meanwhile.
const INTERVAL: Duration = Duration::from_millis(250);
const PART: u64 = 8;

/// Watches the file system of one file and raises the alarm.
pub(super) struct Room {
    path: PathBuf,
    /// Bytes that must be free; zero does not look.
    least: u64,
    alarms: Arc<Alarms>,
    looked: Option<Instant>,
    /// Bytes written since then.
    written: u64,
    /// The last commit failed.
    failed: bool,
    short: bool,
}

impl Room {
    pub fn new(path: PathBuf, least: u64, alarms: Arc<Alarms>) -> Self {
        let mut room = Self {
            path,
            least,
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
        self.short || self.failed
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
            Ok(()) => format!(
                "The disk of the relay's store {} has fewer than {} bytes free",
                self.path.display(),
                self.least
            ),
        };
        self.alarms.set_disk(self.is_short(), why);
    }

    fn look(&mut self) {
        let recent = self.looked.is_some_and(|at| at.elapsed() < INTERVAL);
        if self.least == 0 || recent && self.written < self.least / PART {
            return;
        }
        self.looked = Some(Instant::now());
        self.written = 0;
        // A file system that does not tell is not taken for a full one.
        let Ok(known) = nix::sys::statvfs::statvfs(&self.path) else {
            return;
        };
        #[allow(clippy::useless_conversion, reason = "the types differ by platform")]
        let free =
            u64::from(known.blocks_available()).saturating_mul(u64::from(known.fragment_size()));
        self.short = free < self.least;
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
        let mut room = Room::new(directory.path().into(), 1, alarms);
        assert!(!room.is_short());
        room.committed(Ok(()));
        room.least = 1 << 60;
        room.writes(1 << 57);
        room.committed(Ok(()));
        assert!(room.is_short());
    }
}
