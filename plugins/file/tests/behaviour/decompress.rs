//! Looking into gzip files.

use crate::support::{Tree, errors, found, run, search};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

const INSIDE: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

#[test]
fn content_and_checksums_are_those_of_the_inside() {
    let packed = gzip(b"hello\n");
    let members = [gzip(b"hel"), gzip(b"lo\n")].concat();
    let tree = Tree::of(&[
        ("plain", b"hello\n"),
        ("packed", &packed),
        ("two", &members),
    ]);
    let decompress = |mut criteria: serde_json::Value| {
        criteria["options"] = json!({"decompress": true});
        criteria
    };
    assert_eq!(found(&tree, json!({"contents": ["^hello$"]})), ["plain"]);
    let all = ["packed", "plain", "two"];
    assert_eq!(
        found(&tree, decompress(json!({"contents": ["^hello$"]}))),
        all
    );
    assert_eq!(found(&tree, decompress(json!({"sha2": [INSIDE]}))), all);
    assert_eq!(found(&tree, json!({"sha2": [INSIDE]})), ["plain"]);
    assert_eq!(
        found(&tree, decompress(json!({"sizes": ["6"]}))),
        ["plain"],
        "sizes stay raw"
    );
    let document = search(json!({"paths": [tree.root()], "names": ["packed"],
        "options": {"matchall": true, "decompress": true, "returnsha256": true}}));
    let entry = &document["elements"]["s"][0];
    assert_eq!(entry["fileinfo"]["sha256"], INSIDE.to_uppercase());
}

#[test]
fn the_switch_belongs_to_each_search() {
    let tree = Tree::of(&[("packed", &gzip(b"hello\n")[..])]);
    let document = run(json!({"searches": {
        "in": {"paths": [tree.root()], "contents": ["^hello$"],
            "options": {"decompress": true, "matchall": true}},
        "out": {"paths": [tree.root()], "contents": ["^hello$"], "options": {"matchall": true}},
        "raw": {"paths": [tree.root()], "contents": ["^\\x1F"], "options": {"matchall": true}}}}));
    let names = |label| crate::support::files(&tree, &document, label);
    assert_eq!(names("in"), ["packed"]);
    assert_eq!(names("out"), [""; 0]);
    assert_eq!(names("raw"), ["packed"]);
}

#[test]
fn short_files_are_plain() {
    let tree = Tree::of(&[("void", b""), ("one", b"x"), ("half", b"\x1F")]);
    let options = json!({"matchall": true, "decompress": true, "returnsha256": true});
    let document = search(json!({"paths": [tree.root()], "contents": ["x"], "options": options}));
    assert_eq!(crate::support::files(&tree, &document, "s"), ["one"]);
    let document = search(json!({"paths": [tree.root()], "names": ["."], "options": options}));
    assert_eq!(
        crate::support::files(&tree, &document, "s"),
        ["half", "one", "void"]
    );
    assert_eq!(errors(&document), [""; 0]);
    let empty = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
    assert_eq!(document["elements"]["s"][2]["fileinfo"]["sha256"], empty);
}

#[test]
fn damage_is_reported_and_decides_nothing_in_favour() {
    let mut text = Vec::new();
    (0..200_000_u32)
        .for_each(|n| writeln!(text, "line {}", n.wrapping_mul(2_654_435_761)).unwrap());
    let good = gzip(&text);
    let mut cut = good.clone();
    cut.truncate(good.len() - 6);
    let mut garbage = good.clone();
    garbage.extend_from_slice(b"more");
    let mut checksum = good.clone();
    let at = good.len() - 5;
    checksum[at] ^= 0xFF;
    let mut corrupt = gzip(b"some text");
    corrupt[10] = 0xFF;
    let tree = Tree::of(&[
        ("checksum", &checksum),
        ("corrupt", &corrupt),
        ("cut", &cut),
        ("garbage", &garbage),
    ]);
    let ask = |criteria: serde_json::Value| {
        let mut criteria = criteria;
        criteria["paths"] = json!([tree.root()]);
        criteria["options"] = json!({"matchall": true, "decompress": true});
        let document = search(criteria);
        (
            crate::support::files(&tree, &document, "s"),
            errors(&document),
        )
    };
    let (names, mut complaints) = ask(json!({"contents": ["!nothing"]}));
    assert_eq!(
        names, [""; 0],
        "what was not seen to its end cannot lack a line"
    );
    complaints
        .iter_mut()
        .for_each(|line| *line = line.replace(tree.root(), ""));
    let wanted = [
        "ERROR: read /checksum: gzip: invalid checksum",
        "ERROR: read /corrupt: flate: corrupt input",
        "ERROR: read /cut: unexpected EOF",
        "ERROR: read /garbage: unexpected EOF",
    ];
    assert_eq!(complaints, wanted);
    let (names, _) = ask(json!({"contents": ["^line 0$"]}));
    assert_eq!(
        names,
        ["checksum", "cut", "garbage"],
        "lines before the damage count"
    );
    let (names, _) = ask(json!({"md5": ["00000000000000000000000000000000"]}));
    assert_eq!(names, [""; 0]);
    // Who wants the file as it is does not suffer.
    let document = search(json!({"paths": [tree.root()], "sha2": ["0".repeat(64)],
        "options": {"matchall": true, "mismatch": ["sha2"]}}));
    assert_eq!(crate::support::files(&tree, &document, "s").len(), 4);
}
