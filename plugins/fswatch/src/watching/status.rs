//! What the status page shows.

use super::Watcher;
use crate::watching::profile::State;
use serde::Serialize;

/// What only grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Alerts raised.
    pub alerts: u64,
    /// Checksums computed.
    pub hashed: u64,
    /// Times that the kernel's queue ran over.
    pub overflows: u64,
    /// Changes without an alert of their own, soon after an alert of the file.
    pub suppressed: u64,
    /// Checksums that were not computed, because the file was too large.
    pub toolarge: u64,
}

/// The status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    directories: usize,
    files: usize,
    hashed: u64,
    alerts: u64,
    suppressed: u64,
    overflows: u64,
    toolarge: u64,
    /// Changed files whose checksum is due.
    pending: usize,
    /// Something is being listed or hashed.
    scanning: bool,
    /// Paths of the profile that do not exist.
    missing: usize,
    /// Directories that are not watched; the log says why.
    notwatched: usize,
}

impl Watcher<'_> {
    /// How things are.
    pub fn status(&self) -> Status {
        let names = self.directories.values().flat_map(|one| one.names.values());
        let missing = |entry: &&super::Entry| matches!(entry.state, State::Missing { .. });
        Status {
            directories: self.directories.len(),
            files: names.filter(|known| !known.gone).count(),
            hashed: self.counters.hashed,
            alerts: self.counters.alerts,
            suppressed: self.counters.suppressed,
            overflows: self.counters.overflows,
            toolarge: self.counters.toolarge,
            pending: self.changed.len(),
            scanning: self.has_work(),
            missing: self.entries.iter().filter(missing).count(),
            notwatched: self.refused.len(),
        }
    }
}
