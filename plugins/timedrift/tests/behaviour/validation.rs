//! Which parameters are accepted.

use crate::support::{attempt, run};
use mig_module_timedrift::TimedriftModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn complaints(parameters: Value) -> Vec<(String, String)> {
    let answer = FakeHost::new().operation::<TimedriftModule>("validate", parameters);
    let errors = answer.expect_result()["errors"].as_array().unwrap().clone();
    let text = |error: &Value, key: &str| error[key].as_str().unwrap_or_default().to_owned();
    let pair = |error| (text(error, "field"), text(error, "message"));
    errors.iter().map(pair).collect()
}

#[test]
fn go_durations_are_windows() {
    for drift in ["0", "5s", "1m30s", "250ms", "1.5h", "+5s", "1µs", "0s"] {
        assert_eq!(complaints(json!({"drift": drift})), [], "{drift}");
    }
}

#[test]
fn refusals_name_field_and_value() {
    let many: Vec<String> = (0..33).map(|n| format!("n{n}.example")).collect();
    let cases = [
        (json!({"drift": "5"}), "drift", "`5` lacks a unit"),
        (json!({"drift": "5d"}), "drift", "`5d` has an unknown unit"),
        (json!({"drift": "-5s"}), "drift", "`-5s` is negative"),
        (
            json!({"drift": "9999999h"}),
            "drift",
            "`9999999h` is longer than 292 years",
        ),
        (
            json!({"drift": "\u{1b}[2J"}),
            "drift",
            "`\\u{1b}[2J` is not a duration",
        ),
        (
            json!({"drift": "5s", "servers": ["a", "b:http"]}),
            "servers[1]",
            "`b:http` has no port from 1 to 65535",
        ),
        (
            json!({"drift": "5s", "servers": [""]}),
            "servers[0]",
            "`` is empty",
        ),
        (
            json!({"drift": "5s", "servers": many}),
            "servers",
            "has 33 servers, at most 32",
        ),
        (
            json!({"servers": ["a"]}),
            "servers",
            "are asked only with a drift",
        ),
    ];
    for (parameters, field, wanted) in cases {
        let complaints = complaints(parameters.clone());
        assert_eq!(complaints.len(), 1, "{parameters}: {complaints:?}");
        assert_eq!(complaints[0].0, field);
        assert!(complaints[0].1.starts_with(wanted), "{complaints:?}");
        let answer = attempt(parameters);
        assert_eq!(answer.code, code::BAD_PARAMETERS);
        assert!(answer.message().starts_with(field), "{}", answer.message());
    }
    let long = complaints(json!({"drift": "x".repeat(10_000)}));
    assert!(long[0].1.len() < 300, "{long:?}");
}

#[test]
fn parameters_are_read_as_generously_as_ever() {
    let document = run(json!({"Drift": null, "unknown": 1}));
    assert_eq!(document["success"], true);
    let answer = attempt(json!({"drift": 5}));
    assert_eq!(answer.code, code::BAD_PARAMETERS);
    assert!(answer.message().contains("drift"), "{}", answer.message());
}
