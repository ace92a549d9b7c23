//! Alerts, in both directions.

use mig_host::{ForwardedAlert, ServiceEvent};
use serde_json::{Value, json};

use super::plugin::Source;
use super::served::{Served, Setting, ends_in};
use crate::setup::PATIENCE;

#[test]
fn alerts_arrive_in_order_and_byte_for_byte() {
    let source = Source {
        begin: r#"alert("%s %n {\"a\": 1 }"); alert(""); alert("\xc3\xa4\n");
            for (int i = 0; i < 20000; i++) { char line[64]; sprintf(line, "alert %d", i); alert(line); }"#,
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    let alerts = served.alerts(20_003);
    assert_eq!(alerts[..3], ["%s %n {\"a\": 1 }", "", "\u{e4}\n"]);
    for (number, alert) in alerts[3..].iter().enumerate() {
        assert_eq!(*alert, format!("alert {number}"));
    }
}

#[test]
fn the_longest_alert_passes_and_longer_ones_do_not() {
    let source = Source {
        begin: r#"size_t most = 256 << 10; char *long_one = malloc(most + 1);
            memset(long_one, 'x', most + 1);
            for (int i = 0; i < 4; i++) if (notice(MIG_NOTICE_ALERT, 0, long_one, most)) abort();
            if (!notice(MIG_NOTICE_ALERT, 0, long_one, most + 1)) abort();
            if (!notice(99, 0, "", 0)) abort();
            alert("\xff"); alert("end");"#,
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    let alerts = served.alerts(5);
    assert!(alerts[..4].iter().all(|alert| alert.len() == 256 << 10));
    assert_eq!(alerts[4], "end");
    served.until("the dropped one", |seen| {
        let dropped = ServiceEvent::AlertsDropped {
            count: 1,
            reason: "not UTF-8".to_owned(),
        };
        seen.events.contains(&dropped).then_some(())
    });
}

/// A thread raises alerts without end; the module itself answers.
const FLOOD: &str = r#"
    static volatile unsigned long raised;
    static void *flood(void *unused) {
        (void)unused; char line[1024]; memset(line, 'x', sizeof line); line[sizeof line - 1] = 0;
        while (!alert(line)) raised++;
        return 0;
    }"#;

#[test]
fn without_room_the_module_waits_and_still_answers() {
    let source = Source {
        before: FLOOD,
        begin: "pthread_t thread; pthread_create(&thread, 0, flood, 0);",
        handle: r#"char count[32]; sprintf(count, "%lu", raised); answer(got.number, count);"#,
        ..Source::default()
    };
    let setting = Setting {
        room: Some(10),
        ..Setting::default()
    };
    let Some(served) = Served::plugin(&source, setting) else {
        return;
    };
    served.alerts(10);
    served.until_ready();
    let raised = || {
        let answer = served.ask(json!({})).answer.into_value();
        let said = answer["elements"]["said"].as_str().expect("a count");
        said.parse::<u64>().expect("a count")
    };
    // It stands still, far below what a second of flood would be.
    let mut last = raised();
    loop {
        let start = std::time::Instant::now();
        while start.elapsed() < std::time::Duration::from_millis(200) {
            raised();
        }
        let now = raised();
        if now == last {
            break;
        }
        last = now;
    }
    // The tenth is counted a moment after it was sent.
    assert!((9..1000).contains(&last), "{last}");
    assert_eq!(served.seen().alerts.len(), 10);
    // Room again: everything that was raised comes.
    served.seen().room = Some(5000);
    served.mailbox.wake();
    served.alerts(5000);
    // And more than that, which is left at the end.
    mig_testkit::wait_until("one too many", PATIENCE, || raised() > 5000);
    let seen = served.stop();
    assert_eq!(ends_in(&seen).len(), 1, "nobody was ended for it");
    let dropped = seen.events.iter().find_map(|event| match event {
        ServiceEvent::AlertsDropped { count, .. } => Some(*count),
        _ => None,
    });
    assert!(dropped.is_some_and(|count| count > 0), "{:?}", seen.events);
}

/// A thread waits for credit and reads what is meant for the other, which waits
/// at the descriptor.
#[test]
fn messages_reach_a_module_that_polls_while_another_thread_waits_for_room() {
    let source = Source {
        before: FLOOD,
        begin: "pthread_t thread; pthread_create(&thread, 0, flood, 0);",
        patience: "0",
        turn: "if (!came) { struct pollfd fd = {service->descriptor(service->context), POLLIN, 0};
            poll(&fd, 1, -1); }",
        ..Source::default()
    };
    let setting = Setting {
        room: Some(0),
        ..Setting::default()
    };
    let Some(served) = Served::plugin(&source, setting) else {
        return;
    };
    served.until_ready();
    for _ in 0..200 {
        let answer = served.ask(json!({"say": "there?"}));
        assert!(answer.answer.flag("success"), "{:?}", answer.reason);
    }
    assert_eq!(served.pids().len(), 1);
}

/// The only thread of the module waits for room, longer than its life.
#[test]
fn waiting_for_room_is_no_missing_sign_of_life() {
    let source = Source {
        turn: "while (turn == 1 && !alert(\"again and again\")) continue;",
        ..Source::default()
    };
    // Until it waits for room it has to show signs, also on a busy machine.
    let life = std::time::Duration::from_secs(20);
    let setting = Setting {
        room: Some(0),
        pace: mig_host::Pace {
            life,
            ..super::served::PACE
        },
        ..Setting::default()
    };
    let Some(served) = Served::plugin(&source, setting) else {
        return;
    };
    served.until_ready();
    served.ask(json!({"say": "one turn"}));
    let asked = served
        .mailbox
        .query(&json!({}), life * 2, &mig_host::Cancel::new());
    // It answers this one, and then raises alerts for ever.
    assert!(asked.answer.flag("success"), "{:?}", asked.reason);
    let longer = life + std::time::Duration::from_secs(2);
    let late = served
        .mailbox
        .query(&json!({}), longer, &mig_host::Cancel::new());
    assert_eq!(late.ending, mig_host::Ending::Timeout);
    let seen = served.stop();
    let ends = ends_in(&seen);
    assert_eq!(ends.len(), 1, "{ends:?}");
}

/// A worker that knows the frames and no manners.
#[test]
fn alerts_past_the_worker_are_not_buffered() {
    let source = Source {
        begin: r#"
            unsigned char frame[8 + 1024] = {14, 0, 0, 0, 0, 4, 0, 0};
            memset(frame + 8, 'x', 1024);
            for (;;) for (int fd = 64; fd < 70; fd++) if (write(fd, frame, sizeof frame)) {}"#,
        ..Source::default()
    };
    let setting = Setting {
        room: Some(0),
        ..Setting::default()
    };
    let Some(served) = Served::plugin(&source, setting) else {
        return;
    };
    let reason = served.first_end();
    assert!(reason.contains("there is no room"), "{reason}");
}

#[test]
fn in_privacy_mode_alerts_are_masked_or_dropped() {
    let source = Source {
        begin: r#"
            alert("{\"user\":\"alice\",\"count\":3}");
            alert("{\"user\":\"alice\",\"home\":\"/home/alice\"}");
            alert("alice logged in"); alert("[\"alice\"]"); alert("{\"count\":\"alice\"}");
            alert("{\"count\":4}"); say("alice is here");"#,
        handle: "abort();",
        ..Source::default()
    };
    let setting = Setting {
        privacy: true,
        ..Setting::default()
    };
    let Some(served) = Served::plugin(&source, setting) else {
        return;
    };
    let alerts: Vec<Value> = served
        .alerts(3)
        .iter()
        .map(|alert| serde_json::from_str(alert).expect("JSON"))
        .collect();
    assert_eq!(
        alerts,
        [
            json!({"user": "masked", "count": 3}),
            json!({"user": "masked"}),
            json!({"count": 4})
        ]
    );
    let seen = served.stop();
    let dropped: u64 = seen
        .events
        .iter()
        .map(|event| match event {
            ServiceEvent::AlertsDropped { count, reason } => {
                assert!(!reason.contains("alice"), "{reason}");
                *count
            }
            _ => 0,
        })
        .sum();
    assert_eq!(dropped, 3);
}

/// The module logs what it gets, stores every second alert, and dies on demand.
#[test]
fn alerts_of_others_come_in_order_and_again_until_they_are_stored() {
    let source = Source {
        capabilities: "alerts",
        handle: r#"
            if (got.kind == MIG_MESSAGE_QUERY) abort();
            char line[256]; snprintf(line, sizeof line, "%lu %.*s", (unsigned long)got.number, (int)got.length - 1, (char *)got.data + 1);
            say(line);
            if (got.number == 12) notice(MIG_NOTICE_STORED, 11, "", 0);
            /* More than it got. */
            if (got.number == 14) notice(MIG_NOTICE_STORED, 99, "", 0);"#,
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    served.until_ready();
    let forwarded = |number: u64| ForwardedAlert {
        number,
        source: "audit".to_owned(),
        text: format!("text {number}"),
    };
    served.seen().outgoing.extend((10..13).map(forwarded));
    served.mailbox.wake();
    served.log_with("12 ");
    served.until("stored", |seen| {
        seen.events
            .contains(&ServiceEvent::Stored(11))
            .then_some(())
    });
    served.seen().events.clear();
    served.ask(json!({}));
    // After the restart, what was not stored; and then what is new.
    let again = served.log_with("12 ");
    assert!(
        again.contains("audit") && again.contains("text 12"),
        "{again}"
    );
    served.seen().outgoing.push(forwarded(13));
    served.mailbox.wake();
    served.log_with("13 ");
    served.seen().outgoing.push(forwarded(14));
    served.mailbox.wake();
    served.until("stored", |seen| {
        seen.events
            .contains(&ServiceEvent::Stored(14))
            .then_some(())
    });
    let seen = served.stop();
    let logged: Vec<String> = seen
        .events
        .iter()
        .filter_map(|event| match event {
            ServiceEvent::Log { message, .. } => message.split(' ').next().map(str::to_owned),
            _ => None,
        })
        .collect();
    assert_eq!(logged, ["12", "13", "14"]);
    assert!(seen.outgoing.is_empty());
}

#[test]
fn a_module_that_does_not_declare_alerts_gets_none() {
    let source = Source {
        handle: "if (got.kind == MIG_MESSAGE_ALERT) abort(); echo(&got);",
        ..Source::default()
    };
    let Some(served) = Served::plugin(&source, Setting::default()) else {
        return;
    };
    served.until_ready();
    served.seen().outgoing.push(ForwardedAlert {
        number: 1,
        source: "audit".to_owned(),
        text: String::new(),
    });
    served.mailbox.wake();
    let answer = served.ask(json!({"say": "hello"}));
    assert!(answer.answer.flag("success"), "{:?}", answer.reason);
    assert_eq!(served.pids().len(), 1);
}
