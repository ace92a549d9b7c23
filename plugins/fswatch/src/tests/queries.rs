//! Queries, their command line and lines; the manifest.

use super::Place;
use crate::FswatchModule;
use mig_plugin_sdk::abi::{code, fingerprint};
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::{Manifest, Module, ResultDocument};
use serde_json::json;

#[test]
fn the_manifest_states_this_abi() {
    let manifest = Manifest::parse(FswatchModule::MANIFEST).expect("manifest");
    assert_eq!(manifest.abi.fingerprint, fingerprint::FINGERPRINT);
    assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
    assert!(manifest.persistent);
}

#[test]
fn a_query_is_answered_as_the_original_does() {
    let place = Place::new();
    let module = place.watch(&[""]);
    let answer = module.query(&json!({})).expect("an answer");
    assert_eq!(
        answer.to_string(),
        r#"{"foundanything":true,"success":true,"elements":{"ok":true},"statistics":null,"errors":null}"#
    );
    let result: ResultDocument = serde_json::from_value(answer).expect("a result");
    let host = FakeHost::new();
    assert_eq!(host.print::<FswatchModule>(&result, true), ["ok:true"]);
    let result = ResultDocument {
        errors: Some(vec!["it broke".to_owned()]),
        ..result
    };
    assert_eq!(
        host.print::<FswatchModule>(&result, false),
        ["ok:true", "error: it broke"]
    );
    let answer = module.stop();
    assert_eq!(answer.code, code::CANCELLED);
    assert_eq!(answer.misuse, Vec::<String>::new());
}

#[test]
fn no_word_is_a_query_and_help_is_help() {
    let host = FakeHost::new();
    assert_eq!(
        host.options::<FswatchModule>(&[]).expect_result(),
        &json!({"parameters": {}})
    );
    let help = host.options::<FswatchModule>(&["help"]);
    let text = help.expect_result()["help"].as_str().expect("a text");
    assert!(text.lines().any(|line| line.starts_with("ex: ")), "{text}");
    let refused = host.options::<FswatchModule>(&["-path", "/etc"]);
    assert!(refused.message().contains("path"), "{refused:?}");
}

#[test]
fn it_is_never_run_as_a_one_shot_module() {
    let answer = FakeHost::new().run::<FswatchModule>(json!({}));
    assert_eq!(answer.code, code::UNSUPPORTED);
}

#[test]
fn alerts_are_masked_but_for_their_severity() {
    let manifest = Manifest::parse(FswatchModule::MANIFEST).expect("manifest");
    let schema = manifest.alert().expect("a schema of alerts");
    let alert = json!({"severity": "low", "alert": "path /x created", "rawpath": "L3g="});
    assert_eq!(
        schema.mask(alert),
        Some(json!({"severity": "low", "alert": "masked", "rawpath": "masked"}))
    );
}
