//! The shape of the result.

use mig_plugin_sdk::ResultDocument;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// What was found; empty parts are left out.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Elements {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lookeduphost: BTreeMap<String, Vec<String>>,
}

/// Host name and addresses count, look-ups do not.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Statistics {
    pub stufffound: u64,
}

/// The whole result document.
pub fn document(
    elements: &Elements,
    statistics: &Statistics,
    errors: &[String],
    success: bool,
) -> ResultDocument {
    ResultDocument {
        foundanything: statistics.stufffound > 0,
        success,
        elements: json!(elements),
        statistics: json!(statistics),
        errors: (!errors.is_empty()).then(|| errors.to_vec()),
    }
}
