//! Reading a record, whether its agent runs or not, and saying whether the
//! chain holds.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::entry::Entry;
use super::line::{Line, MAX_LINE, NOTHING, Sum, sum};
use super::segments;
use super::text::hex;

/// Breaks of a chain that are told one by one.
const MOST_BREAKS: usize = 20;
/// Attempts at opening files that the agent is just removing.
const ATTEMPTS: usize = 5;

/// What came of reading one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which part.
    pub part: &'static str,
    /// Lines read.
    pub entries: u64,
    /// Number of the first line; 0 when there is none.
    pub first: u64,
    /// Number of the last line.
    pub last: u64,
    /// Entries that were removed to make room, as the record itself says.
    pub removed: u64,
    /// Sum of the last line, in hex.
    pub head: String,
    /// What is wrong, one line each; at most some twenty.
    pub breaks: Vec<String>,
    /// Further things that are wrong.
    pub more_breaks: u64,
    /// Bytes after the last line feed: a line that is being written, or whose
    /// writing was interrupted.
    pub torn: u64,
}

impl Verdict {
    fn new(part: &'static str) -> Self {
        Self {
            part,
            entries: 0,
            first: 0,
            last: 0,
            removed: 0,
            head: hex(&NOTHING),
            breaks: Vec::new(),
            more_breaks: 0,
            torn: 0,
        }
    }

    /// Whether nothing was changed, removed or put in.
    pub fn is_intact(&self) -> bool {
        self.breaks.is_empty()
    }

    fn wrong(&mut self, what: String) {
        if self.breaks.len() < MOST_BREAKS {
            self.breaks.push(what);
        } else {
            self.more_breaks += 1;
        }
    }
}

/// One part, read line by line.
pub struct Part {
    /// Number of the first line, and the lines.
    files: VecDeque<(u64, Box<dyn BufRead>)>,
    verdict: Verdict,
    /// Sum of the line before; none when that cannot be known.
    before: Option<Sum>,
    expected: Option<u64>,
    buffer: Vec<u8>,
}

/// A line with the bytes it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// What it says.
    pub line: Line,
    /// As it stands in the file.
    pub raw: String,
}

impl Part {
    /// Opens the files of a part. A record that does not exist is empty.
    ///
    /// # Errors
    /// The directory or a file cannot be read.
    pub fn open(directory: &Path, part: &'static str) -> io::Result<Self> {
        let mut attempts = 0;
        let files = loop {
            attempts += 1;
            match open_all(directory, part) {
                // The agent made room in between.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && attempts < ATTEMPTS
                        && directory.exists() => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound && !directory.exists() => {
                    break VecDeque::new();
                }
                other => break other?,
            }
        };
        Ok(Self::of(part, files))
    }

    fn of(part: &'static str, files: VecDeque<(u64, Box<dyn BufRead>)>) -> Self {
        Self {
            files,
            verdict: Verdict::new(part),
            before: None,
            expected: None,
            buffer: Vec::new(),
        }
    }

