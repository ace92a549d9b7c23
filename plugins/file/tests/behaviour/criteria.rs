//! Names, sizes, modes, times and checksums.

use crate::support::{Tree, files, found, search};
use serde_json::json;

/// Checksums of `hello\n`.
const MD5: &str = "b1946ac92492d2347c6235b4d2611184";
const SHA1: &str = "f572d396fae9206628714fb2ce00f72e94f2258f";
const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
const SHA384: &str = "1d0f284efe3edea4b9ca3bd514fa134b17eae361ccc7a1eefeff801b9bd6604e\
                      01f21f6bf249ef030599f0c218f2ba8c";
const SHA512: &str = "e7c22b994c59d9cf2b48e549b1e24666636045930d3da7c1acb299d1c3b7f931\
                      f94aae41edda2c2b207a36e10f8bcb8d45223e54878f5b316e7ce3b6bc019629";
const SHA3_256: &str = "b314e28493eae9dab57ac4f0c6d887bddbbeb810e900d818395ace558e96516d";

fn three() -> Tree {
    Tree::of(&[
        ("a.conf", b"hello\n"),
        ("b.txt", b"other content\n"),
        ("sub/c.conf", b""),
    ])
}

#[test]
fn names_are_searched_in_the_base_name_only() {
    let tree = three();
    assert_eq!(
        found(&tree, json!({"names": ["\\.conf$"]})),
        ["a.conf", "sub/c.conf"]
    );
    assert_eq!(found(&tree, json!({"names": ["^sub"]})), [""; 0]);
    assert_eq!(found(&tree, json!({"names": ["!conf"]})), ["b.txt"]);
    assert_eq!(found(&tree, json!({"names": ["conf", "^a"]})), ["a.conf"]);
    assert_eq!(
        found(&tree, json!({"names": ["conf", "!^a"]})),
        ["sub/c.conf"]
    );
    let mismatch = json!({"names": ["conf"], "options": {"mismatch": ["name"]}});
    assert_eq!(found(&tree, mismatch), ["b.txt"]);
    let twice = json!({"names": ["!conf"], "options": {"mismatch": ["name"]}});
    assert_eq!(found(&tree, twice), ["a.conf", "sub/c.conf"]);
}

#[test]
fn an_exclamation_mark_alone_is_a_pattern() {
    let tree = Tree::of(&[("wow!", b"!x\n"), ("plain", b"x\n")]);
    assert_eq!(found(&tree, json!({"names": ["!"]})), ["wow!"]);
    assert_eq!(found(&tree, json!({"names": ["!!"]})), ["plain"]);
    assert_eq!(found(&tree, json!({"contents": ["!"]})), ["wow!"]);
    assert_eq!(found(&tree, json!({"contents": ["!!"]})), ["plain"]);
}

#[test]
fn sizes_form_windows() {
    let tree = three();
    assert_eq!(found(&tree, json!({"sizes": ["6"]})), ["a.conf"]);
    assert_eq!(
        found(&tree, json!({"sizes": ["<6"]})),
        ["a.conf", "sub/c.conf"]
    );
    assert_eq!(found(&tree, json!({"sizes": [">6"]})), ["a.conf", "b.txt"]);
    assert_eq!(found(&tree, json!({"sizes": [">1", "<10"]})), ["a.conf"]);
    assert_eq!(found(&tree, json!({"sizes": ["5", "6"]})), [""; 0]);
    let mismatch = json!({"sizes": ["6"], "options": {"mismatch": ["size"]}});
    assert_eq!(found(&tree, mismatch), ["b.txt", "sub/c.conf"]);
}

#[test]
fn modes_are_searched_in_the_mode_string_without_inversion() {
    let tree = three();
    tree.mode("a.conf", 0o4755);
    tree.mode("b.txt", 0o600);
    tree.mode("sub/c.conf", 0o644);
    assert_eq!(found(&tree, json!({"modes": ["^urwxr-xr-x$"]})), ["a.conf"]);
    assert_eq!(found(&tree, json!({"modes": ["^-rw-------$"]})), ["b.txt"]);
    assert_eq!(found(&tree, json!({"modes": ["!rw"]})), [""; 0]);
    let mismatch = json!({"modes": ["^-"], "options": {"mismatch": ["mode"]}});
    assert_eq!(found(&tree, mismatch), ["a.conf"]);
}

