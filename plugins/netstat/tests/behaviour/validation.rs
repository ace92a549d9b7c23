//! Parameters that are not acceptable, and odd ones that are.

use crate::support::attempt;
use mig_plugin_sdk::abi::code;
use serde_json::json;

/// Findings are sent under the value asked for, and a host takes no longer names
/// of places than this.
#[test]
fn values_that_no_finding_can_be_sent_under_are_refused_beforehand() {
    for (field, value) in [
        ("localmac", format!("{}|.*", "x".repeat(5000))),
        ("neighbormac", "/".repeat(2050)),
        ("listeningport", format!("{}22", "0".repeat(5000))),
    ] {
        let answer = attempt(json!({field: [value]}));
        assert_eq!(answer.code, code::BAD_PARAMETERS, "{field}");
        assert_eq!(
            answer.error.as_ref().map(|error| &error["field"]),
            Some(&json!(field))
        );
        let said = answer.message();
        assert!(said.contains("too long; ask with several values"), "{said}");
        assert!(said.len() < 300, "{said}");
        let fits = match field {
            "listeningport" => "0".repeat(2000),
            _ => "/".repeat(2000),
        };
        assert_eq!(attempt(json!({field: [fits]})).code, code::OK, "{field}");
    }
}

#[test]
fn refusals_name_field_and_value() {
    for (parameters, part) in [
        (
            json!({"localmac": ["a{2,1}"]}),
            "localmac: 'a{2,1}' is not a regex",
        ),
        (json!({"neighbormac": ["ok", "["]}), "neighbormac: '['"),
        (json!({"localip": [""]}), "localip: '' is not an IP address"),
        (
            json!({"neighborip": ["fe80::/129"]}),
            "neighborip: 'fe80::/129' is not a network",
        ),
        (
            json!({"connectedip": ["10.0.0.1\n"]}),
            "connectedip: '10.0.0.1\\n'",
        ),
        (
            json!({"listeningport": ["-1"]}),
            "listeningport: '-1' is not a port",
        ),
        (
            json!({"listeningport": ["65536"]}),
            "listeningport: '65536' is not a port",
        ),
        (json!({"listeningport": [22]}), "listeningport"),
        (json!({"namespaces": "yes"}), "namespaces"),
        (json!({"localip": "::1"}), "localip"),
    ] {
        let answer = attempt(parameters.clone());
        assert_eq!(answer.code, code::BAD_PARAMETERS, "{parameters}");
        let field = answer.error.as_ref().map(|error| error["field"].clone());
        let field = field.unwrap_or_default();
        let said = format!(
            "{}: {}",
            field.as_str().unwrap_or_default(),
            answer.message()
        );
        assert!(said.contains(part), "{parameters}: {said}");
        assert!(!said.contains('\n'), "{said}");
        assert_eq!(answer.elements, []);
    }
}

#[test]
fn a_long_value_is_not_repeated_as_a_whole() {
    let answer = attempt(json!({"localip": ["x".repeat(100_000)]}));
    assert_eq!(answer.code, code::BAD_PARAMETERS);
    assert!(answer.message().len() < 300, "{}", answer.message().len());
}

#[test]
fn ports_are_read_as_the_original_reads_them() {
    // Signs and zeros in front do no harm, nor does port 0.
    let ports = json!(["0", "+22", "0022", "65535", "-0"]);
    let document = crate::support::run(json!({"listeningport": ports}));
    let keys: Vec<&String> = document["elements"]["listeningport"]
        .as_object()
        .expect("questions")
        .keys()
        .collect();
    assert_eq!(keys, ["+22", "-0", "0", "0022", "65535"]);
}
