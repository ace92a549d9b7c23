//! Reading one file, once, for everything that is asked of its lines.

use super::lines::Lines;
use super::pattern::{GroupPattern, Scratch, Text, Weight};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;

/// Bytes read at a time.
const BLOCK: usize = 64 << 10;

/// What is asked of the lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The groups of each line that matches.
    Groups,
    /// Whether a line matches.
    Line,
}

/// One question about the lines of a file, and what came out so far.
#[derive(Debug)]
pub struct Question {
    wanted: Wanted,
    pattern: Rc<GroupPattern>,
    /// Kept for fast patterns only: of slow ones there are too many.
    scratch: Option<Scratch>,
    /// Some line matched.
    pub matched: bool,
    /// The groups.
    pub values: Vec<Box<[u8]>>,
}

impl Question {
    /// A question.
    pub fn new(wanted: Wanted, pattern: Rc<GroupPattern>, weight: Weight) -> Self {
        let scratch = (weight == Weight::Full).then(|| pattern.scratch());
        Self {
            wanted,
            pattern,
            scratch,
            matched: false,
            values: Vec::new(),
        }
    }

    fn is_settled(&self) -> bool {
        self.wanted == Wanted::Line && self.matched
    }

    fn look_at(&mut self, lines: &[Text<'_>], room: &mut Room) {
        if self.is_settled() {
            return;
        }
        let mut borrowed;
        let scratch = match &mut self.scratch {
            Some(scratch) => scratch,
            None => {
                borrowed = self.pattern.scratch();
                &mut borrowed
            }
        };
        for line in lines {
            match self.wanted {
                Wanted::Line => {
                    if self.pattern.is_match(scratch, line) {
                        self.matched = true;
                        return;
                    }
                }
                Wanted::Groups => {
                    let Some(groups) = self.pattern.groups(scratch, line) else {
                        continue;
                    };
                    self.matched = true;
                    for group in groups {
                        if !room.take(group.len()) {
                            return;
                        }
                        self.values.push(group.into());
                    }
                }
            }
        }
    }
}

/// How much may still be remembered.
#[derive(Debug)]
pub struct Room {
    /// Values.
    pub values: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Something did not fit.
    pub exceeded: bool,
}

impl Room {
    fn take(&mut self, bytes: usize) -> bool {
        if self.values == 0 || self.bytes < bytes {
            self.exceeded = true;
            return false;
        }
        self.values -= 1;
        self.bytes -= bytes;
        true
    }
}

/// Why a file was not read to its end.
#[derive(Debug)]
pub enum Unread {
    /// It cannot be read.
    Failed(io::Error),
    /// The host asked for the end.
    Cancelled,
    /// More values than can be kept.
    NoRoom,
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Unread::Failed(error)
    }
}

/// Reads a file for all questions. One of known size is read up to that size,
/// so one that grows comes to an end; it ends early when every question is
/// settled.
///
/// # Errors
/// When it is no regular file or cannot be read to its end: then nothing is
/// known of it.
pub fn read(
    path: &Path,
    questions: &mut [Question],
    room: &mut Room,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), Unread> {
    let (mut file, size) = open(path)?;
    let mut buffer = vec![0; BLOCK];
    let mut lines = Lines::default();
    // A file without size may have content all the same (/proc).
    let mut left = if size == 0 { u64::MAX } else { size };
    let mut block = Block::default();
    while left > 0 {
        if cancelled() {
            return Err(Unread::Cancelled);
        }
        let most = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
        let count = match file.read(&mut buffer[..most]) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if count == 0 {
            break;
        }
        left -= count as u64;
        lines.push(&buffer[..count], |line| block.push(line));
        block.judge(questions, room)?;
        if questions.iter().all(Question::is_settled) {
            return Ok(());
        }
    }
    lines.finish(|line| block.push(line));
    block.judge(questions, room)
}

/// Opens a regular file and tells its size. Devices are not even opened: that
/// has effects of its own on some.
fn open(path: &Path) -> Result<(File, u64), Unread> {
    let regular = |metadata: &std::fs::Metadata| match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("not a regular file")),
    };
    regular(&std::fs::metadata(path)?)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    // The name may have changed hands since.
    let metadata = file.metadata()?;
    regular(&metadata)?;
    Ok((file, metadata.len()))
}

/// Lines that wait to be looked at.
#[derive(Debug, Default)]
struct Block {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Block {
    fn push(&mut self, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.ends.push(self.text.len());
    }

    fn judge(&mut self, questions: &mut [Question], room: &mut Room) -> Result<(), Unread> {
        let mut start = 0;
        let lines: Vec<Text<'_>> = self
            .ends
            .iter()
            .map(|&end| Text::new(&self.text[std::mem::replace(&mut start, end)..end]))
            .collect();
        for question in questions {
            question.look_at(&lines, room);
            if room.exceeded {
                return Err(Unread::NoRoom);
            }
        }
        self.text.clear();
        self.ends.clear();
        Ok(())
    }
}
