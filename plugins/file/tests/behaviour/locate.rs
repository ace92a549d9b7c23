//! The walk as other modules call it.

use crate::support::Tree;
use mig_module_file::{FileModule, Parameters, locate, locate_from};
use mig_plugin_sdk::testing::{Answer, FakeHost};
use mig_plugin_sdk::{Failure, Module, ResultDocument, Session};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// A module that asks where files are and says it.
struct Locator;

#[derive(Serialize, Deserialize)]
struct Asked {
    searches: Parameters,
    /// Start paths as bytes.
    #[serde(default)]
    starts: BTreeMap<String, Vec<u8>>,
}

impl Module for Locator {
    type Parameters = Asked;
    const MANIFEST: &'static [u8] = br#"{"name":"locator","version":"1",
        "abi":{"major":1,"minor":0,"fingerprint":"99ec"},
        "operations":{"run":{"parameters":{"type":"object"}}}}"#;

    fn run(asked: Asked, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        let located = if asked.starts.is_empty() {
            locate(&asked.searches, session)?
        } else {
            let starts = asked.starts.into_iter();
            let starts = starts.map(|(label, path)| (label, OsString::from_vec(path).into()));
            locate_from(&asked.searches, &starts.collect(), session)?
        };
        let bytes = |path: &PathBuf| path.as_os_str().as_bytes().to_vec();
        let elements = located.iter().map(|(label, paths)| {
            let paths: Vec<Vec<u8>> = paths.iter().map(bytes).collect();
            (label.clone(), json!(paths))
        });
        Ok(ResultDocument {
            elements: Value::Object(elements.collect()),
            success: true,
            ..ResultDocument::default()
        })
    }
}

fn asked(searches: Value) -> Answer {
    FakeHost::new().run::<Locator>(json!({"searches": {"searches": searches}}))
}

/// The paths of a label, below the tree.
#[track_caller]
fn located(tree: &Tree, answer: &Answer, label: &str) -> Vec<String> {
    let paths = answer.expect_result()["elements"][label].clone();
    let paths: Vec<Vec<u8>> = serde_json::from_value(paths).expect("paths");
    let text = |path: Vec<u8>| tree.relative(&String::from_utf8_lossy(&path));
    paths.into_iter().map(text).collect()
}

fn search(tree: &Tree, name: &str) -> Value {
    json!({"paths": [tree.root()], "names": [name], "options": {"matchall": true}})
}

#[test]
fn all_searches_are_answered_by_label_in_walk_order() {
    let tree = Tree::of(&[
        ("z.conf", b""),
        ("a/x.conf", b""),
        ("a/b/c.conf", b""),
        ("m.txt", b""),
    ]);
    tree.link("l.conf", "m.txt");
    tree.link("dangling.conf", "nowhere");
    let answer = asked(json!({
        "conf": search(&tree, r"\.conf$"),
        "none": search(&tree, "^nothing$"),
        "one": search(&tree, "^m.txt$"),
    }));
    let wanted = ["l.conf", "z.conf", "a/x.conf", "a/b/c.conf"];
    assert_eq!(located(&tree, &answer, "conf"), wanted);
    assert_eq!(located(&tree, &answer, "none"), [""; 0]);
    assert_eq!(located(&tree, &answer, "one"), ["m.txt"]);
}

#[test]
fn depth_and_number_of_files_are_limited_for_each_label() {
    let tree = Tree::of(&[("a", b""), ("1/b", b""), ("1/2/c", b"")]);
    let with = |options: Value| json!({"paths": [tree.root()], "names": ["."], "options": options});
    let answer = asked(json!({
        "flat": with(json!({"matchall": true, "maxdepth": 1})),
        "two": with(json!({"matchall": true, "matchlimit": 2})),
        "all": with(json!({"matchall": true})),
    }));
    assert_eq!(located(&tree, &answer, "flat"), ["a"]);
    assert_eq!(located(&tree, &answer, "two").len(), 2);
    assert_eq!(located(&tree, &answer, "all"), ["a", "1/b", "1/2/c"]);
}

