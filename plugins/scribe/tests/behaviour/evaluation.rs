//! Tests, their order and what they depend on.

use crate::support::{Tree, entry, masters, pairs, run, run_only_true};
use mig_module_scribe::{Document, Evr, ExactMatch, Regexp, ScribeModule, Test};
use mig_plugin_sdk::testing::FakeHost;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Tests on fixed values: `a` and `b`, an empty object, and a bad version.
fn fixed(tests: Value) -> Value {
    let tree = "/nonexistent-directory";
    json!({"objects": [
        {"object": "ab", "raw": {"identifiers": [{"identifier": "ia", "value": "a"}, {"identifier": "ib", "value": "b"}]}},
        {"object": "version", "raw": {"identifiers": [{"identifier": "v", "value": "1.10"}]}},
        {"object": "malformed", "raw": {"identifiers": [{"identifier": "m", "value": "1-"}]}},
        {"object": "none", "filename": {"path": tree, "file": "(.*)"}}],
        "tests": tests})
}

#[test]
fn the_first_evaluator_with_a_value_decides() {
    let exact = json!({"value": "a"});
    let result = run(fixed(json!([
        {"test": "evr", "object": "version", "evr": {"operation": ">", "value": "1.9"}, "exactmatch": exact},
        {"test": "regexp", "object": "ab", "regexp": {"value": "^[b-z]$"}, "exactmatch": exact},
        {"test": "exact", "object": "ab", "exactmatch": exact},
        {"test": "part", "object": "version", "exactmatch": {"value": "1.1"}},
        {"test": "unanchored", "object": "version", "regexp": {"value": "\\.1"}},
        {"test": "nothing", "object": "ab"}])));
    let wanted = [
        ("evr", "true"),
        ("regexp", "true"),
        ("exact", "true"),
        ("part", "false"),
        ("unanchored", "true"),
        ("nothing", "true"),
    ];
    assert_eq!(masters(&result), pairs(&wanted));
    let subs = |test: &str| {
        let subs = entry(&result, test)["results"]
            .as_array()
            .expect("results")
            .clone();
        subs.iter()
            .map(|sub| (sub["identifier"].clone(), sub["result"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        subs("regexp"),
        [(json!("ia"), json!(false)), (json!("ib"), json!(true))]
    );
    assert_eq!(
        subs("nothing"),
        [(json!("ia"), json!(true)), (json!("ib"), json!(true))]
    );
}

#[test]
fn nothing_to_test_is_false_whatever_is_asked() {
    let result = run(fixed(json!([
        {"test": "none", "object": "none"},
        {"test": "version", "object": "none", "evr": {"operation": "<", "value": ":"}}])));
    assert_eq!(
        masters(&result),
        pairs(&[("none", "false"), ("version", "false")])
    );
    assert_eq!(entry(&result, "none")["hastrueresults"], false);
    assert_eq!(entry(&result, "none")["results"], Value::Null);
}

#[test]
fn errors_stop_a_test_and_drop_its_results() {
    let result = run(fixed(json!([
        {"test": "unknown", "object": "nowhere"},
        {"test": "actual", "object": "malformed", "evr": {"operation": "<", "value": "1"}},
        {"test": "given", "object": "ab", "evr": {"operation": "<", "value": "3:"}},
        {"test": "epoch", "object": "ab", "evr": {"operation": "<", "value": ":1.0"}}])));
    let wanted = [
        ("unknown", "unknown object \"nowhere\""),
        ("actual", "evrExtract: ends in dash"),
        ("given", "evrExtract: only epoch"),
        ("epoch", "bad check epoch"),
    ];
    assert_eq!(masters(&result), pairs(&wanted));
    let errors: Vec<String> = wanted
        .iter()
        .map(|(id, error)| format!("Error: {error} in \"{id}\""))
        .collect();
    assert_eq!(result["errors"], json!(errors));
    assert_eq!(result["success"], true);
    assert_eq!(entry(&result, "actual")["results"], Value::Null);
}

#[test]
fn a_test_is_true_with_all_that_it_depends_on() {
    let yes = json!({"value": "a"});
    let no = json!({"value": "z"});
    let result = run(fixed(json!([
        {"test": "late", "object": "ab", "exactmatch": yes, "if": ["yes", "yes2"]},
        {"test": "blocked", "object": "ab", "exactmatch": yes, "if": ["yes", "no"]},
        {"test": "below", "object": "ab", "exactmatch": yes, "if": ["blocked"]},
        {"test": "yes", "object": "ab", "exactmatch": yes},
        {"test": "yes2", "object": "ab", "exactmatch": yes, "if": ["yes"]},
        {"test": "no", "object": "ab", "exactmatch": no}])));
    let wanted = [
        ("late", "true"),
        ("blocked", "false"),
        ("below", "false"),
        ("yes", "true"),
        ("yes2", "true"),
        ("no", "false"),
    ];
    assert_eq!(masters(&result), pairs(&wanted));
    assert_eq!(entry(&result, "blocked")["hastrueresults"], true);
    assert_eq!(
        entry(&result, "blocked")["results"]
            .as_array()
            .expect("results")
            .len(),
        2
    );
}

#[test]
fn a_failed_dependency_is_an_error_whether_it_ran_before_or_not() {
    let bad = |id: &str| json!({"test": id, "object": "nowhere"});
    let result = run(fixed(json!([
        bad("early"),
        {"test": "after", "object": "ab", "if": ["early"]},
        {"test": "before", "object": "ab", "if": ["late"]},
        bad("late"),
        {"test": "chain", "object": "ab", "if": ["after"]}])));
    let text = |id: &str| {
        entry(&result, id)["error"]
            .as_str()
            .expect("a text")
            .to_owned()
    };
    assert!(text("after").contains("\"early\""), "{}", text("after"));
    assert!(text("before").contains("\"late\""), "{}", text("before"));
    assert!(text("chain").contains("\"after\""), "{}", text("chain"));
}

#[test]
fn circles_of_tests_end_and_are_false() {
    let result = run(fixed(json!([
        {"test": "a", "object": "ab", "if": ["b"]},
        {"test": "b", "object": "ab", "if": ["c"]},
        {"test": "c", "object": "ab", "if": ["a"]},
        {"test": "outside", "object": "ab", "if": ["a"]},
        {"test": "free", "object": "ab"}])));
    let wanted = [
        ("a", "false"),
        ("b", "false"),
        ("c", "false"),
        ("outside", "false"),
        ("free", "true"),
    ];
    assert_eq!(masters(&result), pairs(&wanted));
}

#[test]
fn of_tests_with_one_identifier_the_first_speaks_for_all() {
    let result = run(fixed(json!([
        {"test": "t", "name": "first", "object": "ab", "exactmatch": {"value": "a"}},
        {"test": "t", "name": "second", "object": "nowhere"},
        {"test": "u", "object": "ab", "if": ["t"]}])));
    assert_eq!(
        masters(&result),
        pairs(&[("t", "true"), ("t", "true"), ("u", "true")])
    );
    let names: Vec<&Value> = result["elements"]["results"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|e| &e["name"])
        .collect();
    assert_eq!(names, ["first", "first", ""]);
}

#[test]
fn many_thousand_tests_that_hang_on_each_other_need_no_deep_stack() {
    let count = 20_000;
    let tests: Vec<Value> = (0..count)
        .map(|number| {
            let mut test = json!({"test": number.to_string(), "object": "ab"});
            if number + 1 < count {
                test["if"] = json!([(number + 1).to_string()]);
            }
            test
        })
        .collect();
    let answer = FakeHost::new()
        .run::<ScribeModule>(json!({"scribedoc": fixed(Value::Array(tests)), "onlytrue": false}));
    assert_eq!(answer.code, 0, "{}", answer.message());
    assert_eq!(answer.elements.len(), count);
    assert!(
        answer
            .elements
            .iter()
            .all(|(_, entry)| entry["masterresult"] == true)
    );
}

#[test]
fn with_only_true_what_cannot_be_true_is_not_looked_up() {
    let tree = Tree::of(&[("f", "x\n")]);
    let document = json!({"objects": [
        {"object": "gate", "raw": {"identifiers": [{"identifier": "release", "value": "11"}]}},
        {"object": "file", "hasline": {"path": tree.root(), "file": "f", "expression": "x"}}],
        "tests": [
            {"test": "gate", "object": "gate", "exactmatch": {"value": "12"}},
            {"test": "middle", "object": "file", "if": ["gate"]},
            {"test": "behind", "object": "file", "if": ["middle"]}]});
    let result = run_only_true(document.clone());
    assert_eq!(result["elements"]["results"], json!([]));
    assert_eq!(result["foundanything"], false);
    assert_eq!(result["statistics"]["walks"], 0);
    let result = run(document);
    assert_eq!(
        masters(&result),
        pairs(&[("gate", "false"), ("middle", "false"), ("behind", "false")])
    );
    assert_eq!(result["statistics"]["walks"], 1);
    assert_eq!(entry(&result, "middle")["hastrueresults"], true);
}

fn any_test() -> impl Strategy<Value = (u8, u8, Vec<u8>)> {
    (0u8..5, 0u8..5, proptest::collection::vec(0u8..12, 0..3))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Leaving out what is false must leave exactly what is true.
    #[test]
    fn only_true_is_everything_without_the_false(shapes in proptest::collection::vec(any_test(), 12)) {
        let tree = Tree::of(&[("f", "a\nb\n")]);
        let objects = ["fixed", "file", "bad", "gone"];
        let tests: Vec<Test> = shapes.iter().enumerate().map(|(number, (object, ask, depends))| {
            let mut test = Test {
                test: number.to_string(),
                object: objects[usize::from(*object) % objects.len()].to_owned(),
                depends: depends.iter().filter(|d| usize::from(**d) != number).map(u8::to_string).collect(),
                ..Test::default()
            };
            match ask {
                0 => test.exactmatch = ExactMatch { value: "a".to_owned() },
                1 => test.exactmatch = ExactMatch { value: "z".to_owned() },
                2 => test.regexp = Regexp { value: "[ab]".to_owned() },
                3 => test.evr = Evr { operation: "<".to_owned(), value: "b".to_owned() },
                _ => {}
            }
            test
        }).collect();
        let document = Document { tests, ..Document::default() };
        let mut document = serde_json::to_value(document).expect("a document");
        document["objects"] = json!([
            {"object": "fixed", "raw": {"identifiers": [{"identifier": "i", "value": "a"}]}},
            {"object": "file", "filecontent": {"path": tree.root(), "file": "f", "expression": "(.*)"}},
            {"object": "bad", "filename": {"path": tree.root(), "file": "("}}]);
        let all = run(document.clone());
        let only = run_only_true(document);
        let wanted: Vec<&Value> = all["elements"]["results"].as_array().expect("entries")
            .iter().filter(|entry| entry["masterresult"] == true).collect();
        let found: Vec<&Value> = only["elements"]["results"].as_array().expect("entries").iter().collect();
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(&only["errors"], &Value::Null);
    }
}
