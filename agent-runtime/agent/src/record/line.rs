//! One line of the record: a number, a time, what happened, and the sum of the
//! line before, which makes the lines a chain.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::Entry;
use super::text::hex;

/// Longest line a reader believes in, in bytes. The writer stays far below: a
/// text of 64 KiB of JSON at most doubles when it is quoted, one of 16 KiB of
/// control characters grows sixfold.
pub const MAX_LINE: usize = 1 << 20;

/// SHA-256 of a line without its line feed.
pub(super) type Sum = [u8; 32];

/// What the first line of all follows.
pub(super) const NOTHING: Sum = [0; 32];

/// A line, read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its number in its part of the record, from 1.
    pub n: u64,
    /// When it was written, RFC 3339 in UTC.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
    /// SHA-256 of the line before, in hex.
    pub before: String,
}

#[derive(Serialize)]
struct Written<'a> {
    n: u64,
    time: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
    before: &'a str,
}

/// The bytes of a line, with its line feed.
pub(super) fn write(n: u64, time: &str, entry: &Entry, before: &Sum) -> Vec<u8> {
    let before = hex(before);
    let line = Written {
        n,
        time,
        entry,
        before: &before,
    };
    // Texts and numbers only: this cannot fail.
    let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// The sum of a line without its line feed.
pub(super) fn sum(line: &[u8]) -> Sum {
    Sha256::digest(line).into()
}

impl Line {
    /// Reads a line without its line feed.
    ///
    /// # Errors
    /// It is no line of a record.
    pub fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::text::Text;

    #[test]
    fn a_line_reads_as_it_was_written() {
        let entry = Entry::Alert {
            module: "audit".into(),
            went: "log".into(),
            masked: false,
            text: Text::new("{\"a\":\"\u{1b}[31m\n\"}", 100),
        };
        let bytes = write(7, "2026-01-01T00:00:00Z", &entry, &NOTHING);
        let (feed, line) = bytes.split_last().unwrap();
        assert_eq!(*feed, b'\n');
        assert!(!line.contains(&b'\n'));
        let read = Line::read(line).unwrap();
        assert_eq!((read.n, &read.entry), (7, &entry));
        assert_eq!(read.before, "0".repeat(64));
    }

    #[test]
    fn what_a_later_version_writes_is_no_damage() {
        let line = br#"{"n":1,"time":"t","what":"invented","more":{"a":[1]},"before":"x"}"#;
        assert_eq!(Line::read(line).unwrap().entry, Entry::Unknown);
    }

    #[test]
    fn the_longest_texts_make_lines_a_reader_believes_in() {
        for text in [
            Text::new(&"\"".repeat(64 << 10), 64 << 10),
            Text::new(&"\u{1}".repeat(16 << 10), 16 << 10),
        ] {
            let entry = Entry::Alert {
                module: "m".into(),
                went: "log".into(),
                masked: false,
                text,
            };
            assert!(write(1, "t", &entry, &NOTHING).len() < MAX_LINE / 4);
        }
    }
}
