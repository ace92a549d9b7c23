//! Modules that misbehave: each costs one operation and gives one clear line.

use std::time::Duration;

use mig_host::{Cancel, Ending, Job, Operation, Outcome, Progress};
use mig_testkit::wait_until;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::c_plugins::{Plugins, Source};
use crate::setup::{PATIENCE, job, reason, run, run_out_of_time, store};

/// Runs a plugin that fails, and gives the reason.
fn failure_of(source: &Source<'_>) -> Option<String> {
    let (_plugins, store) = Plugins::made_of(source)?;
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(
        outcome.ending,
        Ending::Failed,
        "{}: {outcome:?}",
        source.call
    );
    assert_eq!(outcome.answer["success"], false);
    let reason = reason(&outcome).to_owned();
    let errors = outcome.answer["errors"].as_array().expect("errors");
    assert!(
        errors.contains(&Value::from(reason.as_str())),
        "{outcome:?}"
    );
    // The host is as good as before.
    let again = run(&store, &job("probe", json!({"act": "stream", "count": 1})));
    assert_eq!(again.ending, Ending::Done, "{:?}", again.reason);
    Some(reason)
}

/// Places, keys and complaints about them are texts that a module chooses.
#[test]
fn privacy_holds_for_what_breaks_the_rules_too() {
    for call in [
        r#"EMIT(MIG_EMIT_ELEMENT, "/alice/s1", "\x01");"#,
        r#"EMIT(MIG_EMIT_ELEMENT, "/elements/alice/deeper", "\x01");"#,
        r#"EMIT(MIG_EMIT_RESULT, "", "\xa1\x65" "alice" "\x01");"#,
        // A frame of the worker itself: refused, no place, five bytes.
        "for (int fd = 3; fd < 100; fd++) for (int kind = 0; kind < 256; kind++) {
            char frame[] = {(char)kind, 0, 0, 0, 5, 0, 0, 0, 'a', 'l', 'i', 'c', 'e'};
            if (kind != 1 && write(fd, frame, sizeof frame)) {} }",
    ] {
        let Some((_plugins, store)) = Plugins::made_of(&Source {
            call,
            ..Source::default()
        }) else {
            return;
        };
        let private = Job {
            privacy: true,
            ..job("cplug", json!(null))
        };
        let outcome = run(&store, &private);
        assert!(!format!("{outcome:?}").contains("alice"), "{outcome:?}");
    }
}

/// A thousandth of a place would be charged if findings alone counted.
#[test]
fn places_count_as_much_as_findings() {
    let call = r#"static char place[4000] = "/elements/"; int refused = 0;
        memset(place + 10, 'x', sizeof place - 11);
        for (int i = 0; i < 2000 && !refused; i++) {
            char number[8]; snprintf(number, sizeof number, "%07d", i); memcpy(place + 10, number, 7);
            refused = emit(host, MIG_EMIT_ELEMENT, place, "\x01", 1);
            /* A place that is known costs no more. */
            if (!refused) refused = emit(host, MIG_EMIT_ELEMENT, place, "\x01", 1); }
        if (refused) return MIG_CODE_LIMIT;"#;
    let Some((_plugins, store)) = Plugins::with(call) else {
        return;
    };
    let mut job = job("cplug", json!(null));
    job.limits.output = 1 << 20;
    let outcome = run(&store, &job);
    let said = reason(&outcome);
    assert!(said.contains("output limit of 1 MiB"), "{outcome:?}");
    let places = outcome.answer["elements"]
        .as_object()
        .expect("places")
        .len();
    assert!((230..270).contains(&places), "{places}");
}

