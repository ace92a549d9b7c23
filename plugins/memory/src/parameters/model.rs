//! The parameter document, in the field order that results repeat.

use mig_plugin_sdk::numbers::{is_zero, whole_when_possible};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Parameters of a run: searches by label. None at all is valid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Label to search. Results keep the labels, sorted.
    #[serde(default)]
    pub searches: BTreeMap<String, Search>,
}

/// One search: the checks that a process must satisfy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Search {
    /// Free text, echoed back only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Patterns for the path of the executable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Patterns for the paths and names of other mapped files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
    /// Byte sequences in hexadecimal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<String>,
    /// Patterns for memory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<String>,
    /// How to search; always written.
    pub options: SearchOptions,
}

/// Options of a search. Numbers are doubles on the wire, as in the original.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchOptions {
    /// Lowest virtual address to read.
    #[serde(
        skip_serializing_if = "is_zero",
        serialize_with = "whole_when_possible"
    )]
    pub offset: f64,
    /// Bytes to read of each process; 0 for no limit.
    #[serde(
        skip_serializing_if = "is_zero",
        serialize_with = "whole_when_possible"
    )]
    pub maxlength: f64,
    /// Name each piece of memory that could not be read.
    #[serde(skip_serializing_if = "is_false")]
    pub logfailures: bool,
    /// All checks must hold for the same process; otherwise each reports alone.
    #[serde(skip_serializing_if = "is_false")]
    pub matchall: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}
