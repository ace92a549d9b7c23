//! The parameter document, in the field order that results repeat.

use mig_plugin_sdk::numbers::whole_when_possible;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Parameters of a run: searches by label. None at all is valid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Label to search. Results keep the labels, sorted.
    #[serde(default)]
    pub searches: BTreeMap<String, Search>,
}

/// One search: where to look, and the checks that a file must satisfy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Search {
    /// Free text, echoed back only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Files and directories, literal, at least one.
    pub paths: Vec<String>,
    /// Patterns for lines of the content; `!` in front inverts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<String>,
    /// Patterns for the base name; `!` in front inverts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// `[<or>]N[k,m,g,t]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<String>,
    /// Patterns for the mode string.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modes: Vec<String>,
    /// `<Nd`, `>Nh`, `<Nm`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mtimes: Vec<String>,
    /// MD5 in hex.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub md5: Vec<String>,
    /// SHA-1 in hex.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sha1: Vec<String>,
    /// SHA-256, SHA-384 or SHA-512 in hex.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sha2: Vec<String>,
    /// SHA3-224, -256, -384 or -512 in hex.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sha3: Vec<String>,
    /// How to search.
    pub options: SearchOptions,
}

/// How to search. Zero means "no limit" for the numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchOptions {
    /// Directory levels; the search path itself is the first.
    #[serde(serialize_with = "whole_when_possible")]
    pub maxdepth: f64,
    /// Walking errors returned.
    #[serde(serialize_with = "whole_when_possible")]
    pub maxerrors: f64,
    /// Accepted, without effect.
    #[serde(skip_serializing_if = "is_false")]
    pub remotefs: bool,
    /// All checks must hold for the same file; otherwise each reports alone.
    pub matchall: bool,
    /// Every line must satisfy the content patterns.
    pub macroal: bool,
    /// Kinds of checks whose verdict is inverted.
    pub mismatch: Option<Vec<String>>,
    /// Hits after which the search stops.
    #[serde(serialize_with = "whole_when_possible")]
    pub matchlimit: f64,
    /// `print` for debug text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub debug: String,
    /// Add a SHA-256 to results; with `matchall` only.
    #[serde(skip_serializing_if = "is_false")]
    pub returnsha256: bool,
    /// Look at the inside of gzip files.
    #[serde(skip_serializing_if = "is_false")]
    pub decompress: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}
