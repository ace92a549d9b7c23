//! One pattern over one text.

use super::{configuration, too_large, transcribe};
use crate::goregex::{self, Ast, SyntaxError};
use regex_automata::{Input, meta};

/// A pattern over a whole text: a file name, a mode string, a line.
#[derive(Debug, Clone)]
pub struct TextPattern {
    regex: meta::Regex,
}

impl TextPattern {
    /// Parses and compiles.
    ///
    /// # Errors
    /// When Go would refuse the pattern, or it is too large.
    pub fn new(pattern: &str) -> Result<Self, SyntaxError> {
        Self::from_ast(&goregex::parse(pattern)?, pattern)
    }

    pub(super) fn from_ast(ast: &Ast, pattern: &str) -> Result<Self, SyntaxError> {
        // Empty matches in the middle of a character (`\B`) are no matches.
        let regex = meta::Builder::new()
            .configure(configuration().utf8_empty(true))
            .build_from_hir(&goregex::lower::text(ast))
            .map_err(|_| too_large(pattern))?;
        Ok(Self { regex })
    }

    /// Memory that the compiled pattern takes, in bytes.
    pub fn memory(&self) -> usize {
        self.regex.memory_usage() + size_of::<Self>()
    }

    /// Working memory for [`is_match`](Self::is_match); one per thread.
    pub fn cache(&self) -> meta::Cache {
        self.regex.create_cache()
    }

    /// Whether the pattern matches somewhere in the transcription of `bytes`.
    pub fn is_match(&self, cache: &mut meta::Cache, bytes: &[u8]) -> bool {
        let text = transcribe::text(bytes);
        let input = Input::new(text.as_bytes()).earliest(true);
        self.regex.search_half_with(cache, &input).is_some()
    }
}