#[test]
fn ways_to_end_without_an_answer() {
    for (call, part) in [
        ("abort();", "crashed (SIGABRT)"),
        ("*(volatile int *)8 = 1;", "crashed (SIGSEGV)"),
        ("raise(SIGKILL);", "was killed from outside"),
        ("exit(0);", "ended without a result (exit status 0)"),
        ("_exit(7);", "ended without a result (exit status 7)"),
        ("return MIG_CODE_OK;", "ended without a result"),
        ("return MIG_CODE_IO;", "failed: reading or writing failed"),
        // What a module in a program that aborts on panic does.
        (
            r#"EMIT(MIG_EMIT_ERROR, "", "\xa1\x67" "message" "\x64" "boom"); abort();"#,
            "boom",
        ),
        ("return 4711;", "failed: unknown code 4711"),
        ("return MIG_CODE_CANCELLED;", "although nobody cancelled it"),
        (
            "fprintf(stderr, \"it was\\nthe butler\"); abort();",
            "crashed (SIGABRT) (it was the butler)",
        ),
        (
            "for (int fd = 0; fd < 1024; fd++) close(fd); for (;;) pause();",
            "closed its answer",
        ),
    ] {
        let Some(reason) = failure_of(&Source {
            call,
            ..Source::default()
        }) else {
            return;
        };
        assert!(reason.contains(part), "{call}: {reason}");
    }
}

#[test]
fn ways_to_end_while_being_loaded() {
    for (body, part) in [
        ("_exit(0);", "ended without a result (exit status 0)"),
        ("*(volatile int *)8 = 1;", "crashed (SIGSEGV)"),
    ] {
        let before = format!("__attribute__((constructor)) static void early(void) {{ {body} }}");
        let Some(reason) = failure_of(&Source {
            before: &before,
            ..Source::default()
        }) else {
            return;
        };
        assert!(reason.contains(part), "{body}: {reason}");
    }
}

