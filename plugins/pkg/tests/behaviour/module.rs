//! Parameters, results and lines, on this host's packages.

use mig_module_pkg::{PkgModule, installed_until};
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{Manifest, Module, ResultDocument};
use serde_json::{Value, json};
use std::path::Path;

fn run(parameters: Value) -> Value {
    let answer = FakeHost::new().run::<PkgModule>(parameters);
    answer.expect_result();
    assert_eq!(answer.misuse, Vec::<String>::new());
    answer.document()
}

#[test]
fn the_manifest_is_accepted_and_fits_this_abi() {
    let manifest = Manifest::parse(PkgModule::MANIFEST).expect("a manifest");
    assert_eq!(manifest.name, "pkg");
    let fingerprint = mig_plugin_sdk::abi::fingerprint::FINGERPRINT;
    assert!(String::from_utf8_lossy(PkgModule::MANIFEST).contains(fingerprint));
}

#[test]
fn every_package_of_this_host_is_found_in_order() {
    let expected = installed_until(Path::new("/"), &|| false);
    let document = run(json!({"pkgmatch": {"matches": ["."]}}));
    let packages = document["elements"]["packages"].as_array().expect("a list");
    assert_eq!(json!(packages), json!(expected.packages));
    assert_eq!(document["foundanything"], !expected.packages.is_empty());
    assert_eq!(document["success"], true);
    if let Some(first) = packages.first() {
        let keys: Vec<&String> = first.as_object().expect("a package").keys().collect();
        assert_eq!(keys, ["name", "version", "type", "arch"]);
    }
}

#[test]
fn a_package_that_two_patterns_match_is_there_twice() {
    let once = run(json!({"pkgmatch": {"matches": ["."]}}));
    let twice = run(json!({"pkgmatch": {"matches": [".", "^."]}}));
    let once = once["elements"]["packages"]
        .as_array()
        .expect("a list")
        .clone();
    assert_eq!(
        twice["elements"]["packages"],
        json!([once.clone(), once].concat())
    );
}

#[test]
fn a_version_is_wanted_or_unwanted() {
    let count = |vermatch: &str| {
        let document = run(json!({"pkgmatch": {"matches": ["."]}, "vermatch": vermatch}));
        document["elements"]["packages"]
            .as_array()
            .expect("a list")
            .len()
    };
    let (with, without, all) = (count("^1"), count("!^1"), count(""));
    assert_eq!(with + without, all);
    // A lone exclamation mark is a pattern, which no version matches.
    assert_eq!(count("!"), 0);
}

#[test]
fn nothing_matched_is_an_empty_list() {
    let document = run(json!({"pkgmatch": {"matches": ["^no such package$"]}, "vermatch": ""}));
    assert_eq!(document["elements"], json!({"packages": []}));
    assert_eq!(document["foundanything"], false);
    assert_eq!(document["success"], true);
    let runtime = document["statistics"]["execruntime"]
        .as_str()
        .expect("a duration");
    assert!(runtime.ends_with('s'), "{runtime}");
}

#[test]
fn bad_parameters_name_the_field() {
    for (parameters, field) in [
        (json!({}), "pkgmatch.matches"),
        (json!({"pkgmatch": {"matches": []}}), "pkgmatch.matches"),
        (
            json!({"pkgmatch": {"matches": ["a", "(b"]}}),
            "pkgmatch.matches",
        ),
        (
            json!({"pkgmatch": {"matches": ["a"]}, "vermatch": "![b"}),
            "vermatch",
        ),
    ] {
        let answer = FakeHost::new().run::<PkgModule>(parameters.clone());
        assert_ne!(answer.code, 0, "{parameters}");
        let error = answer.error.expect("an error");
        assert_eq!(error["field"], field, "{error}");
    }
}

#[test]
fn words_become_parameters() {
    let options = |words: &[&str]| FakeHost::new().options::<PkgModule>(words);
    let words = [
        "-name",
        "^a",
        "--name=b$",
        "-version",
        "^1",
        "-version",
        "!^2",
    ];
    let expected =
        json!({"parameters": {"pkgmatch": {"matches": ["^a", "b$"]}, "vermatch": "!^2"}});
    assert_eq!(*options(&words).expect_result(), expected);
    for words in [&["help"][..], &[], &[""]] {
        let answer = options(words);
        let help = answer.expect_result()["help"].as_str().expect("help");
        assert!(help.contains("\nex: -name "), "{help}");
    }
    for (words, named) in [
        (&["-nam", "x"][..], "-nam"),
        (&["-name"], "-name"),
        (&["-version", "1"], "pkgmatch.matches"),
        (&["-name", "a", "b"], "b"),
    ] {
        let answer = options(words);
        assert_ne!(answer.code, 0, "{words:?}");
        assert!(
            answer.message().contains(named) || answer.error.expect("an error")["field"] == named,
            "{words:?}"
        );
    }
}

#[test]
fn lines_are_those_of_the_original() {
    let result = ResultDocument {
        foundanything: true,
        success: true,
        elements: json!({"packages": [{"name": "bash", "version": "5.2.15-2+b8", "type": "dpkg", "arch": "amd64"}]}),
        statistics: json!({"execruntime": "14.3ms"}),
        errors: Some(vec!["something".into()]),
    };
    let line = "pkgmatch name=bash version=5.2.15-2+b8 type=dpkg arch=amd64";
    let host = FakeHost::new();
    assert_eq!(host.print::<PkgModule>(&result, true), [line]);
    let all = [line, "something", "Statistics: runtime 14.3ms"];
    assert_eq!(host.print::<PkgModule>(&result, false), all);
}

#[test]
fn a_cancelled_run_says_so_and_keeps_what_was_sent() {
    // With a pattern that matches nothing, too: an unfinished look is no answer.
    let answer = FakeHost::new()
        .cancel_after(0)
        .run::<PkgModule>(json!({"pkgmatch": {"matches": ["^no such package$"]}}));
    assert_ne!(answer.code, 0);
    assert_eq!(answer.document()["success"], false);
    for polls in [0, 3, 200] {
        let answer = FakeHost::new()
            .cancel_after(polls)
            .run::<PkgModule>(json!({"pkgmatch": {"matches": ["."]}}));
        assert_ne!(answer.code, 0);
        assert_eq!(answer.document()["success"], false);
    }
}
