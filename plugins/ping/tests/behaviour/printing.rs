//! The lines that clients show.

use mig_module_ping::PingModule;
use mig_plugin_sdk::ResultDocument;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn lines(found: bool, elements: Value, found_only: bool) -> Vec<String> {
    let result = ResultDocument {
        foundanything: found,
        success: true,
        elements,
        statistics: Value::Null,
        errors: Some(vec!["an error".to_owned()]),
    };
    FakeHost::new().print::<PingModule>(&result, found_only)
}

#[test]
fn lines_are_those_of_the_original() {
    let elements = json!({"latencies": [21.4, 9_999_999, -1, 0, 0.4, 1500.5], "protocol": "tcp",
        "resolvedhost": "www.example.net:443 (198.51.100.4)",
        "failures": ["ping #4 failed with error: no buffer space available"]});
    let wanted = [
        "tcp ping of www.example.net:443 (198.51.100.4) succeeded. Target is reachable.",
        "ping #1 succeeded in 21ms",
        "ping #2 failed, connection timed out",
        "ping #3 failed, target was unreachable",
        "ping #4 failed, reason unknown",
        "ping #5 succeeded in 0ms",
        "ping #6 succeeded in 1500ms",
    ];
    assert_eq!(lines(true, elements.clone(), false), wanted);
    assert_eq!(lines(true, elements, true), wanted[..1]);

    let elements = json!({"latencies": [9_999_999], "protocol": "icmp",
        "resolvedhost": "192.0.2.9 (192.0.2.9)", "failures": null});
    let wanted = [
        "icmp ping of 192.0.2.9 (192.0.2.9) failed. Target is no reachable.",
        "ping #1 failed, connection timed out",
    ];
    assert_eq!(lines(false, elements.clone(), false), wanted);
    assert!(lines(false, elements, true).is_empty());

    let elements = json!({"latencies": [9_999_999.0], "protocol": "udp",
        "resolvedhost": "h:53 (192.0.2.9)", "failures": null});
    assert_eq!(
        lines(true, elements, false)[1],
        "ping #1 may have succeeded (no udp response)"
    );
}

#[test]
fn masked_and_foreign_results_are_printed_as_far_as_they_go() {
    let masked = json!({"latencies": [3], "protocol": "tcp", "resolvedhost": "masked",
        "failures": ["masked"]});
    assert_eq!(
        lines(true, masked, false),
        [
            "tcp ping of masked succeeded. Target is reachable.",
            "ping #1 succeeded in 3ms"
        ]
    );
    assert_eq!(lines(false, json!(null), false), ["error: an error"]);
    assert!(lines(false, json!(null), true).is_empty());
    assert_eq!(
        lines(false, json!({"latencies": "none", "protocol": 7}), false),
        [" ping of  failed. Target is no reachable."]
    );
}
