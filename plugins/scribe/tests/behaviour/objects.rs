//! What objects yield.

use crate::support::{Tree, attempt, entry, masters, pairs, run, values};
use serde_json::json;

#[test]
fn each_group_of_each_matching_line_is_a_value() {
    let tree = Tree::of(&[
        ("a.info", "release 7 patch 4\nother\nrelease 8 patch 5\n"),
        ("sub/b.info", "release 9 patch"),
        ("c.txt", "release 1 patch 1"),
    ]);
    let object = json!([{"object": "o", "filecontent": {"path": tree.root(), "file": "\\.info$",
        "expression": "^release (\\d+) patch ?(\\d+)?"}}]);
    let found = values(&tree, object, "o", &["7", "4", "8", "5", "9", "1", ""]);
    let wanted = [
        ("a.info", "7"),
        ("a.info", "4"),
        ("a.info", "8"),
        ("a.info", "5"),
        ("sub/b.info", "9"),
        // A group that took no part.
        ("sub/b.info", ""),
    ];
    assert_eq!(found, pairs(&wanted));
}

#[test]
fn without_a_group_there_is_nothing() {
    let tree = Tree::of(&[("a.conf", "x 1\n")]);
    let result = run(json!({
        "objects": [
            {"object": "content", "filecontent": {"path": tree.root(), "file": "conf$", "expression": "^x"}},
            {"object": "name", "filename": {"path": tree.root(), "file": "conf$"}}],
        "tests": [{"test": "content", "object": "content"}, {"test": "name", "object": "name"}]}));
    assert_eq!(
        masters(&result),
        pairs(&[("content", "false"), ("name", "false")])
    );
    assert!(entry(&result, "content")["results"].is_null());
    // Nothing can come of it, so nothing is walked or read.
    assert_eq!(result["statistics"]["walks"], 0);
}

#[test]
fn values_of_a_file_are_joined_in_order() {
    let tree = Tree::of(&[
        ("b", "v 7 4\nv 2 1\n"),
        ("a", "v 1 x\n"),
        ("e", "v  z\nv 3 \n"),
    ]);
    let object = json!([{"object": "o", "filecontent": {"path": tree.root(), "file": ".",
        "expression": "^v (\\w*) (\\w*)", "concat": "."}}]);
    let found = values(&tree, object, "o", &["7.4.2.1", "1.x", "z.3."]);
    assert_eq!(
        found,
        pairs(&[("a", "1.x"), ("b", "7.4.2.1"), ("e", "z.3.")])
    );
}

#[test]
fn names_give_the_first_group_of_their_pattern() {
    let tree = Tree::of(&[
        ("ca.pem", ""),
        ("x/host.pem", ""),
        ("key.txt", ""),
        ("d.pem/inside", ""),
    ]);
    tree.link("linked.pem", "ca.pem");
    tree.link("nowhere.pem", "missing");
    let object =
        json!([{"object": "o", "filename": {"path": tree.root(), "file": "^(.*)\\.(pem)$"}}]);
    let found = values(
        &tree,
        object,
        "o",
        &["ca", "host", "linked", "nowhere", "key", "d"],
    );
    let wanted = [
        ("ca.pem", "ca"),
        ("linked.pem", "linked"),
        ("x/host.pem", "host"),
    ];
    assert_eq!(found, pairs(&wanted));
}

#[test]
fn no_file_means_no_value_even_for_patterns_that_match_nothing() {
    let tree = Tree::new();
    let object = json!([{"object": "o", "filename": {"path": tree.root(), "file": "(.*)"}}]);
    assert_eq!(values(&tree, object, "o", &["", "x"]), pairs(&[]));
}

#[test]
fn a_line_is_there_or_not_in_each_file() {
    let tree = Tree::of(&[
        ("a.conf", "x\nPermitRootLogin no\n"),
        ("b.conf", "#PermitRootLogin no"),
        ("c.conf", ""),
    ]);
    let object = json!([{"object": "o", "hasline": {"path": tree.root(), "file": "conf$",
        "expression": "^PermitRootLogin no"}}]);
    let found = values(&tree, object, "o", &["true", "false"]);
    let wanted = [("a.conf", "true"), ("b.conf", "false"), ("c.conf", "false")];
    assert_eq!(found, pairs(&wanted));
}