#[test]
fn modification_times_count_back_from_the_start() {
    let tree = three();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 86_400);
    let file = std::fs::File::options()
        .write(true)
        .open(tree.path("b.txt"))
        .unwrap();
    file.set_modified(old).unwrap();
    assert_eq!(
        found(&tree, json!({"mtimes": ["<1d"]})),
        ["a.conf", "sub/c.conf"]
    );
    assert_eq!(found(&tree, json!({"mtimes": [">2d"]})), ["b.txt"]);
    assert_eq!(found(&tree, json!({"mtimes": [">71h", "<73h"]})), ["b.txt"]);
    assert_eq!(
        found(&tree, json!({"mtimes": ["<10m"]})),
        ["a.conf", "sub/c.conf"]
    );
    let mismatch = json!({"mtimes": ["<1d"], "options": {"mismatch": ["mtime"]}});
    assert_eq!(found(&tree, mismatch), ["b.txt"]);
}

#[test]
fn checksums_of_every_length_are_found_in_any_case() {
    let tree = three();
    let cases = [
        ("md5", MD5),
        ("sha1", SHA1),
        ("sha2", SHA256),
        ("sha2", SHA384),
        ("sha2", SHA512),
        ("sha3", SHA3_256),
    ];
    for (field, value) in cases {
        assert_eq!(
            found(&tree, json!({field: [value]})),
            ["a.conf"],
            "{field} {value}"
        );
        let upper = value.to_uppercase();
        assert_eq!(
            found(&tree, json!({field: [upper]})),
            ["a.conf"],
            "{field} {value}"
        );
        let mismatch = json!({field: [value], "options": {"mismatch": [field]}});
        assert_eq!(
            found(&tree, mismatch),
            ["b.txt", "sub/c.conf"],
            "{field} {value}"
        );
    }
    let all = json!({"md5": [MD5], "sha1": [SHA1], "sha2": [SHA256, SHA512], "names": ["conf"],
        "contents": ["^hello$"], "sizes": ["6"]});
    assert_eq!(found(&tree, all), ["a.conf"]);
    let two = json!({"md5": [MD5, "d41d8cd98f00b204e9800998ecf8427e"]});
    assert_eq!(found(&tree, two), [""; 0], "no file has two checksums");
}

#[test]
fn without_matchall_each_check_reports_alone() {
    let tree = three();
    let document = search(json!({"paths": [tree.root()],
        "contents": ["^hello$"], "names": ["\\.txt$", "nothing"], "sizes": ["0"],
        "md5": ["d41d8cd98f00b204e9800998ecf8427e", MD5]}));
    assert_eq!(
        files(&tree, &document, "s"),
        ["a.conf", "b.txt", "sub/c.conf", "sub/c.conf", "a.conf"],
        "in the order contents, names, sizes, md5"
    );
    let entries = document["elements"]["s"].as_array().unwrap();
    assert_eq!(
        entries.len(),
        6,
        "and a placeholder for the name that was not found"
    );
    assert_eq!(entries[2]["file"], "");
    assert_eq!(entries[2]["search"]["names"], json!(["nothing"]));
    assert_eq!(entries[2]["search"]["paths"], json!([tree.root()]));
    assert_eq!(entries[3]["search"]["paths"], json!([tree.text("sub")]));
    assert_eq!(entries[5]["search"]["md5"], json!([MD5.to_uppercase()]));
    assert_eq!(document["statistics"]["totalhits"], 5);
    assert_eq!(document["statistics"]["filescount"], 3);
}

#[test]
fn many_checksums_are_looked_up_not_compared() {
    let tree = three();
    let mut sums: Vec<String> = (0..5000).map(|n| format!("{n:064x}")).collect();
    sums.push(SHA256.to_owned());
    sums.push(SHA256.to_owned());
    let document = search(json!({"paths": [tree.root()], "sha2": sums}));
    assert_eq!(
        files(&tree, &document, "s"),
        ["a.conf", "a.conf"],
        "once for each value given"
    );
}
