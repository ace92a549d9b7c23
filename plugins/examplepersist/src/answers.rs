//! The answer to a query, and the lines that clients show of it.

use crate::Parameters;
use mig_plugin_sdk::ResultDocument;
use serde_json::json;

/// The answer: what was asked.
pub fn echo(parameters: Parameters) -> ResultDocument {
    ResultDocument {
        foundanything: true,
        success: true,
        elements: json!({"string": parameters.string}),
        ..ResultDocument::default()
    }
}

/// The echo, then errors unless only finds are wanted.
pub fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    let echo = result.elements["string"].as_str();
    let mut lines: Vec<_> = echo
        .map(|text| format!("echo string was \"{text}\""))
        .into_iter()
        .collect();
    if !found_only {
        let errors = result.errors.iter().flatten();
        lines.extend(errors.map(|error| format!("error: {error}")));
    }
    lines
}
