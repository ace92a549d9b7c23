//! The bounded buffer on the disk: segments of alerts that only grow, and a
//! small file that says how far they have been delivered. The oldest segment
//! goes when everything in it is settled. Nothing is said to be stored before
//! it is synced.

mod format;
mod open;
mod progress;
mod segment;
#[cfg(test)]
mod tests;

use crate::configuration::WhenFull;
use progress::ProgressFile;
use segment::Segment;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use format::Entry;
pub(crate) use progress::Progress;

/// How often what was delivered is made to survive a power failure; against
/// the death of the process every step is safe at once.
const SYNC: Duration = Duration::from_secs(5);

/// What became of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Somebody has it.
    Delivered,
    /// The receiver will never take it.
    Rejected,
    /// Given up after the configured attempts.
    Dropped,
}

/// An alert on its way to the disk.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// What the agent calls it.
    pub number: u64,
    /// The module that raised it.
    pub source: String,
    /// Tells two alerts of the same number apart.
    pub sum: u32,
    /// What will be sent.
    pub record: String,
}

impl Pending {
    /// An alert and the record that is made of it.
    pub fn new(number: u64, source: String, text: &str, record: String) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(source.as_bytes());
        hasher.update(&[0]);
        hasher.update(text.as_bytes());
        Self {
            number,
            source,
            sum: hasher.finalize(),
            record,
        }
    }
}

/// The buffer.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: PathBuf,
    when_full: WhenFull,
    /// Most bytes of all segments.
    size: u64,
    /// The agent's process.
    writer: u32,
    /// Oldest first, never empty; the last one grows.
    segments: VecDeque<Segment>,
    /// Sequence number of the next alert.
    next: u64,
    /// Where the oldest unsettled entry lies, in the first segment.
    cursor: u64,
    progress: Progress,
    file: ProgressFile,
    synced: Instant,
    /// Reused from commit to commit.
    scratch: Vec<u8>,
    /// What was written but perhaps not reported by a writer that was killed:
    /// number and checksum of the alert.
    unreported: BTreeMap<u64, u32>,
}

impl Spool {
    /// Whether the alert is in the buffer already: it was written before this
    /// process started, and its predecessor died before it could say so.
    pub fn knows(&mut self, alert: &Pending) -> bool {
        if self.unreported.is_empty() {
            return false;
        }
        // Agents begin with 1: then this is a new one, or has never heard of
        // anything stored, and sending twice is better than not at all.
        let known = alert.number > 1 && self.unreported.remove(&alert.number) == Some(alert.sum);
        if !known {
            // The numbers of somebody else, or past what was written.
            self.unreported.clear();
        }
        known
    }

    /// Puts as many alerts as there is room for on the disk and says how many.
    ///
    /// # Errors
    /// The disk's. Nothing of what is not on it is counted then.
    pub fn append(&mut self, alerts: &[Pending]) -> io::Result<usize> {
        let mut buffer = std::mem::take(&mut self.scratch);
        let outcome = self.write(alerts, &mut buffer);
        buffer.clear();
        // One large alert shall not be paid for ever after.
        buffer.shrink_to(64 << 10);
        self.scratch = buffer;
        outcome
    }

    fn write(&mut self, alerts: &[Pending], buffer: &mut Vec<u8>) -> io::Result<usize> {
        let mut done = 0;
        while done < alerts.len() {
            buffer.clear();
            let room = match self.make_room(&alerts[done]) {
                Err(error) if self.frees_after(&error) => continue,
                outcome => outcome?,
            };
            let mut entries = 0;
            for alert in &alerts[done..] {
                let before = buffer.len();
                let entry = Entry {
                    sequence: self.next + entries,
                    writer: self.writer,
                    number: alert.number,
                    sum: alert.sum,
                    source: alert.source.clone(),
                    record: alert.record.clone(),
                };
                format::write(&entry, buffer);
                if buffer.len() as u64 > room {
                    buffer.truncate(before);
                    break;
                }
                entries += 1;
            }
            if entries == 0 {
                break;
            }
            match self.last().append(buffer) {
                Ok(()) => {}
                Err(error) if self.frees_after(&error) => continue,
                Err(error) => return Err(error),
            }
            self.next += entries;
            done += usize::try_from(entries).unwrap_or(usize::MAX);
        }
        Ok(done)
    }

    /// Bytes that the last segment may grow by: at least one alert, unless the
    /// buffer is full and nothing may be dropped.
    fn make_room(&mut self, alert: &Pending) -> io::Result<u64> {
        let portion = self.size / 16;
        let needed = (alert.record.len() + alert.source.len() + 64) as u64;
        if self.last().length > format::HEADER && self.last().length + needed > portion {
            self.roll()?;
        }
        while self.bytes() + needed > self.size {
            if self.when_full == WhenFull::Wait || !self.drop_oldest()? {
                return Ok(0);
            }
        }
        let free = self.size - self.bytes();
        let length = self.last().length;
        Ok(portion.saturating_sub(length).max(needed).min(free))
    }

    /// After "no space left on device", whether dropping something may help.
    fn frees_after(&mut self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::StorageFull
            && self.when_full == WhenFull::DropOldest
            && self.drop_oldest().unwrap_or(false)
    }

    fn roll(&mut self) -> io::Result<()> {
        let segment = Segment::create(&self.directory, self.progress.identity, self.next)?;
        self.segments.push_back(segment);
        Ok(())
    }

    /// Gives up the oldest segment; false when it is the only one and empty.
    fn drop_oldest(&mut self) -> io::Result<bool> {
        if self.segments.len() == 1 {
            if self.last().length <= format::HEADER {
                return Ok(false);
            }
            self.roll()?;
        }
        let end = self.segments[1].first - 1;
        let lost = end.saturating_sub(self.progress.position);
        self.progress.dropped += lost;
        self.progress.position = self.progress.position.max(end);
        self.remove_first()?;
        self.save()?;
        Ok(true)
    }

