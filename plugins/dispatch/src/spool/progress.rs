//! How far the buffer has been delivered, and what became of the alerts. Two
//! slots in one file, written in turns: a process that is killed in between
//! leaves the other one.

use super::format::number64;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Numbers in a slot, without the checksum.
const FIELDS: usize = 11;
/// Room for a slot.
const SLOT: usize = 128;

/// What is remembered over a restart. Always: `position - base` alerts were
/// delivered, rejected, dropped or damaged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Rises with each save; the higher slot counts.
    pub generation: u64,
    /// Identity of the buffer these numbers belong to.
    pub identity: u64,
    /// Sequence number where the counters began.
    pub base: u64,
    /// Everything up to this sequence number is settled.
    pub position: u64,
    /// Alerts that a receiver has taken.
    pub delivered: u64,
    /// Alerts that were sent again.
    pub retried: u64,
    /// Alerts that a receiver refused for good.
    pub rejected: u64,
    /// Alerts given up: no room, or too many attempts.
    pub dropped: u64,
    /// Alerts that could not be read from the buffer.
    pub damaged: u64,
    /// When the last one was delivered, in seconds since 1970; 0 for never.
    pub last: u64,
    /// 1 when the writer ended in order: whatever comes next is new.
    pub closed: u64,
}

impl Progress {
    fn fields(&self) -> [u64; FIELDS] {
        [
            self.generation,
            self.identity,
            self.base,
            self.position,
            self.delivered,
            self.retried,
            self.rejected,
            self.dropped,
            self.damaged,
            self.last,
            self.closed,
        ]
    }

    fn to_slot(self) -> [u8; SLOT] {
        let mut slot = [0; SLOT];
        for (room, field) in slot.chunks_exact_mut(8).zip(self.fields()) {
            room.copy_from_slice(&field.to_le_bytes());
        }
        let sum = crc32fast::hash(&slot[..SLOT - 4]);
        slot[SLOT - 4..].copy_from_slice(&sum.to_le_bytes());
        slot
    }

    fn from_slot(slot: &[u8]) -> Option<Self> {
        let field = |place: usize| slot.get(place * 8..place * 8 + 8).map_or(0, number64);
        let progress = Self {
            generation: field(0),
            identity: field(1),
            base: field(2),
            position: field(3),
            delivered: field(4),
            retried: field(5),
            rejected: field(6),
            dropped: field(7),
            damaged: field(8),
            last: field(9),
            closed: field(10),
        };
        (slot == progress.to_slot().as_slice() && progress.generation > 0).then_some(progress)
    }

    /// The newer of the two slots.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        bytes
            .chunks(SLOT)
            .take(2)
            .filter_map(Self::from_slot)
            .max_by_key(|progress| progress.generation)
    }
}

/// The file of the two slots.
#[derive(Debug)]
pub(super) struct ProgressFile {
    file: File,
}

impl ProgressFile {
    /// Opens or makes it, and reads what it says.
    pub fn open(path: &Path) -> io::Result<(Self, Option<Progress>)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        let mut bytes = [0; 2 * SLOT];
        let mut length = 0;
        while length < bytes.len() {
            match file.read_at(&mut bytes[length..], length as u64)? {
                0 => break,
                count => length += count,
            }
        }
        let found = Progress::read(&bytes[..length]);
        Ok((Self { file }, found))
    }

    /// Writes the next generation over the older slot.
    pub fn save(&self, progress: &mut Progress) -> io::Result<()> {
        progress.generation += 1;
        let place = progress.generation % 2 * SLOT as u64;
        self.file.write_all_at(&progress.to_slot(), place)
    }

    /// Makes what was saved survive a power failure.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_save_counts_and_a_torn_one_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("progress");
        let (file, nothing) = ProgressFile::open(&path).unwrap();
        assert_eq!(nothing, None);
        let mut progress = Progress::default();
        for position in 1..=5 {
            progress.position = position;
            file.save(&mut progress).unwrap();
        }
        file.sync().unwrap();
        let (_, found) = ProgressFile::open(&path).unwrap();
        assert_eq!(found, Some(progress));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[SLOT + 30] ^= 1;
        let before = Progress::read(&bytes).unwrap();
        assert_eq!(before.position, 4);
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_no_progress(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(Progress::read(&bytes), None);
        }
    }
}
