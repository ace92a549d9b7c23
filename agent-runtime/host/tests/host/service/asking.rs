//! Queries to running modules.

use std::time::Duration;

use mig_host::{Cancel, Ending, Job, Mailbox, Operation, ServiceEvent};
use serde_json::{Value, json};

use super::plugin::Source;
use super::served::{Served, Setting};
use crate::setup::{PATIENCE, job, reason, run, store as linked_store};

#[test]
fn a_running_module_answers_what_it_is_asked() {
    let Some(served) = Served::plugin(&Source::default(), Setting::default()) else {
        return;
    };
    served.until_ready();
    let outcome = served.ask(json!({"SAY": "hello"}));
    assert_eq!(outcome.ending, Ending::Done, "{:?}", outcome.reason);
    assert!(outcome.sandbox.is_some());
    assert_eq!(
        outcome.answer.into_value().to_string(),
        json!({"foundanything": true, "success": true, "elements": {"said": "hello"},
            "statistics": null, "errors": null})
        .to_string()
    );
    let wrong = served.ask(json!({"say": 7}));
    assert_eq!(wrong.ending, Ending::Failed);
    assert_eq!(wrong.field.as_deref(), Some("say"));
    let seen = served.stop();
    assert!(matches!(seen.events[0], ServiceEvent::Started { pid } if pid > 1));
    assert!(matches!(seen.events[1], ServiceEvent::Sandbox(_)));
    assert_eq!(seen.events[2], ServiceEvent::Ready);
    assert_eq!(
        seen.events[3..],
        [ServiceEvent::Ended {
            reason: "module `cserve` ended as it was asked to".to_owned(),
            again: None
        }]
    );
}

/// The module answers only when it has all of them, the last one first.
#[test]
fn several_queries_are_open_at_once_and_answered_in_any_order() {
    let source = Source {
        before: "static Message all[8]; static int count;",
        handle: "all[count++] = got; if (count == 8) while (count) echo(&all[--count]);",
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    served.until_ready();
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|number| {
                let served = &served;
                scope.spawn(move || served.ask(json!({"say": format!("number {number}")})))
            })
            .collect();
        for (number, asked) in asked.into_iter().enumerate() {
            let answer = asked.join().expect("asked").answer.into_value();
            assert_eq!(answer["elements"]["said"], format!("number {number}"));
        }
    });
}

#[test]
fn a_query_without_an_answer_ends_with_its_time_or_its_cancel() {
    let source = Source {
        handle: "say(\"heard\");",
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    served.until_ready();
    let late = served
        .mailbox
        .query(&json!({}), Duration::from_millis(50), &Cancel::new());
    assert_eq!(late.ending, Ending::Timeout);
    assert_eq!(
        late.reason.as_deref(),
        Some("module `cserve` ran into its time limit of 0.05 s")
    );
    served.log_with("heard");
    let cancel = Cancel::new();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| served.mailbox.query(&json!({}), PATIENCE, &cancel));
        cancel.cancel();
        assert_eq!(asked.join().expect("asked").ending, Ending::Cancelled);
    });
}

#[test]
fn at_most_sixteen_queries_wait_at_once() {
    let source = Source {
        before: "static int count;",
        handle: "if (++count == 16) say(\"sixteen\");",
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    served.until_ready();
    let cancel = Cancel::new();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| served.mailbox.query(&json!({}), PATIENCE, &cancel));
        }
        served.log_with("sixteen");
        let one_more = served.ask(json!({}));
        assert_eq!(one_more.ending, Ending::Failed);
        let said = one_more.reason.expect("a reason");
        assert!(said.contains("has 16 queries to answer already"), "{said}");
        cancel.cancel();
    });
}

