//! One file of the buffer.

use super::format::{self, Entry};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Ends the name of a segment; before it stands its first sequence number in
/// sixteen hexadecimal digits.
const SUFFIX: &str = ".alerts";

/// A file of alerts.
#[derive(Debug)]
pub(super) struct Segment {
    /// Sequence number of its first entry.
    pub first: u64,
    /// Bytes that hold something.
    pub length: u64,
    path: PathBuf,
    file: File,
}

impl Segment {
    /// The first sequence number, if this is the name of a segment.
    pub fn number(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(SUFFIX)?;
        let number = u64::from_str_radix(digits, 16).ok()?;
        // Not 0, and written as it is written here.
        (number > 0 && name == Self::name(number)).then_some(number)
    }

    fn name(first: u64) -> String {
        format!("{first:016x}{SUFFIX}")
    }

    /// Makes a segment and its name durable.
    pub fn create(directory: &Path, identity: u64, first: u64) -> io::Result<Self> {
        let path = directory.join(Self::name(first));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            // A leftover of this name is empty, or its entries were damaged.
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        let mut segment = Self {
            first,
            length: 0,
            path,
            file,
        };
        segment.append(&format::header(identity, first))?;
        File::open(directory)?.sync_all()?;
        Ok(segment)
    }

    /// Opens one that is there.
    pub fn open(directory: &Path, first: u64) -> io::Result<Self> {
        let path = directory.join(Self::name(first));
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            first,
            length,
            path,
            file,
        })
    }

    /// Whose it is, if its beginning still says so.
    pub fn identity(&self) -> Option<u64> {
        format::identity(&self.file)
    }

    /// Writes and syncs, or leaves things as they were.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self
            .file
            .write_all_at(bytes, self.length)
            .and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.length += bytes.len() as u64,
            Err(_) => {
                // What remains of it would be overwritten in any case.
                let _cut = self.file.set_len(self.length);
            }
        }
        written
    }

    /// The first whole entry at or behind a place, and where it ends.
    pub fn next(&self, offset: u64) -> io::Result<Option<(Entry, u64)>> {
        format::next(&self.file, offset, self.length)
    }

    /// Cuts what follows the last whole entry.
    pub fn cut(&mut self, length: u64) -> io::Result<()> {
        self.length = length;
        self.file.set_len(length)?;
        self.file.sync_data()
    }

    /// Deletes the file.
    pub fn remove(self) -> io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}
