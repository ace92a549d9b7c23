//! How serving modules end, and begin again.

use std::time::{Duration, Instant};

use mig_host::{Pace, ServiceEvent};
use serde_json::json;

use super::plugin::Source;
use super::served::{PACE, Served, Setting, ends_in};
use crate::setup::PATIENCE;

/// Serves a plugin that ends by itself and gives the reason.
fn end_of(source: &Source<'_>, setting: Setting) -> Option<String> {
    let served = Served::plugin(source, setting)?;
    let reason = served.first_end();
    // It is started again.
    served.until("a second worker", |seen| {
        let starts = |event: &&ServiceEvent| matches!(event, ServiceEvent::Started { .. });
        (seen.events.iter().filter(starts).count() > 1).then_some(())
    });
    served.stop();
    Some(reason)
}

#[test]
fn every_end_has_its_reason_and_a_new_beginning() {
    for (begin, expected) in [
        ("abort();", "module `cserve` crashed (SIGABRT)"),
        (
            "*(volatile int *)8 = 1;",
            "module `cserve` crashed (SIGSEGV)",
        ),
        (
            "exit(0);",
            "module `cserve` ended unexpectedly (exit status 0)",
        ),
        (
            "return MIG_CODE_OK;",
            "module `cserve` ended although nobody asked it to",
        ),
        (
            "return MIG_CODE_PERMISSION;",
            "module `cserve` failed: the system refused access",
        ),
        (
            r#"static const char record[] = "\xa1\x67" "message" "\x6a" "no socket!";
            host->emit(host->context, MIG_EMIT_ERROR, text(""), bytes(record, sizeof record - 1));
            return MIG_CODE_IO;"#,
            "module `cserve` failed: no socket!",
        ),
        (
            "for (int fd = 0; fd < 1024; fd++) close(fd); for (;;) pause();",
            "module `cserve` closed its stream and was killed",
        ),
        (
            "for (;;) { char *p = malloc(1 << 20); if (!p) abort(); memset(p, 1, 1 << 20); }",
            "module `cserve` ran out of its memory limit of 64 MiB (SIGABRT)",
        ),
    ] {
        let source = Source {
            begin,
            ..Source::default()
        };
        let setting = Setting {
            // Only for who wants it all: the test program itself is large, and
            // its size is where that of a worker is counted from.
            memory: if begin.contains("malloc") { 64 } else { 1024 } << 20,
            ..Setting::default()
        };
        let Some(reason) = end_of(&source, setting) else {
            return;
        };
        assert_eq!(reason, expected, "{begin}");
    }
}

#[test]
fn a_table_without_serve_is_refused() {
    let source = Source {
        entry: "0",
        ..Source::default()
    };
    let Some(reason) = end_of(&source, Setting::default()) else {
        return;
    };
    assert!(reason.contains("has no `serve` in its table"), "{reason}");
}

/// Bytes and frames that no honest worker sends, straight into the stream.
#[test]
fn garbage_in_the_stream_ends_the_worker_and_not_the_host() {
    for (frame, part) in [
        ("{250, 0, 0, 0, 0, 0, 0, 0}", "no answer (frame kind 250)"),
        // A second report of its guards.
        ("{1, 0, 0, 0, 2, 0, 0, 0, '{', '}'}", "out of order"),
        // An alert of a gigabyte.
        ("{14, 0, 0, 0, 0, 0, 0, 64}", "impossible sizes"),
        // A notice without number, a result, the end without a code.
        ("{17, 0, 0, 0, 0, 0, 0, 0}", "without its number"),
        (
            "{3, 0, 0, 0, 1, 0, 0, 0, 1}",
            "persistent modules do not send",
        ),
        ("{9, 0, 0, 0, 1, 0, 0, 0, 1}", "malformed end"),
    ] {
        let begin = format!(
            "static const unsigned char frame[] = {frame};
            for (int fd = 3; fd < 100; fd++) if (write(fd, frame, sizeof frame)) {{}}
            for (;;) pause();"
        );
        let source = Source {
            begin: &begin,
            ..Source::default()
        };
        let Some(reason) = end_of(&source, Setting::default()) else {
            return;
        };
        assert!(reason.contains(part), "{frame}: {reason}");
        let private = Setting {
            privacy: true,
            ..Setting::default()
        };
        let Some(reason) = end_of(&source, private) else {
            return;
        };
        assert!(reason.contains("masked"), "{frame}: {reason}");
    }
}

