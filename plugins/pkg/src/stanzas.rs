//! Paragraphs of `Key: value` lines, the form of dpkg's and apk's databases.
//!
//! Lines are read in pieces, and of each only the beginning is kept: memory
//! does not grow with what a line holds.

use crate::collection::MAX_FIELD;
use crate::trouble::Trouble;
use std::io::{BufRead, BufReader, Read};

/// Longest part of a line that is kept: any wanted field fits.
const KEPT: usize = MAX_FIELD + 64;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A field's name and its value without surrounding blanks.
    Field(&'a [u8], &'a [u8]),
    /// More of the field before.
    Continuation,
    /// The end of a paragraph.
    Blank,
    /// None of these.
    Odd,
}

/// Reads line after line.
pub struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

impl<R: Read> Lines<R> {
    /// Starts at the beginning.
    pub fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(1 << 16, input),
            line: Vec::new(),
            number: 0,
        }
    }

    /// The number of the last line, counted from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line; nothing at the end.
    ///
    /// # Errors
    /// When reading fails, or `check` does: it is asked after every piece.
    pub fn next_line(
        &mut self,
        check: &mut dyn FnMut() -> Result<(), Trouble>,
    ) -> Result<Option<Line<'_>>, Trouble> {
        self.line.clear();
        let mut begun = false;
        loop {
            let piece = match self.input.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if piece.is_empty() {
                if !begun {
                    return Ok(None);
                }
                break;
            }
            begun = true;
            let end = piece.iter().position(|&byte| byte == b'\n');
            let text = &piece[..end.unwrap_or(piece.len())];
            let room = KEPT - self.line.len();
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            let used = text.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                break;
            }
            check()?;
        }
        self.number += 1;
        Ok(Some(kind(&self.line)))
    }
}

fn kind(line: &[u8]) -> Line<'_> {
    match line {
        [] | [b'\r'] => return Line::Blank,
        [b' ' | b'\t', rest @ ..] => {
            return if rest.iter().all(u8::is_ascii_whitespace) {
                Line::Blank
            } else {
                Line::Continuation
            };
        }
        _ => {}
    }
    match line.iter().position(|&byte| byte == b':') {
        Some(colon)
            if colon > 0
                && line[..colon]
                    .iter()
                    .all(|byte| byte.is_ascii_graphic() && *byte != b':') =>
        {
            Line::Field(&line[..colon], line[colon + 1..].trim_ascii())
        }
        _ => Line::Odd,
    }
}

/// The text of a field, for people: each bad byte becomes U+FFFD.
pub fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
