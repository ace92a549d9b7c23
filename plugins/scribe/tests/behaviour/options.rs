//! The command line, with documents from files.

use mig_module_scribe::ScribeModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

/// What the words come to, with these files at hand.
fn parsed(words: &[&str], files: Value) -> Result<Value, String> {
    let input = json!({"words": words, "defaults": "mig", "files": files});
    let answer = FakeHost::new().operation::<ScribeModule>("options", input);
    match answer.code {
        code::OK => Ok(answer.expect_result().clone()),
        _ => Err(answer.message().to_owned()),
    }
}

const JSON: &str = r#"
  {"Variables": [], "objects": [{"object": "o", "raw": {"identifiers": [{"identifier": "i", "value": "1.10"}]},
    "package": {}, "comment": "ignored"}],
   "tests": [{"test": "t", "object": "o", "evr": {"operation": "<", "value": "1.9"}, "tags": null}]}"#;

const YAML: &str = r#"
# A comment.
objects:
- object: o
  package:
  raw:
    identifiers:
    - {identifier: i, value: 1.10}
tests:
- test: t
  object: o
  evr:
    operation: <
    value: 1.9
  tags: ~
  unknown: [1, 2]
"#;

fn document() -> Value {
    json!({
        "objects": [{"object": "o", "raw": {"identifiers": [{"identifier": "i", "value": "1.10"}]}}],
        "tests": [{"test": "t", "object": "o", "evr": {"operation": "<", "value": "1.9"}}]})
}

#[test]
fn help_is_shown_without_words_and_when_asked_for() {
    for words in [&[][..], &["help"], &[""], &["-h"], &["-path", "x", "-help"]] {
        let help = parsed(words, json!({})).expect("help");
        let text = help["help"].as_str().expect("a text");
        assert!(
            text.contains("ex: -path") && text.contains("-onlytrue"),
            "{text}"
        );
    }
}

#[test]
fn the_document_is_asked_for_and_becomes_part_of_the_parameters() {
    let words = ["-path", "doc.json", "-onlytrue", "-json"];
    assert_eq!(
        parsed(&words, json!({})),
        Ok(json!({"files": ["doc.json"]}))
    );
    let wanted = json!({"parameters": {"scribedoc": document(), "onlytrue": true,
        "humanoutput": false, "jsonoutput": true}});
    assert_eq!(parsed(&words, json!({"doc.json": JSON})), Ok(wanted));
    assert_eq!(
        parsed(&["-path=a b", "--human"], json!({})),
        Ok(json!({"files": ["a b"]}))
    );
}

#[test]
fn yaml_and_json_of_one_document_come_to_the_same() {
    let of = |text: &str| parsed(&["-path", "d"], json!({"d": text})).expect("parameters");
    assert_eq!(of(YAML), of(JSON));
    assert_eq!(of(YAML)["parameters"]["scribedoc"], document());
    assert_eq!(
        of("\u{feff}\n\t  {\"tests\": []}")["parameters"]["scribedoc"],
        json!({})
    );
}

#[test]
fn yaml_scalars_are_text_where_text_is_wanted() {
    let text = "tests:\n- {test: 007, object: yes, name: null, description: 1e3, exactmatch: {value: 0x1F}, expecterror: yes}\n";
    let document = parsed(&["-path", "d"], json!({"d": text})).expect("parameters");
    let wanted = json!([{"test": "007", "object": "yes", "description": "1e3", "exactmatch": {"value": "0x1F"},
        "expecterror": true}]);
    assert_eq!(document["parameters"]["scribedoc"]["tests"], wanted);
}

#[test]
fn aliases_are_understood_and_bombs_are_not() {
    let text = "objects:\n- {object: a, raw: &r {identifiers: [{identifier: i, value: v}]}}\n- {object: b, raw: *r}\n";
    let document = parsed(&["-path", "d"], json!({"d": text})).expect("parameters");
    assert_eq!(
        document["parameters"]["scribedoc"]["objects"][1]["raw"]["identifiers"][0]["value"],
        "v"
    );
    let mut bomb = "a: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let above = format!("*a{}", level - 1);
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            vec![above; 9].join(", ")
        ));
    }
    bomb.push_str("tests: *a11\n");
    let refused = parsed(&["-path", "d"], json!({"d": bomb})).expect_err("a bomb");
    assert!(
        refused.contains("d: ") && !refused.contains('\n'),
        "{refused}"
    );
}

#[test]
fn each_mistake_names_the_option_or_the_place_in_the_file() {
    let file = |text: &str| json!({"d": text});
    let cases: Vec<(Vec<&str>, Value, &str)> = vec![
        (vec!["-onlytrue"], json!({}), "-path is required"),
        (vec!["-path"], json!({}), "-path needs a value"),
        (vec!["-path", ""], json!({}), "-path is required"),
        (
            vec!["-path", "d", "-nonsense"],
            json!({}),
            "unknown option -nonsense",
        ),
        (
            vec!["-path", "d", "-onlytrue", "true", "-human"],
            json!({}),
            "`true` is not an option",
        ),
        (vec!["-path", "d"], file("  {}  \n"), "fewer than 10 bytes"),
        (
            vec!["-path", "d"],
            file(""),
            "d: the file holds no document",
        ),
        (vec!["-path", "d"], file("{\"tests\": [}"), "not JSON"),
        (
            vec!["-path", "d"],
            file("[\"a list of\"]"),
            "a document is an object",
        ),
        (
            vec!["-path", "d"],
            file("{\"tests\": 5, \"x\": 1}"),
            "expected a sequence",
        ),
        (
            vec!["-path", "d"],
            file("tests: [unclosed, list"),
            "not YAML",
        ),
        (
            vec!["-path", "d"],
            file("tests:\n- test: {a: b}\n"),
            "not YAML",
        ),
        (
            vec!["-path", "d"],
            file("{\"tests\": [{\"object\": \"o\"}]}"),
            "identifier in `test`",
        ),
    ];
    for (words, files, wanted) in cases {
        let said = parsed(&words, files).expect_err(wanted);
        assert!(said.contains(wanted), "{words:?}: {said}");
        assert!(!said.contains('\n'), "{said}");
    }
}
