//! Go patterns whose groups matter.

use mig_plugin_patterns::goregex::{self, Ast, ErrorKind, SyntaxError};
use mig_plugin_patterns::matching::transcribe;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::captures::Captures;
use regex_automata::{Input, meta};
use std::borrow::Cow;
use std::ops::Range;

/// Most memory that the program of one pattern may take, in bytes.
const PROGRAM_LIMIT: usize = 32 << 20;
/// Most memory for the states of a lazily built automaton, in bytes.
const STATES_LIMIT: usize = 256 << 10;

/// How much memory a pattern may take to be fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// One of few: automata are built.
    Full,
    /// One of very many, each for little text.
    Light,
}

/// A pattern with groups.
#[derive(Debug)]
pub struct GroupPattern {
    regex: meta::Regex,
}

/// Number of groups in a pattern.
///
/// # Errors
/// When Go would refuse it.
pub fn groups(pattern: &str) -> Result<usize, SyntaxError> {
    fn count(ast: &Ast) -> usize {
        match ast {
            Ast::Group(group) => 1 + count(&group.node),
            Ast::Repeat(repeat) => count(&repeat.node),
            Ast::Concat(nodes) | Ast::Alternate(nodes) => nodes.iter().map(count).sum(),
            Ast::Empty | Ast::Char(_) | Ast::Class(_) | Ast::Position(_) => 0,
        }
    }
    Ok(count(&goregex::parse(pattern)?))
}

impl GroupPattern {
    /// Parses and compiles.
    ///
    /// # Errors
    /// When Go would refuse the pattern, or it is too large.
    pub fn new(pattern: &str, weight: Weight) -> Result<Self, SyntaxError> {
        let tree = goregex::lower::text(&goregex::parse(pattern)?);
        let full = weight == Weight::Full;
        let configuration = meta::Config::new()
            .which_captures(WhichCaptures::All)
            .utf8_empty(true)
            .nfa_size_limit(Some(PROGRAM_LIMIT))
            .hybrid_cache_capacity(STATES_LIMIT)
            .hybrid(full)
            .dfa(false)
            .onepass(full);
        let regex = meta::Builder::new()
            .configure(configuration)
            .build_from_hir(&tree)
            .map_err(|_| SyntaxError {
                kind: ErrorKind::TooLarge,
                fragment: pattern.to_owned(),
            })?;
        Ok(Self { regex })
    }

    /// Memory it takes, in bytes.
    pub fn memory(&self) -> usize {
        self.regex.memory_usage() + size_of::<Self>()
    }

    /// Working memory.
    pub fn scratch(&self) -> Scratch {
        Scratch {
            cache: self.regex.create_cache(),
            captures: self.regex.create_captures(),
        }
    }

    /// Whether it matches somewhere in a text.
    pub fn is_match(&self, scratch: &mut Scratch, text: &Text<'_>) -> bool {
        let input = Input::new(text.seen.as_bytes()).earliest(true);
        self.regex
            .search_half_with(&mut scratch.cache, &input)
            .is_some()
    }

    /// The groups of the first match, from 1; a group that took no part is
    /// empty. `None` without a match.
    pub fn groups<'t>(
        &self,
        scratch: &mut Scratch,
        text: &'t Text<'_>,
    ) -> Option<impl Iterator<Item = &'t [u8]>> {
        let input = Input::new(text.seen.as_bytes());
        let Scratch { cache, captures } = scratch;
        self.regex.search_captures_with(cache, &input, captures);
        if !captures.is_match() {
            return None;
        }
        let groups: Vec<Range<usize>> = (1..captures.group_len())
            .map(|group| captures.get_group(group).map_or(0..0, |span| span.range()))
            .collect();
        Some(groups.into_iter().map(|group| text.original(group)))
    }
}

/// Working memory for one pattern.
#[derive(Debug)]
pub struct Scratch {
    cache: meta::Cache,
    captures: Captures,
}

