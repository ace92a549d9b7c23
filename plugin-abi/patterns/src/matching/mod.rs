//! Compiled patterns: for one text (names, mode strings) and for the lines of
//! file content.

pub mod any_of;
mod candidates;
mod line;
mod stream;
pub mod text;
pub mod transcribe;

pub use any_of::AnyOf;
pub use candidates::Candidates;
pub use line::{LinePattern, LineScratch};
pub use stream::LongLine;
pub use text::TextPattern;

use crate::goregex::{ErrorKind, SyntaxError};
use regex_automata::meta;
use regex_automata::nfa::thompson::WhichCaptures;

/// Most memory that the compiled program of one pattern may take, in bytes.
/// Go's own bound (about three million instructions) lies above it for byte
/// patterns and below it for patterns full of large Unicode classes.
const PROGRAM_LIMIT: usize = 64 << 20;

/// Most memory for the states of one lazily built automaton, in bytes. Above it
/// the automaton starts over, which costs time but never memory.
const STATES_LIMIT: usize = 1 << 20;

/// The configuration that all patterns share. Only "does it match" is asked, so
/// no groups are compiled in; the implicit one stays, because without it the
/// engine's own fallback finds no offsets.
fn configuration() -> meta::Config {
    meta::Config::new()
        .which_captures(WhichCaptures::Implicit)
        .nfa_size_limit(Some(PROGRAM_LIMIT))
        .hybrid_cache_capacity(STATES_LIMIT)
        .onepass(false)
        .backtrack(false)
}

/// The only way a parsed pattern can fail to compile is its size.
fn too_large(pattern: &str) -> SyntaxError {
    SyntaxError {
        kind: ErrorKind::TooLarge,
        fragment: pattern.to_owned(),
    }
}
