//! Short ways to ask the module about this machine.

use mig_module_netstat::NetstatModule;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use serde_json::Value;

/// Runs parameters.
pub fn attempt(parameters: Value) -> Answer {
    FakeHost::new().run::<NetstatModule>(parameters)
}

/// Runs parameters and insists on success.
pub fn run(parameters: Value) -> Value {
    let answer = attempt(parameters);
    let document = answer.document();
    answer.expect_result();
    assert_eq!(answer.misuse, Vec::<String>::new());
    assert_eq!(document["success"], true, "{document}");
    document
}

/// What was found for one question.
pub fn found(document: &Value, kind: &str, value: &str) -> Vec<Value> {
    let found = &document["elements"][kind][value];
    found.as_array().cloned().unwrap_or_default()
}
