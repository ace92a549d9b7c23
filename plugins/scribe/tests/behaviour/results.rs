//! The result document.

use crate::support::{Tree, attempt, entry, finished, run, run_only_true, small};
use mig_module_scribe::ScribeModule;
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{Manifest, Module};
use serde_json::{Value, json};

fn raw() -> Value {
    json!([{"object": "o", "raw": {"identifiers": [{"identifier": "i", "value": "v"}]}}])
}

#[test]
fn entries_have_the_originals_keys_in_the_originals_order() {
    let result = run(small(
        raw(),
        json!({"test": "t", "name": "n", "description": "d", "object": "o",
        "tags": [{"key": "k", "value": "w"}]}),
    ));
    let wanted = json!({"testid": "t", "name": "n", "description": "d", "tags": [{"key": "k", "value": "w"}],
        "iserror": false, "error": "", "masterresult": true, "hastrueresults": true,
        "results": [{"result": true, "identifier": "i"}]});
    assert_eq!(entry(&result, "t").to_string(), wanted.to_string());
    let keys: Vec<&String> = result["elements"]
        .as_object()
        .expect("elements")
        .keys()
        .collect();
    assert_eq!(keys, ["results", "humanoutput", "jsonoutput"]);
    assert_eq!(result["errors"], Value::Null);
    let result = run(small(raw(), json!({"test": "t", "object": "gone"})));
    let wanted = json!({"testid": "t", "name": "", "description": "", "iserror": true,
        "error": "unknown object \"gone\"", "masterresult": false, "hastrueresults": false, "results": null});
    assert_eq!(entry(&result, "t").to_string(), wanted.to_string());
}

#[test]
fn something_was_found_as_soon_as_there_is_an_entry() {
    let no = small(
        raw(),
        json!({"test": "t", "object": "o", "exactmatch": {"value": "other"}}),
    );
    assert_eq!(run(no.clone())["foundanything"], true);
    let result = run_only_true(no);
    assert_eq!(result["foundanything"], false);
    assert_eq!(result["elements"]["results"], json!([]));
}

#[test]
fn only_true_leaves_out_errors_as_well() {
    let result = run_only_true(json!({"objects": raw(), "tests": [
        {"test": "error", "object": "gone"}, {"test": "true", "object": "o"}]}));
    let entries = result["elements"]["results"].as_array().expect("entries");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["testid"], "true");
    assert_eq!(result["errors"], Value::Null);
}

#[test]
fn the_forms_of_printing_travel_with_the_result() {
    let answer =
        FakeHost::new().run::<ScribeModule>(json!({"humanoutput": true, "jsonoutput": true}));
    let result = finished(&answer);
    assert_eq!(result["elements"]["humanoutput"], true);
    assert_eq!(result["elements"]["jsonoutput"], true);
}

#[test]
fn results_satisfy_the_declared_schema_and_hide_identifiers_in_privacy_mode() {
    let tree = Tree::of(&[("secret-name", "secret-line\n")]);
    let result = run(json!({"objects": [
        {"object": "o", "filecontent": {"path": tree.root(), "file": "secret", "expression": "(.*)"}}],
        "tests": [{"test": "t", "object": "o", "tags": [{"key": "severity", "value": "high"}]},
            {"test": "error", "object": "gone"}]}));
    assert!(!result.to_string().contains("secret-line"), "{result:#}");
    let manifest = Manifest::parse(ScribeModule::MANIFEST).expect("a manifest");
    manifest
        .result()
        .validate(&result, false)
        .expect("within the schema");
    let masked = manifest.result().mask(result);
    assert!(!masked.to_string().contains("secret"), "{masked:#}");
    let masked_entry = entry(&masked, "t");
    assert_eq!(
        masked_entry["results"],
        json!([{"result": true, "identifier": "masked"}])
    );
    assert_eq!(masked_entry["tags"][0]["value"], "high");
    assert_eq!(entry(&masked, "error")["error"], "unknown object \"gone\"");
}

#[test]
fn the_manifest_is_for_this_interface() {
    let manifest: Value = serde_json::from_slice(ScribeModule::MANIFEST).expect("JSON");
    let fingerprint = mig_plugin_sdk::abi::fingerprint::FINGERPRINT;
    assert_eq!(manifest["abi"]["fingerprint"], fingerprint);
}

#[test]
fn a_result_that_the_host_does_not_take_is_partial_and_says_what_is_missing() {
    let tests: Vec<Value> = (0..10)
        .map(|n| json!({"test": n.to_string(), "object": "o"}))
        .collect();
    let host = FakeHost::new().refuse_emit_after(4);
    let answer = host.run::<ScribeModule>(json!({"scribedoc": {"objects": raw(), "tests": tests}}));
    assert_ne!(answer.code, 0);
    assert_eq!(answer.elements.len(), 4);
    assert!(attempt(json!({})).code == 0);
}
