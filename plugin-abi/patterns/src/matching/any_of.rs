//! Many patterns at once, to reject quickly what none of them matches.

use super::{configuration, transcribe};
use crate::goregex::{self, Ast};
use regex_automata::{Input, meta};
use regex_syntax::hir::Hir;

/// Fewer patterns than this are cheaper one by one.
pub const WORTHWHILE: usize = 3;

/// Answers whether *any* of several patterns matches. It is only a filter:
/// which one matched is asked of the single patterns.
#[derive(Debug, Clone)]
pub struct AnyOf {
    regex: meta::Regex,
}

impl AnyOf {
    /// A filter over whole texts; `None` when it does not pay, or when all
    /// together are too large while each alone is not.
    pub fn texts(patterns: &[Ast]) -> Option<Self> {
        Self::build(patterns, goregex::lower::text, true)
    }

    /// A filter over blocks of complete lines, see [`goregex::lower::block`].
    pub fn blocks(patterns: &[Ast]) -> Option<Self> {
        Self::build(patterns, goregex::lower::block, false)
    }

    fn build(patterns: &[Ast], lower: fn(&Ast) -> Hir, utf8: bool) -> Option<Self> {
        if patterns.len() < WORTHWHILE {
            return None;
        }
        let trees: Vec<Hir> = patterns.iter().map(lower).collect();
        let regex = meta::Builder::new()
            .configure(configuration().utf8_empty(utf8))
            .build_many_from_hir(&trees)
            .ok()?;
        Some(Self { regex })
    }

    /// Working memory; one per thread.
    pub fn cache(&self) -> meta::Cache {
        self.regex.create_cache()
    }

    /// Whether any pattern may match the transcription of `bytes`.
    pub fn may_match(&self, cache: &mut meta::Cache, bytes: &[u8]) -> bool {
        let text = transcribe::text(bytes);
        let input = Input::new(text.as_bytes()).earliest(true);
        self.regex.search_half_with(cache, &input).is_some()
    }

    /// End of the first match in a block at or after `start`.
    pub fn find_end(&self, cache: &mut meta::Cache, block: &[u8], start: usize) -> Option<usize> {
        let input = Input::new(block).range(start..).earliest(true);
        self.regex
            .search_half_with(cache, &input)
            .map(|half| half.offset())
    }
}
