//! Packages, from databases that the tests write.

use crate::module::{Parameters, ScribeModule, run_below};
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{Failure, Module, ResultDocument, Session};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The module below another root.
struct Below;

#[derive(Serialize, Deserialize)]
struct Asked {
    root: PathBuf,
    parameters: Parameters,
}

impl Module for Below {
    type Parameters = Asked;
    const MANIFEST: &'static [u8] = br#"{"name":"below","version":"1",
        "abi":{"major":1,"minor":0,"fingerprint":"99ec"},
        "operations":{"run":{"parameters":{"type":"object"}}}}"#;

    fn run(asked: Asked, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        assert!(ScribeModule::validate(&asked.parameters).is_empty());
        run_below(&asked.root, &asked.parameters, session)
    }
}

/// A root with a dpkg database of these packages: name, version, architecture,
/// whether several architectures may be installed.
fn dpkg(packages: &[(&str, &str, &str, bool)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let mut status = String::new();
    for (name, version, arch, multi) in packages {
        status.push_str(&format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: {arch}\nVersion: {version}\n"
        ));
        if *multi {
            status.push_str("Multi-Arch: same\n");
        }
        status.push_str("Description: a package\n\n");
    }
    let directory = root.path().join("var/lib/dpkg");
    std::fs::create_dir_all(&directory).expect("directories");
    std::fs::write(directory.join("status"), status).expect("a database");
    root
}

fn run(root: &tempfile::TempDir, document: Value, only_true: bool) -> Value {
    let parameters = json!({"scribedoc": document, "onlytrue": only_true});
    let asked = json!({"root": root.path(), "parameters": parameters});
    let answer = FakeHost::new().run::<Below>(asked);
    answer.expect_result();
    answer.document()
}

/// Sub-results of a test: identifier and result.
fn subs(result: &Value, test: usize) -> Vec<(String, bool)> {
    let entry = &result["elements"]["results"][test];
    assert_eq!(entry["iserror"], false, "{entry}");
    let subs = entry["results"].as_array().into_iter().flatten();
    let sub = |sub: &Value| {
        let identifier = sub["identifier"].as_str().expect("a text").to_owned();
        (identifier, sub["result"] == true)
    };
    subs.map(sub).collect()
}

fn owned(wanted: &[(&str, bool)]) -> Vec<(String, bool)> {
    wanted
        .iter()
        .map(|(name, result)| ((*name).to_owned(), *result))
        .collect()
}

fn below(object: &str, version: &str) -> Value {
    json!({"test": object, "object": object, "evr": {"operation": "<", "value": version}})
}

#[test]
fn packages_are_found_by_exact_name_or_by_pattern() {
    let root = dpkg(&[
        ("openssl", "3.0.11-1", "amd64", false),
        ("libssl3", "3.0.9-1", "amd64", true),
        ("libssl-doc", "3.0.11-2", "all", false),
        ("bash", "5.2-1", "amd64", false),
    ]);
    let document = json!({
        "variables": [{"key": "lib", "value": "libssl"}],
        "objects": [
            {"object": "exact", "package": {"name": "openssl"}},
            {"object": "part", "package": {"name": "ssl"}},
            {"object": "multi", "package": {"name": "${lib}3:amd64"}},
            {"object": "bare", "package": {"name": "libssl3"}},
            {"object": "pattern", "package": {"name": "label", "collectmatch": "ssl"}}],
        "tests": [below("exact", "3.0.11-2"), below("part", "9"), below("multi", "3.0.9-1"),
            below("bare", "9"), below("pattern", "3.0.11-1")]});
    let result = run(&root, document, false);
    assert_eq!(subs(&result, 0), owned(&[("openssl", true)]));
    assert_eq!(subs(&result, 1), owned(&[]));
    assert_eq!(subs(&result, 2), owned(&[("libssl3:amd64", false)]));
    assert_eq!(subs(&result, 3), owned(&[]));
    let mut pattern = subs(&result, 4);
    pattern.sort();
    let wanted = [
        ("libssl-doc", false),
        ("libssl3:amd64", true),
        ("openssl", false),
    ];
    assert_eq!(pattern, owned(&wanted));
    assert_eq!(result["statistics"]["walks"], 0);
    assert_eq!(result["errors"], Value::Null);
}

