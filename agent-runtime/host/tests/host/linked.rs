//! Modules that are linked into the program.

use mig_host::{
    Cancel, Ending, Guard, Job, ModuleStore, Operation, Origin, Progress, StoreOptions,
};
use serde_json::{Value, json};

use crate::setup::{STATICS, job, reason, run, run_listening, store};

#[test]
fn a_run_gives_the_whole_result_with_its_keys_in_order() {
    let outcome = run(
        &store(),
        &job("probe", json!({"act": "stream", "count": 3})),
    );
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    assert_eq!(outcome.reason, None);
    assert_eq!(
        outcome.answer.to_string(),
        json!({
            "foundanything": true, "success": true,
            "elements": {
                "even": [{"name": "n0", "size": 0}, {"name": "n2", "size": 2}],
                "odd": [{"name": "n1", "size": 1}],
            },
            "statistics": {"seen": 3}, "errors": null,
        })
        .to_string()
    );
}

#[test]
fn the_example_module_answers() {
    let outcome = run(
        &store(),
        &job(
            "example",
            json!({"gethostname": true, "getaddresses": true}),
        ),
    );
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    assert_eq!(outcome.answer["success"], true);
    assert_eq!(outcome.answer["errors"], Value::Null);
    let name = outcome.answer["elements"]["hostname"]
        .as_str()
        .expect("host name");
    assert!(!name.is_empty());
}

#[test]
fn a_module_with_network_resolves_names_in_its_jail() {
    let outcome = run(
        &store(),
        &job("example", json!({"lookuphost": ["localhost"]})),
    );
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    let found = outcome.answer["elements"]["lookeduphost"]["localhost"].to_string();
    assert!(
        found.contains("127.0.0.1") || found.contains("::1"),
        "{}",
        outcome.answer
    );
}

#[test]
fn the_store_knows_what_is_linked() {
    let store = store();
    let names: Vec<_> = store
        .modules()
        .map(|module| module.manifest.name.as_str())
        .collect();
    assert_eq!(names, ["example", "probe"]);
    assert_eq!(store.get("probe").expect("probe").origin, Origin::Static);
    assert!(store.get("file").is_none());
    let options = StoreOptions {
        modules: Some(vec!["probe".to_owned(), "pkg".to_owned()]),
        ..StoreOptions::default()
    };
    let chosen = ModuleStore::open(STATICS, &options);
    assert_eq!(chosen.modules().count(), 1);
    let refused: Vec<_> = chosen.refused().iter().map(ToString::to_string).collect();
    assert_eq!(refused.len(), 1);
    assert!(
        refused[0].contains("`pkg` is configured but not installed"),
        "{refused:?}"
    );
}

#[test]
fn helper_operations_answer_in_their_shapes() {
    let store = store();
    let ask = |operation, input| {
        run(
            &store,
            &Job {
                operation,
                ..job("probe", input)
            },
        )
    };
    let options = ask(
        Operation::Options,
        json!({"words": ["stream"], "defaults": "mig"}),
    );
    assert_eq!(options.answer["parameters"]["act"], "stream", "{options:?}");
    let help = ask(
        Operation::Options,
        json!({"words": ["help"], "defaults": "mig"}),
    );
    assert_eq!(help.answer, json!({"help": "do what?"}));
    let wrong = ask(Operation::Options, json!({"words": [], "defaults": "mig"}));
    assert_eq!(wrong.ending, Ending::Failed);
    assert_eq!(reason(&wrong), "say what to do");
    assert_eq!(wrong.field.as_deref(), Some("words"));
    assert_eq!(wrong.answer, Value::Null);
    let result = json!({"foundanything": true, "success": true, "elements": {}, "statistics": null, "errors": null});
    let lines = ask(
        Operation::Print,
        json!({"result": result, "foundonly": false}),
    );
    assert_eq!(
        lines.answer,
        json!({"lines": ["\u{fffd}[2J{}"]}),
        "control characters are gone"
    );
    let valid = ask(Operation::Validate, json!({"act": "stream"}));
    assert_eq!(valid.answer, json!({"errors": []}));
    let invalid = ask(Operation::Validate, json!({"act": 5}));
    assert_eq!(invalid.answer["errors"][0]["field"], "act", "{invalid:?}");
    let about = ask(Operation::Describe, Value::Null);
    assert_eq!(about.answer["name"], "probe");
}

