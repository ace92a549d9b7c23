//! A document with thousands of objects costs one walk and one reading of each
//! file, counted.

use crate::support::{Tree, entry, run};
use serde_json::{Value, json};

/// A vulnerability document: a gate, and for each of `count` components an
/// object on a file of its own directory, one on a file that all share, and
/// tests on both.
fn vulnerabilities(tree: &Tree, count: usize) -> Value {
    let mut objects = vec![
        json!({"object": "release", "filecontent": {"path": tree.text("etc"),
        "file": "^os-release$", "expression": "^VERSION_ID=\"(\\d+)\""}}),
    ];
    let mut tests =
        vec![json!({"test": "release", "object": "release", "exactmatch": {"value": "12"}})];
    for number in 0..count {
        let own = format!("own-{number}");
        let shared = format!("shared-{number}");
        objects.push(
            json!({"object": own, "filecontent": {"path": tree.text("opt"),
            "file": format!("^component{number}\\.info$"), "expression": "^version (\\S+)"}}),
        );
        objects.push(
            json!({"object": shared, "filecontent": {"path": tree.text("etc"),
            "file": "^components$", "expression": format!("^component{number} (\\S+)$")}}),
        );
        let test = |id: &str, object: &str| {
            json!({"test": id, "name": format!("{id} outdated"), "object": object,
            "evr": {"operation": "<", "value": "2.5"}, "if": ["release"],
            "tags": [{"key": "severity", "value": "high"}]})
        };
        tests.push(test(&format!("t-{own}"), &own));
        tests.push(test(&format!("t-{shared}"), &shared));
    }
    json!({"objects": objects, "tests": tests})
}

/// What the document is about: every tenth component is installed.
fn machine(count: usize) -> Tree {
    let tree = Tree::of(&[("etc/os-release", "NAME=\"x\"\nVERSION_ID=\"12\"\n")]);
    let mut components = String::new();
    for number in (0..count).step_by(10) {
        let version = if number % 20 == 0 { "2.4" } else { "2.10" };
        tree.file(
            format!("opt/{}/component{number}.info", number % 100),
            format!("name c\nversion {version}\n").as_bytes(),
        );
        components.push_str(&format!("component{number} {version}\n"));
    }
    tree.file("etc/components", components.as_bytes());
    for number in 0..300 {
        tree.file(format!("opt/{}/other{number}", number % 100), b"nothing\n");
    }
    tree
}

#[test]
fn three_thousand_objects_take_one_walk_and_read_each_file_once() {
    let count = 1500;
    let tree = machine(count);
    let result = run(vulnerabilities(&tree, count));
    let statistics = &result["statistics"];
    assert_eq!(statistics["walks"], 1);
    // 150 files of components, the shared one and the release: each once,
    // although 1500 objects want the shared one.
    assert_eq!(statistics["fileslocated"], 152);
    assert_eq!(statistics["filesread"], 152);
    let entries = result["elements"]["results"].as_array().expect("entries");
    assert_eq!(entries.len(), 3001);
    let outdated = entries
        .iter()
        .filter(|entry| entry["masterresult"] == true)
        .count();
    assert_eq!(outdated, 1 + 75 + 75);
    for (id, wanted) in [
        ("t-own-20", true),
        ("t-shared-20", true),
        ("t-own-10", false),
        ("t-shared-11", false),
    ] {
        assert_eq!(entry(&result, id)["masterresult"], wanted, "{id}");
    }
}

#[test]
fn objects_that_no_test_uses_cost_nothing() {
    let tree = machine(20);
    let mut document = vulnerabilities(&tree, 20);
    document["tests"] = json!([{"test": "t", "object": "own-0"}]);
    let result = run(document);
    assert_eq!(result["statistics"]["filesread"], 1);
    assert_eq!(result["statistics"]["fileslocated"], 1);
}

#[test]
fn equal_questions_of_different_objects_are_asked_once() {
    let tree = Tree::of(&[("f", "v 1\nv 2\n")]);
    let content = |id: usize| {
        json!({"object": id.to_string(), "filecontent": {"path": tree.root(), "file": "^f$",
        "expression": "^v (\\d)"}})
    };
    let test = |id: usize| json!({"test": id.to_string(), "object": id.to_string(), "exactmatch": {"value": "2"}});
    let objects: Vec<Value> = (0..200).map(content).collect();
    let tests: Vec<Value> = (0..200).map(test).collect();
    let result = run(json!({"objects": objects, "tests": tests}));
    assert_eq!(result["statistics"]["filesread"], 1);
    let entries = result["elements"]["results"].as_array().expect("entries");
    assert!(entries.iter().all(|entry| entry["masterresult"] == true));
}