#[test]
fn versions_compare_by_the_rules_of_their_manager() {
    let root = dpkg(&[
        ("rc", "1.0~rc1-1", "amd64", false),
        ("epoch", "1:1.0-1", "amd64", false),
        ("letters", "1.0a-1", "amd64", false),
    ]);
    let objects =
        ["rc", "epoch", "letters"].map(|name| json!({"object": name, "package": {"name": name}}));
    let equal =
        json!({"test": "e", "object": "epoch", "evr": {"operation": "=", "value": "1:1.0-1"}});
    let result = run(
        &root,
        json!({"objects": objects, "tests": [below("rc", "1.0-1"), below("epoch", "2.0"), below("letters", "1.0+b-1"), equal]}),
        false,
    );
    // By the general rules the first would not be below.
    assert_eq!(subs(&result, 0), owned(&[("rc", true)]));
    assert_eq!(subs(&result, 1), owned(&[("epoch", false)]));
    assert_eq!(subs(&result, 2), owned(&[("letters", true)]));
    assert_eq!(subs(&result, 3), owned(&[("epoch", true)]));
}

#[test]
fn only_the_newest_counts_when_that_is_asked() {
    let root = dpkg(&[
        ("linux-image-1", "6.1.9~rc2-1", "amd64", false),
        ("linux-image-2", "6.1.10-1", "amd64", false),
        ("linux-image-3", "6.1.10~rc1-1", "amd64", false),
    ]);
    let object = |id: &str, newest: bool| json!({"object": id, "package": {"name": "kernel", "collectmatch": "^linux-image-", "onlynewest": newest}});
    let result = run(
        &root,
        json!({"objects": [object("all", false), object("newest", true)],
            "tests": [below("all", "6.1.10-1"), below("newest", "6.1.10-1")]}),
        false,
    );
    assert_eq!(subs(&result, 0).len(), 3);
    assert_eq!(subs(&result, 1), owned(&[("linux-image-2", false)]));
}

#[test]
fn imported_packages_keep_their_rules_until_they_are_joined() {
    let root = dpkg(&[("rc", "1.0~rc1-1", "amd64", false)]);
    std::fs::write(root.path().join("marker"), "x\n").expect("a file");
    let place = root.path().to_str().expect("a UTF-8 path");
    let content = |id: &str, concat: &str| {
        json!({"object": id, "filecontent": {"path": place, "file": "^marker$", "expression": "^x",
            "concat": concat, "import-chain": ["rc"]}})
    };
    let result = run(
        &root,
        json!({"objects": [content("plain", ""), content("joined", "."), {"object": "rc", "package": {"name": "rc"}}],
            "tests": [below("plain", "1.0-1"), below("joined", "1.0-1")]}),
        false,
    );
    let marker = format!("{place}/marker");
    assert_eq!(subs(&result, 0), owned(&[(marker.as_str(), true)]));
    assert_eq!(subs(&result, 1), owned(&[(marker.as_str(), false)]));
}

#[test]
fn a_release_gate_on_packages_spares_the_walk() {
    let root = dpkg(&[("base", "11", "amd64", false)]);
    let place = root.path().to_str().expect("a UTF-8 path");
    let document = json!({
        "objects": [{"object": "base", "package": {"name": "base"}},
            {"object": "file", "hasline": {"path": place, "file": "status", "expression": "base"}}],
        "tests": [
            {"test": "gate", "object": "base", "exactmatch": {"value": "12"}},
            {"test": "file", "object": "file", "if": ["gate"]}]});
    let result = run(&root, document.clone(), true);
    assert_eq!(result["statistics"]["walks"], 0);
    assert_eq!(result["elements"]["results"], json!([]));
    assert_eq!(run(&root, document, false)["statistics"]["walks"], 1);
}

#[test]
fn without_a_package_manager_tests_are_false_and_the_result_says_why() {
    let root = tempfile::tempdir().expect("a directory");
    let result = run(
        &root,
        json!({"objects": [{"object": "p", "package": {"name": "p"}}], "tests": [below("p", "9")]}),
        false,
    );
    assert_eq!(subs(&result, 0), owned(&[]));
    assert!(
        result["errors"].to_string().contains("package manager"),
        "{result:#}"
    );
    // A document without package objects does not even look.
    let result = run(&root, json!({}), false);
    assert_eq!(result["errors"], Value::Null);
}

#[test]
fn thousands_of_package_objects_are_looked_up_in_one_list() {
    let names: Vec<String> = (0..2000).map(|number| format!("package{number}")).collect();
    let packages: Vec<(&str, &str, &str, bool)> = names
        .iter()
        .map(|name| (name.as_str(), "2.0-1", "amd64", false))
        .collect();
    let root = dpkg(&packages);
    let numbers = 0..4000;
    let objects: Vec<Value> = numbers
        .clone()
        .map(|n| json!({"object": n.to_string(), "package": {"name": format!("package{n}")}}))
        .collect();
    let tests: Vec<Value> = numbers.map(|n| below(&n.to_string(), "2.0-2")).collect();
    let result = run(&root, json!({"objects": objects, "tests": tests}), true);
    let entries = result["elements"]["results"].as_array().expect("entries");
    assert_eq!(entries.len(), 2000);
}