    fn remove_first(&mut self) -> io::Result<()> {
        if let Some(segment) = self.segments.pop_front() {
            segment.remove()?;
        }
        self.cursor = format::HEADER;
        Ok(())
    }

    /// The next unsettled alerts, at least one if there are any.
    ///
    /// # Errors
    /// The disk's.
    pub fn read(&mut self, most: usize, bytes: usize) -> io::Result<Vec<Entry>> {
        let (mut found, mut size) = (Vec::new(), 0);
        let mut offset = self.cursor;
        // A batch never goes beyond its segment.
        while found.len() < most {
            match self.segments[0].next(offset)? {
                Some((entry, after)) => {
                    size += entry.record.len();
                    if !found.is_empty() && size > bytes {
                        break;
                    }
                    offset = after;
                    // Settled already, when only the counters came through a
                    // power failure.
                    if entry.sequence > self.progress.position {
                        found.push(entry);
                    }
                }
                None if !found.is_empty() => break,
                None => {
                    // Nothing whole is left here.
                    let end = self.end_of_first();
                    let lost = end.saturating_sub(self.progress.position);
                    self.progress.damaged += lost;
                    self.progress.position = self.progress.position.max(end);
                    if self.segments.len() == 1 {
                        self.cursor = self.segments[0].length;
                        if lost > 0 {
                            self.save()?;
                        }
                        break;
                    }
                    self.remove_first()?;
                    self.save()?;
                    offset = self.cursor;
                }
            }
        }
        Ok(found)
    }

    /// Last sequence number of the first segment.
    fn end_of_first(&self) -> u64 {
        self.segments
            .get(1)
            .map_or(self.next, |segment| segment.first)
            - 1
    }

    /// Notes what became of alerts that [`Spool::read`] gave: of the first ones,
    /// without a gap. What was dropped for want of room meanwhile and delivered all the
    /// same counts as delivered.
    ///
    /// # Errors
    /// The disk's; the counters are right in memory.
    pub fn settle(&mut self, fates: &BTreeMap<u64, Fate>) -> io::Result<()> {
        for (&sequence, fate) in fates {
            if sequence <= self.progress.position {
                self.progress.dropped = self.progress.dropped.saturating_sub(1);
            } else {
                self.progress.damaged += sequence - self.progress.position - 1;
                self.progress.position = sequence;
            }
            match fate {
                Fate::Delivered => self.progress.delivered += 1,
                Fate::Rejected => self.progress.rejected += 1,
                Fate::Dropped => self.progress.dropped += 1,
            }
        }
        if fates.values().any(|fate| *fate == Fate::Delivered) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            self.progress.last = now.map_or(0, |time| time.as_secs());
        }
        // Remembered before anything is deleted.
        self.save()?;
        self.advance()
    }

    /// Moves the cursor behind what is settled, and deletes what lies before.
    fn advance(&mut self) -> io::Result<()> {
        let position = self.progress.position;
        while self.segments.len() > 1 && self.end_of_first() <= position {
            self.remove_first()?;
        }
        let first = &self.segments[0];
        while let Some((entry, after)) = first.next(self.cursor)? {
            if entry.sequence > position {
                break;
            }
            self.cursor = after;
        }
        Ok(())
    }

    /// Counts alerts that are about to be sent again.
    ///
    /// # Errors
    /// The disk's; the counter is right in memory.
    pub fn retrying(&mut self, count: usize) -> io::Result<()> {
        self.progress.retried += count as u64;
        self.save()
    }

    fn save(&mut self) -> io::Result<()> {
        self.file.save(&mut self.progress)?;
        match self.synced.elapsed() >= SYNC {
            true => self.sync(),
            false => Ok(()),
        }
    }

    /// Makes what was delivered survive a power failure as well.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&mut self) -> io::Result<()> {
        self.synced = Instant::now();
        self.file.sync()
    }

    /// The writer ends in order; with `reported`, whatever comes next is new.
    ///
    /// # Errors
    /// The disk's.
    pub fn close(&mut self, reported: bool) -> io::Result<()> {
        self.progress.closed = u64::from(reported);
        self.file.save(&mut self.progress)?;
        self.file.sync()
    }

    /// Where things stand.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Name of an alert that no other machine and no other buffer has.
    pub fn identity(&self) -> u64 {
        self.progress.identity
    }

    /// Alerts that were put on the disk since the counters began.
    pub fn stored(&self) -> u64 {
        self.next - 1 - self.progress.base
    }

    /// Alerts that are not settled.
    pub fn waiting(&self) -> u64 {
        self.next - 1 - self.progress.position
    }

    /// Bytes that they take.
    pub fn waiting_bytes(&self) -> u64 {
        match self.waiting() {
            0 => 0,
            _ => self.bytes().saturating_sub(self.cursor),
        }
    }

    /// Whether a record of this length would ever find room.
    pub fn takes(&self, length: usize) -> bool {
        length as u64 <= self.size / 2
    }

    /// Bytes of all segments.
    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    fn last(&mut self) -> &mut Segment {
        // Never empty, see the field.
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }
}

/// Entry for the fuzz target of the files in the buffer's directory.
#[doc(hidden)]
pub fn read_anything(data: &[u8]) {
    let _identity = format::identity(data);
    let _progress = Progress::read(data);
    let (mut offset, end) = (0, data.len() as u64);
    while let Ok(Some((entry, after))) = format::next(data, offset, end) {
        assert!(after > offset && after <= end);
        let mut again = Vec::new();
        format::write(&entry, &mut again);
        offset = after;
    }
}
