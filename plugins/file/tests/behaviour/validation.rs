//! What is refused, and what must be accepted.

use crate::support::{Tree, attempt, files, run};
use mig_module_file::FileModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

/// The refusal of one search labelled `s`.
fn refusal(search: Value) -> String {
    let answer = attempt(json!({"searches": {"s": search}}));
    assert_eq!(answer.code, code::BAD_PARAMETERS, "{:?}", answer.result);
    let message = answer.message().to_owned();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

#[test]
fn refusals_name_search_field_and_value() {
    let path = json!(["/nowhere"]);
    let cases = [
        (json!({}), "searches.s.paths: needs at least one path"),
        (
            json!({"paths": []}),
            "searches.s.paths: needs at least one path",
        ),
        (
            json!({"paths": path, "contents": ["a**"]}),
            "searches.s.contents: 'a**' is not a regex: invalid nested repetition operator: `**`",
        ),
        (
            json!({"paths": path, "names": ["!("]}),
            "searches.s.names: '!(' is not a regex: missing closing ): `(`",
        ),
        (
            json!({"paths": path, "names": [""]}),
            "searches.s.names: an empty regex is not permitted",
        ),
        (
            json!({"paths": path, "modes": ["[z-a]"]}),
            "searches.s.modes: '[z-a]' is not a regex: invalid character class range: `z-a`",
        ),
        (
            json!({"paths": path, "sizes": ["k"]}),
            "searches.s.sizes: 'k' is not a size: ",
        ),
        (
            json!({"paths": path, "sizes": [""]}),
            "searches.s.sizes: '' is not a size: ",
        ),
        (
            json!({"paths": path, "sizes": ["16777216t"]}),
            "searches.s.sizes: '16777216t' is not a size: it does not fit 64 bits",
        ),
        (
            json!({"paths": path, "mtimes": ["<d"]}),
            "searches.s.mtimes: '<d' is not a period: ",
        ),
        (
            json!({"paths": path, "mtimes": ["<106752d"]}),
            "searches.s.mtimes: '<106752d' is not a period: it reaches back more than 106751 days",
        ),
        (
            json!({"paths": path, "md5": ["abc"]}),
            "searches.s.md5: 'abc' is not a checksum: it must have 32 hexadecimal digits",
        ),
        (
            json!({"paths": path, "sha1": ["g".repeat(40)]}),
            "searches.s.sha1: 'ggg",
        ),
        (
            json!({"paths": path, "sha2": ["0".repeat(56)]}),
            "searches.s.sha2: '000",
        ),
        (
            json!({"paths": path, "sha3": ["0".repeat(65)]}),
            "searches.s.sha3: '000",
        ),
        (
            json!({"paths": path, "options": {"mismatch": ["names"]}}),
            "searches.s.options.mismatch: 'names' is not one of name, ",
        ),
        (
            json!({"paths": "/etc"}),
            "searches.s.paths: must be array, not string",
        ),
        (
            json!({"paths": [1]}),
            "searches.s.paths[0]: must be string, not ",
        ),
        (
            json!({"paths": path, "options": {"maxdepth": "3"}}),
            "searches.s.options.maxdepth: must be number, not string",
        ),
        (
            json!({"paths": path, "options": {"matchall": 1}}),
            "searches.s.options.matchall: must be boolean, not ",
        ),
        (json!(null), "searches.s: must be object, not null"),
    ];
    for (search, wanted) in cases {
        let message = refusal(search.clone());
        assert!(message.starts_with(wanted), "{search}: {message}");
    }
    let message = refusal(json!({"paths": path, "names": [format!("{}(", "x".repeat(5000))]}));
    assert!(message.len() < 600, "long values are cut: {message}");
    let message = refusal(json!({"paths": path, "names": ["a\n\u{1b}("]}));
    assert!(message.contains("a\\n\\u{1b}("), "{message}");
}

#[test]
fn labels_are_anything_but_empty_long_or_broken() {
    let search = json!({"paths": ["/nowhere"]});
    for label in ["s1", "a/b.c d", "ü", &"x".repeat(64), "~", "{}", "'"] {
        run(json!({"searches": {label: search}}));
    }
    for label in ["", &"x".repeat(65), "a\nb"] {
        let answer = attempt(json!({"searches": {label: search}}));
        assert_eq!(answer.code, code::BAD_PARAMETERS, "{label:?}");
    }
}

#[test]
fn all_complaints_are_listed_when_asked() {
    let answer = FakeHost::new().operation::<FileModule>(
        "validate",
        json!({"searches": {"a": {"names": ["("]}, "b": {"paths": ["/"], "sizes": ["x", "y"]}}}),
    );
    let complaints = answer.expect_result()["errors"].as_array().unwrap();
    let fields: Vec<&str> = complaints
        .iter()
        .map(|c| c["field"].as_str().unwrap())
        .collect();
    let wanted = [
        "searches.a.paths",
        "searches.a.names",
        "searches.b.sizes",
        "searches.b.sizes",
    ];
    assert_eq!(fields, wanted);
}

#[test]
fn parameters_are_read_as_generously_as_ever() {
    let tree = Tree::of(&[("hello", b"hello\n")]);
    let document = run(
        json!({"Searches": {"S": {"PATHS": [tree.root()], "Names": ["hello"],
        "sizes": null, "unknown": {"x": 1}, "regexes": ["("],
        "Options": {"MatchAll": true, "maxdepth": null, "mismatch": null, "new": 1}}}}),
    );
    assert_eq!(files(&tree, &document, "S"), ["hello"]);
    let modes = run(json!({"searches": {"s": {"paths": [tree.root()], "modes": ["!"]}}}));
    assert_eq!(modes["statistics"]["totalhits"], 0);
}

#[test]
fn stored_actions_with_obsolete_keys_run() {
    let tree = Tree::of(&[("hello", b"hello\n")]);
    // A search whose only check has an obsolete name has no check.
    let document = run(json!({"searches": {"uptime": {"paths": [tree.root()],
        "regexes": ["^[5-9]{1}[0-9]{7,}\\."]}}}));
    assert_eq!(document["elements"], json!({"uptime": null}));
    assert_eq!(document["foundanything"], false);
    // `*` in a path is literal.
    let star = format!("{}/*", tree.root());
    let document = run(json!({"searches": {"backdoors": {"paths": [star],
        "sha2": ["0".repeat(64), "0".repeat(64)]}}}));
    assert_eq!(document["statistics"]["openfailed"], 1);
    assert_eq!(
        document["elements"]["backdoors"].as_array().unwrap().len(),
        2
    );
}