#[test]
fn privacy_masks_what_the_manifest_says_and_every_sentence() {
    let ask = |input| {
        run(
            &store(),
            &Job {
                privacy: true,
                ..job("probe", input)
            },
        )
    };
    let streamed = ask(json!({"act": "stream", "count": 2}));
    assert_eq!(
        streamed.answer["elements"],
        json!({"even": [{"name": "masked", "size": 0}], "odd": [{"name": "masked", "size": 1}]})
    );
    let errors = ask(json!({"act": "errors", "path": "/home/alice"}));
    assert_eq!(errors.answer["errors"], json!(["masked"]));
    let undeclared = ask(json!({"act": "undeclared"}));
    assert_eq!(undeclared.ending, Ending::Done, "dropped, not refused");
    assert_eq!(
        undeclared.answer["elements"],
        json!({"even": [{"name": "masked"}]})
    );
    let failed = ask(json!({"act": "fail", "path": "/home/alice"}));
    assert_eq!(failed.ending, Ending::Failed);
    assert!(!failed.answer.to_string().contains("alice"), "{failed:?}");
    assert!(!reason(&failed).contains("alice"), "{failed:?}");
    assert!(!format!("{:?}", ask(json!({"act": "panic"}))).contains("as it was told"));
}

#[test]
fn without_privacy_an_undeclared_field_is_an_error_of_the_module() {
    let outcome = run(&store(), &job("probe", json!({"act": "undeclared"})));
    assert_eq!(outcome.ending, Ending::Failed);
    assert!(reason(&outcome).contains("even[0].secret"), "{outcome:?}");
    assert_eq!(outcome.answer["elements"], Value::Null);
    assert_eq!(outcome.answer["success"], false);
}

#[test]
fn findings_for_a_place_outside_the_schema_are_refused() {
    let outcome = run(&store(), &job("probe", json!({"act": "elsewhere"})));
    assert_eq!(outcome.ending, Ending::Failed);
    assert!(
        reason(&outcome).contains("/elements/nowhere"),
        "{outcome:?}"
    );
}

#[test]
fn log_lines_and_progress_arrive_without_control_characters() {
    let (outcome, heard) = run_listening(&store(), &job("probe", json!({"act": "log"})));
    assert_eq!(outcome.ending, Ending::Done);
    assert!(matches!(&heard[0], Progress::Sandbox(report) if report.is_active(Guard::MemoryLimit)));
    assert_eq!(
        heard[1..],
        [
            Progress::Log {
                level: 4,
                message: "first line \u{fffd}[31m".to_owned()
            },
            Progress::Units { done: 1, total: 3 },
        ]
    );
    let private = Job {
        privacy: true,
        ..job("probe", json!({"act": "log"}))
    };
    let (_, heard) = run_listening(&store(), &private);
    assert!(
        !heard
            .iter()
            .any(|said| matches!(said, Progress::Log { .. })),
        "{heard:?}"
    );
}

#[test]
fn what_a_module_prints_does_not_disturb_its_answer() {
    let outcome = run(&store(), &job("probe", json!({"act": "print"})));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
}

#[test]
fn a_module_fails_in_its_own_words() {
    let outcome = run(
        &store(),
        &job("probe", json!({"act": "fail", "path": "thing"})),
    );
    assert_eq!(outcome.ending, Ending::Failed);
    assert_eq!(reason(&outcome), "no thing here");
    assert_eq!(outcome.answer["errors"], json!(["no thing here"]));
    let wrong = run(&store(), &job("probe", json!({"act": 7})));
    assert_eq!(wrong.ending, Ending::Failed);
    assert!(reason(&wrong).contains("must be string"), "{wrong:?}");
    assert_eq!(wrong.field.as_deref(), Some("act"));
}

#[test]
fn unknown_modules_and_operations_are_one_line() {
    let store = store();
    let unknown = run(&store, &job("telepathy", Value::Null));
    assert_eq!(unknown.ending, Ending::Failed);
    assert_eq!(reason(&unknown), "module 'telepathy' is not available");
    assert_eq!(unknown.answer["success"], false);
    let too_deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let deep = run(&store, &job("probe", json!({"unknown": too_deep})));
    assert!(reason(&deep).contains("nested deeper"), "{deep:?}");
}

#[test]
fn a_cancelled_job_does_not_start() {
    let cancel = Cancel::new();
    cancel.clone().cancel();
    let outcome = store().run(&job("probe", json!({"act": "loop"})), &cancel, &mut |_| {});
    assert_eq!(outcome.ending, Ending::Cancelled);
    assert!(outcome.sandbox.is_none());
}