#[test]
fn fixed_values_are_what_they_are() {
    let tree = Tree::new();
    let raw = json!([{"object": "o", "raw": {"identifiers": [
        {"identifier": "answer", "value": "42"}, {"identifier": "other", "value": "${x}"}]}}]);
    let found = values(&tree, raw, "o", &["42", "${x}"]);
    assert_eq!(found, pairs(&[("answer", "42"), ("other", "${x}")]));
}

#[test]
fn lines_end_as_they_always_have() {
    let long = "x".repeat(4096);
    let text = format!("one\r\ntwo\n{long}\n{long}tail\nlast\r");
    let tree = Tree::of(&[("f", &text)]);
    let object = json!([{"object": "o", "filecontent": {"path": tree.root(), "file": "^f$",
        "expression": "^([^x]*)$"}}]);
    let found = values(&tree, object, "o", &["one", "two", "tail", "last\r", ""]);
    let wanted = ["one", "two", "tail", "last\r"].map(|value| ("f", value));
    assert_eq!(found, pairs(&wanted));
}

#[test]
fn variables_are_put_in_where_they_are_allowed() {
    let tree = Tree::of(&[("etc/a.conf", "k 1\n"), ("etc/${file}.conf", "k 2\n")]);
    let result = run(json!({
        "variables": [{"key": "a.b", "value": "wrong"}, {"key": "dir", "value": "${root}/etc"},
            {"key": "root", "value": tree.root()}, {"key": "file", "value": "a"}],
        "objects": [
            {"object": "content", "filecontent": {"path": "${dir}", "file": "^${file}\\.conf$", "expression": "k (${file}|\\d)"}},
            {"object": "line", "hasline": {"path": "${dir}", "file": "^${file}", "expression": "k"}},
            {"object": "name", "filename": {"path": "${dir}", "file": "^(${file}|a)\\.conf$"}},
            {"object": "other", "filecontent": {"path": "${axb}", "file": ".", "expression": "(.)"}}],
        "tests": [
            {"test": "content", "object": "content", "exactmatch": {"value": "1"}},
            {"test": "line", "object": "line", "exactmatch": {"value": "true"}},
            {"test": "name", "object": "name", "exactmatch": {"value": "a"}},
            {"test": "other", "object": "other"}]}));
    let wanted = [
        ("content", "true"),
        ("line", "true"),
        ("name", "true"),
        ("other", "false"),
    ];
    assert_eq!(masters(&result), pairs(&wanted));
    let subs = entry(&result, "name")["results"]
        .as_array()
        .expect("results")
        .len();
    assert_eq!(subs, 1, "the pattern of a filename object has no variables");
}

#[test]
fn an_exclamation_mark_inverts_where_to_look_but_not_what_to_take() {
    let tree = Tree::of(&[("a", "1\n"), ("b", "2\n"), ("!(x)", "3\n")]);
    let content = json!([{"object": "o", "filecontent": {"path": tree.root(), "file": "!^a$", "expression": "(.*)"}}]);
    let found = values(&tree, content, "o", &["1", "2", "3"]);
    assert_eq!(found, pairs(&[("!(x)", "3"), ("b", "2")]));
    let names = json!([{"object": "o", "filename": {"path": tree.root(), "file": "!\\((x)\\)"}}]);
    // `!(x)` is what the rest would match, so it is not even located.
    assert_eq!(values(&tree, names, "o", &["x"]), pairs(&[]));
}

#[test]
fn the_path_may_be_a_file_and_files_lie_ten_levels_deep_at_most() {
    let tree = Tree::of(&[
        ("1/2/3/4/5/6/7/8/9/f", "in\n"),
        ("1/2/3/4/5/6/7/8/9/10/f", "out\n"),
    ]);
    let deep = json!([{"object": "o", "filecontent": {"path": tree.root(), "file": "^f$", "expression": "(.*)"}}]);
    assert_eq!(
        values(&tree, deep, "o", &["in", "out"]),
        pairs(&[("1/2/3/4/5/6/7/8/9/f", "in")])
    );
    let file = tree.text("1/2/3/4/5/6/7/8/9/10/f");
    let one = json!([{"object": "o", "filecontent": {"path": file, "file": "^f$", "expression": "(.*)"}}]);
    assert_eq!(
        values(&tree, one, "o", &["out"]),
        pairs(&[("1/2/3/4/5/6/7/8/9/10/f", "out")])
    );
}

