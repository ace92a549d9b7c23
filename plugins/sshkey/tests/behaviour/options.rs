//! Parameters and the command line.

use crate::support::attempt;
use mig_module_sshkey::SshkeyModule;
use mig_plugin_sdk::abi::{code, fingerprint::FINGERPRINT};
use mig_plugin_sdk::testing::{Answer, FakeHost};
use serde_json::{Value, json};

fn options(words: &[&str]) -> Answer {
    FakeHost::new().options::<SshkeyModule>(words)
}

#[test]
fn a_command_line_becomes_the_original_parameters() {
    for (words, wanted) in [
        (&[][..], r#"{"paths":null,"maxdepth":0}"#),
        (&["-path", "/a"], r#"{"paths":["/a"],"maxdepth":0}"#),
        (
            &["-path=/b", "--maxdepth", "3", "-path", "/a"],
            r#"{"paths":["/b","/a"],"maxdepth":3}"#,
        ),
    ] {
        let answer = options(words);
        assert_eq!(answer.expect_result()["parameters"].to_string(), wanted);
    }
}

#[test]
fn help_is_given_when_asked_for() {
    for words in [&["help"][..], &["-h"], &["-maxdepth", "3", "-help"]] {
        let answer = options(words);
        let help = answer.expect_result()["help"].as_str().expect("a text");
        assert!(
            help.contains("ex: ") && help.contains("-maxdepth"),
            "{help}"
        );
    }
}

#[test]
fn mistakes_are_named() {
    for (words, name) in [
        (&["-paths", "/a"][..], "-paths"),
        (&["-path"], "-path"),
        (&["-maxdepth", "deep"], "-maxdepth"),
        (&["-maxdepth", "2.5"], "-maxdepth"),
        (&["-maxdepth", "1001"], "maxdepth"),
        (&["-maxdepth", "-1"], "maxdepth"),
        (&["-path", "/a", "/b"], "/b"),
    ] {
        let answer = options(words);
        assert_eq!(answer.code, code::BAD_PARAMETERS, "{words:?}");
        assert!(
            answer.message().contains(name),
            "{words:?}: {}",
            answer.message()
        );
    }
}

#[test]
fn bad_parameters_are_named() {
    for (parameters, field) in [
        (json!({"maxdepth": -1}), "maxdepth"),
        (json!({"maxdepth": 1001}), "maxdepth"),
        (json!({"maxdepth": 2.5}), "maxdepth"),
        (json!({"paths": "/a"}), "paths"),
        (json!({"paths": [7]}), "paths"),
    ] {
        let answer = attempt(parameters.clone());
        assert_eq!(answer.code, code::BAD_PARAMETERS, "{parameters}");
        assert!(answer.message().contains(field), "{}", answer.message());
    }
}

#[test]
fn parameters_may_be_absent_or_null() {
    for parameters in [
        Value::Null,
        json!({}),
        json!({"paths": null, "maxdepth": null}),
        json!({"PATHS": [], "MaxDepth": 0}),
        json!({"paths": ["/a"], "maxdepth": 1000, "obsolete": 1}),
    ] {
        let answer = FakeHost::new().operation::<SshkeyModule>("validate", parameters.clone());
        assert_eq!(answer.expect_result()["errors"], json!([]), "{parameters}");
    }
}

#[test]
fn the_manifest_fits_this_interface() {
    let answer = FakeHost::new().operation::<SshkeyModule>("describe", Value::Null);
    assert_eq!(answer.expect_result()["abi"]["fingerprint"], FINGERPRINT);
}
