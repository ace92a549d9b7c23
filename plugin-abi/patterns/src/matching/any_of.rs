//! Many patterns at once, to reject quickly what none of them matches.

use super::configuration;
use crate::goregex::{self, Ast};
use regex_automata::{Input, meta};

/// Fewer patterns than this are cheaper one by one.
const WORTHWHILE: usize = 3;

/// Answers whether *any* of several patterns matches. It is only a filter:
/// which one matched is asked of the single patterns.
#[derive(Debug, Clone)]
pub struct AnyOf {
    regex: meta::Regex,
}

impl AnyOf {
    /// A filter over blocks of complete lines, see [`goregex::lower::block`];
    /// `None` when it does not pay, or when all together are too large while
    /// each alone is not.
    pub fn blocks(patterns: &[Ast]) -> Option<Self> {
        if patterns.len() < WORTHWHILE {
            return None;
        }
        let trees: Vec<_> = patterns.iter().map(goregex::lower::block).collect();
        let regex = meta::Builder::new()
            .configure(configuration().utf8_empty(false))
            .build_many_from_hir(&trees)
            .ok()?;
        Some(Self { regex })
    }

    /// Working memory; one per thread.
    pub fn cache(&self) -> meta::Cache {
        self.regex.create_cache()
    }

    /// End of the first match in a block at or after `start`.
    pub fn find_end(&self, cache: &mut meta::Cache, block: &[u8], start: usize) -> Option<usize> {
        let input = Input::new(block).range(start..).earliest(true);
        self.regex
            .search_half_with(cache, &input)
            .map(|half| half.offset())
    }
}