#[test]
fn every_object_has_a_limit_of_its_own_and_the_result_says_when_it_was_reached() {
    let tree = Tree::new();
    for number in 0..1005 {
        tree.file(format!("many/{number:04}.a"), b"v\n");
    }
    tree.file("few/b", b"v\n");
    let result = run(json!({
        "objects": [
            {"object": "many", "hasline": {"path": tree.text("many"), "file": "a$", "expression": "v"}},
            {"object": "few", "hasline": {"path": tree.text("few"), "file": "b", "expression": "v"}}],
        "tests": [{"test": "many", "object": "many"}, {"test": "few", "object": "few"}]}));
    assert_eq!(
        entry(&result, "many")["results"]
            .as_array()
            .expect("results")
            .len(),
        1000
    );
    assert_eq!(
        entry(&result, "few")["results"]
            .as_array()
            .expect("results")
            .len(),
        1
    );
    let errors = result["errors"].to_string();
    assert!(
        errors.contains("only 1000 files") && errors.contains("a$"),
        "{errors}"
    );
}

#[test]
fn a_bad_file_pattern_of_a_name_is_an_error_of_its_tests_only() {
    let tree = Tree::of(&[("f", "")]);
    let result = run(json!({
        "objects": [
            {"object": "bad", "filename": {"path": tree.root(), "file": "(f"}},
            {"object": "good", "filename": {"path": tree.root(), "file": "(f)"}}],
        "tests": [{"test": "bad", "object": "bad"}, {"test": "good", "object": "good"}]}));
    assert_eq!(entry(&result, "good")["masterresult"], true);
    let error = entry(&result, "bad")["error"].as_str().expect("a text");
    assert!(
        error.contains("`(f`") && error.contains("missing closing )"),
        "{error}"
    );
}

#[test]
fn a_pattern_that_a_variable_breaks_is_an_error_of_its_tests_only() {
    let tree = Tree::of(&[("f", "x\n")]);
    let answer = attempt(json!({
        "variables": [{"key": "v", "value": "("}],
        "objects": [
            {"object": "bad", "filecontent": {"path": tree.root(), "file": "${v}", "expression": "(x)"}},
            {"object": "good", "filecontent": {"path": tree.root(), "file": "f", "expression": "(x)"}}],
        "tests": [{"test": "bad", "object": "bad"}, {"test": "good", "object": "good"}]}));
    let result = answer.document();
    assert_eq!(entry(&result, "good")["masterresult"], true);
    assert_eq!(entry(&result, "bad")["iserror"], true);
}

#[cfg(target_os = "linux")]
#[test]
fn files_of_the_kernel_have_content_although_they_have_no_size() {
    let tree = Tree::new();
    if !std::path::Path::new("/proc/uptime").exists() {
        return mig_testkit::skip("no /proc here");
    }
    let result = run(json!({
        "objects": [{"object": "up", "filecontent": {"path": "/proc", "file": "^uptime$",
            "expression": "^(\\S+)\\.\\S+ \\S+", "concat": ".", "import-chain": ["zero"]}},
            {"object": "zero", "raw": {"identifiers": [{"identifier": "raw0", "value": "0"}]}}],
        "tests": [{"test": "up", "object": "up", "evr": {"operation": ">", "value": "0.0"}},
            {"test": "young", "object": "up", "evr": {"operation": "<", "value": "1"}}]}));
    assert_eq!(entry(&result, "up")["masterresult"], true);
    assert_eq!(
        entry(&result, "up")["results"][0]["identifier"],
        "/proc/uptime"
    );
    assert_eq!(
        entry(&result, "young")["masterresult"],
        false,
        "{}",
        tree.root()
    );
}
