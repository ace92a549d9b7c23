//! Data and documents that want to do harm.

use crate::support::{Tree, attempt, entry, masters, pairs, run};
use mig_module_scribe::ScribeModule;
use mig_plugin_sdk::abi::code;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::atomic::{AtomicBool, Ordering};

fn content(tree: &Tree, file: &str, expression: &str) -> Value {
    json!([{"object": "o", "filecontent": {"path": tree.root(), "file": file, "expression": expression}}])
}

#[test]
fn fifos_and_devices_are_neither_opened_nor_waited_for() {
    let tree = Tree::of(&[("a", "x\n")]);
    tree.fifo("fifo");
    let result = run(json!({"objects": [
        {"object": "tree", "hasline": {"path": tree.root(), "file": ".", "expression": "x"}},
        {"object": "fifo", "hasline": {"path": tree.text("fifo"), "file": ".", "expression": "x"}},
        {"object": "zero", "hasline": {"path": "/dev/zero", "file": ".", "expression": "x"}}],
        "tests": [{"test": "tree", "object": "tree"}, {"test": "fifo", "object": "fifo"}, {"test": "zero", "object": "zero"}]}));
    assert_eq!(
        masters(&result),
        pairs(&[("tree", "true"), ("fifo", "false"), ("zero", "false")])
    );
    assert_eq!(result["statistics"]["filesunreadable"], 2);
}

#[test]
fn names_of_any_bytes_are_told_exactly() {
    let tree = Tree::new();
    let name = OsString::from_vec(b"n\xFFa\nm\x1Be".to_vec());
    tree.file(&name, b"x\n");
    let result = run(
        json!({"objects": content(&tree, ".", "(x)"), "tests": [{"test": "t", "object": "o"}]}),
    );
    let sub = &entry(&result, "t")["results"][0];
    let wanted = format!("{}/n\u{FFFD}a\nm\u{1B}e", tree.root());
    assert_eq!(sub["identifier"], wanted);
    let raw =
        mig_plugin_sdk::payload::rawpath::restore("", sub["rawpath"].as_str()).expect("base64");
    assert_eq!(raw, tree.path(&name).as_os_str().as_bytes());
}

#[test]
fn chains_start_from_directories_of_any_bytes() {
    let tree = Tree::new();
    let place = OsString::from_vec(b"d\xFF\n".to_vec());
    tree.file(std::path::Path::new(&place).join("main"), b"m\n");
    tree.file(std::path::Path::new(&place).join("value"), b"found\n");
    let result = run(json!({"objects": [
        {"object": "main", "filecontent": {"path": tree.root(), "file": "^main$", "expression": "(m)", "import-chain": ["v"]}},
        {"object": "v", "filecontent": {"path": "${chain_root}", "file": "^value$", "expression": "(.*)"}}],
        "tests": [{"test": "t", "object": "main", "exactmatch": {"value": "found"}}]}));
    assert_eq!(masters(&result), pairs(&[("t", "true")]));
}

#[test]
fn bytes_that_are_no_text_stay_what_they_are() {
    let tree = Tree::new();
    tree.file("f", b"v a\xFFb\nw \xEF\xBF\xBD\n");
    let result = run(
        json!({"objects": content(&tree, "f", "^. (.*)$"), "tests": [
        {"test": "pattern", "object": "o", "regexp": {"value": "^a.b$"}},
        {"test": "exact", "object": "o", "exactmatch": {"value": "a\u{FFFD}b"}},
        {"test": "replacement", "object": "o", "exactmatch": {"value": "\u{FFFD}"}}]}),
    );
    let wanted = [
        ("pattern", "true"),
        ("exact", "false"),
        ("replacement", "true"),
    ];
    assert_eq!(masters(&result), pairs(&wanted));
}

#[test]
fn what_may_not_be_read_is_passed_over_and_counted() {
    let tree = Tree::of(&[("open", "x\n"), ("closed", "x\n"), ("hidden/f", "x\n")]);
    if std::fs::read(tree.path("open")).is_err() || may_read_everything(&tree) {
        return mig_testkit::skip("this user may read everything");
    }
    tree.mode("closed", 0o000);
    tree.mode("hidden", 0o000);
    let result = run(
        json!({"objects": [{"object": "o", "hasline": {"path": tree.root(), "file": ".", "expression": "x"}}],
        "tests": [{"test": "t", "object": "o"}]}),
    );
    tree.mode("hidden", 0o755);
    assert_eq!(
        entry(&result, "t")["results"]
            .as_array()
            .expect("results")
            .len(),
        1
    );
    assert_eq!(result["statistics"]["filesunreadable"], 1);
    assert_eq!(result["errors"], Value::Null);
}

