//! One part of the record: a chain of lines over several files that together
//! stay within a bound.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::entry::Entry;
use super::line::{self, NOTHING, Sum};
use super::segments::{self, Ending, Segment};
use super::text::hex;

/// A part is kept in so many files, so that making room costs an eighth of it.
const FILES: u64 = 8;
/// Room kept for the line that says what was removed.
const SPARE: u64 = 512;

/// What there is to say about a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Lines on the disk.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entries that could not be written since the agent started.
    pub lost: u64,
    /// Why the last entry could not be written; none when it could.
    pub failing: Option<String>,
}

/// One part.
pub(super) struct Stream {
    pub name: &'static str,
    directory: PathBuf,
    budget: u64,
    /// New files are on the disk before they are used.
    durable: bool,
    /// The chain as this process knows it, files or not.
    next: u64,
    head: Sum,
    open: Option<Open>,
    /// Not written, and not yet said so in the record.
    owed: u64,
    lost: u64,
    failing: Option<String>,
}

struct Open {
    file: File,
    inode: u64,
    /// Oldest first; the last one is `file`.
    segments: Vec<Segment>,
}

impl Open {
    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Bytes of the file that is written.
    fn current(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.bytes)
    }
}

impl Stream {
    pub(super) fn new(name: &'static str, directory: PathBuf, budget: u64, durable: bool) -> Self {
        Self {
            name,
            directory,
            budget,
            durable,
            next: 1,
            head: NOTHING,
            open: None,
            owed: 0,
            lost: 0,
            failing: None,
        }
    }

    pub(super) fn condition(&self) -> Condition {
        let (first, bytes) = match &self.open {
            Some(open) => (
                open.segments
                    .first()
                    .map_or(self.next, |oldest| oldest.first),
                open.bytes(),
            ),
            None => (self.next, 0),
        };
        Condition {
            entries: self.next.saturating_sub(first),
            bytes,
            lost: self.lost,
            failing: self.failing.clone(),
        }
    }

    /// Where the chain stands: number and sum of the last line.
    pub(super) fn head(&self) -> (u64, String) {
        (self.next - 1, hex(&self.head))
    }

    /// Writes lines, on the disk before this returns if `durable`. What cannot
    /// be written is counted, said in the log, and said in the record as soon as
    /// something can be written again.
    pub(super) fn append(&mut self, time: &str, entries: &[Entry], durable: bool) {
        let mut written = 0;
        let outcome = self.ready(time).and_then(|()| {
            self.own_up(time)?;
            for entry in entries {
                self.put(time, entry)?;
                written += 1;
            }
            match &self.open {
                Some(open) if durable => open.file.sync_data(),
                _ => Ok(()),
            }
        });
        match outcome {
            Ok(()) => {
                if self.failing.take().is_some() {
                    tracing::info!("the owner's record is written again");
                }
            }
            Err(error) => self.failed(entries.len() as u64 - written, &error),
        }
    }

    /// Opens the files if need be, so that their state is known.
    pub(super) fn look(&mut self, time: &str) {
        if let Err(error) = self.ready(time) {
            self.failed(0, &error);
        }
    }

    fn failed(&mut self, entries: u64, error: &io::Error) {
        self.owed += entries;
        self.lost += entries;
        let why = error.to_string();
        if self.failing.as_ref() != Some(&why) {
            tracing::error!(
                "the owner's record in {} cannot be written: {why}; what it misses is counted",
                self.directory.display()
            );
        }
        self.failing = Some(why);
    }

    fn own_up(&mut self, time: &str) -> io::Result<()> {
        if self.owed == 0 {
            return Ok(());
        }
        let lost = Entry::Lost {
            entries: self.owed,
            why: self.failing.clone().unwrap_or_default(),
        };
        self.put(time, &lost)?;
        self.owed = 0;
        Ok(())
    }

    /// The files are open and are still the ones that were opened.
    fn ready(&mut self, time: &str) -> io::Result<()> {
        if let Some(open) = &self.open {
            let first = open.segments.last().map_or(1, |segment| segment.first);
            let path = segments::path(&self.directory, self.name, first);
            let same = fs::symlink_metadata(path)
                .is_ok_and(|meta| meta.ino() == open.inode && meta.len() == open.current());
            if same {
                return Ok(());
            }
            tracing::error!(
                "the files of the owner's record in {} were changed by somebody else",
                self.directory.display()
            );
            self.open = None;
        }
        self.open(time)
    }

