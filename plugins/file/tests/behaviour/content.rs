//! Content checks: the outcome table, lines, several patterns.

use crate::support::{Tree, errors, files, found, search};
use serde_json::{Value, json};

/// Files that the pattern `^ok` sees as: every line, some lines, no line, no
/// line at all.
fn four() -> Tree {
    Tree::of(&[
        ("every", b"ok 1\nok 2\n"),
        ("some", b"ok 1\nother\n"),
        ("none", b"other\nmore\n"),
        ("void", b""),
    ])
}

#[test]
fn outcomes_follow_the_table_with_and_without_matchall() {
    let tree = four();
    let table: [(&str, bool, bool, &[&str]); 8] = [
        ("^ok", false, false, &["every", "some"]),
        ("!^ok", false, false, &["none", "void"]),
        ("^ok", true, false, &["every"]),
        ("!^ok", true, false, &["none", "void"]),
        ("^ok", false, true, &["none", "void"]),
        ("^ok", true, true, &["none", "some", "void"]),
        ("!^ok", false, true, &["every", "some"]),
        ("!^ok", true, true, &["every", "some", "void"]),
    ];
    for (pattern, macroal, mismatch, wanted) in table {
        for matchall in [true, false] {
            let mismatch: Value = if mismatch {
                json!(["content"])
            } else {
                json!(null)
            };
            let options = json!({"matchall": matchall, "macroal": macroal, "mismatch": mismatch});
            let names = found(&tree, json!({"contents": [pattern], "options": options}));
            assert_eq!(names, wanted, "{pattern} {options}");
        }
    }
}

#[test]
fn several_patterns_must_each_hold_on_whichever_lines() {
    let tree = Tree::of(&[
        ("both", b"alpha\nbeta\n"),
        ("same", b"alpha beta\n"),
        ("one", b"alpha\n"),
    ]);
    assert_eq!(
        found(&tree, json!({"contents": ["alpha", "beta"]})),
        ["both", "same"]
    );
    assert_eq!(
        found(&tree, json!({"contents": ["alpha", "!beta"]})),
        ["one"]
    );
    assert_eq!(
        found(&tree, json!({"contents": ["!alpha", "!beta"]})),
        [""; 0]
    );
    let macroal = json!({"contents": ["alpha", "a$"], "options": {"macroal": true}});
    assert_eq!(found(&tree, macroal), ["one", "same"]);
}

#[test]
fn each_check_is_judged_on_all_lines() {
    // The original credited `!secret` when `^ok` failed on an earlier line.
    let tree = Tree::of(&[("f", b"ok 1\nother\nsecret\n"), ("g", b"ok 1\nother\n")]);
    let document = search(
        json!({"paths": [tree.root()], "contents": ["^ok", "!secret"],
        "options": {"macroal": true}}),
    );
    assert_eq!(files(&tree, &document, "s"), ["g"]);
}

#[test]
fn a_failed_macroal_leaves_the_checksums_alone() {
    let tree = Tree::of(&[("f", b"hello\n")]);
    let document = search(json!({"paths": [tree.root()], "contents": ["^nothing$"],
        "md5": ["b1946ac92492d2347c6235b4d2611184"], "options": {"macroal": true}}));
    assert_eq!(files(&tree, &document, "s"), ["f"]);
}

#[test]
fn inverted_checks_do_not_shield_checksums() {
    let tree = Tree::of(&[("f", b"hello\n"), ("g", b"bye\n")]);
    let md5 = "b1946ac92492d2347c6235b4d2611184";
    assert_eq!(
        found(&tree, json!({"contents": ["!bye"], "md5": [md5]})),
        ["f"]
    );
    let mismatch = json!({"contents": ["bye"], "md5": [md5],
        "options": {"mismatch": ["content"]}});
    assert_eq!(found(&tree, mismatch), ["f"]);
}