#[test]
fn answers_that_break_the_rules() {
    let end_of_answer = r#"EMIT(MIG_EMIT_RESULT, "", "\xa0"); unsigned char end[12] = {9, 0, 0, 0, 4};
        if (write(64, end, 12)) {} if (write(64, "more", 4)) {} _exit(0);"#;
    let cases = [
        // Payloads outside of the profile.
        (
            r#"EMIT(MIG_EMIT_RESULT, "", "\xa2\x61\x61\x01\x61\x61\x02");"#,
            "duplicate map key",
        ),
        (
            r#"EMIT(MIG_EMIT_RESULT, "", "\xa0\x00");"#,
            "bytes after the end",
        ),
        (r#"EMIT(MIG_EMIT_RESULT, "", "\xa1\x61");"#, "truncated"),
        (r#"EMIT(MIG_EMIT_RESULT, "", "\x5f");"#, "payload byte 0"),
        (
            r#"EMIT(MIG_EMIT_ELEMENT, "/elements/s1", "\x61\xff");"#,
            "not valid UTF-8",
        ),
        (
            "unsigned char deep[200000]; memset(deep, 0x81, sizeof deep); emit(host, 2, \"\", deep, sizeof deep);",
            "nested deeper than 32",
        ),
        // Results that are not what the manifest says.
        (
            r#"EMIT(MIG_EMIT_RESULT, "", "\xa1\x61\x78\x01");"#,
            "x: is not in the schema",
        ),
        (
            r#"EMIT(MIG_EMIT_RESULT, "", "\xa1\x67" "success" "\x01");"#,
            "success: must be boolean",
        ),
        (r#"EMIT(MIG_EMIT_RESULT, "", "\x80");"#, "sent two results"),
        // Streams that are no streams.
        (
            "if (write(64, \"hello\", 5)) {}",
            "bytes that are no answer",
        ),
        (
            "for (int fd = 0; fd < 100; fd++) if (write(fd, \"\\xff\\xff garbage\", 10)) {}",
            "bytes that are no answer",
        ),
        (
            "unsigned char huge[] = {3, 0, 0, 0, 255, 255, 255, 255}; if (write(64, huge, 8)) {}",
            "impossible sizes",
        ),
        (
            "if (write(64, \"\\x02\\0\\x0c\\0\\x09\\0\\0\\0/elem\", 13)) {} _exit(0);",
            "in the middle of an answer",
        ),
        (
            "unsigned char ready[8] = {1}; if (write(64, ready, 8)) {}",
            "out of order",
        ),
        (end_of_answer, "after the end of its answer"),
        // Misuse of emit.
        ("EMIT(77, \"\", \"\\xa0\");", "kind of payload"),
        (
            "char place[5000]; memset(place, 'a', 4999); place[4999] = 0; EMIT(1, place, \"\\x01\");",
            "place longer",
        ),
        (
            r#"EMIT(MIG_EMIT_ELEMENT, "/statistics", "\x01");"#,
            "/statistics",
        ),
        (
            r#"EMIT(MIG_EMIT_ERROR, "", "\xa0"); return 3;"#,
            "error record without a message",
        ),
    ];
    for (call, part) in cases {
        let Some(reason) = failure_of(&Source {
            call,
            ..Source::default()
        }) else {
            return;
        };
        assert!(reason.contains(part), "{call}: {reason}");
    }
}

#[test]
fn more_values_than_bytes_allow_do_not_reach_memory() {
    let call = r#"size_t size = 4 << 20; unsigned char *many = malloc(size + 5);
        many[0] = 0x9a; many[1] = 0; many[2] = 0x40; many[3] = 0; many[4] = 0;
        memset(many + 5, 1, size); emit(host, MIG_EMIT_ELEMENT, "/elements/a", many, size + 5);"#;
    let Some((_plugins, store)) = Plugins::with(call) else {
        return;
    };
    let mut job = job("cplug", json!(null));
    job.limits.output = 8 << 20;
    let outcome = run(&store, &job);
    assert!(
        reason(&outcome).contains("more than its output limit of 8 MiB"),
        "{outcome:?}"
    );
    assert_eq!(outcome.answer["elements"], json!({}));
}

#[test]
fn helper_operations_must_answer_in_their_shape() {
    let Some((_plugins, store)) = Plugins::with("") else {
        return;
    };
    for operation in [Operation::Print, Operation::Validate] {
        let outcome = run(
            &store,
            &Job {
                operation,
                ..job("cplug", json!(null))
            },
        );
        assert_eq!(outcome.ending, Ending::Failed);
        assert!(
            reason(&outcome).contains("does not have its shape"),
            "{outcome:?}"
        );
        assert_eq!(outcome.answer, Value::Null);
    }
    let missing = run(
        &store,
        &Job {
            operation: Operation::Options,
            ..job("cplug", json!(null))
        },
    );
    assert_eq!(
        reason(&missing),
        "module `cplug` has no operation `options`"
    );
}

#[test]
fn a_linked_module_that_crashes_costs_one_operation() {
    let store = store();
    for (act, part) in [
        ("panic", "as it was told"),
        ("abort", "crashed (SIGABRT)"),
        ("exit", "exit status 3"),
        ("overflow the stack", "crashed (SIG"),
    ] {
        let outcome = run(&store, &job("probe", json!({"act": act})));
        assert_eq!(outcome.ending, Ending::Failed, "{act}");
        assert!(reason(&outcome).contains(part), "{act}: {outcome:?}");
    }
}

#[test]
fn a_module_that_ignores_being_asked_is_killed_and_its_findings_kept() {
    let call = r#"signal(SIGTERM, SIG_IGN); EMIT(MIG_EMIT_ELEMENT, "/elements/a", "\x01");
        EMIT(MIG_EMIT_ELEMENT, "/elements/a", "\x02"); for (;;) pause();"#;
    let Some((_plugins, store)) = Plugins::with(call) else {
        return;
    };
    let mut job = job("cplug", json!(null));
    job.limits.wall = Duration::from_millis(300);
    let found = json!({"a": [1, 2]});
    let outcome = run_out_of_time(&store, &mut job, |outcome| {
        outcome.answer["elements"] == found
    });
    assert_eq!(outcome.answer["elements"], found);
    assert_eq!(outcome.answer["foundanything"], true);
    let limit = format!("time limit of {} s", job.limits.wall.as_secs_f64());
    assert!(reason(&outcome).contains(&limit), "{outcome:?}");
    assert!(reason(&outcome).contains("rest is missing"), "{outcome:?}");
}

#[test]
fn a_cancelled_module_may_finish_its_sentence() {
    let store = store();
    let cancelled = || {
        let cancel = Cancel::new();
        let job = job("probe", json!({"act": "wait"}));
        store.run(&job, &cancel, &mut |progress| {
            // The module is at work.
            if let Progress::Units { .. } = progress {
                cancel.cancel();
            }
        })
    };
    // It gets half a second for that, in which it may not run at all on a busy machine.
    let finished = |outcome: &Outcome| outcome.answer["statistics"] == json!({"seen": 2});
    let mut outcome = cancelled();
    for _ in 0..20 {
        if finished(&outcome) {
            break;
        }
        outcome = cancelled();
    }
    assert!(finished(&outcome), "{outcome:?}");
    assert_eq!(outcome.ending, Ending::Cancelled);
    assert_eq!(
        outcome.answer["elements"]["even"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(outcome.answer["success"], false);
    assert!(reason(&outcome).contains("was cancelled"), "{outcome:?}");
}

#[test]
fn cancelling_from_another_thread_ends_a_busy_module() {
    let store = store();
    let cancel = Cancel::new();
    let (at_work, is_at_work) = std::sync::mpsc::channel();
    let outcome = std::thread::scope(|scope| {
        let cancel = &cancel;
        scope.spawn(move || {
            is_at_work.recv_timeout(PATIENCE).expect("it starts");
            cancel.cancel();
        });
        store.run(&job("probe", json!({"act": "loop"})), cancel, &mut |_| {
            at_work.send(()).ok();
        })
    });
    assert_eq!(outcome.ending, Ending::Cancelled);
}

#[test]
fn what_a_module_started_dies_with_it() {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    // The child keeps the answer open and runs on; its number is the finding.
    let call = r#"pid_t child = fork(); if (child == 0) { signal(SIGTERM, SIG_IGN); setsid(); setpgid(0, 0);
            for (;;) pause(); }
        unsigned char number[5] = {0x1a, child >> 24, child >> 16, child >> 8, child};
        emit(host, MIG_EMIT_ELEMENT, "/elements/child", number, 5);"#;
    plugins.add(&Source {
        call,
        capabilities: "processes",
        ..Source::default()
    });
    let store = plugins.store();
    let outcome = run(&store, &job("cplug", json!(null)));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    let child = outcome.answer["elements"]["child"][0]
        .as_i64()
        .expect("a number");
    wait_until("the end of the grandchild", PATIENCE, || {
        // Gone, or dead and waiting for its new parent.
        std::fs::read_to_string(format!("/proc/{child}/stat"))
            .map_or(true, |stat| stat.contains(") Z "))
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_worker_sends_ends_in_an_outcome(
        frames in prop::collection::vec((1u8..10, "(/elements/[a-c~/]{0,4})?", arbitrary_payload()), 0..12),
        noise in prop::collection::vec(any::<u8>(), 0..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut stream = Vec::new();
        for (kind, place, payload) in frames {
            stream.extend([kind, 0]);
            stream.extend((place.len() as u16).to_le_bytes());
            stream.extend((payload.len() as u32).to_le_bytes());
            stream.extend(place.bytes());
            stream.extend(payload);
        }
        stream.extend(noise);
        if let Some(cut) = cut {
            stream.truncate(cut.index(stream.len() + 1));
        }
        // It asserts that the outcome is a result object.
        mig_host::fuzz_frames(&stream);
    }
}

/// Payloads that are one, and bytes that are none.
fn arbitrary_payload() -> impl Strategy<Value = Vec<u8>> {
    let result = prop::collection::btree_map(
        prop::sample::select(vec![
            "foundanything",
            "success",
            "elements",
            "statistics",
            "errors",
            "message",
            "x",
        ]),
        prop::sample::select(vec![
            json!(null),
            json!(true),
            json!(7),
            json!({"a": [1]}),
            json!(["e"]),
            json!("m"),
        ]),
        0..5,
    )
    .prop_map(|members| mig_plugin_sdk::payload::encode(&json!(members)).expect("encode"));
    prop_oneof![
        result,
        prop::collection::vec(any::<u8>(), 0..40),
        Just(vec![0, 0, 0, 0]),
    ]
}
