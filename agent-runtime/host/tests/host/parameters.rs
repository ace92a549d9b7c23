//! What reaches a module as parameters, whatever language it is in.

use mig_host::{Cancel, Ending, Operation, Progress};
use serde_json::{Value, json};

use crate::c_plugins::{Plugins, Source};
use crate::setup::{job, reason, run};

const SCHEMA: &str = r#"{"type":"object","properties":{
    "count":{"type":"integer"},"kind":{"type":"string","enum":["a","b"]},
    "paths":{"type":"array","items":{"type":"string"}}}}"#;

/// Answers the bytes it got, in hexadecimal.
const ECHO: &str = r#"char hex[200] = "."; size_t at;
    for (at = 0; at < input.len && at < 90; at++) sprintf(hex + 2 * at, "%02x", input.ptr[at]);
    return report(host, hex);"#;

fn echo() -> Option<(Plugins, mig_host::ModuleStore)> {
    // One line: it goes into a string of C.
    let schema: String = SCHEMA.split_whitespace().collect();
    Plugins::made_of(&Source {
        call: ECHO,
        parameters: &schema,
        ..Source::default()
    })
}

fn hex(value: &Value) -> String {
    let bytes = mig_plugin_sdk::payload::encode(value).expect("a payload");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_module_in_c_gets_its_parameters_in_the_spelling_it_declared() {
    let Some((_plugins, store)) = echo() else {
        return;
    };
    for (given, received) in [
        (
            json!({"COUNT": 3.0, "Paths": ["/etc"]}),
            json!({"count": 3, "paths": ["/etc"]}),
        ),
        (json!({"count": null, "kind": "a"}), json!({"kind": "a"})),
        (json!({"unknown": 1}), json!({"unknown": 1})),
        (json!(null), json!({})),
    ] {
        let outcome = run(&store, &job("cplug", given.clone()));
        assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
        assert_eq!(outcome.answer["errors"][0], hex(&received), "{given}");
    }
}

#[test]
fn parameters_that_do_not_fit_reach_no_module() {
    let Some((_plugins, store)) = echo() else {
        return;
    };
    for (given, field) in [
        (json!({"Count": "three"}), "count"),
        (json!({"paths": ["/etc", 7]}), "paths[1]"),
        (json!({"kind": "c"}), "kind"),
        (json!(["count"]), ""),
        (json!("count"), ""),
    ] {
        let mut started = false;
        let outcome = store.run(
            &job("cplug", given.clone()),
            &Cancel::new(),
            &mut |progress| {
                started |= matches!(progress, Progress::Sandbox(_));
            },
        );
        assert_eq!(outcome.ending, Ending::Failed, "{given}");
        assert_eq!(outcome.field.as_deref(), Some(field), "{given}");
        assert!(reason(&outcome).starts_with(field), "{:?}", outcome.reason);
        assert_eq!(outcome.answer["success"], false);
        assert_eq!(outcome.answer["errors"][0], reason(&outcome));
        assert!(!started, "a worker ran for {given}");
    }
}

#[test]
fn a_module_in_rust_says_the_same_with_and_without_a_host() {
    let store = crate::setup::store();
    let given = json!({"Count": "three"});
    let outcome = run(&store, &job("probe", given.clone()));
    let alone = mig_plugin_sdk::testing::FakeHost::new().run::<crate::probe::Probe>(given);
    assert_eq!(reason(&outcome), alone.message());
    assert_eq!(
        outcome.field.as_deref(),
        alone
            .error
            .as_ref()
            .and_then(|error| error["field"].as_str())
    );
}

#[test]
fn the_other_operations_take_what_they_are_given() {
    let Some((_plugins, store)) = echo() else {
        return;
    };
    let mut asked = job("cplug", json!({"count": "three"}));
    asked.operation = Operation::Validate;
    let outcome = run(&store, &asked);
    // It answers with a result, which is no list of complaints.
    assert!(
        reason(&outcome).contains("`validate`"),
        "{:?}",
        outcome.reason
    );
}