/// Each answer to a query, given by a module that means no good.
#[test]
fn answers_are_held_against_the_manifest_like_those_of_one_shot_modules() {
    let source = Source {
        before: r#"
            #define REPLY(kind, literal) notice(kind, got.number, literal, sizeof literal - 1)
            #define HEAD "\xa3" "\x6d" "foundanything" "\xf5" "\x67" "success" "\xf5" "\x68" "elements" "#,
        handle: r#"
            const char *what = member(&got);
            if (!strcmp(what, "undeclared")) REPLY(MIG_NOTICE_ANSWER, HEAD "\xa1\x65" "other" "\x01");
            else if (!strcmp(what, "type")) REPLY(MIG_NOTICE_ANSWER, HEAD "\xa1\x64" "said" "\x01");
            else if (!strcmp(what, "garbage")) REPLY(MIG_NOTICE_ANSWER, "\xff\xff");
            else if (!strcmp(what, "badrecord")) REPLY(MIG_NOTICE_FAILURE, "\x01");
            else if (!strcmp(what, "failure")) REPLY(MIG_NOTICE_FAILURE, "\xa2\x64" "code" "\x03\x67" "message" "\x67" "no file");
            else if (!strcmp(what, "large")) {
                size_t length = 17 << 20; uint8_t *big = malloc(length);
                memset(big, 'x', length); notice(MIG_NOTICE_ANSWER, got.number, big, length); free(big);
            } else if (!strcmp(what, "twice")) { answer(got.number, "first"); answer(got.number, "second"); answer(1000, "third"); }
            else echo(&got);"#,
        ..Source::default()
    };
    for privacy in [false, true] {
        let setting = Setting {
            privacy,
            ..Setting::default()
        };
        let Some(served) = Served::plugin(&source, setting) else {
            return;
        };
        served.until_ready();
        for (what, expected, private) in [
            ("undeclared", Some("elements.other"), None),
            (
                "type",
                Some("does not fit its own schema"),
                Some("does not fit its own schema"),
            ),
            ("garbage", Some("not acceptable"), Some("masked")),
            (
                "badrecord",
                Some("error record without a message"),
                Some("masked"),
            ),
            ("failure", Some("no file"), Some("masked")),
            (
                "large",
                Some("output limit of 16 MiB"),
                Some("a budget ran out (masked)"),
            ),
            ("twice", None, None),
            ("alice", None, None),
        ] {
            let outcome = served.ask(json!({"say": what}));
            let expected = if privacy { private } else { expected };
            match expected {
                None => assert_eq!(outcome.ending, Ending::Done, "{what}: {outcome:?}"),
                Some(part) => {
                    assert_eq!(outcome.ending, Ending::Failed, "{what}: {outcome:?}");
                    let said = outcome.reason.clone().expect("a reason");
                    assert!(said.contains(part), "{what}: {said}");
                }
            }
            let said = match (what, privacy) {
                (_, true) => json!("masked"),
                ("twice", false) => json!("first"),
                _ => json!("alice"),
            };
            if matches!(what, "twice" | "alice") {
                assert_eq!(outcome.answer.into_value()["elements"]["said"], said);
            }
        }
        let seen = served.stop();
        assert_eq!(super::served::ends_in(&seen).len(), 1, "one life");
    }
}

#[test]
fn a_module_that_does_not_run_says_why() {
    let mailbox = Mailbox::new().expect("a mailbox");
    let never = mailbox.query(&Value::Null, PATIENCE, &Cancel::new());
    assert_eq!(never.ending, Ending::Failed);
    assert_eq!(
        never.reason.as_deref(),
        Some("the module is not running: it has not been started")
    );
    let source = Source {
        begin: "say(\"up\"); _exit(3);",
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    served.ends(1);
    let outcome = served.ask(json!({}));
    assert_eq!(
        outcome.reason.as_deref(),
        Some(
            "module `cserve` is not running: it ended unexpectedly (exit status 3); \
             it is started again soon"
        )
    );
    let mailbox = served.mailbox.clone();
    served.stop();
    let after = mailbox.query(&Value::Null, PATIENCE, &Cancel::new());
    let said = after.reason.expect("a reason");
    assert_eq!(said, "module `cserve` is not running: it was asked to end");
}

#[test]
fn an_end_fails_the_queries_that_are_open() {
    let source = Source {
        handle: "abort();",
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    served.until_ready();
    let outcome = served.ask(json!({}));
    assert_eq!(outcome.ending, Ending::Failed);
    let said = outcome.reason.expect("a reason");
    assert!(
        said.starts_with("module `cserve` ended before it answered:") && said.contains("SIGABRT"),
        "{said}"
    );
}

#[test]
fn what_is_persistent_is_not_run_and_what_is_not_is_not_served() {
    let Some((_plugins, store)) = Source::default().store() else {
        return;
    };
    let outcome = run(&store, &job("cserve", json!({})));
    assert_eq!(outcome.ending, Ending::Failed);
    assert!(reason(&outcome).contains("is persistent"), "{outcome:?}");
    let serve = Job {
        operation: Operation::Serve,
        ..job("cserve", json!({}))
    };
    assert!(reason(&run(&store, &serve)).contains("is persistent"));
    for (module, part) in [("probe", "is not persistent"), ("none", "is not available")] {
        let served = Served::start(linked_store(), module, Setting::default());
        let (said, again) = served.ends(1).swap_remove(0);
        assert!(said.contains(part), "{said}");
        assert_eq!(again, None);
    }
}

#[test]
fn surroundings_come_at_the_start_and_when_they_change() {
    let source = Source {
        begin: r#"const char *all = (const char *)start.ptr;
            say(memmem(all, start.len, "\x64" "here", 5) ? "born here" : "born elsewhere");"#,
        handle: r#"if (got.kind == MIG_MESSAGE_SURROUNDINGS)
            say(memmem(got.data, got.length, "\x65" "there", 6) ? "moved there" : "moved"); else abort();"#,
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    served.until_ready();
    served.log_with("born here");
    served
        .mailbox
        .surroundings(json!({"hostname": "there", "environment": {}, "tags": {}}));
    served.log_with("moved there");
    // The next worker starts with it.
    served.ask(json!({}));
    served.log_with("born elsewhere");
}
