//! What documents must satisfy, and what they may leave out.

use crate::support::{Tree, attempt, entry, run, small};
use mig_module_scribe::ScribeModule;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

/// The complaints about a document.
fn complaints(document: Value) -> Vec<String> {
    let answer =
        FakeHost::new().operation::<ScribeModule>("validate", json!({"scribedoc": document}));
    let complaints = answer.expect_result()["errors"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    complaints
        .iter()
        .map(|c| format!("{} | {}", text(&c["field"]), text(&c["message"])))
        .collect()
}

fn object(source: &str, fields: Value) -> Value {
    json!({"objects": [{"object": "obj", source: fields}]})
}

fn test(fields: Value) -> Value {
    let mut test = json!({"test": "tst", "object": "o"});
    for (name, value) in fields.as_object().expect("an object") {
        test[name] = value.clone();
    }
    json!({"objects": [{"object": "o", "raw": {"identifiers": [{"identifier": "i", "value": "v"}]}}],
        "tests": [test, {"test": "second", "object": "o"}]})
}

#[test]
fn each_mistake_is_named_with_its_object_or_test() {
    let content = |changed: &str, value: &str| {
        let mut fields = json!({"path": "/etc", "file": "f", "expression": "(e)"});
        fields[changed] = json!(value);
        object("filecontent", fields)
    };
    let line = |changed: &str, value: &str| {
        let mut fields = json!({"path": "/etc", "file": "f", "expression": "e"});
        fields[changed] = json!(value);
        object("hasline", fields)
    };
    let cases: Vec<(Value, &str)> = vec![
        (
            json!({"objects": [{"raw": {"identifiers": [{"identifier": "i", "value": "v"}]}}]}),
            "identifier in `object`",
        ),
        (
            json!({"objects": [{"object": "obj"}]}),
            "obj: no valid source interface",
        ),
        (
            object("unknown", json!({"path": "/etc"})),
            "obj: no valid source interface",
        ),
        (
            object("package", json!({"collectmatch": "x"})),
            "obj: no valid source interface",
        ),
        (
            object("package", json!({"name": "x", "collectmatch": "("})),
            "obj: package.collectmatch: `(` is not a regex",
        ),
        (content("path", ""), "obj: no valid source interface"),
        (
            content("file", ""),
            "obj: filecontent.file must not be empty",
        ),
        (
            content("expression", ""),
            "obj: filecontent.expression must not be empty",
        ),
        (
            content("file", "["),
            "obj: filecontent.file: `[` is not a regex: missing closing ]",
        ),
        (
            content("expression", "a**"),
            "obj: filecontent.expression: `a**` is not a regex",
        ),
        (
            object(
                "filecontent",
                json!({"path": "/", "file": "f", "expression": "e", "import-chain": ["gone"]}),
            ),
            "obj: filecontent.import-chain: there is no object `gone`",
        ),
        (
            object("filename", json!({"path": "/etc"})),
            "obj: filename.file must not be empty",
        ),
        (line("path", ""), "obj: no valid source interface"),
        (line("file", ""), "obj: hasline.file must not be empty"),
        (
            line("expression", "(?x)"),
            "obj: hasline.expression: `(?x)` is not a regex",
        ),
        (
            object("raw", json!({"identifiers": []})),
            "obj: no valid source interface",
        ),
        (
            object("raw", json!({"identifiers": [{"identifier": "i"}]})),
            "obj: raw.identifiers[0] needs",
        ),
        (
            object(
                "raw",
                json!({"identifiers": [{"identifier": "i", "value": "v"}, {"value": "v"}]}),
            ),
            "obj: raw.identifiers[1] needs",
        ),
        (
            json!({"objects": [{"object": "obj", "package": {"name": "a"}}, {"object": "obj", "package": {"name": "b"}}]}),
            "objects[1] | obj: another object has this identifier already",
        ),
        (test(json!({"test": ""})), "identifier in `test`"),
        (
            test(json!({"if": ["tst"]})),
            "tst: if: a test cannot depend on itself",
        ),
        (
            test(json!({"if": ["second", "gone"]})),
            "tst: if: there is no test `gone`",
        ),
        (
            test(json!({"tags": [{"key": "k\"", "value": "v"}]})),
            "tst: tags: keys and values must not contain double quotes",
        ),
        (
            test(json!({"tags": [{"key": "k", "value": "\"v"}]})),
            "tst: tags:",
        ),
        (
            test(json!({"evr": {"operation": "bad", "value": "1"}})),
            "tst: invalid evr operation bad",
        ),
        (
            test(json!({"evr": {"value": "1"}})),
            "tst: invalid evr operation",
        ),
        (
            test(json!({"regexp": {"value": "("}})),
            "tst: regexp: `(` is not a regex",
        ),
    ];
    for (document, wanted) in cases {
        let complaints = complaints(document.clone());
        assert_eq!(complaints.len(), 1, "{document}: {complaints:?}");
        assert!(complaints[0].contains(wanted), "{wanted}: {complaints:?}");
        let answer = attempt(document);
        assert_ne!(answer.code, 0, "a run refuses it as well");
        assert!(
            answer.message().contains("scribedoc."),
            "{}",
            answer.message()
        );
    }
}

#[test]
fn what_is_not_used_is_not_judged() {
    for document in [
        test(json!({"evr": {"operation": "bad"}})),
        test(json!({"evr": {"operation": "<", "value": "1"}, "regexp": {"value": "("}})),
        test(json!({"object": "gone"})),
        test(json!({"tags": [{"key": "k", "value": "'v'"}]})),
        object("filename", json!({"path": "/etc", "file": "("})),
        object(
            "filecontent",
            json!({"path": "${root}", "file": "${f}", "expression": "${x}"}),
        ),
    ] {
        assert_eq!(complaints(document.clone()), [""; 0], "{document}");
    }
}

#[test]
fn the_first_source_that_is_there_counts() {
    let result = run(json!({
        "objects": [{"object": "o", "hasline": {"path": "/", "file": "x", "expression": "x"},
            "raw": {"identifiers": [{"identifier": "i", "value": "v"}]}}],
        "tests": [{"test": "t", "object": "o", "exactmatch": {"value": "v"}}]}));
    assert_eq!(entry(&result, "t")["masterresult"], true);
}

#[test]
fn a_document_may_be_empty_or_missing() {
    for parameters in [
        json!({}),
        json!({"scribedoc": {}}),
        json!({"scribedoc": null}),
        json!({"scribedoc": {"objects": null, "tests": [], "variables": null}}),
    ] {
        let answer = FakeHost::new().run::<ScribeModule>(parameters);
        let result = answer.document();
        assert_eq!(answer.code, 0, "{}", answer.message());
        assert_eq!(result["foundanything"], false);
        assert_eq!(result["elements"]["results"], json!([]));
        assert_eq!(result["errors"], Value::Null);
    }
}

#[test]
fn empty_sources_and_evaluators_unknown_keys_and_any_case_are_fine() {
    let raw = json!({"identifiers": [{"identifier": "i", "value": "v"}]});
    let result = run(json!({
        "future": {"anything": [1, 2]},
        "Objects": [{"OBJECT": "o", "package": {}, "filecontent": {}, "filename": {}, "hasline": {}, "Raw": raw,
            "comment": "x"}],
        "tests": [{"test": "t", "object": "o", "evr": {}, "regexp": {}, "exactMatch": {"value": "v"},
            "if": null, "tags": null, "expectedresult": true, "expecterror": true}]}));
    assert_eq!(entry(&result, "t")["masterresult"], true);
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_place() {
    let raw = json!([{"object": "o", "raw": {"identifiers": [{"identifier": "i", "value": "v"}]}}]);
    let answer = attempt(small(
        raw,
        json!({"test": "t", "object": "o", "exactmatch": {"value": 42}}),
    ));
    assert!(
        answer.message().contains("exactmatch.value"),
        "{}",
        answer.message()
    );
}

#[test]
fn identifiers_may_be_any_text() {
    let tree = Tree::of(&[("f", "x\n")]);
    let id = "/proc/up time\n\u{1b}[31m\"";
    let result = run(json!({
        "objects": [{"object": id, "hasline": {"path": tree.root(), "file": "f", "expression": "x"}}],
        "tests": [{"test": id, "object": id}]}));
    assert_eq!(entry(&result, id)["masterresult"], true);
}