#[test]
fn lines_end_at_line_feeds_and_lose_one_carriage_return() {
    let tree = Tree::of(&[
        ("dos", b"first\r\nsecond\r\n"),
        ("unix", b"first\nsecond\n"),
        ("open", b"first\nsecond"),
        ("open-cr", b"first\nsecond\r"),
        ("two-cr", b"first\nsecond\r\r\n"),
    ]);
    let all = ["dos", "open", "open-cr", "unix"];
    assert_eq!(found(&tree, json!({"contents": ["^second$"]})), all);
    assert_eq!(found(&tree, json!({"contents": ["\\r"]})), ["two-cr"]);
    assert_eq!(found(&tree, json!({"contents": ["first.second"]})), [""; 0]);
    assert_eq!(
        found(&tree, json!({"contents": ["(?s)first.*second"]})),
        [""; 0]
    );
    assert_eq!(found(&tree, json!({"contents": ["\\n"]})), [""; 0]);
    assert_eq!(found(&tree, json!({"contents": ["^$"]})), [""; 0]);
    let empties = Tree::of(&[
        ("lf", b"\n"),
        ("crlf", b"\r\n"),
        ("void", b""),
        ("end", b"x\n"),
    ]);
    assert_eq!(found(&empties, json!({"contents": ["^$"]})), ["crlf", "lf"]);
}

#[test]
fn lines_of_any_length_are_searched() {
    let mut long = vec![b'x'; 3 << 20];
    long.extend_from_slice(b"needle\r\nlast\n");
    let mut early = b"needle".to_vec();
    early.extend(vec![b'x'; 1 << 20]);
    let mut middle = b"first\n".to_vec();
    middle.extend(vec![b'y'; 600 << 10]);
    middle.extend_from_slice("\nzweite Zeile ä".as_bytes());
    let tree = Tree::of(&[("long", &long), ("early", &early), ("middle", &middle)]);
    assert_eq!(
        found(&tree, json!({"contents": ["needle"]})),
        ["early", "long"]
    );
    assert_eq!(found(&tree, json!({"contents": ["needle$"]})), ["long"]);
    assert_eq!(found(&tree, json!({"contents": ["^x+needle$"]})), ["long"]);
    assert_eq!(found(&tree, json!({"contents": ["^needle"]})), ["early"]);
    assert_eq!(found(&tree, json!({"contents": ["^y*$"]})), ["middle"]);
    assert_eq!(found(&tree, json!({"contents": ["^last$"]})), ["long"]);
    assert_eq!(found(&tree, json!({"contents": ["!needle"]})), ["middle"]);
    assert_eq!(found(&tree, json!({"contents": ["Zeile .$"]})), ["middle"]);
    let macroal = json!({"contents": ["^[yf]|Zeile"], "options": {"macroal": true}});
    assert_eq!(found(&tree, macroal), ["middle"]);
}

#[test]
fn bytes_that_are_not_utf8_count_as_one_replacement_character_each() {
    let tree = Tree::of(&[
        ("latin", b"caf\xE9 au lait\n"),
        ("utf8", "caf\u{E9} au lait\n".as_bytes()),
        ("cut", b"caf\xC3\n"),
    ]);
    assert_eq!(
        found(&tree, json!({"contents": ["^caf. au"]})),
        ["latin", "utf8"]
    );
    assert_eq!(found(&tree, json!({"contents": ["é"]})), ["utf8"]);
    assert_eq!(
        found(&tree, json!({"contents": ["\\x{FFFD}"]})),
        ["cut", "latin"]
    );
    assert_eq!(found(&tree, json!({"contents": ["^caf.$"]})), ["cut"]);
    assert_eq!(
        found(&tree, json!({"contents": ["!^[[:ascii:]é]*$"]})),
        ["cut", "latin"]
    );
}

#[test]
fn many_patterns_are_found_together() {
    let lines: Vec<String> = (0..40).map(|n| format!("word{n:02}\n")).collect();
    let tree = Tree::of(&[
        ("all", lines.concat().as_bytes()),
        ("few", b"word07\nword31\n"),
        ("none", b"nothing\n"),
    ]);
    let contents: Vec<String> = (0..40).map(|n| format!("^word{n:02}$")).collect();
    assert_eq!(found(&tree, json!({"contents": contents})), ["all"]);
    let document = search(json!({"paths": [tree.root()], "contents": contents}));
    assert_eq!(files(&tree, &document, "s").len(), 42);
    assert_eq!(errors(&document), [""; 0]);
}

#[test]
fn a_search_without_any_check_finds_no_file() {
    let tree = four();
    let document = search(json!({"paths": [tree.root()], "options": {"matchall": true}}));
    assert_eq!(files(&tree, &document, "s"), [""; 0]);
    assert_eq!(document["elements"]["s"].as_array().unwrap().len(), 1);
    assert_eq!(document["statistics"]["filescount"], 4);
    assert_eq!(document["foundanything"], false);
    let document = search(json!({"paths": [tree.root()]}));
    assert_eq!(document["elements"]["s"], json!(null));
}
