//! Parameters as JSON carries them.

use serde::{Deserialize, Serialize};

/// What a run is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// Which packages.
    pub pkgmatch: Matches,
    /// A pattern that the version must match, or `!` and one that it must not;
    /// empty for any version.
    pub vermatch: String,
}

/// Patterns for names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Matches {
    /// A package is reported once for each that its name matches.
    pub matches: Vec<String>,
}
