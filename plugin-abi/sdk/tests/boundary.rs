//! A module written with the SDK, seen from the other side of the C table.

use mig_plugin_sdk::abi::{MigBytes, MigPlugin, code, level};
use mig_plugin_sdk::testing::FakeHost;
use mig_plugin_sdk::words::Words;
use mig_plugin_sdk::{Defaults, Failure, FieldError, Module, Options, ResultDocument, Session};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Counts to a number, and misbehaves on request.
struct Count;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parameters {
    #[serde(default)]
    to: u64,
    #[serde(default)]
    mood: String,
}

impl Module for Count {
    type Parameters = Parameters;
    const MANIFEST: &'static [u8] = br#"{"name":"count","version":"1",
        "abi":{"major":1,"minor":0,"fingerprint":"99"},
        "operations":{"run":{"parameters":{"type":"object","properties":{
            "to":{"type":"integer"},"mood":{"type":"string"}}}}}}"#;

    fn run(parameters: Parameters, session: &Session<'_>) -> Result<ResultDocument, Failure> {
        session.info("counting");
        let mut document = ResultDocument {
            success: true,
            statistics: json!({"counted": 0}),
            ..ResultDocument::default()
        };
        for number in 0..parameters.to {
            session
                .check()
                .map_err(|failure| failure.with_partial(document.clone()))?;
            session.element("/elements/numbers", &number)?;
            session.progress(number + 1, parameters.to);
            document.statistics["counted"] = json!(number + 1);
        }
        match parameters.mood.as_str() {
            "panic" => panic!("no mood to count"),
            "huge" => session.element("/elements/numbers", &u64::MAX)?,
            "io" => return Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied).into()),
            _ => {}
        }
        document.foundanything = parameters.to > 0;
        Ok(document)
    }

    fn validate(parameters: &Parameters) -> Vec<FieldError> {
        if parameters.to > 1000 {
            vec![FieldError::new("to", "must be at most 1000")]
        } else {
            Vec::new()
        }
    }

    fn options(words: &[String], defaults: Defaults) -> Result<Options<Parameters>, Failure> {
        if Words::ask_for_help(words) {
            return Ok(Options::Help("-to NUMBER".to_owned()));
        }
        let mut parameters = Parameters {
            to: if defaults == Defaults::Console { 10 } else { 0 },
            mood: String::new(),
        };
        let mut words = Words::new(words);
        while let Some(name) = words.next_option()? {
            match name {
                "to" => parameters.to = words.parsed("a number")?,
                "grumpy" if words.switch()? => parameters.mood = "grumpy".to_owned(),
                "grumpy" => {}
                _ => return Err(words.unknown()),
            }
        }
        Ok(Options::Parameters(parameters))
    }
}

mig_plugin_sdk::declare_plugin!(Count);

#[test]
fn a_run_streams_elements_and_ends_with_a_result() {
    let answer = FakeHost::new().run::<Count>(json!({"to": 3}));
    assert_eq!(answer.code, code::OK);
    assert_eq!(answer.misuse, Vec::<String>::new());
    assert_eq!(answer.elements.len(), 3);
    assert_eq!(
        answer.document().to_string(),
        r#"{"foundanything":true,"success":true,"elements":{"numbers":[0,1,2]},"statistics":{"counted":3},"errors":null}"#
    );
    assert_eq!(answer.progress, [(1, 3), (2, 3), (3, 3)]);
    assert_eq!(answer.logs, [(level::INFO, "counting".to_owned())]);
}

#[test]
fn parameters_may_be_absent_spelt_in_any_case_or_null() {
    for (input, counted) in [
        (Value::Null, 0),
        (json!({}), 0),
        (json!({"TO": 2, "unknown": [1]}), 2),
        (json!({"to": 2.0, "mood": null}), 2),
    ] {
        let answer = FakeHost::new().run::<Count>(input.clone());
        assert_eq!(answer.code, code::OK, "{input}: {}", answer.message());
        assert_eq!(answer.elements.len(), counted, "{input}");
    }
}

