//! Patterns for base names. Documents with thousands of searches ask mostly for
//! one name each, `^os-release$`: those are compared, not compiled.

use mig_plugin_patterns::goregex::{self, Ast, Position, SyntaxError};
use mig_plugin_patterns::matching::{AnyOf, TextPattern};
use regex_automata::meta;
use std::collections::HashSet;

/// A pattern for a base name.
#[derive(Debug)]
pub enum NamePattern {
    /// Exactly this name.
    Exact(Vec<u8>),
    /// Anything else that a pattern can say.
    Pattern(Box<TextPattern>, Ast),
}

/// Working memory of one thread for one name pattern, made when it is first
/// needed.
pub type NameCache = Option<meta::Cache>;

impl NamePattern {
    /// Parses and compiles.
    ///
    /// # Errors
    /// When Go would refuse the pattern, or it is too large.
    pub fn new(pattern: &str) -> Result<Self, SyntaxError> {
        let ast = goregex::parse(pattern)?;
        Ok(match exact(&ast) {
            Some(name) => Self::Exact(name.into_bytes()),
            None => Self::Pattern(Box::new(TextPattern::new(pattern)?), ast),
        })
    }

    /// Whether it matches a name.
    pub fn is_match(&self, cache: &mut NameCache, name: &[u8]) -> bool {
        match self {
            Self::Exact(wanted) => wanted == name,
            Self::Pattern(pattern, _) => {
                pattern.is_match(cache.get_or_insert_with(|| pattern.cache()), name)
            }
        }
    }
}

/// The one text that `^text$` matches. Text with U+FFFD also matches bad
/// bytes, so that is no fixed text.
fn exact(ast: &Ast) -> Option<String> {
    let Ast::Concat(nodes) = ast else {
        return None;
    };
    let [
        Ast::Position(Position::TextStart),
        middle @ ..,
        Ast::Position(Position::TextEnd),
    ] = nodes.as_slice()
    else {
        return None;
    };
    let letters = middle.iter().map(|node| match node {
        Ast::Char(c) if *c != char::REPLACEMENT_CHARACTER => Some(*c),
        _ => None,
    });
    letters.collect()
}

/// Rejects names that no pattern matches.
#[derive(Debug)]
pub struct NameFilter {
    exact: HashSet<Vec<u8>>,
    /// Patterns beyond the exact names, all together.
    patterns: Option<AnyOf>,
}

/// Working memory of one thread for a [`NameFilter`].
pub type FilterCache = Option<meta::Cache>;

impl NameFilter {
    /// A filter for all of them; `None` when it does not pay or cannot be
    /// made.
    pub fn new(names: &[NamePattern]) -> Option<Self> {
        let mut exact = HashSet::new();
        let mut trees = Vec::new();
        for name in names {
            match name {
                NamePattern::Exact(name) => {
                    exact.insert(name.clone());
                }
                NamePattern::Pattern(_, ast) => trees.push(ast.clone()),
            }
        }
        if names.len() < mig_plugin_patterns::matching::any_of::WORTHWHILE {
            return None;
        }
        let patterns = match trees.len() {
            0 => None,
            _ => Some(AnyOf::all_texts(&trees)?),
        };
        Some(Self { exact, patterns })
    }

    /// Working memory; one per thread.
    pub fn cache(&self) -> FilterCache {
        self.patterns.as_ref().map(AnyOf::cache)
    }

    /// Whether any pattern may match the name.
    pub fn may_match(&self, cache: &mut FilterCache, name: &[u8]) -> bool {
        self.exact.contains(name)
            || match (&self.patterns, cache) {
                (Some(patterns), Some(cache)) => patterns.may_match(cache, name),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let ast = goregex::parse(pattern).unwrap();
            assert_eq!(exact(&ast).as_deref(), wanted, "{pattern}");
        }
    }

    #[test]
    fn the_filter_lets_through_whatever_some_pattern_matches() {
        let names = ["^passwd$", "^group$", r"\.conf$", "(?i)^LOG"];
        let names: Vec<NamePattern> = names.iter().map(|n| NamePattern::new(n).unwrap()).collect();
        let filter = NameFilter::new(&names).unwrap();
        let mut cache = filter.cache();
        let mut caches: Vec<NameCache> = names.iter().map(|_| None).collect();
        for name in ["passwd", "group", "a.conf", "Logs", "x", "passwd2", ""] {
            let any = names
                .iter()
                .zip(&mut caches)
                .any(|(pattern, cache)| pattern.is_match(cache, name.as_bytes()));
            assert_eq!(filter.may_match(&mut cache, name.as_bytes()), any, "{name}");
        }
    }
}
