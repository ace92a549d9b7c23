//! Modules that are loaded from plugin files.

use std::path::Path;

use mig_host::{Ending, Job, Limits, ModuleStore, Operation, Origin};
use serde_json::json;

use crate::c_plugins::{Plugins, Source};
use crate::setup::{STATICS, job, reason, run};

#[test]
fn a_plugin_answers_like_a_linked_module() {
    let Some((plugins, store)) =
        Plugins::with(r#"EMIT(MIG_EMIT_ELEMENT, "/elements/a~1b", "\x05");"#)
    else {
        return;
    };
    let module = store.get("cplug").expect("loaded");
    let path = plugins.directory().join("cplug.so");
    assert_eq!(
        module.origin,
        Origin::Dynamic {
            path,
            unsigned: true
        }
    );
    assert_eq!(module.sha256.as_ref().map(String::len), Some(64));
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    assert_eq!(
        outcome.answer.to_string(),
        r#"{"foundanything":true,"success":true,"elements":{"a/b":[5]},"statistics":null,"errors":null}"#
    );
}

#[test]
fn the_example_in_c_has_a_command_line_a_run_and_a_printer() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin-abi/examples/c/hello.c");
    let code = std::fs::read_to_string(source).expect("the example");
    plugins.compile("libhello", &code, &["-Wl,-z,noexecstack"]);
    let store = plugins.store();
    assert_eq!(store.refused(), &[]);
    let ask = |operation, input| {
        let outcome = run(
            &store,
            &Job {
                operation,
                ..job("hello", input)
            },
        );
        assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
        outcome.answer
    };
    let options = ask(
        Operation::Options,
        json!({"words": ["-nouptime"], "defaults": "mig"}),
    );
    assert_eq!(options, json!({"parameters": {"nouptime": true}}));
    let result = ask(Operation::Run, options["parameters"].clone());
    assert_eq!(result["elements"]["kernel"][0]["sysname"], "Linux");
    let printed = ask(
        Operation::Print,
        json!({"result": result, "foundonly": true}),
    );
    assert!(
        printed["lines"][0]
            .as_str()
            .expect("a line")
            .contains("Linux"),
        "{printed}"
    );
}

#[test]
fn libraries_of_the_runtime_are_there_although_the_file_system_is_closed() {
    let Some((_plugins, store)) = Plugins::made_of(&Source {
        call: "volatile double x = 2; if (sqrt(x) * cos(x) > 5) return 4;",
        flags: &["-lm"],
        ..Source::default()
    }) else {
        return;
    };
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
}

#[test]
fn what_was_verified_is_what_runs_even_when_the_file_changes() {
    let Some((plugins, store)) = Plugins::with("") else {
        return;
    };
    std::fs::write(plugins.directory().join("cplug.so"), "something else").expect("overwrite");
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    let reopened = ModuleStore::open(STATICS, &plugins.options());
    assert!(reopened.get("cplug").is_none());
}

#[test]
fn no_constructor_runs_until_the_worker_is_jailed() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    let mark = plugins.directory().join("constructed");
    let before = format!(
        r#"__attribute__((constructor)) static void early(void) {{ creat("{}", 0600); }}"#,
        mark.display()
    );
    plugins.add(&Source {
        before: &before,
        ..Source::default()
    });
    let store = plugins.store();
    assert!(store.get("cplug").is_some());
    assert!(!mark.exists(), "inspection executes nothing");
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    assert!(!mark.exists(), "the constructor ran inside the sandbox");
}

#[test]
fn a_table_that_does_not_fit_its_manifest_is_not_called() {
    for (entry, part) in [
        ("table.size = 8;", "plugin table has 8 bytes"),
        ("return 0;", "returned no table"),
        (
            "table.manifest = text(\"{}\");",
            "another manifest in memory",
        ),
    ] {
        let Some((_plugins, store)) = Plugins::made_of(&Source {
            entry,
            ..Source::default()
        }) else {
            return;
        };
        let outcome = run(&store, &job("cplug", json!(null)));
        assert_eq!(outcome.ending, Ending::Failed);
        assert!(reason(&outcome).contains(part), "{entry}: {outcome:?}");
    }
}

#[test]
fn many_workers_run_at_once() {
    let Some((_plugins, store)) = Plugins::with("") else {
        return;
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let outcome = run(&store, &job("cplug", json!(null)));
                    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
                }
            });
        }
    });
}

#[test]
fn a_large_input_arrives_whole() {
    let call = "char size[32]; snprintf(size, sizeof size, \"%zu\", input.len); return report(host, size);";
    let Some((_plugins, store)) = Plugins::with(call) else {
        return;
    };
    let text = "x".repeat(3_000_000);
    let outcome = run(&store, &job("cplug", json!(text)));
    assert_eq!(
        outcome.answer["errors"],
        json!(["3000005"]),
        "{:?}",
        outcome.reason
    );
}

#[test]
fn an_input_that_the_limits_do_not_hold_is_a_failure() {
    let Some((_plugins, store)) = Plugins::with("") else {
        return;
    };
    let mut job = job("cplug", json!("x".repeat(1 << 20)));
    job.limits = Limits {
        memory: 1 << 16,
        ..job.limits
    };
    let outcome = run(&store, &job);
    assert_eq!(outcome.ending, Ending::Failed);
    reason(&outcome);
}
