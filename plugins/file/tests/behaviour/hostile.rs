//! Names that somebody chose with bad intent, and closed doors.

use crate::support::{Tree, errors, files, found, search};
use serde_json::json;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

#[test]
fn names_may_hold_anything() {
    let tree = Tree::new();
    let names = [
        "new\nline",
        "esc\x1b[31m",
        "quote\"'",
        "-dash",
        "tab\t",
        "ünï",
        "*",
        " ",
    ];
    for name in names {
        tree.file(name, b"x\n");
    }
    let mut wanted = names.to_vec();
    wanted.sort_unstable();
    assert_eq!(found(&tree, json!({"contents": ["x"]})), wanted);
    assert_eq!(found(&tree, json!({"names": ["^new$"]})), [""; 0]);
    assert_eq!(found(&tree, json!({"names": ["(?m)^new$"]})), ["new\nline"]);
    assert_eq!(
        found(&tree, json!({"names": ["(?s)^new.line$"]})),
        ["new\nline"]
    );
}

#[test]
fn names_that_are_not_utf8_travel_with_their_bytes() {
    let tree = Tree::new();
    let name = OsStr::from_bytes(b"caf\xE9\xE2\x82");
    tree.file(Path::new(name), b"x\n");
    let document = search(json!({"paths": [tree.root()], "names": ["^caf.{3}$"],
        "options": {"matchall": true}}));
    let entry = &document["elements"]["s"][0];
    assert_eq!(entry["file"], tree.text("caf\u{FFFD}\u{FFFD}\u{FFFD}"));
    let raw = [tree.root().as_bytes(), b"/", name.as_bytes()].concat();
    let restored = mig_plugin_sdk::payload::rawpath::restore("", entry["rawpath"].as_str());
    assert_eq!(restored.unwrap(), raw);
    let keys: Vec<&String> = entry.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["file", "rawpath", "search", "fileinfo"]);
}

#[test]
fn directories_that_are_not_utf8_are_walked() {
    let tree = Tree::new();
    let directory = Path::new(OsStr::from_bytes(b"\xFFdir"));
    tree.file(directory.join("inside"), b"x\n");
    let document = search(json!({"paths": [tree.root()], "contents": ["x"]}));
    let entry = &document["elements"]["s"][0];
    assert_eq!(entry["file"], tree.text("\u{FFFD}dir/inside"));
    assert_eq!(entry["search"]["paths"], json!([tree.text("\u{FFFD}dir")]));
}

#[test]
fn closed_doors_are_named_once_each() {
    if mig_testkit::is_root() {
        return mig_testkit::skip("root may open everything");
    }
    let tree = Tree::of(&[
        ("open/file", b"x\n"),
        ("closed/file", b"x\n"),
        ("open/secret", b"x\n"),
        ("listable/file", b"x\n"),
    ]);
    tree.mode("closed", 0);
    tree.mode("open/secret", 0);
    tree.mode("listable", 0o444);
    let document = search(
        json!({"paths": [tree.root(), tree.text("open")], "contents": ["x"],
        "options": {"matchall": true}}),
    );
    let names = files(&tree, &document, "s");
    let lines = errors(&document);
    let by_name = search(
        json!({"paths": [tree.root()], "names": ["."], "sizes": ["2"],
        "options": {"matchall": true}}),
    );
    tree.mode("closed", 0o755);
    tree.mode("listable", 0o755);
    assert_eq!(names, ["open/file"]);
    let wanted = [
        format!("ERROR: open {}/: permission denied", tree.text("closed")),
        format!(
            "ERROR: open {}: permission denied",
            tree.text("listable/file")
        ),
        format!(
            "ERROR: open {}: permission denied",
            tree.text("open/secret")
        ),
    ];
    assert_eq!(lines, wanted);
    assert_eq!(document["statistics"]["openfailed"], 3);
    // Found inside a directory, a file need not be openable for its metadata.
    assert_eq!(files(&tree, &by_name, "s"), ["open/file", "open/secret"]);
}

#[test]
fn an_unreadable_file_decides_nothing_in_favour() {
    if mig_testkit::is_root() {
        return mig_testkit::skip("root may open everything");
    }
    let tree = Tree::of(&[("secret", b"x\n")]);
    tree.mode("secret", 0);
    let both = json!({"paths": [tree.root()], "contents": ["!y"], "names": ["secret"],
        "md5": ["0".repeat(32)], "options": {"mismatch": ["md5"]}});
    let document = search(both);
    assert_eq!(
        document["statistics"]["totalhits"], 1,
        "only the name: {document}"
    );
}

#[test]
fn a_search_path_with_a_nul_is_missing() {
    let document = search(json!({"paths": ["/etc\0/passwd"], "names": ["x"]}));
    assert_eq!(document["statistics"]["openfailed"], 1);
}