#[test]
fn what_cannot_be_walked_is_left_out() {
    let tree = Tree::of(&[("open/a", b""), ("closed/a", b"")]);
    tree.mode("closed", 0o000);
    let answer = asked(json!({
        "tree": search(&tree, "^a$"),
        "missing": {"paths": [tree.text("missing")], "names": ["."], "options": {"matchall": true}},
    }));
    tree.mode("closed", 0o755);
    assert_eq!(located(&tree, &answer, "missing"), [""; 0]);
    // root may look into it all the same.
    assert!(located(&tree, &answer, "tree").contains(&"open/a".to_owned()));
    assert_eq!(answer.expect_result()["errors"], Value::Null);
}

#[test]
fn a_start_need_not_be_text() {
    let tree = Tree::new();
    let place = OsString::from_vec(b"b\xFFd\n".to_vec());
    tree.file(PathBuf::from(&place).join("inside"), b"");
    let start = tree.path(&place);
    let answer = FakeHost::new().run::<Locator>(json!({
        "searches": {"searches": {"s": {"paths": ["replaced"], "names": ["^inside$"],
            "options": {"matchall": true}}}},
        "starts": {"s": start.as_os_str().as_bytes()},
    }));
    let paths = &answer.expect_result()["elements"]["s"];
    assert_eq!(*paths, json!([start.join("inside").as_os_str().as_bytes()]));
}

#[test]
fn kernel_file_systems_are_searched_only_from_inside() {
    if !std::path::Path::new("/proc/self/uptime").exists()
        && !std::path::Path::new("/proc/uptime").exists()
    {
        return mig_testkit::skip("no /proc here");
    }
    let uptime = |path: &str, depth: u32| {
        json!({"paths": [path], "names": ["^uptime$"],
            "options": {"matchall": true, "maxdepth": depth}})
    };
    let answer = asked(json!({"inside": uptime("/proc", 1), "above": uptime("/", 2)}));
    let elements = &answer.expect_result()["elements"];
    assert_eq!(elements["inside"], json!([b"/proc/uptime".to_vec()]));
    assert!(
        !elements["above"]
            .as_array()
            .expect("paths")
            .contains(&json!(b"/proc/uptime".to_vec()))
    );
}

#[test]
fn searches_are_validated_and_a_cancelled_one_says_so() {
    let answer = asked(json!({"s": {"paths": ["/"], "names": ["("]}}));
    assert!(
        answer.message().contains("searches.s.names"),
        "{}",
        answer.message()
    );
    let tree = Tree::of(&[("a", b"")]);
    let host = FakeHost::new().cancel_after(0);
    let answer =
        host.run::<Locator>(json!({"searches": {"searches": {"s": search(&tree, "^a$")}}}));
    assert_eq!(answer.message(), "cancelled");
}

#[test]
fn thousands_of_searches_find_what_each_finds_alone() {
    let tree = Tree::new();
    for number in 0..40 {
        tree.file(format!("d{}/name{number}.conf", number % 7), b"");
    }
    let mut searches = serde_json::Map::new();
    for number in 0..3000 {
        let name = match number % 3 {
            0 => format!("^name{}\\.conf$", number % 60),
            1 => format!("^name{}\\.", number % 60),
            _ => format!("^other{number}$"),
        };
        searches.insert(format!("{number:04}"), search(&tree, &name));
    }
    let answer = asked(Value::Object(searches));
    for number in (0..3000).step_by(61) {
        let wanted = usize::from(number % 3 != 2 && number % 60 < 40);
        let label = format!("{number:04}");
        assert_eq!(located(&tree, &answer, &label).len(), wanted, "{label}");
    }
    // The module itself has the same searches.
    let alone =
        FakeHost::new().run::<FileModule>(json!({"searches": {"s": search(&tree, "^name3\\.")}}));
    assert_eq!(alone.document()["statistics"]["totalhits"], 1);
}
