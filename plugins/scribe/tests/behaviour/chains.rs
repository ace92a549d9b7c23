//! Import chains.

use crate::support::{Tree, entry, masters, pairs, run, values};
use serde_json::{Value, json};

fn chain(objects: &[Value]) -> Value {
    Value::Array(objects.to_vec())
}

#[test]
fn values_of_other_files_and_fixed_ones_join_those_of_the_importing_file() {
    let tree = Tree::of(&[
        ("app1/version", "major 7 minor 4\n"),
        ("app1/patch", "level 2\n"),
        ("app2/version", "major 8 minor 1\n"),
        ("app2/patch", "level 9\n"),
        ("app3/version", "nothing\n"),
        ("app3/patch", "level 5\n"),
    ]);
    let objects = chain(&[
        json!({"object": "app", "filecontent": {"path": tree.root(), "file": "^version$",
            "expression": "^major (\\d+) minor (\\d+)", "concat": ".", "import-chain": ["patch", "x"]}}),
        json!({"object": "patch", "filecontent": {"path": "${chain_root}", "file": "^patch$",
            "expression": "^level (\\d+)"}}),
        json!({"object": "x", "raw": {"identifiers": [{"identifier": "i", "value": "x"}]}}),
    ]);
    let found = values(&tree, objects, "app", &["7.4.2.x", "8.1.9.x"]);
    assert_eq!(
        found,
        pairs(&[("app1/version", "7.4.2.x"), ("app2/version", "8.1.9.x")])
    );
}

#[test]
fn chains_start_further_chains_from_what_they_found() {
    let tree = Tree::of(&[
        ("a/top", "1\n"),
        ("a/deep/middle", "2\n"),
        ("a/deep/er/bottom", "3\n"),
    ]);
    let level = |id: &str, path: &str, file: &str, imports: &[&str]| {
        json!({"object": id, "filecontent": {"path": path, "file": file, "expression": "(\\d)",
            "concat": "-", "import-chain": imports}})
    };
    let objects = chain(&[
        level("top", tree.root(), "^top$", &["middle"]),
        level("middle", "${chain_root}deep", "^middle$", &["bottom"]),
        level("bottom", "${chain_root}/er/", "^bottom$", &[]),
    ]);
    let result = run(json!({"objects": objects, "tests": [
        {"test": "t", "object": "top", "exactmatch": {"value": "1-2-3"}}]}));
    assert_eq!(entry(&result, "t")["masterresult"], true, "{result:#}");
    assert_eq!(
        entry(&result, "t")["results"][0]["identifier"],
        tree.text("a/top")
    );
    // One for the documents' own objects, one for each level of chains.
    assert_eq!(result["statistics"]["walks"], 3);
    assert_eq!(result["statistics"]["filesread"], 3);
}

#[test]
fn all_directories_of_a_level_are_walked_together() {
    let tree = Tree::new();
    for number in 0..50 {
        tree.file(format!("{number}/name"), b"n\n");
        tree.file(format!("{number}/value"), format!("v{number}\n").as_bytes());
    }
    let result = run(json!({"objects": [
        {"object": "name", "filecontent": {"path": tree.root(), "file": "^name$", "expression": "(n)",
            "concat": "=", "import-chain": ["value"]}},
        {"object": "value", "filecontent": {"path": "${chain_root}", "file": "^value$", "expression": "(.*)"}}],
        "tests": [{"test": "t", "object": "name", "regexp": {"value": "^n=v\\d+$"}}]}));
    let subs = entry(&result, "t")["results"].as_array().expect("results");
    assert_eq!(subs.len(), 50);
    assert!(subs.iter().all(|sub| sub["result"] == true));
    assert_eq!(result["statistics"]["walks"], 2);
    assert_eq!(result["statistics"]["filesread"], 100);
}

#[test]
fn objects_that_stand_on_their_own_are_imported_once() {
    let tree = Tree::of(&[("main", "m\n"), ("other", "o\n")]);
    let objects = chain(&[
        json!({"object": "main", "filecontent": {"path": tree.root(), "file": "^main$", "expression": "(m)",
            "import-chain": ["content", "line", "name", "fixed"]}}),
        json!({"object": "content", "filecontent": {"path": tree.root(), "file": "^other$", "expression": "(o)"}}),
        json!({"object": "line", "hasline": {"path": tree.root(), "file": "^other$", "expression": "o"}}),
        json!({"object": "name", "filename": {"path": tree.root(), "file": "^(oth)er$"}}),
        json!({"object": "fixed", "raw": {"identifiers": [{"identifier": "i", "value": "r"}]}}),
    ]);
    let found = values(&tree, objects, "main", &["m", "o", "true", "oth", "r"]);
    let wanted = ["m", "o", "true", "oth", "r"].map(|value| ("main", value));
    assert_eq!(found, pairs(&wanted));
}

#[test]
fn lines_and_names_can_start_from_the_importing_file_too() {
    let tree = Tree::of(&[("a/main", "m\n"), ("a/x.pem", "secret\n"), ("b/y.pem", "")]);
    let objects = chain(&[
        json!({"object": "main", "filecontent": {"path": tree.root(), "file": "^main$", "expression": "(m)",
            "import-chain": ["line", "name"]}}),
        json!({"object": "line", "hasline": {"path": "${chain_root}", "file": "pem$", "expression": "secret"}}),
        json!({"object": "name", "filename": {"path": "${chain_root}", "file": "^(.)\\.pem$"}}),
    ]);
    let found = values(&tree, objects, "main", &["m", "true", "x", "y", "false"]);
    assert_eq!(
        found,
        pairs(&["m", "true", "x"].map(|value| ("a/main", value)))
    );
}

