//! The result document of a module.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What one run of a module answers, in the key order that clients and stored
/// results have.
///
/// A module that streamed its elements leaves `elements` null, or names the
/// keys and their order there with empty values (see
/// [`crate::assemble::Assembler`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResultDocument {
    /// Something that was searched for was found.
    pub foundanything: bool,
    /// The module ran to its end; soft errors do not clear it.
    pub success: bool,
    /// What was found, in the module's own shape: metadata only.
    pub elements: Value,
    /// Counts and times in the module's own shape, or null.
    pub statistics: Value,
    /// Soft errors, or the fatal one when `success` is false.
    pub errors: Option<Vec<String>>,
}

impl Default for ResultDocument {
    fn default() -> Self {
        Self {
            foundanything: false,
            success: false,
            elements: Value::Null,
            statistics: Value::Null,
            errors: None,
        }
    }
}

impl ResultDocument {
    /// A document that says a run failed and why.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self {
            elements: Value::Object(serde_json::Map::new()),
            errors: Some(vec![reason.into()]),
            ..Self::default()
        }
    }

    /// The document as a JSON value, keys in the order of the fields.
    pub fn to_value(&self) -> Value {
        serde_json::json!({
            "foundanything": self.foundanything,
            "success": self.success,
            "elements": self.elements,
            "statistics": self.statistics,
            "errors": self.errors,
        })
    }
}
