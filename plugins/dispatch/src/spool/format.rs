//! How alerts lie in a segment of the disk buffer, and how they are found again
//! behind damage.
//!
//! A segment starts with [`HEADER`] bytes: the magic number, the identity of the
//! buffer, the sequence number of its first entry, a checksum. Entries follow
//! without gaps: a mark, the length and the CRC-32 of the rest, then the rest:
//! sequence number, process that wrote it, number at the agent, checksum of the
//! alert as it came, length of the source's name, the name, the record. Integers are little-endian.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Starts a segment.
const MAGIC: &[u8; 8] = b"MIGALRT1";
/// Bytes before the first entry.
pub(super) const HEADER: u64 = 32;
/// Starts an entry; the first byte never occurs in UTF-8.
const MARK: [u8; 4] = [0xff, b'm', b'i', b'g'];
/// Mark, length and checksum.
const FRAME: usize = 12;
/// Sequence, writer, number, checksum, length of the name.
const FIXED: usize = 8 + 4 + 8 + 4 + 2;
/// What is looked through at once in search of a mark.
const WINDOW: usize = 64 << 10;

/// An alert in the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Rises by one for each alert that this buffer ever held.
    pub sequence: u64,
    /// The agent's process: its numbers are its own.
    pub writer: u32,
    /// Number that the agent gave it.
    pub number: u64,
    /// Checksum of the alert as it came, to know it again.
    pub sum: u32,
    /// Module that raised it.
    pub source: String,
    /// What to send.
    pub record: String,
}

/// Something to read at a place: a file, or memory in tests.
pub(super) trait ReadAt {
    /// Fills the buffer from there.
    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let part = self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(part);
        Ok(())
    }
}

/// The beginning of a segment.
pub(super) fn header(identity: u64, first: u64) -> [u8; HEADER as usize] {
    let mut bytes = [0; HEADER as usize];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..16].copy_from_slice(&identity.to_le_bytes());
    bytes[16..24].copy_from_slice(&first.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..24]);
    bytes[24..28].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The identity of the buffer that a segment belongs to, if it still says so.
pub(super) fn identity<R: ReadAt + ?Sized>(segment: &R) -> Option<u64> {
    let mut bytes = [0; HEADER as usize];
    segment.fill(&mut bytes, 0).ok()?;
    let identity = number64(&bytes[8..16]);
    (bytes == header(identity, number64(&bytes[16..24]))).then_some(identity)
}

