//! Finding out what a predecessor left, whatever happened to it.

use super::{Progress, ProgressFile, Segment, Spool, format};
use crate::configuration::WhenFull;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::time::Instant;

/// Most alerts that a predecessor may have written without reporting them: one
/// commit.
const MOST_UNREPORTED: usize = 4096;

impl Spool {
    /// Opens the buffer of a directory, or starts one. `writer` is the agent's
    /// process. The second value says in one line each what was wrong with it.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(
        directory: &Path,
        size: u64,
        when_full: WhenFull,
        writer: u32,
    ) -> io::Result<(Self, Vec<String>)> {
        let mut notes = Vec::new();
        let (file, progress) = ProgressFile::open(&directory.join("progress"))?;
        let mut segments = segments(directory)?;
        let known = segments.iter().find_map(Segment::identity);
        let lost = progress.is_none() && !segments.is_empty();
        let mut progress = match progress {
            Some(progress) => progress,
            None => fresh(known, segments.front())?,
        };
        if lost {
            notes.push(format!(
                "{}: how far alerts were delivered is not known any more; those that are left are sent again",
                directory.display()
            ));
        }
        let mut unreported = BTreeMap::new();
        let mut next = progress.position + 1;
        if let Some(last) = segments.back_mut() {
            let (end, written) = examine(last, writer)?;
            if end.torn > 0 {
                notes.push(format!(
                    "{}: {} bytes behind the last whole alert are cut off",
                    directory.display(),
                    end.torn
                ));
            }
            if end.next > next {
                next = end.next;
            }
            if progress.closed == 0 {
                unreported = written;
            }
        }
        progress.closed = 0;
        let mut spool = Self {
            directory: directory.to_owned(),
            when_full,
            size,
            writer,
            segments,
            next,
            cursor: format::HEADER,
            progress,
            file,
            synced: Instant::now(),
            scratch: Vec::new(),
            unreported,
        };
        if spool.segments.is_empty() {
            spool.roll()?;
        }
        spool.save()?;
        spool.file.sync()?;
        spool.advance()?;
        Ok((spool, notes))
    }
}

/// What the last segment holds.
struct End {
    /// Sequence number behind its last entry.
    next: u64,
    /// Bytes that were cut.
    torn: u64,
}

/// Reads the last segment to its end, cuts what is torn there, and collects
/// what this agent gave most recently.
fn examine(segment: &mut Segment, writer: u32) -> io::Result<(End, BTreeMap<u64, u32>)> {
    let mut written = BTreeMap::new();
    let (mut offset, mut next) = (format::HEADER, segment.first);
    while let Some((entry, after)) = segment.next(offset)? {
        offset = after;
        next = next.max(entry.sequence.saturating_add(1));
        if entry.writer == writer {
            // In a container each agent has the same process number: when the
            // numbers begin anew, what was before is of another one.
            if written
                .last_key_value()
                .is_some_and(|(last, _)| entry.number <= *last)
            {
                written.clear();
            }
            written.insert(entry.number, entry.sum);
            if written.len() > MOST_UNREPORTED {
                written.pop_first();
            }
        }
    }
    let torn = segment.length.saturating_sub(offset);
    if torn > 0 || segment.length < format::HEADER {
        segment.cut(offset)?;
    }
    Ok((End { next, torn }, written))
}

/// The segments of a directory in their order.
fn segments(directory: &Path) -> io::Result<VecDeque<Segment>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        numbers.extend(entry?.file_name().to_str().and_then(Segment::number));
    }
    numbers.sort_unstable();
    numbers
        .into_iter()
        .map(|first| Segment::open(directory, first))
        .collect()
}

/// Counters for a buffer without any: everything in it is still to be sent.
fn fresh(known: Option<u64>, first: Option<&Segment>) -> io::Result<Progress> {
    let base = first.map_or(0, |segment| segment.first - 1);
    let identity = match known {
        Some(identity) => identity,
        None => getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?,
    };
    Ok(Progress {
        identity,
        base,
        position: base,
        ..Progress::default()
    })
}