/// A text as patterns see it: each bad byte is one U+FFFD.
#[derive(Debug)]
pub struct Text<'a> {
    bytes: &'a [u8],
    seen: Cow<'a, str>,
}

impl<'a> Text<'a> {
    /// Any bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            seen: transcribe::text(bytes),
        }
    }

    /// The bytes behind a part of what patterns see.
    fn original(&self, part: Range<usize>) -> &'a [u8] {
        match self.seen {
            Cow::Borrowed(_) => &self.bytes[part],
            Cow::Owned(_) => &self.bytes[self.origin(part.start)..self.origin(part.end)],
        }
    }

    /// The position in the bytes of a border between two characters.
    fn origin(&self, border: usize) -> usize {
        const STANDS_FOR_ONE: usize = char::REPLACEMENT_CHARACTER.len_utf8();
        let (mut seen, mut original) = (0, 0);
        for chunk in self.bytes.utf8_chunks() {
            let valid = chunk.valid().len();
            if border <= seen + valid {
                return original + (border - seen);
            }
            seen += valid;
            original += valid;
            for _ in chunk.invalid() {
                if border <= seen {
                    return original;
                }
                seen += STANDS_FOR_ONE;
                original += 1;
            }
        }
        original
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &[u8]) -> Option<Vec<Vec<u8>>> {
        let [full, light] = [Weight::Full, Weight::Light].map(|weight| {
            let pattern = GroupPattern::new(pattern, weight).unwrap();
            let mut scratch = pattern.scratch();
            let text = Text::new(text);
            let groups: Option<Vec<Vec<u8>>> = pattern
                .groups(&mut scratch, &text)
                .map(|groups| groups.map(<[u8]>::to_vec).collect());
            assert_eq!(pattern.is_match(&mut scratch, &text), groups.is_some());
            groups
        });
        assert_eq!(full, light);
        full
    }

    #[test]
    fn groups_are_those_of_the_leftmost_match() {
        type Case<'a> = (&'a str, &'a [u8], Option<&'a [&'a [u8]]>);
        let cases: &[Case<'_>] = &[
            (
                r"^release (\d+) patch (\d+)$",
                b"release 7 patch 4",
                Some(&[b"7", b"4"]),
            ),
            (r"(\d+)", b"a1b22", Some(&[b"1"])),
            (r"a(b)?(c)", b"ac", Some(&[b"", b"c"])),
            (r"(?P<name>x)|(y)", b"y", Some(&[b"", b"y"])),
            ("abc", b"xabc", Some(&[])),
            ("abc", b"ab", None),
            ("()", b"", Some(&[b""])),
            ("(a|ab)(c|bcd)", b"abcd", Some(&[b"a", b"bcd"])),
            // Bad bytes are characters, and come back as they are.
            (r"^v(.*)$", b"v1\xFF2\xC3", Some(&[b"1\xFF2\xC3"])),
            (r"\xFF?(\d)$", b"\xE2\x82\xE2\x82\xAC7", Some(&[b"7"])),
            (
                r"^(.)(.)(.)",
                b"\xE2\x82\xE2\x82\xAC",
                Some(&[b"\xE2", b"\x82", b"\xE2\x82\xAC"]),
            ),
        ];
        for (pattern, text, wanted) in cases {
            let wanted = wanted.map(|groups| groups.iter().map(|g| g.to_vec()).collect());
            assert_eq!(found(pattern, text), wanted, "{pattern}");
        }
    }

    #[test]
    fn groups_are_counted_without_compiling() {
        for (pattern, wanted) in [
            ("a", 0),
            ("(a)", 1),
            ("((a)|(?:b))*(c)", 3),
            ("a{0}(b){3}", 1),
        ] {
            assert_eq!(groups(pattern), Ok(wanted), "{pattern}");
        }
        assert!(groups("(").is_err());
    }

    #[test]
    fn a_pattern_that_explodes_is_refused() {
        let bomb = format!("(?i)({})", r"\pL{1000}".repeat(20));
        let error = GroupPattern::new(&bomb, Weight::Light).unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge);
    }
}