/// Appends an entry to a buffer.
pub(super) fn write(entry: &Entry, buffer: &mut Vec<u8>) {
    // Names of modules are short; a longer one is cut, not refused.
    let mut cut = entry.source.len().min(usize::from(u8::MAX));
    while !entry.source.is_char_boundary(cut) {
        cut -= 1;
    }
    let source = &entry.source[..cut];
    let start = buffer.len();
    buffer.extend_from_slice(&MARK);
    buffer.extend_from_slice(&[0; 8]);
    buffer.extend_from_slice(&entry.sequence.to_le_bytes());
    buffer.extend_from_slice(&entry.writer.to_le_bytes());
    buffer.extend_from_slice(&entry.number.to_le_bytes());
    buffer.extend_from_slice(&entry.sum.to_le_bytes());
    buffer.extend_from_slice(&(source.len() as u16).to_le_bytes());
    buffer.extend_from_slice(source.as_bytes());
    buffer.extend_from_slice(entry.record.as_bytes());
    let rest = buffer.len() - start - FRAME;
    // The agent's messages are smaller by far.
    let length = u32::try_from(rest).unwrap_or(u32::MAX);
    let sum = crc32fast::hash(&buffer[start + FRAME..]);
    buffer[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    buffer[start + 8..start + 12].copy_from_slice(&sum.to_le_bytes());
}

/// The first whole entry at or behind a place, and where it ends. What is
/// damaged before it is passed over: sequence numbers tell how many alerts that
/// was. `None` when there is none before `end`.
pub(super) fn next<R: ReadAt + ?Sized>(
    segment: &R,
    mut offset: u64,
    end: u64,
) -> io::Result<Option<(Entry, u64)>> {
    loop {
        if let Some(found) = entry(segment, offset, end)? {
            return Ok(Some(found));
        }
        match mark(segment, offset + 1, end)? {
            Some(next) => offset = next,
            None => return Ok(None),
        }
    }
}

/// The entry at exactly this place, if it is whole.
fn entry<R: ReadAt + ?Sized>(
    segment: &R,
    offset: u64,
    end: u64,
) -> io::Result<Option<(Entry, u64)>> {
    let body = offset.saturating_add(FRAME as u64);
    if body > end {
        return Ok(None);
    }
    let mut frame = [0; FRAME];
    segment.fill(&mut frame, offset)?;
    let length = number32(&frame[4..8]);
    let after = body.saturating_add(u64::from(length));
    if frame[..4] != MARK || after > end || (length as usize) < FIXED {
        return Ok(None);
    }
    let mut rest = vec![0; length as usize];
    segment.fill(&mut rest, body)?;
    if crc32fast::hash(&rest) != number32(&frame[8..12]) {
        return Ok(None);
    }
    Ok(understand(&rest).map(|entry| (entry, after)))
}

fn understand(rest: &[u8]) -> Option<Entry> {
    let source = FIXED + usize::from(u16::from_le_bytes([rest[24], rest[25]]));
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    Some(Entry {
        sequence: number64(&rest[..8]),
        writer: number32(&rest[8..12]),
        number: number64(&rest[12..20]),
        sum: number32(&rest[20..24]),
        source: text(rest.get(FIXED..source)?)?,
        record: text(&rest[source..])?,
    })
}

/// The next mark at or behind a place.
fn mark<R: ReadAt + ?Sized>(segment: &R, mut offset: u64, end: u64) -> io::Result<Option<u64>> {
    let mut window = Vec::new();
    while offset.saturating_add(MARK.len() as u64) <= end {
        let length = usize::try_from(end - offset).unwrap_or(WINDOW).min(WINDOW);
        window.resize(length, 0);
        segment.fill(&mut window, offset)?;
        let found = window
            .windows(MARK.len())
            .position(|bytes| bytes == MARK.as_slice());
        if let Some(found) = found {
            return Ok(Some(offset + found as u64));
        }
        // A mark may lie across the edge.
        offset += (length - MARK.len() + 1) as u64;
    }
    Ok(None)
}

fn number32(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}

pub(super) fn number64(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(records: &[String]) -> (Vec<Entry>, Vec<u8>, Vec<usize>) {
        let mut bytes = header(7, 1).to_vec();
        let (mut list, mut ends) = (Vec::new(), Vec::new());
        for (place, record) in records.iter().enumerate() {
            let entry = Entry {
                sequence: place as u64 + 1,
                writer: 3,
                number: place as u64 * 2,
                sum: 9,
                source: "audit".to_owned(),
                record: record.clone(),
            };
            write(&entry, &mut bytes);
            list.push(entry);
            ends.push(bytes.len());
        }
        (list, bytes, ends)
    }

    fn all(bytes: &[u8]) -> Vec<Entry> {
        let (mut found, mut offset) = (Vec::new(), HEADER);
        while let Some((entry, after)) = next(bytes, offset, bytes.len() as u64).unwrap() {
            assert!(after > offset);
            offset = after;
            found.push(entry);
        }
        found
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(records in prop::collection::vec(".{0,80}", 0..12)) {
            let (list, bytes, _) = entries(&records);
            prop_assert_eq!(identity(bytes.as_slice()), Some(7));
            prop_assert_eq!(all(&bytes), list);
        }

        #[test]
        fn a_torn_end_costs_what_it_cut(records in prop::collection::vec(".{0,80}", 1..12), cut in any::<prop::sample::Index>()) {
            let (list, bytes, ends) = entries(&records);
            let cut = cut.index(bytes.len());
            let whole = ends.iter().filter(|end| **end <= cut).count();
            prop_assert_eq!(all(&bytes[..cut]), &list[..whole]);
        }

        #[test]
        fn a_flipped_bit_costs_one_entry(records in prop::collection::vec(".{0,80}", 1..12), place in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let (list, mut bytes, ends) = entries(&records);
            let place = HEADER as usize + place.index(bytes.len() - HEADER as usize);
            bytes[place] ^= 1_u8 << bit;
            let hit = ends.iter().filter(|end| **end <= place).count();
            let mut wanted = list;
            wanted.remove(hit);
            prop_assert_eq!(all(&bytes), wanted);
        }

        #[test]
        fn foreign_bytes_are_read_to_their_end(mut bytes in prop::collection::vec(any::<u8>(), 0..300), marks in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            for mark in marks {
                if bytes.len() >= 4 {
                    let place = mark.index(bytes.len() - 3);
                    bytes[place..place + 4].copy_from_slice(&MARK);
                }
            }
            let _header = identity(bytes.as_slice());
            prop_assert!(all(&bytes).len() <= bytes.len());
        }
    }
}
