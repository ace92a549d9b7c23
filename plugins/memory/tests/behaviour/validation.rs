//! What is refused, and how.

use crate::support::attempt;
use mig_plugin_sdk::abi::code;
use serde_json::{Value, json};

fn refusal(parameters: Value) -> String {
    let answer = attempt(parameters.clone());
    assert_eq!(answer.code, code::BAD_PARAMETERS, "{parameters}");
    answer.message().to_owned()
}

#[test]
fn refusals_name_search_field_and_value() {
    let long = "ab".repeat(70_000);
    let cases = [
        (json!({"names": [""]}), "searches.s.names: an empty regex"),
        (
            json!({"libraries": ["("]}),
            "searches.s.libraries: '(' is not a regex",
        ),
        (
            json!({"contents": ["(?=x)"]}),
            "searches.s.contents: '(?=x)' is not a regex",
        ),
        (
            json!({"contents": ["a\n("]}),
            "searches.s.contents: 'a\\n(' is not a regex",
        ),
        (
            json!({"bytes": [""]}),
            "searches.s.bytes: an empty sequence",
        ),
        (
            json!({"bytes": ["abc"]}),
            "searches.s.bytes: 'abc' is not a sequence of bytes",
        ),
        (
            json!({"bytes": ["0xab"]}),
            "searches.s.bytes: '0xab' is not",
        ),
        (json!({"bytes": ["zz"]}), "searches.s.bytes: 'zz' is not"),
        (json!({"bytes": ["é"]}), "searches.s.bytes: 'é' is not"),
        (
            json!({"bytes": [long]}),
            "searches.s.bytes: a sequence may have 65536 bytes",
        ),
        (
            json!({"options": {"offset": -1}}),
            "searches.s.options.offset: -1 is not a whole",
        ),
        (
            json!({"options": {"maxlength": 1.5}}),
            "searches.s.options.maxlength: 1.5 is not",
        ),
        (
            json!({"options": {"matchall": "yes"}}),
            "searches.s.options.matchall",
        ),
        (json!({"names": "sshd"}), "searches.s.names"),
        (Value::Null, "searches.s"),
    ];
    for (search, wanted) in cases {
        let message = refusal(json!({"searches": {"s": search}}));
        assert!(message.contains(wanted), "{message}");
    }
}

#[test]
fn labels_are_strict() {
    for label in ["", "a b", "a/b", "é", "a\n", &"x".repeat(65)] {
        let message = refusal(json!({"searches": {label: {"names": ["x"]}}}));
        assert!(
            message.contains("must have 1 to 64 of the characters"),
            "{message}"
        );
    }
    for label in ["s1", "A-b_9", &"x".repeat(64)] {
        let answer = attempt(json!({"searches": {label: {"names": ["nobody is called this"]}}}));
        assert_eq!(answer.code, code::OK, "{label}");
    }
}

#[test]
fn keys_come_in_any_case_and_unknown_ones_are_ignored() {
    let answer = attempt(
        json!({"Searches": {"s": {"NAMES": ["nobody is called this"], "later": 1,
        "contents": null, "Options": {"MatchAll": true, "offset": null}}}}),
    );
    let wanted = json!({"names": ["nobody is called this"], "options": {"matchall": true}});
    assert_eq!(answer.document()["elements"]["s"][0]["search"], wanted);
}