    /// The next line that is one; what is none is in the verdict.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&mut self) -> io::Result<Option<Read>> {
        loop {
            let Some((first, file)) = self.files.front_mut() else {
                return Ok(None);
            };
            let first = *first;
            match next_line(file, &mut self.buffer)? {
                Taken::Line => {}
                Taken::Torn(bytes) => {
                    let last = self.files.len() == 1;
                    self.files.pop_front();
                    if last {
                        self.verdict.torn = bytes;
                    } else {
                        self.verdict
                            .wrong(format!("{bytes} bytes at the end of a file are no line"));
                        self.before = None;
                    }
                    continue;
                }
                Taken::End => {
                    self.files.pop_front();
                    if let Some((next, _)) = self.files.front()
                        && let Some(expected) = self.expected
                        && *next > expected
                    {
                        let next = *next;
                        self.verdict.wrong(missing(expected, next - 1));
                        (self.before, self.expected) = (None, Some(next));
                    }
                    continue;
                }
            }
            if self.expected.is_none() {
                self.verdict.first = first;
                self.expected = Some(first);
                self.before = (first == 1).then_some(NOTHING);
            }
            if let Some(read) = self.take() {
                return Ok(Some(read));
            }
        }
    }

    /// Judges the line in the buffer.
    fn take(&mut self) -> Option<Read> {
        let expected = self.expected.unwrap_or(1);
        self.verdict.entries += 1;
        let before = self.before.replace(sum(&self.buffer));
        let parsed = Line::read(&self.buffer).ok().zip(
            // What is read is shown and printed.
            String::from_utf8(self.buffer.clone()).ok(),
        );
        let Some((line, raw)) = parsed else {
            self.verdict.last = expected;
            self.expected = expected.checked_add(1);
            self.verdict
                .wrong(format!("line {expected} is no line of a record"));
            return None;
        };
        if line.n != expected {
            if line.n > expected {
                self.verdict.wrong(missing(expected, line.n - 1));
            } else {
                self.verdict
                    .wrong(format!("line {} stands where {expected} should be", line.n));
            }
        } else if let Some(before) = before
            && line.before != hex(&before)
        {
            self.verdict.wrong(match expected {
                1 => "line 1 says that something stood before it".to_owned(),
                _ => format!(
                    "line {expected} does not follow the line before it: one of the two was changed"
                ),
            });
        }
        if let Entry::Removed { total, .. } = line.entry {
            self.verdict.removed = self.verdict.removed.max(total);
        }
        self.verdict.last = line.n;
        self.expected = Some(line.n.saturating_add(1));
        Some(Read { line, raw })
    }

    /// What is to be said about the part, after its last line was read.
    pub fn verdict(mut self) -> Verdict {
        if let Some(before) = self.before {
            self.verdict.head = hex(&before);
        }
        let gone = self.verdict.first.saturating_sub(1);
        if gone > self.verdict.removed {
            let from = self.verdict.removed + 1;
            let what = missing(from, gone);
            self.verdict.wrong(what);
        }
        self.verdict
    }
}

fn missing(from: u64, to: u64) -> String {
    if from == to {
        format!("line {from} is missing")
    } else {
        format!("lines {from} to {to} are missing")
    }
}

fn open_all(directory: &Path, part: &str) -> io::Result<VecDeque<(u64, Box<dyn BufRead>)>> {
    segments::list(directory, part)?
        .into_iter()
        .map(|segment| {
            let file = File::open(segments::path(directory, part, segment.first))?;
            let lines: Box<dyn BufRead> = Box::new(BufReader::new(file));
            Ok((segment.first, lines))
        })
        .collect()
}

enum Taken {
    Line,
    Torn(u64),
    End,
}

/// Reads a line without its line feed into `buffer`. What is longer than any
/// line is cut, which no line survives.
fn next_line(file: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<Taken> {
    buffer.clear();
    let mut length = 0_u64;
    loop {
        let available = file.fill_buf()?;
        if available.is_empty() {
            return Ok(match length {
                0 => Taken::End,
                length => Taken::Torn(length),
            });
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        let room = MAX_LINE.saturating_sub(buffer.len());
        buffer.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        length += used as u64;
        file.consume(used);
        if end.is_some() {
            return Ok(Taken::Line);
        }
    }
}

#[doc(hidden)]
pub mod fuzzing {
    //! The reader, fed with anything.

    use super::*;

    /// Reads bytes as the two files of a part, as a fuzzer does.
    ///
    /// # Panics
    /// When a promise of the reader is broken.
    pub fn read(bytes: Vec<u8>) {
        let (numbers, lines) = bytes.split_at(bytes.len().min(2));
        let middle = lines.len() / 2;
        let file = |lines: &[u8]| -> Box<dyn BufRead> { Box::new(io::Cursor::new(lines.to_vec())) };
        let number = |at: usize| numbers.get(at).copied().map_or(1, u64::from);
        let files = VecDeque::from([
            (number(0), file(&lines[..middle])),
            (number(1), file(&lines[middle..])),
        ]);
        let mut part = Part::of("operations", files);
        let mut read = 0;
        while let Ok(Some(line)) = part.read() {
            read += 1;
            let json = crate::record::show::escaped(&line.raw);
            let again = Line::read(json.as_bytes());
            assert_eq!(
                again.ok().as_ref(),
                Some(&line.line),
                "it changes what it escapes"
            );
            for full in [true, false] {
                let text = crate::record::show::block(&line.line, full);
                let hostile = |c: char| c.is_control() && c != '\n';
                assert!(
                    !text.chars().any(hostile),
                    "it reaches the terminal: {text:?}"
                );
            }
        }
        let verdict = part.verdict();
        assert!(verdict.entries >= read);
        assert!(read > 0 || verdict.last == 0 || !verdict.is_intact());
    }
}
