//! The shape of results and printed lines.

use crate::support::{Tree, run, search};
use mig_module_file::FileModule;
use mig_plugin_sdk::payload::Strictness;
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{Manifest, Module, ResultDocument};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// `hello\n`, modified at a known time with a known mode.
fn known() -> Tree {
    let tree = Tree::of(&[("hello", b"hello\n")]);
    tree.mode("hello", 0o644);
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_715_934_612, 500_000_000);
    let file = std::fs::File::options()
        .write(true)
        .open(tree.path("hello"))
        .unwrap();
    file.set_modified(time).unwrap();
    tree
}

const SHA256: &str = "5891B5B522D5DF086D0FF0B110FBD9D21BB4FC7163AF34D08286A2E846F6BE03";

fn document(value: &Value) -> ResultDocument {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn a_matchall_result_is_the_original_to_the_byte() {
    let tree = known();
    let root = tree.root();
    let mut result = search(json!({"paths": [format!("{root}/")], "names": ["^hello$"],
        "contents": ["<h&"], "description": "why",
        "options": {"maxdepth": 5, "maxerrors": 7, "matchall": true, "matchlimit": 9,
            "returnsha256": true, "mismatch": ["content"]}}));
    result["statistics"]["exectime"] = json!("1ms");
    let wanted = format!(
        "{{\"foundanything\":true,\"success\":true,\"elements\":{{\"s\":[{{\
         \"file\":\"{root}/hello\",\"search\":{{\"description\":\"why\",\"paths\":[\"{root}\"],\
         \"contents\":[\"<h&\"],\"names\":[\"^hello$\"],\"options\":{{\"maxdepth\":0,\
         \"maxerrors\":0,\"matchall\":true,\"macroal\":false,\"mismatch\":[\"content\"],\
         \"matchlimit\":0,\"returnsha256\":true}}}},\"fileinfo\":{{\"size\":6,\
         \"mode\":\"-rw-r--r--\",\"lastmodified\":\"2024-05-17 08:30:12.5 +0000 UTC\",\
         \"sha256\":\"{SHA256}\"}}}}]}},\"statistics\":{{\"filescount\":1,\"openfailed\":0,\
         \"totalhits\":1,\"exectime\":\"1ms\"}},\"errors\":null}}"
    );
    assert_eq!(serde_json::to_string(&result).unwrap(), wanted);
}

#[test]
fn a_matchany_result_repeats_only_the_check() {
    let tree = known();
    let result = search(
        json!({"paths": [tree.root()], "names": ["h"], "description": "why",
        "options": {"macroal": true, "mismatch": ["size"], "decompress": true,
            "debug": "no", "remotefs": true, "returnsha256": true}}),
    );
    let wanted = json!({
        "file": tree.text("hello"),
        "search": {"paths": [tree.root()], "names": ["h"], "options": {"maxdepth": 0,
            "maxerrors": 0, "matchall": false, "macroal": false, "mismatch": null,
            "matchlimit": 0}},
        "fileinfo": {"size": 6, "mode": "-rw-r--r--",
            "lastmodified": "2024-05-17 08:30:12.5 +0000 UTC"},
    });
    assert_eq!(result["elements"]["s"][0].to_string(), wanted.to_string());
}

#[test]
fn nothing_found_is_a_placeholder() {
    let tree = known();
    let result = search(json!({"paths": [tree.root()], "names": ["x"],
        "options": {"matchall": true}}));
    let entry = &result["elements"]["s"][0];
    assert_eq!(entry["file"], "");
    assert_eq!(entry["search"]["names"], json!(["x"]));
    assert_eq!(
        entry["fileinfo"],
        json!({"size": 0, "mode": "", "lastmodified": ""})
    );
    assert_eq!(result["foundanything"], false);
}

#[test]
fn no_search_is_an_empty_success() {
    for parameters in [
        json!({}),
        json!({"searches": {}}),
        json!({"paths": ["/"], "regexes": []}),
    ] {
        let result = run(parameters);
        assert_eq!(result["elements"], json!({}));
        assert_eq!(result["errors"], Value::Null);
        assert_eq!(result["statistics"]["filescount"], 0);
    }
}

#[test]
fn labels_come_out_sorted_whatever_they_are() {
    let tree = known();
    let one = json!({"paths": [tree.root()], "names": ["h"]});
    let result = run(json!({"searches": {"b/2": one, "a~1": one, "a/b.c": {"paths": ["/x"]}}}));
    let labels: Vec<&String> = result["elements"].as_object().unwrap().keys().collect();
    assert_eq!(labels, ["a/b.c", "a~1", "b/2"]);
    assert_eq!(result["elements"]["a/b.c"], Value::Null);
    assert_eq!(result["elements"]["a~1"].as_array().unwrap().len(), 1);
}

#[test]
fn lines_are_those_of_the_original() {
    let tree = known();
    let root = tree.root();
    let mut result = run(json!({"searches": {
        "s1": {"paths": [root], "names": ["^hello$"], "options": {"matchall": true}},
        "s2": {"paths": [root], "names": ["^hello$", "nope"], "sizes": ["<1k"]},
        "s3": {"paths": [root], "names": ["nope"], "options": {"matchall": true}},
        "s0": {"paths": [root], "names": ["^hello$"],
            "options": {"matchall": true, "returnsha256": true}},
        "s4": {"paths": ["/nowhere-at-all"]}}}));
    result["statistics"]["exectime"] = json!("18.4ms");
    let info = format!(
        "{root}/hello [lastmodified:2024-05-17 08:30:12.5 +0000 UTC, mode:-rw-r--r--, size:6"
    );
    let sum = SHA256.to_lowercase();
    let wanted = [
        format!("{info}, sha256:{sum}] in search 's0'"),
        format!("{info}] in search 's1'"),
        format!("{info}] in search 's2' on checks name='^hello$'"),
        "0 match found in search 's2' on checks name='nope'".to_owned(),
        format!("{info}] in search 's2' on checks size='<1k'"),
        "0 match found in search 's3'".to_owned(),
        "ERROR: open /nowhere-at-all: no such file or directory".to_owned(),
        "Statistics: 1 files checked, 1 failed to open, 4 matched, ran in 18.4ms.".to_owned(),
    ];
    let host = FakeHost::new();
    assert_eq!(host.print::<FileModule>(&document(&result), false), wanted);
    let found: Vec<String> = wanted
        .into_iter()
        .filter(|line| line.starts_with('/'))
        .collect();
    assert_eq!(host.print::<FileModule>(&document(&result), true), found);
}

#[test]
fn recorded_results_of_the_original_print_as_it_printed_them() {
    let recorded = json!({"foundanything": true, "success": true, "elements": {"s1": [{
        "file": "/etc/passwd",
        "fileinfo": {"lastmodified": "2026-11-20 12:30:25.613206532 +0000 UTC",
            "mode": "-rw-r--r--", "size": 1399.0},
        "search": {"contents": ["^root"], "names": ["^passwd$"], "options": {"macroal": false,
            "matchall": true, "matchlimit": 0, "maxdepth": 0, "maxerrors": 0, "mismatch": null},
            "paths": ["/etc"]}}]},
        "statistics": {"exectime": "78.941621ms", "filescount": 1070, "openfailed": 1,
            "totalhits": 1},
        "errors": ["ERROR: followSymLink() -> lstat /etc/modules: no such file or directory"]});
    let wanted = [
        "/etc/passwd [lastmodified:2026-11-20 12:30:25.613206532 +0000 UTC, mode:-rw-r--r--, \
         size:1399] in search 's1'",
        "ERROR: followSymLink() -> lstat /etc/modules: no such file or directory",
        "Statistics: 1070 files checked, 1 failed to open, 1 matched, ran in 78.941621ms.",
    ];
    let host = FakeHost::new();
    assert_eq!(
        host.print::<FileModule>(&document(&recorded), false),
        wanted
    );
}

#[test]
fn an_empty_result_still_prints() {
    let host = FakeHost::new();
    let lines = host.print::<FileModule>(&ResultDocument::default(), false);
    assert_eq!(
        lines,
        ["Statistics: 0 files checked, 0 failed to open, 0 matched, ran in ."]
    );
    assert!(
        host.print::<FileModule>(&ResultDocument::default(), true)
            .is_empty()
    );
}

#[test]
fn results_fit_the_declared_schema_and_privacy_hides_every_path() {
    let tree = known();
    tree.link("dangling", "missing");
    let result = run(json!({"searches": {
        "all": {"paths": [tree.root()], "names": ["hello"], "options": {"matchall": true,
            "returnsha256": true, "mismatch": ["size"], "debug": "no", "remotefs": true,
            "decompress": true}, "description": "why"},
        "any": {"paths": [tree.root()], "names": ["hello", "x"], "sizes": ["1"],
            "modes": ["x"], "mtimes": ["<1d"], "contents": ["h"], "md5": ["0".repeat(32)],
            "sha1": ["0".repeat(40)], "sha2": ["0".repeat(64)], "sha3": ["0".repeat(64)]},
        "none": {"paths": [tree.root()]}}}));
    let manifest = Manifest::parse(FileModule::MANIFEST).unwrap();
    let schema = manifest.result();
    schema.validate(&result, false).unwrap();

    let masked = schema.mask(result.clone());
    let text = masked.to_string();
    assert!(!text.contains(tree.root()), "{text}");
    let entry = &masked["elements"]["all"][0];
    assert_eq!(entry["file"], "masked");
    assert_eq!(entry["fileinfo"], result["elements"]["all"][0]["fileinfo"]);
    assert_eq!(entry["search"]["names"], json!(["hello"]));
    assert_eq!(
        masked["elements"]["any"][0]["search"]["paths"],
        json!(["masked"])
    );
    assert_eq!(
        masked["elements"]["any"][2]["file"], "",
        "a placeholder is no secret"
    );
    assert_eq!(masked["errors"], json!(["masked"]));
    assert_eq!(masked["statistics"], result["statistics"]);
}

#[test]
fn a_search_that_asks_for_it_tells_what_it_does() {
    let tree = known();
    let parameters = json!({"searches": {
        "loud": {"paths": [tree.root()], "names": ["!h"], "options": {"debug": "print"}},
        "quiet": {"paths": [tree.root()], "names": ["h"]}}});
    let answer = crate::support::attempt(parameters);
    let wanted = [
        "search 'loud': name check '!h', inverted true, mismatch false",
        "search 'loud': 0 hits",
    ];
    let lines: Vec<&str> = answer.logs.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(lines, wanted);
}

#[test]
fn the_manifest_belongs_to_this_abi() {
    let manifest: Value = serde_json::from_slice(FileModule::MANIFEST).unwrap();
    let wanted = mig_plugin_sdk::abi::fingerprint::FINGERPRINT;
    assert_eq!(manifest["abi"]["fingerprint"], wanted);
    let parameters = Manifest::parse(FileModule::MANIFEST).unwrap();
    let schema = parameters.parameters().unwrap();
    let example = json!({"searches": {"s": {"paths": ["/"]}}});
    schema.validate(&example, Strictness::Parameters).unwrap();
}
