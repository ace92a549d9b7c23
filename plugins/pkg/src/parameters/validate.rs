//! What parameters must satisfy beyond their types.

use super::Parameters;
use mig_plugin_patterns::goregex;
use mig_plugin_patterns::matching::TextPattern;
use mig_plugin_sdk::{Failure, FieldError};

/// Longest value repeated in a complaint, in characters.
const MAX_SHOWN: usize = 80;

/// What `vermatch` asks of a version.
pub struct Version {
    pattern: TextPattern,
    cache: regex_automata::meta::Cache,
    inverted: bool,
}

impl Version {
    /// Compiles a `vermatch`; nothing when it is empty.
    ///
    /// # Errors
    /// When it is no pattern.
    pub fn new(vermatch: &str) -> Result<Option<Self>, Failure> {
        if vermatch.is_empty() {
            return Ok(None);
        }
        let (inverted, pattern) = pattern_of(vermatch);
        let pattern = TextPattern::new(pattern)
            .map_err(|error| Failure::bad_parameters("vermatch", complaint(vermatch, &error)))?;
        Ok(Some(Self {
            cache: pattern.cache(),
            pattern,
            inverted,
        }))
    }

    /// Whether a version is wanted.
    pub fn wants(&mut self, version: &str) -> bool {
        self.pattern.is_match(&mut self.cache, version.as_bytes()) != self.inverted
    }
}

/// Splits off the `!` that inverts. A lone `!` is the pattern `!`.
fn pattern_of(vermatch: &str) -> (bool, &str) {
    match vermatch.strip_prefix('!') {
        Some(pattern) if !pattern.is_empty() => (true, pattern),
        _ => (false, vermatch),
    }
}

/// Checks everything; the complaints name the field and the value.
pub fn validate(parameters: &Parameters) -> Vec<FieldError> {
    let mut complaints = Vec::new();
    let matches = &parameters.pkgmatch.matches;
    if matches.is_empty() {
        complaints.push(FieldError::new(
            "pkgmatch.matches",
            "needs at least one pattern for a name; ^openssl$, or . for all packages",
        ));
    }
    for pattern in matches {
        if let Err(error) = goregex::parse(pattern) {
            complaints.push(FieldError::new(
                "pkgmatch.matches",
                complaint(pattern, &error),
            ));
        }
    }
    let (_, version) = pattern_of(&parameters.vermatch);
    if let Err(error) = goregex::parse(version) {
        complaints.push(FieldError::new(
            "vermatch",
            complaint(&parameters.vermatch, &error),
        ));
    }
    complaints
}

/// What is wrong with a pattern, on one line.
pub fn complaint(pattern: &str, error: &dyn std::fmt::Display) -> String {
    let shown: String = pattern
        .chars()
        .flat_map(char::escape_debug)
        .take(MAX_SHOWN)
        .collect();
    // The reason may repeat a pattern of any length.
    let reason: String = error
        .to_string()
        .chars()
        .flat_map(char::escape_debug)
        .take(2 * MAX_SHOWN)
        .collect();
    format!("'{shown}' is not a regex: {reason}")
}
