//! Short ways to ask.

use crate::responder::Responder;
use mig_module_timedrift::TimedriftModule;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use mig_plugin_sdk::times;
use serde_json::{Value, json};

pub fn attempt(parameters: Value) -> Answer {
    FakeHost::new().run::<TimedriftModule>(parameters)
}

/// Runs to the end; the document.
#[track_caller]
pub fn run(parameters: Value) -> Value {
    let answer = attempt(parameters);
    answer.expect_result();
    answer.document()
}

/// Compares the clock with these servers.
#[track_caller]
pub fn compare(drift: &str, servers: &[&Responder]) -> Value {
    let names: Vec<String> = servers.iter().map(|server| server.name()).collect();
    run(json!({"drift": drift, "servers": names}))
}

/// The measured drift of a server in nanoseconds.
#[track_caller]
pub fn drift(document: &Value, index: usize) -> i64 {
    measured(document, index, "drift")
}

/// How far a measured drift may be from the truth, in nanoseconds: half the time
/// on the way, which is long on a busy machine, and a little for clocks that are
/// being set right meanwhile.
#[track_caller]
pub fn tolerance(document: &Value, index: usize) -> i64 {
    measured(document, index, "latency") / 2 + 100_000_000
}

#[track_caller]
fn measured(document: &Value, index: usize, what: &str) -> i64 {
    let text = &document["statistics"]["ntpstats"][index][what];
    let text = text
        .as_str()
        .unwrap_or_else(|| panic!("no {what}: {document}"));
    times::parse_duration(text).unwrap_or_else(|error| panic!("{text} {error}"))
}

#[track_caller]
pub fn errors(document: &Value) -> Vec<String> {
    let errors = document["errors"].as_array();
    let errors = errors.into_iter().flatten();
    errors
        .filter_map(|e| e.as_str().map(str::to_owned))
        .collect()
}
