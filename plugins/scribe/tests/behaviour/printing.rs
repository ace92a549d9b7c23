//! The lines people see.

use crate::support::{Tree, document, run};
use mig_module_scribe::ScribeModule;
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{Manifest, Module, ResultDocument};
use serde_json::{Value, json};

fn result(human: bool, json: bool) -> ResultDocument {
    document(&json!({
        "foundanything": true, "success": true,
        "elements": {"results": [
            {"testid": "old-ssl", "name": "openssl outdated", "description": "text", "tags": [
                {"key": "severity", "value": "high"}], "iserror": false, "error": "",
                "masterresult": true, "hastrueresults": true,
                "results": [{"result": true, "identifier": "openssl"}, {"result": false, "identifier": "libssl"}]},
            {"testid": "t8", "name": "", "description": "", "iserror": true, "error": "invalid evr operation bad",
                "masterresult": false, "hastrueresults": false, "results": null},
            {"testid": "dep", "name": "", "description": "", "iserror": false, "error": "",
                "masterresult": false, "hastrueresults": true, "results": [{"result": true, "identifier": "<a&b>"}]},
            {"testid": "no", "name": "", "description": "", "iserror": false, "error": "",
                "masterresult": false, "hastrueresults": false, "results": null}],
            "humanoutput": human, "jsonoutput": json},
        "statistics": {"execruntime": "67.5ms"},
        "errors": ["Error: invalid evr operation bad in \"t8\""]}))
}

fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    FakeHost::new().print::<ScribeModule>(result, found_only)
}

#[test]
fn lines_are_the_default() {
    let wanted = [
        r#"master [true] name:"openssl outdated" id:"old-ssl" hastrue:true error:"""#,
        r#"sub [true] name:"openssl outdated" id:"old-ssl" identifier:"openssl""#,
        r#"sub [false] name:"openssl outdated" id:"old-ssl" identifier:"libssl""#,
        r#"master [error] name:"t8" id:"t8" hastrue:false error:"invalid evr operation bad""#,
        r#"master [false] name:"dep" id:"dep" hastrue:true error:"""#,
        r#"sub [true] name:"dep" id:"dep" identifier:"<a&b>""#,
        r#"master [false] name:"no" id:"no" hastrue:false error:"""#,
        r#"Error: invalid evr operation bad in "t8""#,
        "Statistics: runtime 67.5ms",
    ];
    assert_eq!(lines(&result(false, false), false), wanted);
    // Tests that are false are not left out.
    assert_eq!(lines(&result(false, false), true), wanted[..7]);
}

#[test]
fn people_get_a_text_of_several_lines() {
    let wanted = [
        "result for \"openssl outdated\" (old-ssl)",
        "\tdescription: text",
        "\tmaster result: true",
        "\ttag: severity: high",
        "\t[true] identifier: \"openssl\"",
        "\t[false] identifier: \"libssl\"",
        "result for \"t8\"",
        "\tmaster result: false",
        "\t[error] error: invalid evr operation bad",
        "result for \"dep\"",
        "\tmaster result: false, has true results, failure caused by dependency",
        "\t[true] identifier: \"<a&b>\"",
        "result for \"no\"",
        "\tmaster result: false",
    ];
    assert_eq!(lines(&result(true, false), true), wanted);
    // Text wins over JSON.
    assert_eq!(lines(&result(true, true), true), wanted);
    assert_eq!(
        lines(&result(true, false), false)[wanted.len() + 1],
        "Statistics: runtime 67.5ms"
    );
}

#[test]
fn programs_get_an_entry_per_line() {
    let printed = lines(&result(false, true), true);
    assert_eq!(printed.len(), 4);
    let first = concat!(
        r#"{"testid":"old-ssl","name":"openssl outdated","description":"text","#,
        r#""tags":[{"key":"severity","value":"high"}],"iserror":false,"error":"","masterresult":true,"#,
        r#""hastrueresults":true,"results":[{"result":true,"identifier":"openssl"},{"result":false,"identifier":"libssl"}]}"#
    );
    assert_eq!(printed[0], first);
    assert!(
        printed[2].contains("\\u003ca\\u0026b\\u003e"),
        "{}",
        printed[2]
    );
    for line in &printed {
        serde_json::from_str::<Value>(line).expect("JSON");
    }
}

#[test]
fn keys_in_another_order_print_in_the_declared_one() {
    let mut shuffled = result(false, true);
    let entry = json!({"results": null, "later": 1, "testid": "t", "masterresult": true});
    shuffled.elements["results"] = json!([entry]);
    let wanted = r#"{"testid":"t","masterresult":true,"results":null,"later":1}"#;
    assert_eq!(lines(&shuffled, true), [wanted]);
}

#[test]
fn masked_foreign_and_empty_results_print_all_the_same() {
    let tree = Tree::of(&[("f", "x\n")]);
    let result = run(
        json!({"objects": [{"object": "o", "hasline": {"path": tree.root(), "file": "f", "expression": "x"}}],
        "tests": [{"test": "t", "object": "o"}]}),
    );
    let manifest = Manifest::parse(ScribeModule::MANIFEST).expect("a manifest");
    let masked = document(&manifest.result().mask(result));
    let wanted = r#"sub [true] name:"t" id:"t" identifier:"masked""#;
    assert_eq!(lines(&masked, true)[1], wanted);
    for elements in [
        json!(null),
        json!({}),
        json!([1]),
        json!({"results": 5}),
        json!({"results": [1, null, {}]}),
        json!({"results": [{"tags": 1, "results": {"a": 1}}], "humanoutput": true}),
    ] {
        let odd = ResultDocument {
            elements,
            ..ResultDocument::default()
        };
        for found_only in [true, false] {
            lines(&odd, found_only);
        }
    }
    assert_eq!(
        lines(&ResultDocument::default(), false),
        ["Statistics: runtime "]
    );
}
