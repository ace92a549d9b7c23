//! Documents whose findings stay bytes mean the same as values.

use mig_plugin_payload::assemble::Assembler;
use mig_plugin_payload::{Document, Part, ResultSchema, Schema, decode, encode_serialize};
use proptest::prelude::*;
use serde_json::{Value, json};

fn schema() -> ResultSchema {
    let schema = Schema::parse(&json!({"properties": {
        "elements": {"type": "object", "x-mig-privacy-keys": "name", "additionalProperties": {
            "type": ["array", "null"], "items": {"type": "object", "properties": {
                "file": {"type": "string", "x-mig-privacy": "name"},
                "size": {"type": "integer", "x-mig-privacy": "open"},
                "secret": {"type": "string", "x-mig-privacy": "hidden"},
                "unclassed": {"type": "string"}}}}},
        "statistics": {"type": ["object", "null"], "x-mig-privacy": "open",
            "properties": {"seen": {"type": "integer"}}}}}));
    ResultSchema::new(Some(&schema.expect("a schema")))
}

fn document(findings: &[(String, Value)], last: Value) -> Document {
    let mut assembler = Assembler::new();
    for (label, finding) in findings {
        let place = mig_plugin_payload::assemble::place(&[label]);
        assembler.add(&place, finding).expect("a place");
    }
    assembler.finish(last)
}

#[test]
fn findings_are_kept_as_the_bytes_they_came_as() {
    let finding = ("s".to_owned(), json!({"file": "/etc/hosts", "size": 3}));
    let document = document(&vec![finding.clone(); 1000], json!({"success": true}));
    let Some(Part::Members(lists)) = document.part("elements") else {
        panic!("{document:?}");
    };
    let Part::Findings(findings) = &lists[0].1 else {
        panic!("{lists:?}");
    };
    assert_eq!(findings.len(), 1000);
    assert!(findings.iter().all(|value| value == finding.1));
    assert!(document.flag("success") && !document.flag("foundanything"));
}

#[test]
fn a_document_is_written_with_sorted_keys_inside_and_its_own_in_order() {
    let findings = [
        ("b/2", json!({"z": [{"y": 1, "x": 2}], "a": 1})),
        ("a", json!(1)),
    ];
    let findings = findings.map(|(label, value)| (label.to_owned(), value));
    let last =
        json!({"errors": ["e"], "statistics": {"n": 1, "m": {"l": 2, "k": 3}}, "success": true});
    assert_eq!(
        serde_json::to_string(&document(&findings, last)).expect("JSON"),
        r#"{"foundanything":false,"success":true,"elements":{"a":[1],"b/2":[{"a":1,"z":[{"x":2,"y":1}]}]},"statistics":{"m":{"k":3,"l":2},"n":1},"errors":["e"]}"#
    );
}

#[test]
fn a_document_can_be_written_in_the_order_of_the_module() {
    let findings = [
        ("b/2", json!({"z": [{"y": 1, "x": 2}], "a": 1})),
        ("a", json!(1)),
    ];
    let findings = findings.map(|(label, value)| (label.to_owned(), value));
    let last = json!({"errors": ["e"], "elements": {"b/2": null, "a": null},
        "statistics": {"n": 1, "m": {"l": 2, "k": 3}}, "success": true});
    let document = document(&findings, last);
    let wanted = r#"{"foundanything":false,"success":true,"elements":{"b/2":[{"z":[{"y":1,"x":2}],"a":1}],"a":[1]},"statistics":{"n":1,"m":{"l":2,"k":3}},"errors":["e"]}"#;
    assert_eq!(
        serde_json::to_string(&document.in_order()).expect("JSON"),
        wanted
    );
    assert_eq!(document.into_value().to_string(), wanted);
}

/// Values that fit the schema, and some that do not.
fn findings() -> impl Strategy<Value = Vec<(String, Value)>> {
    let value = prop_oneof![
        8 => ("[a-z]{0,3}", 0u32..9).prop_map(|(file, size)| json!({"file": file, "size": size})),
        2 => "[a-z]{0,3}".prop_map(|text| json!({"secret": text, "unclassed": text})),
        1 => "[a-z]{0,3}".prop_map(|text| json!({"undeclared": text})),
        1 => Just(json!("no object")),
    ];
    proptest::collection::vec(("[a-c]", value), 0..12)
}

proptest! {
    #[test]
    fn bytes_and_values_are_judged_and_masked_alike(findings in findings(), declared in any::<bool>()) {
        let last = match declared {
            true => json!({"success": true, "elements": {"c": null, "b": [], "x": null}, "statistics": {"seen": 1}}),
            false => Value::Null,
        };
        let document = document(&findings, last);
        let value = document.clone().into_value();
        let schema = schema();
        for privacy in [false, true] {
            prop_assert_eq!(
                schema.validate_document(&document, privacy),
                schema.validate(&value, privacy)
            );
        }
        // Masking values of a wrong type is the business of whoever checked them.
        let masked = schema.mask_document(document.clone()).into_value().to_string();
        prop_assert_eq!(masked, schema.mask(value.clone()).to_string());
        // Straight to payload bytes, as a printer gets it.
        let mut sorted = value;
        sorted.sort_all_objects();
        let bytes = encode_serialize(&document).expect("a payload");
        let mut back = decode(&bytes, bytes.len()).expect("a payload");
        back.sort_all_objects();
        prop_assert_eq!(back, sorted);
    }
}
