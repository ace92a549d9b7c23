//! The lines people see.

use mig_module_agentdestroy::AgentdestroyModule;
use mig_plugin_sdk::ResultDocument;
use mig_plugin_sdk::testing::FakeHost;
use serde_json::{Value, json};

fn lines(result: &ResultDocument, found_only: bool) -> Vec<String> {
    FakeHost::new().print::<AgentdestroyModule>(result, found_only)
}

#[test]
fn lines_are_those_of_the_original() {
    let done = "PID 4321 from agent 1 has been killed";
    let mut result = ResultDocument {
        success: true,
        elements: json!(done),
        errors: Some(vec!["it stays".into(), "it does".into()]),
        ..ResultDocument::default()
    };
    assert_eq!(lines(&result, true), [done]);
    let all = [
        done,
        "[error] it stays",
        "[error] it does",
        "agentdestroy module has succeeded",
    ];
    assert_eq!(lines(&result, false), all);
    result.errors = None;
    assert_eq!(lines(&result, false), [all[0], all[3]]);
}

#[test]
fn a_failed_run_has_no_sentence() {
    for elements in [Value::Null, json!({})] {
        let result = ResultDocument {
            elements,
            errors: Some(vec![
                "pid 7 was not killed: it is a thread of the kernel".into(),
            ]),
            ..ResultDocument::default()
        };
        let wanted = [
            "[error] pid 7 was not killed: it is a thread of the kernel",
            "agentdestroy module has failed",
        ];
        assert_eq!(lines(&result, false), wanted);
        assert_eq!(lines(&result, true), [""; 0]);
    }
}