#[test]
fn a_line_without_groups_starts_chains_as_well() {
    let tree = Tree::of(&[
        ("a/marker", "yes\n"),
        ("a/v", "5\n"),
        ("b/marker", "no\n"),
        ("b/v", "6\n"),
    ]);
    let objects = chain(&[
        json!({"object": "main", "filecontent": {"path": tree.root(), "file": "^marker$", "expression": "^yes",
            "import-chain": ["v"]}}),
        json!({"object": "v", "filecontent": {"path": "${chain_root}", "file": "^v$", "expression": "(.*)"}}),
    ]);
    assert_eq!(
        values(&tree, objects, "main", &["5", "6"]),
        pairs(&[("a/marker", "5")])
    );
}

#[test]
fn in_a_chain_object_only_its_root_is_a_variable() {
    let tree = Tree::of(&[("a/main", "m\n"), ("a/${d}/v", "1\n"), ("a/d/v", "2\n")]);
    let result = run(json!({
        "variables": [{"key": "d", "value": "d"}, {"key": "chain_root", "value": "/nowhere/"}],
        "objects": [
            {"object": "main", "filecontent": {"path": tree.root(), "file": "^main$", "expression": "(m)",
                "concat": "", "import-chain": ["v"]}},
            {"object": "v", "filecontent": {"path": "${chain_root}${d}", "file": "^v$", "expression": "(.*)"}}],
        "tests": [{"test": "literal", "object": "main", "exactmatch": {"value": "1"}},
            {"test": "expanded", "object": "main", "exactmatch": {"value": "2"}}]}));
    assert_eq!(
        masters(&result),
        pairs(&[("literal", "true"), ("expanded", "false")])
    );
}

#[test]
fn a_chain_object_alone_is_not_prepared() {
    let tree = Tree::of(&[("f", "x\n")]);
    let result = run(json!({
        "objects": [{"object": "c", "filecontent": {"path": "${chain_root}", "file": "f", "expression": "(x)"}}],
        "tests": [{"test": "t", "object": "c"}]}));
    assert_eq!(
        masters(&result),
        pairs(&[("t", "object not prepared")]),
        "{}",
        tree.root()
    );
}

#[test]
fn circles_are_errors_of_whoever_imports_them() {
    let tree = Tree::of(&[("f", "x\n")]);
    let content = |id: &str, path: &str, imports: &[&str]| {
        json!({"object": id, "filecontent": {"path": path, "file": "^f$", "expression": "(x)",
            "import-chain": imports}})
    };
    let root = tree.root();
    let test = |id: &str| json!({"test": id, "object": id});
    let result = run(json!({
        "objects": [
            content("itself", root, &["itself"]),
            content("a", root, &["b"]),
            content("b", "${chain_root}", &["c"]),
            content("c", "${chain_root}", &["b"]),
            content("fine", root, &["leaf"]),
            content("leaf", "${chain_root}", &[])],
        "tests": [test("itself"), test("a"), test("fine")]}));
    assert_eq!(entry(&result, "fine")["masterresult"], true);
    for id in ["itself", "a"] {
        let error = entry(&result, id)["error"].as_str().expect("a text");
        assert!(
            error.contains("import chain") && error.contains(id),
            "{error}"
        );
    }
}

#[test]
fn an_error_in_a_chain_marks_the_importing_object() {
    let tree = Tree::of(&[("f", "x\n")]);
    let result = run(json!({
        "objects": [
            {"object": "main", "filecontent": {"path": tree.root(), "file": "^f$", "expression": "(x)", "import-chain": ["name"]}},
            {"object": "unmatched", "filecontent": {"path": tree.root(), "file": "^g$", "expression": "(x)", "import-chain": ["name"]}},
            {"object": "name", "filename": {"path": "${chain_root}", "file": "(f"}}],
        "tests": [{"test": "main", "object": "main"}, {"test": "unmatched", "object": "unmatched"}]}));
    let error = entry(&result, "main")["error"].as_str().expect("a text");
    assert!(
        error.contains("import of object \"name\" failed"),
        "{error}"
    );
    assert!(!error.contains(tree.root()), "{error}");
    // Nothing fired there.
    assert_eq!(entry(&result, "unmatched")["iserror"], false);
}

#[test]
fn a_directory_that_makes_a_bad_pattern_is_not_repeated() {
    let tree = Tree::of(&[("secret(/f", "x\n")]);
    let result = run(json!({
        "objects": [
            {"object": "main", "filecontent": {"path": tree.root(), "file": "^f$", "expression": "(x)", "import-chain": ["odd"]}},
            {"object": "odd", "hasline": {"path": tree.root(), "file": "${chain_root}", "expression": "x"}}],
        "tests": [{"test": "main", "object": "main"}]}));
    let text = result.to_string();
    assert_eq!(entry(&result, "main")["iserror"], true, "{result:#}");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn imports_that_multiply_end_in_an_error() {
    let tree = Tree::of(&[("f", "x\n")]);
    let mut objects =
        vec![json!({"object": "0", "raw": {"identifiers": [{"identifier": "i", "value": "v"}]}})];
    for level in 1..30 {
        let below = (level - 1).to_string();
        objects.push(
            json!({"object": level.to_string(), "filecontent": {"path": tree.root(),
            "file": "^f$", "expression": "x()", "import-chain": [below, below, below]}}),
        );
    }
    let result = run(json!({"objects": objects, "tests": [{"test": "t", "object": "29"}]}));
    let error = entry(&result, "t")["error"].as_str().expect("a text");
    assert!(error.contains("more than 200000 values"), "{error}");
}
