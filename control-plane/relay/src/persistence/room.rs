//! Whether the disk still has room for the store.

use crate::alarms::Alarms;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Asking the file system more often than that tells nothing new.
const INTERVAL: Duration = Duration::from_millis(250);

/// Watches the file system of one file and raises the alarm.
pub(super) struct Room {
    path: PathBuf,
    /// Bytes that must be free; zero does not look.
    least: u64,
    alarms: Arc<Alarms>,
    looked: Option<Instant>,
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
        if self.least == 0 || self.looked.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        self.looked = Some(Instant::now());
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