fn may_read_everything(tree: &Tree) -> bool {
    tree.file("probe", b"");
    tree.mode("probe", 0o000);
    let may = std::fs::read(tree.path("probe")).is_ok();
    std::fs::remove_file(tree.path("probe")).expect("a file of ours");
    may
}

#[test]
fn endless_lines_and_sparse_files_take_little_memory() {
    let tree = Tree::of(&[("line", &"x".repeat(3 << 20))]);
    let sparse = std::fs::File::create(tree.path("sparse")).expect("a file");
    sparse.set_len(24 << 20).expect("a size");
    let result = run(json!({"objects": [
        {"object": "line", "filecontent": {"path": tree.root(), "file": "line", "expression": "^(x{7})y"}},
        {"object": "sparse", "hasline": {"path": tree.root(), "file": "sparse", "expression": "nowhere"}}],
        "tests": [{"test": "line", "object": "line"}, {"test": "sparse", "object": "sparse", "exactmatch": {"value": "false"}}]}));
    assert_eq!(
        masters(&result),
        pairs(&[("line", "false"), ("sparse", "true")])
    );
}

#[test]
fn a_file_that_grows_while_it_is_read_comes_to_an_end() {
    let tree = Tree::of(&[("log", &"first line\n".repeat(20_000))]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut log = std::fs::File::options()
                .append(true)
                .open(tree.path("log"))
                .expect("the file");
            let limit = 256 << 20;
            let mut written = 0;
            while !stop.load(Ordering::Relaxed) && written < limit {
                written += log.write(&[b'g'; 4096]).expect("room on the disk");
            }
        });
        let result = run(
            json!({"objects": content(&tree, "log", "^(never)$"), "tests": [{"test": "t", "object": "o"}]}),
        );
        stop.store(true, Ordering::Relaxed);
        assert_eq!(masters(&result), pairs(&[("t", "false")]));
        writer.join().expect("the writer");
    });
}

#[test]
fn loops_of_links_end() {
    let tree = Tree::of(&[("d/f", "x\n")]);
    tree.link("d/up", "..");
    tree.link("d/self", "self");
    let result = run(
        json!({"objects": content(&tree, ".", "(x)"), "tests": [{"test": "t", "object": "o"}]}),
    );
    assert_eq!(
        entry(&result, "t")["results"]
            .as_array()
            .expect("results")
            .len(),
        1
    );
}

#[test]
fn patterns_that_explode_are_errors_of_their_tests() {
    let tree = Tree::of(&[("f", "x\n")]);
    let bomb = format!("(?i)({})", r"\pL{1000}".repeat(20));
    let result = run(json!({"objects": [
        {"object": "expression", "filecontent": {"path": tree.root(), "file": "f", "expression": bomb}},
        {"object": "file", "hasline": {"path": tree.root(), "file": bomb.repeat(2), "expression": "x"}},
        {"object": "name", "filename": {"path": tree.root(), "file": bomb.repeat(2)}},
        {"object": "good", "hasline": {"path": tree.root(), "file": "f", "expression": "x"}}],
        "tests": [
            {"test": "expression", "object": "expression"},
            {"test": "file", "object": "file"},
            {"test": "name", "object": "name"},
            {"test": "test", "object": "good", "regexp": {"value": bomb.repeat(2)}},
            {"test": "good", "object": "good"}]}));
    assert_eq!(entry(&result, "good")["masterresult"], true);
    for id in ["expression", "file", "name", "test"] {
        let error = entry(&result, id)["error"].as_str().expect("a text");
        assert!(error.contains("too large"), "{id}: {error}");
        assert!(error.len() < 1000, "{}", error.len());
    }
}

#[test]
fn backtracking_takes_no_exponential_time() {
    let tree = Tree::of(&[("f", &"a".repeat(4000))]);
    let result = run(
        json!({"objects": content(&tree, "f", "^(a*)*(a*)*(a*)*b"), "tests": [{"test": "t", "object": "o"}]}),
    );
    assert_eq!(masters(&result), pairs(&[("t", "false")]));
}