    fn open(&mut self, time: &str) -> io::Result<()> {
        segments::make_directory(&self.directory)?;
        let mut found = segments::list(&self.directory, self.name)?;
        let known = self.next > 1;
        let Some(newest) = found.last_mut() else {
            self.begin()?;
            let why = if known {
                "the files of the record were removed while the agent ran"
            } else {
                "there was no record"
            };
            return self.put(time, &Entry::Begun { why: why.into() });
        };
        let mut file = segments::open(&self.directory, self.name, newest.first)?;
        let (ending, any) = segments::ending(&mut file, newest.first)?;
        let torn = file.metadata()?.len() - ending.whole;
        if torn > 0 {
            tracing::warn!(
                "the last {torn} bytes of the owner's record ({}) were never completely written",
                self.name
            );
            file.set_len(ending.whole)?;
        }
        newest.bytes = ending.whole;
        let Ending { next, mut head, .. } = ending;
        if !any && found.len() > 1 {
            // Its first line was torn: the chain ends in the file before.
            let before = found[found.len() - 2].first;
            let mut file = segments::open(&self.directory, self.name, before)?;
            head = segments::ending(&mut file, before)?.0.head;
        }
        if !known {
            (self.next, self.head) = (next, head);
        }
        // Otherwise the chain goes on from what this process wrote, so that
        // whatever somebody did to the files meanwhile stays visible.
        let inode = file.metadata()?.ino();
        self.open = Some(Open {
            file,
            inode,
            segments: found,
        });
        if torn > 0 {
            self.put(time, &Entry::Repaired { bytes: torn })?;
        }
        Ok(())
    }

    /// A new file, to begin with the next line.
    fn begin(&mut self) -> io::Result<()> {
        let file = segments::open(&self.directory, self.name, self.next)?;
        if self.durable {
            // What is forced into a file is worth little while the file has no
            // name on the disk.
            File::open(&self.directory)?.sync_all()?;
        }
        let meta = file.metadata()?;
        let segment = Segment {
            first: self.next,
            bytes: meta.len(),
        };
        match &mut self.open {
            Some(open) => {
                // What the next file follows must be there when it is: after a
                // power cut a gap would look like somebody's work.
                open.file.sync_data()?;
                open.file = file;
                open.inode = meta.ino();
                open.segments.push(segment);
            }
            None => {
                self.open = Some(Open {
                    file,
                    inode: meta.ino(),
                    segments: vec![segment],
                });
            }
        }
        Ok(())
    }

    fn put(&mut self, time: &str, entry: &Entry) -> io::Result<()> {
        let bytes = line::write(self.next, time, entry, &self.head);
        let before = self.next;
        // The number may grow by digits when room is made.
        self.make_room(time, bytes.len() as u64 + 16)?;
        if self.next == before {
            return self.write(&bytes);
        }
        let bytes = line::write(self.next, time, entry, &self.head);
        self.write(&bytes)
    }

    fn make_room(&mut self, time: &str, length: u64) -> io::Result<()> {
        let current = self.open.as_ref().map_or(0, Open::current);
        if current > 0 && current + length + SPARE > self.budget / FILES {
            self.begin()?;
        }
        let Some(open) = &self.open else {
            return Ok(());
        };
        let mut total = open.bytes();
        let mut gone = 0;
        while gone + 1 < open.segments.len() && total + length + SPARE > self.budget {
            total -= open.segments[gone].bytes;
            gone += 1;
        }
        if gone == 0 {
            return Ok(());
        }
        let (oldest, kept) = (open.segments[0].first, open.segments[gone].first);
        let going = open.segments[..gone].to_vec();
        // Said before it is done: a reader, or a crash, in between finds more
        // than was promised and never less.
        let removed = Entry::Removed {
            entries: kept - oldest,
            total: kept - 1,
            bytes: going.iter().map(|segment| segment.bytes).sum(),
        };
        let said = line::write(self.next, time, &removed, &self.head);
        self.write(&said)?;
        for segment in going {
            fs::remove_file(segments::path(&self.directory, self.name, segment.first))?;
            if let Some(open) = &mut self.open {
                open.segments.retain(|kept| *kept != segment);
            }
        }
        Ok(())
    }

    /// Writes a line that was made for this place in the chain.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(open) = &mut self.open else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let before = open.current();
        if let Err(error) = open.file.write_all(bytes) {
            // What was written of it would look like a torn line.
            if open.file.set_len(before).is_err() {
                self.open = None;
            }
            return Err(error);
        }
        if let Some(segment) = open.segments.last_mut() {
            segment.bytes += bytes.len() as u64;
        }
        self.next += 1;
        self.head = line::sum(&bytes[..bytes.len() - 1]);
        Ok(())
    }
}
