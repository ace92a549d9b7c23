//! Patterns for base names. Documents may ask for thousands of names, mostly
//! for one each, `^os-release$`: those are compared, and the others compiled
//! when a name comes that they may match.

use mig_plugin_patterns::goregex::{self, Ast, SyntaxError};
use mig_plugin_patterns::matching::{Candidates, TextPattern, transcribe};
use regex_automata::meta;
use std::sync::OnceLock;

/// Memory for patterns that are kept compiled from the start, in bytes.
const KEPT_MEMORY: usize = 4 << 20;

/// A pattern for a base name.
#[derive(Debug)]
pub struct NamePattern {
    source: String,
    ast: Ast,
    /// Exactly this name.
    exact: Option<Vec<u8>>,
    compiled: OnceLock<Option<TextPattern>>,
}

/// Working memory of one thread for one name pattern, made when it is first
/// needed.
pub type NameCache = Option<meta::Cache>;

impl NamePattern {
    /// Whether it matches a name.
    pub fn is_match(&self, cache: &mut NameCache, name: &[u8]) -> bool {
        if let Some(exact) = &self.exact {
            return exact == name;
        }
        // It compiled when the plan was made.
        let compiled = self
            .compiled
            .get_or_init(|| TextPattern::new(&self.source).ok());
        compiled.as_ref().is_some_and(|pattern| {
            pattern.is_match(cache.get_or_insert_with(|| pattern.cache()), name)
        })
    }
}

/// Makes name patterns.
#[derive(Debug, Default)]
pub struct NamePatterns {
    /// Those made so far.
    pub list: Vec<NamePattern>,
    memory: usize,
}

impl NamePatterns {
    /// Parses and compiles one more.
    ///
    /// # Errors
    /// When Go would refuse the pattern, or it is too large.
    pub fn push(&mut self, source: &str) -> Result<(), SyntaxError> {
        let ast = goregex::parse(source)?;
        let exact = ast.whole_text().map(String::into_bytes);
        let compiled = OnceLock::new();
        if exact.is_none() {
            let pattern = TextPattern::new(source)?;
            // Of thousands only those come back that some name asks for.
            if self.memory < KEPT_MEMORY {
                self.memory += pattern.memory();
                let _first = compiled.set(Some(pattern));
            }
        }
        self.list.push(NamePattern {
            source: source.to_owned(),
            ast,
            exact,
            compiled,
        });
        Ok(())
    }
}

/// Tells which patterns may match a name.
#[derive(Debug)]
pub struct NameIndex(Candidates);

impl NameIndex {
    /// An index over all of them.
    pub fn new(names: &[NamePattern]) -> Self {
        Self(Candidates::new(names.iter().map(|name| &name.ast)))
    }

    /// Prepares the answers for a name: "no" for all that cannot match,
    /// unknown for the others. False when no pattern may match.
    pub fn prepare(&self, name: &[u8], answers: &mut NameAnswers) -> bool {
        // Of thousands only the few of the last name have to be taken back.
        for number in answers.open.drain(..) {
            answers.by_pattern[number] = Some(false);
        }
        self.0.find(&transcribe::text(name), |number| {
            answers.by_pattern[number] = None;
            answers.open.push(number);
        });
        !answers.open.is_empty()
    }
}

/// Whether each name pattern matches the name at hand, once asked.
#[derive(Debug)]
pub struct NameAnswers {
    by_pattern: Vec<Option<bool>>,
    /// Those that may match.
    open: Vec<usize>,
}

impl NameAnswers {
    /// For so many patterns.
    pub fn new(patterns: usize) -> Self {
        Self {
            by_pattern: vec![Some(false); patterns],
            open: Vec::new(),
        }
    }

    /// The answer of a pattern, asked at most once.
    pub fn of(&mut self, pattern: usize, ask: impl FnOnce() -> bool) -> bool {
        *self.by_pattern[pattern].get_or_insert_with(ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(sources: &[&str]) -> Vec<NamePattern> {
        let mut patterns = NamePatterns::default();
        for source in sources {
            patterns.push(source).unwrap();
        }
        patterns.list
    }

    #[test]
    fn only_a_fixed_text_between_both_ends_is_compared() {
        for (pattern, wanted) in [
            ("^os-release$", Some("os-release")),
            (r"^build\.info$", Some("build.info")),
            ("^$", Some("")),
            (r"\Aä\z", Some("ä")),
            ("os-release", None),
            ("^os-release", None),
            ("^a.b$", None),
            ("(?i)^ab$", None),
            ("^(ab)$", None),
            ("(?m)^ab$", None),
            ("^ab$|c", None),
            (r"^a\x{FFFD}$", None),
        ] {
            let exact = patterns(&[pattern])[0].exact.clone();
            assert_eq!(
                exact,
                wanted.map(|text| text.as_bytes().to_vec()),
                "{pattern}"
            );
        }
    }

    #[test]
    fn the_index_leaves_whatever_matches_open() {
        let patterns = patterns(&["^passwd$", "^group$", r"\.conf$", "(?i)^LOG", "^p"]);
        let index = NameIndex::new(&patterns);
        let mut answers = NameAnswers::new(patterns.len());
        for name in ["passwd", "group", "a.conf", "Logs", "x", "passwd2", ""] {
            let any = index.prepare(name.as_bytes(), &mut answers);
            assert_eq!(any, answers.by_pattern.contains(&None));
            for (number, pattern) in patterns.iter().enumerate() {
                let found = pattern.is_match(&mut None, name.as_bytes());
                assert_eq!(answers.of(number, || found), found, "{name}");
            }
        }
    }

    #[test]
    fn thousands_of_patterns_keep_little_compiled() {
        let sources: Vec<String> = (0..3000).map(|n| format!("^lib{n}-.*[.]so$")).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let patterns = patterns(&sources);
        let compiled = || {
            patterns
                .iter()
                .filter(|p| p.compiled.get().is_some())
                .count()
        };
        let before = compiled();
        assert!((10..1500).contains(&before), "{before}");
        assert!(patterns[2999].is_match(&mut None, b"lib2999-1.so"));
        assert_eq!(compiled(), before + 1);
    }
}