#[test]
fn more_values_than_can_be_kept_are_an_error_and_not_half_an_answer() {
    let tree = Tree::of(&[("many", &"v\n".repeat(250_000)), ("few", "v\n")]);
    let result = run(json!({"objects": [
        {"object": "many", "filecontent": {"path": tree.root(), "file": "many", "expression": "(v)"}},
        {"object": "line", "hasline": {"path": tree.root(), "file": "many", "expression": "v"}},
        {"object": "few", "filecontent": {"path": tree.root(), "file": "few", "expression": "(v)"}}],
        "tests": [{"test": "many", "object": "many"}, {"test": "line", "object": "line"}, {"test": "few", "object": "few"}]}));
    assert!(
        entry(&result, "many")["error"]
            .as_str()
            .expect("a text")
            .contains("more than 200000 values")
    );
    assert_eq!(entry(&result, "line")["masterresult"], true);
    assert_eq!(entry(&result, "few")["masterresult"], true);
}

#[test]
fn deep_documents_are_refused() {
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let input = json!({"words": ["-path", "d"], "defaults": "mig",
        "files": {"d": format!("{{\"tests\": {}}}", "[".repeat(200_000))}});
    let answer = FakeHost::new().operation::<ScribeModule>("options", input);
    assert_eq!(answer.code, code::BAD_PARAMETERS);
    let yaml = format!("tests: {}", "[".repeat(200_000));
    let input = json!({"words": ["-path", "d"], "defaults": "mig", "files": {"d": yaml}});
    let answer = FakeHost::new().operation::<ScribeModule>("options", input);
    assert_eq!(answer.code, code::BAD_PARAMETERS);
}

#[test]
fn a_run_that_is_cancelled_says_what_it_knows_and_what_it_does_not() {
    let tree = Tree::of(&[("f", "x\n")]);
    let mut tests = vec![
        json!({"test": "fixed", "object": "fixed"}),
        json!({"test": "file", "object": "file"}),
        json!({"test": "both", "object": "fixed", "if": ["file"]}),
    ];
    tests.extend((0..500).map(|number| json!({"test": format!("n{number}"), "object": "fixed"})));
    let document = json!({"objects": [
        {"object": "fixed", "raw": {"identifiers": [{"identifier": "i", "value": "v"}]}},
        {"object": "file", "hasline": {"path": tree.root(), "file": "f", "expression": "x"}}], "tests": tests});
    let complete = attempt(document.clone());
    assert_eq!(complete.code, 0);
    for polls in [0, 1, 3, complete.polls / 2, complete.polls - 1] {
        let answer = FakeHost::new()
            .cancel_after(polls)
            .run::<ScribeModule>(json!({"scribedoc": document}));
        assert_eq!(answer.code, code::CANCELLED, "{polls}");
        let result = answer.document();
        assert_eq!(result["success"], false);
        let entries = result["elements"]["results"].as_array().expect("entries");
        let errors = result["errors"].as_array().expect("errors");
        let missing = format!("{} of 503 tests were not evaluated", 503 - entries.len());
        assert!(
            errors
                .iter()
                .any(|e| e.as_str().is_some_and(|e| e.contains(&missing))),
            "{polls}: {errors:?}"
        );
        // Nothing that was not looked at is called false.
        assert!(
            entries.iter().all(|entry| entry["masterresult"] == true),
            "{polls}"
        );
    }
}

#[test]
fn errors_of_tests_carry_nothing_of_the_host() {
    let tree = Tree::of(&[(
        "secret",
        "1.0-secret-\n:secret\n99999999999999999999:secret\n",
    )]);
    let tests = ["<", ">", "="].map(|operation| {
        json!({"test": operation, "object": "o", "evr": {"operation": operation, "value": "1"}})
    });
    let result = run(json!({"objects": content(&tree, "^se", "(.*)"), "tests": tests}));
    for entry in result["elements"]["results"].as_array().expect("entries") {
        assert_eq!(entry["iserror"], true);
        assert!(!entry.to_string().contains("secret"), "{entry}");
    }
    assert!(!result["errors"].to_string().contains("secret"));
}
