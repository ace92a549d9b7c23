//! Fixed byte sequences.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind, automaton::OverlappingState};
use memchr::memmem::Finder;
use mig_plugin_patterns::goregex::{Ast, lower};
use regex_syntax::hir::{Hir, HirKind};

/// Up to so many sequences are fastest one by one.
const ONE_BY_ONE: usize = 6;

/// The byte sequence that a pattern stands for, if it is nothing else. U+FFFD
/// also stands for bad bytes, so it is no fixed sequence.
pub fn needle_of(ast: &Ast) -> Option<Vec<u8>> {
    fn bytes_of(tree: &Hir) -> Option<Vec<u8>> {
        match tree.kind() {
            HirKind::Literal(literal) => Some(literal.0.to_vec()),
            HirKind::Capture(capture) => bytes_of(&capture.sub),
            _ => None,
        }
    }
    let bytes = bytes_of(&lower::text(ast))?;
    let fixed = !bytes.is_empty() && memchr::memmem::find(&bytes, "\u{FFFD}".as_bytes()).is_none();
    fixed.then_some(bytes)
}

/// Several sequences that are searched together.
#[derive(Debug)]
pub struct Literals {
    finders: Vec<Finder<'static>>,
    /// For many at once.
    together: Option<AhoCorasick>,
    longest: usize,
}

impl Literals {
    /// Prepares the search; no sequence is empty. `None` when all together are
    /// too large.
    pub fn new(needles: &[Vec<u8>]) -> Option<Self> {
        let together = if needles.len() > ONE_BY_ONE {
            // Only the standard kind finds all that overlap.
            let mut builder = AhoCorasickBuilder::new();
            Some(
                builder
                    .match_kind(MatchKind::Standard)
                    .build(needles)
                    .ok()?,
            )
        } else {
            None
        };
        Some(Self {
            finders: needles
                .iter()
                .map(|needle| Finder::new(needle).into_owned())
                .collect(),
            together,
            longest: needles.iter().map(Vec::len).max().unwrap_or(0),
        })
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.finders.len()
    }

    /// How many bytes before a piece have to be searched together with it.
    pub fn overlap(&self) -> usize {
        self.longest.saturating_sub(1)
    }

    /// Searches `bytes` for all sequences that are `wanted`; those found are no
    /// longer wanted. `fresh` is the number of bytes at the end that were not
    /// searched before. Returns how many were found.
    pub fn search(&self, bytes: &[u8], fresh: usize, wanted: &mut [bool]) -> usize {
        let open = wanted.iter().filter(|&&wanted| wanted).count();
        if open == 0 {
            return 0;
        }
        match &self.together {
            Some(together) if open > ONE_BY_ONE => search_together(together, bytes, open, wanted),
            _ => {
                let mut found = 0;
                for (finder, wanted) in self.finders.iter().zip(wanted) {
                    if !*wanted {
                        continue;
                    }
                    // Not what lies before the piece as a whole.
                    let reach = fresh + finder.needle().len() - 1;
                    let from = bytes.len().saturating_sub(reach);
                    if finder.find(&bytes[from..]).is_some() {
                        *wanted = false;
                        found += 1;
                    }
                }
                found
            }
        }
    }
}

fn search_together(
    together: &AhoCorasick,
    bytes: &[u8],
    open: usize,
    wanted: &mut [bool],
) -> usize {
    let mut state = OverlappingState::start();
    let mut found = 0;
    while found < open {
        together.find_overlapping(bytes, &mut state);
        let Some(hit) = state.get_match() else {
            break;
        };
        let wanted = &mut wanted[hit.pattern().as_usize()];
        found += usize::from(*wanted);
        *wanted = false;
    }
    found
}
