//! Which parameters are accepted.

use crate::support::{attempt, ping, run};
use mig_module_ping::PingModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

/// Fields and messages of all complaints.
fn complaints(parameters: Value) -> Vec<(String, String)> {
    let answer = FakeHost::new().operation::<PingModule>("validate", parameters);
    let errors = answer.expect_result()["errors"].as_array().unwrap().clone();
    let text = |error: &Value, key: &str| error[key].as_str().unwrap_or_default().to_owned();
    let pair = |error| (text(error, "field"), text(error, "message"));
    errors.iter().map(pair).collect()
}

#[test]
fn names_need_no_resolver_to_be_accepted() {
    for destination in [
        "nowhere.invalid",
        "192.0.2.1",
        "2001:db8::1",
        "fe80::1%eth0",
    ] {
        assert_eq!(
            complaints(ping("icmp", destination, 0)),
            [],
            "{destination}"
        );
    }
}

#[test]
fn refusals_name_field_and_value() {
    let mut cases = Vec::new();
    for (field, value, wanted) in [
        ("destination", json!(""), "`` is empty"),
        (
            "destination",
            json!("a/b"),
            "`a/b` has a character that no DNS name has",
        ),
        (
            "destination",
            json!("a\u{1b}\n"),
            "`a\\u{1b}\\n` has a character that no DNS name has",
        ),
        (
            "destination",
            json!("[::1]"),
            "`[::1]` has brackets; write an IPv6 address without them",
        ),
        ("protocol", json!(""), "`` is none of icmp, tcp and udp"),
        (
            "protocol",
            json!("TCP"),
            "`TCP` is none of icmp, tcp and udp",
        ),
        (
            "destinationport",
            json!(65536),
            "65536 is not between 0 and 65535",
        ),
        (
            "destinationport",
            json!(-1),
            "-1 is not between 0 and 65535",
        ),
        (
            "destinationport",
            json!(1e300),
            "is not between 0 and 65535",
        ),
        ("count", json!(-1), "-1 is not between 0 and 1000"),
        ("count", json!(1001), "1001 is not between 0 and 1000"),
        ("timeout", json!(301), "301 is not between 0 and 300"),
        (
            "timeout",
            json!(-0.5e9),
            "-500000000 is not between 0 and 300",
        ),
    ] {
        let mut parameters = ping("tcp", "127.0.0.1", 80);
        parameters[field] = value;
        cases.push((parameters, field, wanted));
    }
    for (parameters, field, wanted) in cases {
        let complaints = complaints(parameters.clone());
        assert_eq!(complaints.len(), 1, "{parameters}: {complaints:?}");
        assert_eq!(complaints[0].0, field);
        assert!(complaints[0].1.contains(wanted), "{complaints:?}");
        let answer = attempt(parameters);
        assert_eq!(answer.code, code::BAD_PARAMETERS);
        assert!(answer.message().starts_with(field), "{}", answer.message());
    }
    let everything = json!({"count": -1, "timeout": -1, "destinationport": -1});
    let fields: Vec<String> = complaints(everything).into_iter().map(|c| c.0).collect();
    // Without a protocol nobody knows whether the port matters.
    assert_eq!(fields, ["destination", "protocol", "count", "timeout"]);
    let long = complaints(ping("tcp", &"x".repeat(10_000), 80));
    assert!(long[0].1.len() < 400, "{long:?}");
}

#[test]
fn parameters_are_read_as_generously_as_ever() {
    let document = run(json!({"Destination": "127.0.0.1", "PROTOCOL": "udp",
        "destinationPort": 9.9, "count": 1.9, "timeout": 1.2, "unknown": {"x": 1}}));
    let elements = &document["elements"];
    assert_eq!(elements["resolvedhost"], "127.0.0.1:9 (127.0.0.1)");
    assert_eq!(elements["latencies"].as_array().unwrap().len(), 1);
    let wrong = attempt(json!({"destination": "127.0.0.1", "protocol": "tcp", "count": "3"}));
    assert_eq!(wrong.code, code::BAD_PARAMETERS);
    assert!(wrong.message().contains("count"), "{}", wrong.message());
}