#[test]
fn bad_parameters_name_the_field() {
    for (input, message, field) in [
        (json!({"to": "x"}), "to: must be integer, not string", "to"),
        (json!({"to": 1.5}), "to: must be integer, not number", "to"),
        (json!({"to": 1001}), "to: must be at most 1000", "to"),
        (json!([1]), "must be object, not array", ""),
    ] {
        let answer = FakeHost::new().run::<Count>(input.clone());
        let error = answer.error.clone().expect("an error record");
        assert_eq!(
            (answer.code, answer.message(), error["field"].as_str()),
            (code::BAD_PARAMETERS, message, Some(field)),
            "{input}"
        );
        assert!(answer.result.is_none());
    }
    let negative = FakeHost::new().run::<Count>(json!({"to": -1}));
    assert_eq!(negative.code, code::BAD_PARAMETERS);
}

#[test]
fn a_cancelled_run_keeps_what_it_has() {
    let answer = FakeHost::new()
        .cancel_after(2)
        .run::<Count>(json!({"to": 100}));
    assert_eq!(
        (answer.code, answer.message()),
        (code::CANCELLED, "cancelled")
    );
    let document = answer.document();
    assert_eq!(document["elements"]["numbers"], json!([0, 1]));
    assert_eq!(document["statistics"], json!({"counted": 2}));
}

#[test]
fn a_refused_emit_ends_the_run_with_limit() {
    let answer = FakeHost::new()
        .refuse_emit_after(5)
        .run::<Count>(json!({"to": 100}));
    assert_eq!((answer.code, answer.elements.len()), (code::LIMIT, 5));
    assert_eq!(answer.message(), "the host takes no more output");
    let answer = FakeHost::new()
        .refuse_emit_after(3)
        .run::<Count>(json!({"to": 3}));
    assert_eq!(answer.code, code::LIMIT, "the result itself is refused");
}

#[test]
fn a_panic_becomes_a_code_with_message_and_place() {
    let answer = FakeHost::new().run::<Count>(json!({"to": 1, "mood": "panic"}));
    assert_eq!(answer.code, code::PANIC);
    let message = answer.message();
    assert!(
        message.starts_with("module panicked at ") && message.contains("boundary.rs"),
        "{message}"
    );
    assert!(message.ends_with(": no mood to count"), "{message}");
    assert_eq!(answer.elements.len(), 1);
    // The module still works afterwards.
    assert_eq!(
        FakeHost::new().run::<Count>(json!({"to": 1})).code,
        code::OK
    );
}

#[test]
fn other_failures_have_their_codes() {
    let huge = FakeHost::new().run::<Count>(json!({"mood": "huge"}));
    assert_eq!(huge.code, code::LIMIT);
    assert!(
        huge.message().contains("18446744073709551615"),
        "{}",
        huge.message()
    );
    assert_eq!(
        FakeHost::new().run::<Count>(json!({"mood": "io"})).code,
        code::PERMISSION
    );
    let unknown = FakeHost::new().operation::<Count>("dan\nce", Value::Null);
    assert_eq!(
        (unknown.code, unknown.message()),
        (code::UNSUPPORTED, "the module has no operation `dan\\nce`")
    );
}

