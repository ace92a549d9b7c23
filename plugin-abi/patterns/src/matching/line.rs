//! A pattern over the lines of a file.

use super::{TextPattern, configuration, stream::Streaming, too_large, transcribe};
use crate::goregex::{self, SyntaxError};
use regex_automata::{Input, meta};
use std::sync::OnceLock;

/// A content pattern. Blocks of complete lines are searched as a whole with an
/// over-approximation on raw bytes, which is as fast as the engine gets; the
/// candidate lines it finds are judged by the exact pattern.
#[derive(Debug)]
pub struct LinePattern {
    source: String,
    ast: goregex::Ast,
    block: meta::Regex,
    exact: TextPattern,
    /// Built only when a line does not fit a block.
    streaming: OnceLock<Streaming>,
}

/// Working memory of one thread for one [`LinePattern`].
#[derive(Debug)]
pub struct LineScratch {
    block: meta::Cache,
    exact: meta::Cache,
}

impl LinePattern {
    /// Parses and compiles.
    ///
    /// # Errors
    /// When Go would refuse the pattern, or it is too large.
    pub fn new(pattern: &str) -> Result<Self, SyntaxError> {
        let ast = goregex::parse(pattern)?;
        let block = meta::Builder::new()
            .configure(configuration().utf8_empty(false))
            .build_from_hir(&goregex::lower::block(&ast))
            .map_err(|_| too_large(pattern))?;
        let exact = TextPattern::from_ast(&ast, pattern)?;
        Ok(Self {
            source: pattern.to_owned(),
            ast,
            block,
            exact,
            streaming: OnceLock::new(),
        })
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The parsed pattern.
    pub fn ast(&self) -> &goregex::Ast {
        &self.ast
    }

    /// Working memory for one thread.
    pub fn scratch(&self) -> LineScratch {
        LineScratch {
            block: self.block.create_cache(),
            exact: self.exact.cache(),
        }
    }

    pub(super) fn streaming(&self) -> &Streaming {
        self.streaming.get_or_init(|| Streaming::new(&self.ast))
    }

    /// Whether the pattern matches any line of `block`, which holds complete
    /// lines: it ends with a line feed or at the end of the file.
    pub fn matches_any_line(&self, scratch: &mut LineScratch, block: &[u8]) -> bool {
        let mut start = 0;
        while start < block.len() {
            let input = Input::new(block).range(start..).earliest(true);
            let Some(half) = self.block.search_half_with(&mut scratch.block, &input) else {
                return false;
            };
            let Some(line) = line_around(block, half.offset()) else {
                return false;
            };
            if self.matches_line(scratch, &block[line.clone()]) {
                return true;
            }
            start = line.end + 1;
        }
        false
    }

    /// Whether the pattern matches one line, given without its line feed but
    /// with the carriage return that may stand before it.
    pub fn matches_line(&self, scratch: &mut LineScratch, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.exact.is_match(&mut scratch.exact, line)
    }
}

/// The line that a match ending at `offset` lies in, without its line feed.
/// `None` after the last line feed: nothing is there.
pub(super) fn line_around(block: &[u8], offset: usize) -> Option<std::ops::Range<usize>> {
    let start = memchr::memrchr(b'\n', &block[..offset]).map_or(0, |at| at + 1);
    if start == block.len() {
        return None;
    }
    let end = memchr::memchr(b'\n', &block[offset..]).map_or(block.len(), |at| offset + at);
    Some(start..end)
}

impl LinePattern {
    /// The candidate line of a shared filter, see [`super::AnyOf::find_end`].
    pub fn candidate(block: &[u8], offset: usize) -> Option<std::ops::Range<usize>> {
        line_around(block, offset)
    }

    /// Transcription of a line, for tests and diagnostics.
    pub fn transcription(line: &[u8]) -> std::borrow::Cow<'_, str> {
        transcribe::text(line)
    }
}
