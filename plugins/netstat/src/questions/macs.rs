//! Patterns for hardware addresses.

use super::Number;
use mig_plugin_patterns::goregex::SyntaxError;
use mig_plugin_patterns::matching::TextPattern;
use regex_automata::meta::Cache;

/// Compiled patterns with the numbers of their questions.
#[derive(Debug, Default)]
pub struct Patterns {
    patterns: Vec<(TextPattern, Number)>,
}

/// Working memory for [`Patterns::each`].
#[derive(Debug)]
pub struct Caches(Vec<Cache>);

impl Patterns {
    /// Adds a pattern.
    ///
    /// # Errors
    /// When it is not a regular expression, or too large.
    pub fn add(&mut self, pattern: &str, number: Number) -> Result<(), SyntaxError> {
        self.patterns.push((TextPattern::new(pattern)?, number));
        Ok(())
    }

    /// Working memory, one per run.
    pub fn caches(&self) -> Caches {
        Caches(
            self.patterns
                .iter()
                .map(|(pattern, _)| pattern.cache())
                .collect(),
        )
    }

    /// The numbers of all patterns that match.
    pub fn each(&self, caches: &mut Caches, text: &str, mut found: impl FnMut(Number)) {
        for ((pattern, number), cache) in self.patterns.iter().zip(&mut caches.0) {
            if pattern.is_match(cache, text.as_bytes()) {
                found(*number);
            }
        }
    }
}
