//! Parameters, and the command line that there is not.

use mig_module_agentdestroy::AgentdestroyModule;
use mig_plugin_sdk::abi::{code, fingerprint::FINGERPRINT};
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn complaint(parameters: Value) -> String {
    let answer = FakeHost::new().run::<AgentdestroyModule>(parameters);
    assert_eq!(answer.code, code::BAD_PARAMETERS, "{answer:?}");
    answer.message().to_owned()
}

#[test]
fn bad_parameters_are_named() {
    for (parameters, field) in [
        (json!({}), "pid"),
        (json!({"pid": 0, "version": "1"}), "pid"),
        (json!({"pid": 1, "version": "1"}), "pid"),
        (json!({"pid": -7, "version": "1"}), "pid"),
        (json!({"pid": 2_147_483_648_u32, "version": "1"}), "pid"),
        (json!({"pid": 2.5, "version": "1"}), "pid"),
        (json!({"pid": "77", "version": "1"}), "pid"),
        (json!({"pid": 77}), "version"),
        (json!({"pid": 77, "version": ""}), "version"),
        (json!({"pid": 77, "version": 3}), "version"),
    ] {
        let message = complaint(parameters.clone());
        assert!(message.contains(field), "{parameters}: {message}");
    }
}

#[test]
fn pids_above_65535_are_valid() {
    for pid in [2, 65_535, 65_536, 4_194_304, i32::MAX] {
        let input = json!({"pid": pid, "version": "20240517-0.abc1234.prod"});
        let answer = FakeHost::new().operation::<AgentdestroyModule>("validate", input);
        assert_eq!(answer.expect_result()["errors"], json!([]), "{pid}");
    }
}

#[test]
fn there_is_no_command_line() {
    for words in [&["-pid", "77"][..], &["77"], &["-pid=77", "-version=1"]] {
        let answer = FakeHost::new().options::<AgentdestroyModule>(words);
        assert_eq!(answer.code, code::UNSUPPORTED);
        assert!(answer.message().contains("no command line"), "{words:?}");
    }
    for words in [&["help"][..], &[]] {
        let answer = FakeHost::new().options::<AgentdestroyModule>(words);
        let help = answer.expect_result()["help"].as_str().expect("a text");
        assert!(
            help.contains("no options") && help.contains("ex: "),
            "{help}"
        );
    }
}

#[test]
fn the_manifest_fits_this_interface() {
    let answer = FakeHost::new().operation::<AgentdestroyModule>("describe", Value::Null);
    let manifest = answer.expect_result();
    assert_eq!(manifest["abi"]["fingerprint"], FINGERPRINT);
    assert_eq!(manifest["repeatable"], false);
}