#[test]
fn a_module_that_never_asks_for_messages_is_killed_and_started_again() {
    let source = Source {
        begin: "notice(MIG_NOTICE_READY, 0, \"\", 0); for (;;) { alert(\"busy\"); usleep(1000); }",
        ..Source::default()
    };
    let setting = Setting {
        pace: Pace {
            life: Duration::from_millis(500),
            // The one that is started next does not hear of the end either.
            grace: Duration::from_millis(200),
            ..PACE
        },
        ..Setting::default()
    };
    let Some(reason) = end_of(&source, setting) else {
        return;
    };
    assert_eq!(
        reason,
        "module `cserve` showed no sign of life for 0.5 s and was killed"
    );
}

/// With nothing to say, and with a life that is shorter than the test.
#[test]
fn a_quiet_module_that_waits_for_messages_lives_on() {
    // Side by side: each takes longer than a busy machine stands still.
    let both = [
        ("-1", ""),
        // A module that waits for others as well.
        (
            "0",
            "if (!came) { struct pollfd fd = {service->descriptor(service->context), POLLIN, 0};
              poll(&fd, 1, -1); }",
        ),
    ];
    let lives_on = |(patience, turn)| {
        let source = Source {
            patience,
            turn,
            ..Source::default()
        };
        let life = Duration::from_secs(20);
        let setting = Setting {
            pace: Pace { life, ..PACE },
            ..Setting::default()
        };
        let Some(served) = Served::plugin(&source, setting) else {
            return;
        };
        served.until_ready();
        let start = Instant::now();
        while start.elapsed() < life + Duration::from_secs(1) {
            let answer = served.ask(json!({"say": "there?"}));
            assert!(answer.answer.flag("success"), "{:?}", answer.reason);
        }
        let seen = served.stop();
        assert_eq!(ends_in(&seen).len(), 1, "{:?}", seen.events);
    };
    std::thread::scope(|scope| {
        for one in both {
            scope.spawn(move || lives_on(one));
        }
    });
}

