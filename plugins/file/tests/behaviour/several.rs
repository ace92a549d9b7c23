//! Several searches in one run: each finds what it would find alone.

use crate::support::{Tree, errors, files, run, search};
use serde_json::{Value, json};

fn tree() -> Tree {
    let tree = Tree::of(&[
        ("a/one", b"x\n"),
        ("a/b/two", b"x\n"),
        ("a/b/c/three", b"x\n"),
        ("ab/four", b"x\n"),
        ("z/five", b"x\n"),
    ]);
    tree.link("a/link", tree.path("z"));
    tree
}

/// Runs all searches together and each alone, and compares.
fn together(searches: Value) -> Value {
    let document = run(json!({ "searches": searches }));
    for (label, alone) in searches.as_object().unwrap() {
        let alone = search(alone.clone());
        assert_eq!(
            document["elements"][label], alone["elements"]["s"],
            "search {label}"
        );
    }
    document
}

fn named(paths: Value, options: Value) -> Value {
    let mut search = json!({"paths": paths, "names": ["."], "options": options});
    search["options"]["matchall"] = json!(true);
    search
}

#[test]
fn nested_paths_are_walked_once() {
    let tree = tree();
    let document = together(json!({
        "top": named(json!([tree.root()]), json!({})),
        "mid": named(json!([tree.text("a/b")]), json!({})),
        "both": named(json!([tree.text("a"), tree.text("a/b")]), json!({})),
        "file": named(json!([tree.text("a/b/two")]), json!({})),
    }));
    assert_eq!(document["statistics"]["filescount"], 5);
    assert_eq!(files(&tree, &document, "mid"), ["a/b/c/three", "a/b/two"]);
}

#[test]
fn scope_goes_by_components() {
    let tree = tree();
    let document = together(json!({
        "a": named(json!([tree.text("a")]), json!({})),
        "ab": named(json!([tree.text("ab")]), json!({})),
    }));
    assert_eq!(
        files(&tree, &document, "a"),
        ["a/b/c/three", "a/b/two", "a/one"]
    );
    assert_eq!(files(&tree, &document, "ab"), ["ab/four"]);
}

#[test]
fn depth_belongs_to_each_search() {
    let tree = tree();
    let document = together(json!({
        "flat": named(json!([tree.root()]), json!({"maxdepth": 2})),
        "deep": named(json!([tree.text("a/b")]), json!({"maxdepth": 2})),
        "both": named(json!([tree.root(), tree.text("a/b/c")]), json!({"maxdepth": 1})),
        "all": named(json!([tree.root()]), json!({})),
    }));
    assert_eq!(
        files(&tree, &document, "flat"),
        ["a/one", "ab/four", "z/five"]
    );
    assert_eq!(files(&tree, &document, "deep"), ["a/b/c/three", "a/b/two"]);
    assert_eq!(files(&tree, &document, "both"), ["a/b/c/three"]);
}

#[test]
fn a_path_behind_a_directory_link_belongs_to_its_own_search_only() {
    let tree = tree();
    let document = together(json!({
        "a": named(json!([tree.text("a")]), json!({})),
        "behind": named(json!([tree.text("a/link/five")]), json!({})),
    }));
    assert_eq!(files(&tree, &document, "behind"), ["a/link/five"]);
}

#[test]
fn inactive_searches_are_not_credited() {
    let tree = tree();
    let document = together(json!({
        "here": {"paths": [tree.text("z")], "contents": ["!nothing"]},
        "there": {"paths": [tree.text("ab")], "contents": ["!nothing"]},
    }));
    assert_eq!(files(&tree, &document, "here"), ["z/five"]);
    assert_eq!(document["statistics"]["totalhits"], 2);
}

#[test]
fn limits_belong_to_each_search() {
    let tree = tree();
    let document = run(json!({"searches": {
        "two": named(json!([tree.root()]), json!({"matchlimit": 2})),
        "all": named(json!([tree.root()]), json!({})),
    }}));
    assert_eq!(files(&tree, &document, "two").len(), 2);
    assert_eq!(files(&tree, &document, "all").len(), 5);
}

#[test]
fn a_file_that_cannot_be_opened_is_still_found_from_above() {
    if mig_testkit::is_root() {
        return mig_testkit::skip("root may open everything");
    }
    let tree = tree();
    tree.mode("a/one", 0);
    let path = tree.text("a/one");
    let document = together(json!({
        "above": named(json!([tree.text("a")]), json!({})),
        "itself": named(json!([path]), json!({})),
    }));
    assert!(files(&tree, &document, "above").contains(&"a/one".to_owned()));
    assert_eq!(files(&tree, &document, "itself"), [""; 0]);
    assert_eq!(
        errors(&document),
        [format!("ERROR: open {path}: permission denied")]
    );
}

#[test]
fn eighteen_searches_share_one_traversal() {
    let tree = Tree::of(&[("yui/a.swf", b"hello\n"), ("yui/b.swf", b"other\n")]);
    let searches: serde_json::Map<String, Value> = (0..18)
        .map(|number| {
            let md5 = match number {
                7 => "b1946ac92492d2347c6235b4d2611184".to_owned(),
                number => format!("{number:032x}"),
            };
            let search = json!({"paths": [tree.root()], "names": ["^[ab]\\.swf$"],
                "md5": [md5], "options": {"matchall": true}});
            (format!("yui/{number}"), search)
        })
        .collect();
    let document = run(json!({ "searches": searches }));
    assert_eq!(files(&tree, &document, "yui/7"), ["yui/a.swf"]);
    assert_eq!(document["statistics"]["filescount"], 2);
    assert_eq!(document["statistics"]["totalhits"], 1);
}
