//! Which of very many patterns may match a short text, without compiling them.

use crate::goregex::{self, Ast};
use aho_corasick::{AhoCorasick, MatchKind};
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use std::collections::HashMap;

/// Fixed texts of one pattern, at most; a pattern that may begin with more of
/// them is always a candidate.
const MAX_LITERALS: usize = 64;

/// An index over patterns by fixed texts that they need: a match begins or ends
/// with one of them, or is one of them from end to end. Thousands of patterns
/// cost one look at the text and those that it may concern.
#[derive(Debug)]
pub struct Candidates {
    /// Patterns that match exactly one text.
    whole: HashMap<Vec<u8>, Vec<usize>>,
    /// Finds the texts that others need; `None` if there are none.
    needed: Option<AhoCorasick>,
    /// The pattern of each of those texts.
    pattern_of: Vec<usize>,
    /// Patterns that need nothing in particular.
    always: Vec<usize>,
}

impl Candidates {
    /// Indexes patterns; they are known by their position.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p Ast>) -> Self {
        let mut index = Self {
            whole: HashMap::new(),
            needed: None,
            pattern_of: Vec::new(),
            always: Vec::new(),
        };
        let mut needles = Vec::new();
        for (number, pattern) in patterns.into_iter().enumerate() {
            if let Some(text) = pattern.whole_text() {
                index
                    .whole
                    .entry(text.into_bytes())
                    .or_default()
                    .push(number);
                continue;
            }
            match needed(pattern) {
                Some(texts) => {
                    index.pattern_of.extend(texts.iter().map(|_| number));
                    needles.extend(texts);
                }
                None => index.always.push(number),
            }
        }
        if !needles.is_empty() {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(&needles);
            match built {
                Ok(finder) => index.needed = Some(finder),
                // Too many for an index: then each is looked at.
                Err(_) => index.always.append(&mut index.pattern_of),
            }
            index.always.dedup();
        }
        index
    }

    /// Hands on the patterns that may match a text, some perhaps more than
    /// once. The text is what patterns see, see [`super::transcribe`].
    pub fn find(&self, text: &str, mut candidate: impl FnMut(usize)) {
        self.always.iter().copied().for_each(&mut candidate);
        if let Some(patterns) = self.whole.get(text.as_bytes()) {
            patterns.iter().copied().for_each(&mut candidate);
        }
        if let Some(finder) = &self.needed {
            for found in finder.find_overlapping_iter(text) {
                candidate(self.pattern_of[found.pattern().as_usize()]);
            }
        }
    }
}

/// The texts of which one stands in every match, if they are few: those that
/// matches begin with, or those that they end with, whichever are longer.
fn needed(pattern: &Ast) -> Option<Vec<Vec<u8>>> {
    let tree = goregex::lower::text(pattern);
    let kinds = [ExtractKind::Prefix, ExtractKind::Suffix];
    let sequences = kinds.map(|kind| {
        let mut extractor = Extractor::new();
        extractor.kind(kind).limit_total(MAX_LITERALS);
        texts(&extractor.extract(&tree))
    });
    let shortest = |texts: &Vec<Vec<u8>>| texts.iter().map(Vec::len).min();
    sequences.into_iter().flatten().max_by_key(shortest)
}

fn texts(sequence: &Seq) -> Option<Vec<Vec<u8>>> {
    let literals = sequence.literals()?;
    let texts: Vec<Vec<u8>> = literals.iter().map(|l| l.as_bytes().to_vec()).collect();
    // One that is empty stands everywhere; without any the pattern never
    // matches, which is left to itself to say.
    let useful = !texts.is_empty() && texts.iter().all(|text| !text.is_empty());
    useful.then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goregex::parse;
    use crate::matching::{TextPattern, transcribe};
    use proptest::prelude::*;

    fn candidates(patterns: &[&str], text: &[u8]) -> Vec<usize> {
        let trees: Vec<Ast> = patterns.iter().map(|p| parse(p).unwrap()).collect();
        let mut found = Vec::new();
        Candidates::new(&trees).find(&transcribe::text(text), |number| found.push(number));
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn only_patterns_whose_fixed_text_is_there_are_candidates() {
        let patterns = [
            "^os-release$",
            r"^lib(ssl|crypto)-\d+",
            r"\.conf$",
            "(?i)^readme",
            ".*",
            "a|b",
            r"^(.*)\.pem$",
        ];
        let cases: [(&str, &[usize]); 8] = [
            ("os-release", &[0, 4, 5]),
            ("os-release2", &[4, 5]),
            ("libssl-3", &[1, 4, 5]),
            ("xlibssl-3", &[1, 4, 5]),
            ("ReadMe", &[3, 4, 5]),
            ("x.conf", &[2, 4]),
            ("x.pem", &[4, 6]),
            ("", &[4]),
        ];
        for (text, wanted) in cases {
            assert_eq!(candidates(&patterns, text.as_bytes()), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_matches_is_a_candidate(
            patterns in proptest::collection::vec(
                r"(\^)?(a|b|ab|\.|\(a\|b\)|\[ab\]|\(\?i\)a|a\*|b\?|é|\\x\{FFFD\}){0,4}(\$)?", 1..6),
            text in proptest::collection::vec(prop_oneof![
                Just(b'a'), Just(b'b'), Just(b'A'), Just(0xFFu8), Just(0xC3), Just(0xA9)], 0..6),
        ) {
            let patterns: Vec<&str> = patterns
                .iter()
                .map(String::as_str)
                .filter(|pattern| TextPattern::new(pattern).is_ok())
                .collect();
            let found = candidates(&patterns, &text);
            for (number, pattern) in patterns.iter().enumerate() {
                let pattern = TextPattern::new(pattern).unwrap();
                if pattern.is_match(&mut pattern.cache(), &text) {
                    prop_assert!(found.contains(&number), "{:?}", patterns[number]);
                }
            }
        }
    }
}
