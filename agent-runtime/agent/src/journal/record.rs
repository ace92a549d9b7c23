//! One record of the journal file and how it is found again.
//!
//! ```text
//! marker 4 | kind 1 | entry 8 | id 8 | until 8 | key 32 | number 4 | length 4 | body | sum 8
//! ```
//!
//! Numbers are little-endian. The sum is the first eight bytes of the SHA-256
//! of everything before it, so a torn or rotten record is recognised; the
//! marker lets a reader find the next good one behind it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

/// Begins every record.
const MARKER: [u8; 4] = *b"MJr1";
/// Bytes before the body.
const HEADER: usize = 69;
/// Bytes after the body.
const SUM: usize = 8;
/// Longest body a reader believes in: the largest result and its envelope.
const MAX_BODY: usize = 64 << 20;
/// Bytes copied or hashed at a time.
const CHUNK: usize = 32 << 10;

/// What happened to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It was accepted; the body is the command as received.
    Accepted = 1,
    /// The operation `number` was about to run.
    Started = 2,
    /// It was answered; the body is the answer.
    Finished = 3,
    /// The relay confirmed the answer.
    Sent = 4,
    /// How many answers were dropped in this agent's life: `id`.
    Dropped = 5,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Accepted,
            2 => Self::Started,
            3 => Self::Finished,
            4 => Self::Sent,
            5 => Self::Dropped,
            _ => return None,
        })
    }
}

/// Everything of a record but its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub kind: Kind,
    /// Which command of this journal.
    pub entry: u64,
    /// The command's identifier.
    pub id: u64,
    /// Unix seconds until which the replay key is remembered.
    pub until: i64,
    /// The replay key; zero for an answer to a refused command.
    pub key: [u8; 32],
    /// Operation, for `Started`.
    pub number: u32,
}

/// Where a body lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub offset: u64,
    pub length: u32,
}

impl Head {
    fn encode(&self, length: u32) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(&MARKER);
        bytes[4] = self.kind as u8;
        bytes[5..13].copy_from_slice(&self.entry.to_le_bytes());
        bytes[13..21].copy_from_slice(&self.id.to_le_bytes());
        bytes[21..29].copy_from_slice(&self.until.to_le_bytes());
        bytes[29..61].copy_from_slice(&self.key);
        bytes[61..65].copy_from_slice(&self.number.to_le_bytes());
        bytes[65..69].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER]) -> Option<(Self, u32)> {
        let eight = |at: usize| {
            let mut part = [0; 8];
            part.copy_from_slice(&bytes[at..at + 8]);
            part
        };
        let four = |at: usize| {
            let mut part = [0; 4];
            part.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(part)
        };
        if bytes[0..4] != MARKER {
            return None;
        }
        let mut key = [0; 32];
        key.copy_from_slice(&bytes[29..61]);
        let head = Self {
            kind: Kind::from_byte(bytes[4])?,
            entry: u64::from_le_bytes(eight(5)),
            id: u64::from_le_bytes(eight(13)),
            until: i64::from_le_bytes(eight(21)),
            key,
            number: four(61),
        };
        Some((head, four(65)))
    }
}

/// Where the body of a record comes from.
pub(super) enum Source<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// A body of another journal file.
    File(&'a File, Span),
}

impl Source<'_> {
    fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(_, span) => span.length as usize,
        }
    }
}

/// How many bytes a record with a body of `length` bytes takes.
pub(super) fn record_size(length: usize) -> u64 {
    (HEADER + length + SUM) as u64
}

/// Writes one record at `offset` and returns where its body lies.
pub(super) fn write(file: &File, offset: u64, head: &Head, body: &Source<'_>) -> io::Result<Span> {
    let length = u32::try_from(body.length())
        .ok()
        .filter(|length| *length as usize <= MAX_BODY)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the record is too long"))?;
    let header = head.encode(length);
    let mut hash = Sha256::new();
    hash.update(header);
    let mut at = offset;
    let put = |bytes: &[u8], at: &mut u64| {
        file.write_all_at(bytes, *at)?;
        *at += bytes.len() as u64;
        Ok::<_, io::Error>(())
    };
    put(&header, &mut at)?;
    match body {
        Source::Bytes(bytes) => {
            hash.update(bytes);
            put(bytes, &mut at)?;
        }
        Source::File(from, span) => {
            for_each_chunk(from, *span, |chunk| {
                hash.update(chunk);
                put(chunk, &mut at)
            })?;
        }
    }
    put(&hash.finalize()[..SUM], &mut at)?;
    Ok(Span {
        offset: offset + HEADER as u64,
        length,
    })
}

/// Reads the record at `offset`; none when there is no good one.
pub(super) fn read_head(file: &File, offset: u64, end: u64) -> io::Result<Option<(Head, Span)>> {
    if end.saturating_sub(offset) < record_size(0) {
        return Ok(None);
    }
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, offset)?;
    let Some((head, length)) = Head::decode(&header) else {
        return Ok(None);
    };
    if length as usize > MAX_BODY || end - offset < record_size(length as usize) {
        return Ok(None);
    }
    let span = Span {
        offset: offset + HEADER as u64,
        length,
    };
    let mut hash = Sha256::new();
    hash.update(header);
    for_each_chunk(file, span, |chunk| {
        hash.update(chunk);
        Ok(())
    })?;
    let mut sum = [0; SUM];
    file.read_exact_at(&mut sum, span.offset + u64::from(length))?;
    Ok((hash.finalize()[..SUM] == sum).then_some((head, span)))
}

/// The offset of the next marker at or after `from`, or `end`.
pub(super) fn next_marker(file: &File, from: u64, end: u64) -> io::Result<u64> {
    let mut at = from;
    let mut buffer = vec![0; CHUNK];
    while at < end {
        let want = usize::try_from(end - at).map_or(CHUNK, |left| left.min(CHUNK));
        let chunk = &mut buffer[..want];
        file.read_exact_at(chunk, at)?;
        if let Some(found) = chunk.windows(MARKER.len()).position(|part| part == MARKER) {
            return Ok(at + found as u64);
        }
        if want <= MARKER.len() {
            break;
        }
        // A marker may lie across the border of two chunks.
        at += (want - MARKER.len() + 1) as u64;
    }
    Ok(end)
}

/// Reads a whole body.
pub(super) fn read_body(file: &File, span: Span) -> io::Result<Vec<u8>> {
    let mut body = vec![0; span.length as usize];
    file.read_exact_at(&mut body, span.offset)?;
    Ok(body)
}

fn for_each_chunk(
    file: &File,
    span: Span,
    mut visit: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK.min(span.length as usize)];
    let mut done = 0;
    while done < span.length as usize {
        let want = (span.length as usize - done).min(CHUNK);
        let chunk = &mut buffer[..want];
        file.read_exact_at(chunk, span.offset + done as u64)?;
        visit(chunk)?;
        done += want;
    }
    Ok(())
}
