//! The module towards its host: manifest, query, configuration.

use super::start;
use crate::server::Server;
use mig_module_dispatch::DispatchModule;
use mig_plugin_sdk::abi::{code, fingerprint::FINGERPRINT};
use mig_plugin_sdk::testing::{FakeHost, FakeService};
use mig_plugin_sdk::{Manifest, Module, ResultDocument};
use serde_json::json;

#[test]
fn the_manifest_is_complete() {
    let manifest = Manifest::parse(DispatchModule::MANIFEST).unwrap();
    assert_eq!(manifest.abi.fingerprint, FINGERPRINT);
    assert!(manifest.persistent);
    assert!(manifest.configuration().is_some());
    // The host opens these two, wherever they are, and nothing else.
    let named = json!({"dispatch": {"cafile": "/srv/ca.pem", "credentials": "/srv/aws",
                                    "httpurl": "/srv/url", "proxy": "/srv/proxy"}});
    assert_eq!(manifest.named_files(&named), ["/srv/ca.pem", "/srv/aws"]);
}

#[test]
fn a_query_is_answered_while_alerts_wait() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}/", mig_testkit::free_port());
    let service = start(&url, directory.path(), json!({}));
    service.wait_until_ready();
    let number = service.alert("audit", "{}");
    service.wait_until_stored(number);
    let answer = service.query(&json!({})).unwrap();
    assert_eq!(answer["elements"], json!({"ok": true}));
    assert_eq!(answer["foundanything"], true);
    assert_eq!(answer["success"], true);
    assert_eq!(answer["statistics"], json!(null));
    let stopped = service.stop();
    assert_eq!((stopped.code, stopped.misuse.len()), (code::OK, 0));
}

#[test]
fn the_question_takes_no_options_and_the_answer_prints_one_line() {
    let host = FakeHost::new();
    let parameters = host.options::<DispatchModule>(&[]);
    assert_eq!(parameters.expect_result()["parameters"], json!({}));
    let help = host.options::<DispatchModule>(&["help"]);
    let help = help.expect_result()["help"].as_str().unwrap().to_owned();
    assert!(help.lines().any(|line| line.starts_with("ex: ")), "{help}");
    let refused = host.options::<DispatchModule>(&["-x"]);
    assert_eq!(refused.code, code::BAD_PARAMETERS);
    let mut result = ResultDocument {
        foundanything: true,
        success: true,
        elements: json!({"ok": true}),
        ..ResultDocument::default()
    };
    result.errors = Some(vec!["late".to_owned()]);
    assert_eq!(
        host.print::<DispatchModule>(&result, false),
        ["ok:true", "late"]
    );
    assert_eq!(host.print::<DispatchModule>(&result, true), ["ok:true"]);
}

#[test]
fn a_configuration_without_a_target_ends_the_module_with_what_to_set() {
    let directory = tempfile::tempdir().unwrap();
    let service =
        FakeService::start::<DispatchModule>(json!({"config": {}, "directory": directory.path()}));
    let ended = service.ended();
    assert_eq!(ended.code, code::BAD_PARAMETERS);
    assert!(
        ended.message().contains("set `httpurl` or `snstopic`"),
        "{}",
        ended.message()
    );
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with(Vec::new());
    let service = start(&server.url(), &directory.path().join("gone"), json!({}));
    let ended = service.ended();
    assert_eq!(ended.code, code::IO);
    assert!(ended.message().contains("gone"), "{}", ended.message());
}
