//! The module through its table, with a host that only tests have.

use crate::{Configuration, ExamplePersistModule, Section};
use mig_plugin_sdk::abi::{code, fingerprint, level};
use mig_plugin_sdk::testing::{FakeHost, FakeService};
use mig_plugin_sdk::{Manifest, Module, ResultDocument};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

fn start(config: &Value) -> FakeService {
    FakeService::start::<ExamplePersistModule>(json!({"config": config}))
}

fn manifest() -> Manifest {
    Manifest::parse(ExamplePersistModule::MANIFEST).expect("manifest")
}

#[test]
fn the_manifest_states_this_abi() {
    let manifest = manifest();
    assert_eq!(manifest.abi.fingerprint, fingerprint::FINGERPRINT);
    assert_eq!(manifest.version, env!("CARGO_PKG_VERSION"));
    assert!(manifest.persistent);
}

#[test]
fn the_time_is_logged_at_the_configured_interval() {
    let module = start(&json!({"ExamplePersist": {"interval": 1}}));
    module.wait_until_ready();
    let line = module.log_with("the time is ");
    assert!(line.ends_with(" +0000 UTC"), "{line}");
    let status = module.status_with(|status| status["interval"] == 1);
    assert_eq!(status["queries"], 0);
    let answer = module.stop();
    assert_eq!(answer.code, code::CANCELLED);
    assert_eq!(answer.misuse, Vec::<String>::new());
}

#[test]
fn an_interval_of_zero_or_less_is_thirty_seconds_and_said() {
    for config in [
        json!({}),
        Value::Null,
        json!({"ExamplePersist": {}}),
        json!({"ExamplePersist": {"interval": 0}}),
        json!({"ExamplePersist": {"interval": -5}}),
    ] {
        let module = start(&config);
        module.status_with(|status| status["interval"] == 30);
        module.log_with("every 30 s");
        let logs = module.stop().logs;
        assert_eq!(logs.len(), 1, "{logs:?}");
        assert_eq!(logs[0].0, level::INFO);
    }
    let module = start(&json!({"ExamplePersist": {"interval": 3600}}));
    module.status_with(|status| status["interval"] == 3600);
    module.wait_until_ready();
    assert_eq!(module.stop().logs, []);
}

#[test]
fn a_query_is_echoed_in_the_originals_form() {
    let module = start(&json!({"ExamplePersist": {"interval": 3600}}));
    module.wait_until_ready();
    let answer = module
        .query(&json!({"string": "hello"}))
        .expect("an answer");
    assert_eq!(
        answer.to_string(),
        r#"{"foundanything":true,"success":true,"elements":{"string":"hello"},"statistics":null,"errors":null}"#
    );
    assert_eq!(manifest().result().validate(&answer, false), Ok(()));
    let result: ResultDocument = serde_json::from_value(answer).expect("a result");
    let lines = FakeHost::new().print::<ExamplePersistModule>(&result, true);
    assert_eq!(lines, [r#"echo string was "hello""#]);
    module.status_with(|status| status["queries"] == 1);
}

#[test]
fn a_query_that_cannot_be_understood_is_answered_and_ends_nothing() {
    let module = start(&json!({}));
    let refused = module.query(&json!({"string": 5})).expect_err("a failure");
    assert_eq!(refused["code"], code::BAD_PARAMETERS);
    let answer = module.query(&json!({"string": "still here"}));
    assert_eq!(
        answer.expect("an answer")["elements"]["string"],
        "still here"
    );
}

#[test]
fn changed_surroundings_and_alerts_of_others_disturb_nothing() {
    let module = start(&json!({}));
    module.surroundings(&json!({"hostname": "b", "environment": {}, "tags": {}}));
    module.alert("audit", "text");
    assert!(module.query(&json!({"string": "x"})).is_ok());
    assert_eq!(module.alerts(0), Vec::<String>::new());
}

#[test]
fn the_text_to_echo_is_required() {
    let host = FakeHost::new();
    let given = host.options::<ExamplePersistModule>(&["-echo", "hello"]);
    assert_eq!(
        given.expect_result(),
        &json!({"parameters": {"string": "hello"}})
    );
    for words in [&["-echo", ""][..], &["-echo="]] {
        let refused = host.options::<ExamplePersistModule>(words);
        assert_eq!(
            refused.message(),
            "is required: write `-echo TEXT`",
            "{words:?}"
        );
    }
    assert!(
        host.options::<ExamplePersistModule>(&["-ecko", "x"])
            .message()
            .contains("ecko")
    );
    let objections = ExamplePersistModule::validate(&crate::Parameters::default());
    assert_eq!(objections.len(), 1);
    assert_eq!(objections[0].field, "string");
}

#[test]
fn help_shows_an_example() {
    let help = FakeHost::new().options::<ExamplePersistModule>(&["help"]);
    let text = help.expect_result()["help"].as_str().expect("a text");
    assert!(text.lines().any(|line| line.starts_with("ex: ")), "{text}");
    assert!(text.contains("-echo"));
}

#[test]
fn errors_are_shown_unless_only_finds_are_wanted() {
    let result = ResultDocument {
        errors: Some(vec!["it broke".to_owned()]),
        ..ResultDocument::default()
    };
    let host = FakeHost::new();
    assert_eq!(
        host.print::<ExamplePersistModule>(&result, false),
        ["error: it broke"]
    );
    assert!(host.print::<ExamplePersistModule>(&result, true).is_empty());
}

#[test]
fn it_is_never_run_as_a_one_shot_module() {
    let answer = FakeHost::new().run::<ExamplePersistModule>(json!({"string": "x"}));
    assert_eq!(answer.code, code::UNSUPPORTED);
}

proptest! {
    #[test]
    fn any_interval_gives_a_time_above_zero(interval: i64) {
        let configuration = Configuration { example: Section { interval } };
        let (time, asked_for) = configuration.interval();
        prop_assert!(time >= Duration::from_secs(1));
        prop_assert_eq!(asked_for, interval > 0);
    }

    #[test]
    fn any_text_comes_back_as_it_went(text in ".{1,40}") {
        let module = start(&json!({}));
        let answer = module.query(&json!({"string": text})).expect("an answer");
        prop_assert_eq!(&answer["elements"]["string"], &json!(text));
    }
}