#[test]
fn a_cancel_lets_the_module_clean_up() {
    for begin in [
        "",
        // It waits for something else, and lets the signal in while it waits only.
        "sigset_t term, before; sigemptyset(&term); sigaddset(&term, SIGTERM);
         sigprocmask(SIG_BLOCK, &term, &before); notice(MIG_NOTICE_READY, 0, \"\", 0);
         ppoll(0, 0, 0, &before); alert(\"cleaned up\"); return MIG_CODE_CANCELLED;",
        "notice(MIG_NOTICE_READY, 0, \"\", 0); while (!host->cancelled(host->context)) usleep(1000);
         alert(\"cleaned up\"); return MIG_CODE_OK;",
    ] {
        let source = Source {
            begin,
            end: "alert(\"cleaned up\");",
            ..Source::default()
        };
        let Some(served) = Served::plugin(&source, Setting::default()) else {
            return;
        };
        served.until_ready();
        let seen = served.stop();
        assert_eq!(seen.alerts, ["cleaned up"], "{begin}");
        let ends = ends_in(&seen);
        assert_eq!(
            ends,
            [("module `cserve` ended as it was asked to".to_owned(), None)],
            "{begin}: {:?}",
            seen.events
        );
    }
}

#[test]
fn what_goes_wrong_at_the_end_is_said() {
    for (end, part) in [
        (
            "return MIG_CODE_IO;",
            "was asked to end, and failed: reading or writing failed",
        ),
        ("abort();", "was asked to end, and crashed (SIGABRT)"),
    ] {
        let source = Source {
            end,
            ..Source::default()
        };
        let Some(served) = Served::plugin(&source, Setting::default()) else {
            return;
        };
        served.until_ready();
        let ends = ends_in(&served.stop());
        assert_eq!(ends, [(format!("module `cserve` {part}"), None)]);
    }
}

#[test]
fn who_does_not_end_in_time_is_killed() {
    let source = Source {
        begin: "signal(SIGTERM, SIG_IGN);",
        end: "for (;;) pause();",
        ..Source::default()
    };
    let setting = Setting {
        pace: Pace {
            grace: Duration::from_millis(300),
            ..PACE
        },
        ..Setting::default()
    };
    let Some(served) = Served::plugin(&source, setting) else {
        return;
    };
    served.until_ready();
    let start = Instant::now();
    let seen = served.stop();
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
    assert_eq!(
        ends_in(&seen)[0].0,
        "module `cserve` did not end within 0.3 s after it was asked to, and was killed"
    );
}

#[test]
fn pauses_grow_while_it_fails_and_start_again_after_health() {
    let source = Source {
        begin: "abort();",
        ..Source::default()
    };
    let pace = Pace {
        pause: Duration::from_millis(4),
        longest_pause: Duration::from_millis(32),
        ..PACE
    };
    let setting = Setting {
        pace,
        ..Setting::default()
    };
    let Some(served) = Served::plugin(&source, setting) else {
        return;
    };
    let pauses: Vec<Duration> = served.ends(5).into_iter().filter_map(|end| end.1).collect();
    for (pause, expected) in pauses.iter().zip([4, 8, 16, 32, 32]) {
        let expected = Duration::from_millis(expected);
        assert!(
            *pause >= expected * 3 / 4 && *pause <= expected * 5 / 4,
            "{pauses:?}"
        );
    }
    served.stop();
    let healthy = Setting {
        pace: Pace {
            healthy: Duration::ZERO,
            ..pace
        },
        ..Setting::default()
    };
    let Some(served) = Served::plugin(&source, healthy) else {
        return;
    };
    for (_, pause) in served.ends(4) {
        assert!(pause.is_some_and(|pause| pause <= Duration::from_millis(5)));
    }
}

#[test]
fn logs_beyond_the_limit_are_counted() {
    let source = Source {
        begin: "for (int i = 0; i < 30000; i++) say(\"chatter\");",
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    served.until_ready();
    let count = |seen: &super::served::Seen| {
        seen.events
            .iter()
            .fold((0, 0), |(said, left), event| match event {
                ServiceEvent::Log { .. } => (said + 1, left),
                ServiceEvent::LogsLeftOut(count) => (said, left + count),
                _ => (said, left),
            })
    };
    served.until("all lines", |seen| {
        let (said, left) = count(seen);
        (said + left == 30_000).then_some(())
    });
    let (said, _) = count(&served.seen());
    assert!((100..2000).contains(&said), "{said}");
    assert_eq!(served.pids().len(), 1, "nobody was ended for it");
}

#[test]
fn a_flood_of_notices_ends_the_worker() {
    let source = Source {
        begin: "for (;;) if (notice(MIG_NOTICE_STATUS, 0, \"\\xa0\", 1)) _exit(1);",
        ..Source::default()
    };
    let Some(reason) = end_of(&source, Setting::default()) else {
        return;
    };
    assert!(
        reason.contains("sends more than 2000 notices each second"),
        "{reason}"
    );
}

#[test]
fn a_status_arrives_when_it_is_flat() {
    let source = Source {
        begin: r#"
            static const char good[] = "\xa3\x63" "two" "\x02\x62" "ok" "\xf5\x64" "last" "\x65" "a\nb\x1b" "c";
            notice(MIG_NOTICE_STATUS, 0, good, sizeof good - 1);"#,
        handle: r#"
            static const char nested[] = "\xa1\x61" "a" "\xa0";
            notice(MIG_NOTICE_STATUS, 0, nested, sizeof nested - 1);
            answer(got.number, "sent");
            static char large[20000];
            if (!notice(MIG_NOTICE_STATUS, 0, large, sizeof large)) abort();"#,
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    let status = served.until("a status", |seen| {
        seen.events.iter().find_map(|event| match event {
            ServiceEvent::Status(status) => Some(status.clone()),
            _ => None,
        })
    });
    assert_eq!(
        status,
        json!({"two": 2, "ok": true, "last": "a b\u{fffd}c"})
    );
    served.until_ready();
    served.ask(json!({}));
    served.log_with("is no flat object");
    assert_eq!(served.pids().len(), 1);
}