#[test]
fn words_become_parameters() {
    let parameters = |words: &[&str]| FakeHost::new().options::<Count>(words);
    for (words, expected) in [
        (&["-to", "3"][..], json!({"to": 3, "mood": ""})),
        (&["--to=3", "-grumpy"], json!({"to": 3, "mood": "grumpy"})),
        (
            &["-grumpy=false", "-to", "1", "-to", "2"],
            json!({"to": 2, "mood": ""}),
        ),
    ] {
        assert_eq!(
            parameters(words).expect_result(),
            &json!({"parameters": expected}),
            "{words:?}"
        );
    }
    for help in [&[][..], &[""], &["help"], &["--help"]] {
        assert_eq!(
            parameters(help).expect_result(),
            &json!({"help": "-to NUMBER"})
        );
    }
    for (words, message) in [
        (&["-to"][..], "option -to needs a value"),
        (&["-to", "x"], "option -to: `x` is not a number"),
        (&["--to=1001"], "to: must be at most 1000"),
        (
            &["-grumpy=maybe"],
            "option -grumpy: `maybe` is neither true nor false",
        ),
        (
            &["-grumpy", "true", "-to", "1"],
            "`true` is not an option; options start with a dash",
        ),
        (&["-hurry"], "unknown option -hurry; `help` lists all"),
        (&["-"], "`-` is not an option; options start with a dash"),
    ] {
        let answer = parameters(words);
        assert_eq!(
            (answer.code, answer.message()),
            (code::BAD_PARAMETERS, message),
            "{words:?}"
        );
    }
}

#[test]
fn defaults_depend_on_who_asks() {
    let input = |defaults: &str| json!({"words": ["-grumpy"], "defaults": defaults});
    let console = FakeHost::new().operation::<Count>("options", input("console"));
    assert_eq!(console.expect_result()["parameters"]["to"], 10);
    let other = FakeHost::new().operation::<Count>("options", input("other"));
    assert_eq!(other.message(), "`other` is not one of mig, json, console");
}

#[test]
fn validate_lists_complaints_and_describe_gives_the_manifest() {
    let validate = |input: Value| FakeHost::new().operation::<Count>("validate", input);
    assert_eq!(
        validate(json!({"to": 1})).expect_result(),
        &json!({"errors": []})
    );
    assert_eq!(
        validate(json!({"to": "x", "mood": 1})).expect_result(),
        &json!({"errors": [
            {"field": "to", "message": "must be integer, not string"},
            {"field": "mood", "message": "must be string, not number"}
        ]})
    );
    let manifest = FakeHost::new().operation::<Count>("describe", Value::Null);
    assert_eq!(manifest.expect_result()["name"], "count");
}

#[test]
fn print_has_a_default_for_any_module() {
    let document = ResultDocument {
        elements: json!({"numbers": [1]}),
        errors: Some(vec!["tired".to_owned()]),
        ..ResultDocument::default()
    };
    assert_eq!(
        FakeHost::new().print::<Count>(&document, true),
        ["numbers: [1]"]
    );
    assert_eq!(
        FakeHost::new().print::<Count>(&document, false),
        ["numbers: [1]", "error: tired"]
    );
}

#[test]
fn a_null_host_is_refused() {
    let table: *const MigPlugin = plugin();
    // SAFETY: the table is static; a null host is what is tested.
    let code =
        unsafe { ((*table).call)(std::ptr::null(), MigBytes::new(b"run"), MigBytes::new(b"")) };
    assert_eq!(code, code::BAD_PARAMETERS);
}

#[test]
fn several_threads_may_emit_at_once() {
    struct Threads;
    impl Module for Threads {
        type Parameters = Value;
        const MANIFEST: &'static [u8] = Count::MANIFEST;
        fn run(_: Value, session: &Session<'_>) -> Result<ResultDocument, Failure> {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for number in 0..50 {
                            session.element("/elements", &number).expect("taken");
                        }
                    });
                }
            });
            Ok(ResultDocument::default())
        }
    }
    let answer = FakeHost::new().run::<Threads>(json!({}));
    assert_eq!((answer.code, answer.elements.len()), (code::OK, 200));
}

proptest! {
    #[test]
    fn any_input_gets_a_code_and_never_a_panic(
        operation in prop::sample::select(vec!["run", "options", "print", "validate", "describe"]),
        input in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        // SAFETY: the table is static.
        let answer = unsafe { FakeHost::new().call(plugin(), operation, &input) };
        prop_assert!((code::OK..code::PANIC).contains(&answer.code), "{}", answer.message());
        prop_assert!(answer.misuse.is_empty());
        prop_assert_eq!(answer.code != code::OK, answer.error.is_some());
    }
}
