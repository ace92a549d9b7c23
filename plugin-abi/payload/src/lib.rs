//! What crosses the plugin boundary besides the C tables: the CBOR payload
//! profile, the manifest, the schema subset with privacy classes, and how
//! streamed elements become one result document.
//!
//! Everything here is written for bytes from a process that is not trusted:
//! [`profile::walk`] checks a payload iteratively before anything decodes it,
//! and no recursion below depends on foreign depth beyond a fixed limit.

pub mod assemble;
pub mod codec;
pub mod document;
pub mod manifest;
pub mod profile;
pub mod rawpath;
pub mod result;
pub mod schema;

pub use codec::{DecodeError, EncodeError, decode, encode, encode_serialize};
pub use document::{Document, Findings, Part};
pub use manifest::{Capability, Manifest, ManifestError};
pub use profile::{ProfileError, Rule, walk};
pub use result::ResultDocument;
pub use schema::{Privacy, ResultSchema, Schema, SchemaError, Strictness, Violation};

use serde::{Deserialize, Serialize};

/// One complaint about one field, as the `validate` operation reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field, as a dotted path (`searches.s1.paths`); empty for the whole.
    #[serde(default)]
    pub field: String,
    /// What is wrong, in one line.
    pub message: String,
}

impl FieldError {
    /// A complaint about `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.field, self.message)
        }
    }
}
