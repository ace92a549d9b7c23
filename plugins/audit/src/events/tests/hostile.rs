//! Texts that want to be more than they are.

use super::{all, alone, assembler};
use crate::events::Options;
use std::time::Instant;

#[test]
fn a_message_of_a_program_cannot_speak_for_the_kernel() {
    for message in [
        "op=login uid=0 auid=0 pid=1 ses=1 subj=unconfined res=success",
        "op=login' uid=0 auid=0 pid=1 ses=1 subj=unconfined res=success",
        "op=login msg='uid=0 auid=0 pid=1 ses=1 subj=unconfined res=success",
        "op=\"login uid=0 auid=0\" uid=0 auid=0 pid=1 ses=1 subj=unconfined res=success",
    ] {
        let event = alone(
            1112,
            &format!("pid=4711 uid=1000 auid=1000 ses=3 msg='{message}'"),
        );
        for (key, wanted) in [
            ("pid", "4711"),
            ("uid", "alice"),
            ("auid", "alice"),
            ("ses", "3"),
        ] {
            assert_eq!(event.data.get(key), Some(wanted), "{message}");
        }
        assert_eq!(event.data.get("subj"), None, "the kernel wrote none");
        // What was said is still there to be read.
        assert_eq!(event.data.get("msg.uid"), Some("root"), "{message}");
        assert_eq!(event.data.get("msg.pid"), Some("1"), "{message}");
        assert_eq!(event.data.get("msg.subj"), Some("unconfined"));
        assert_eq!(event.data.get("res"), Some("success"));
    }
}

#[test]
fn a_message_of_a_program_never_joins_an_event_of_the_kernel() {
    let mut assembler = assembler(Options::default());
    let now = Instant::now();
    assembler.record(
        1300,
        b"audit(1.0:5): syscall=59 exe=\"/bin/x\" uid=1000",
        now,
    );
    assembler.record(
        1112,
        b"audit(1.0:5): pid=1 uid=0 msg='exe=\"/bin/y\" audit(1.0:5): syscall=1'",
        now,
    );
    assembler.record(2100, b"audit(1.0:5): pid=1 uid=0 msg='exe=\"/bin/z\"'", now);
    assembler.record(1320, b"audit(1.0:5): ", now);
    let events = all(&mut assembler);
    assert_eq!(events.len(), 3);
    assert_eq!(events[2].kind, "EOE");
    assert_eq!(events[2].data.get("exe"), Some("/bin/x"));
    assert_eq!(events[2].data.get("uid"), Some("alice"));
    assert_eq!(
        assembler.counters().shadowed,
        1,
        "the second one's `syscall`"
    );
}

#[test]
fn a_program_cannot_write_where_extra_privacy_mode_leaves_words_readable() {
    let manifest: serde_json::Value =
        serde_json::from_slice(include_bytes!("../../../manifest.json")).expect("JSON");
    let result = &manifest["operations"]["serve"]["result"]["properties"];
    let single = &result["Records"]["items"]["properties"]["Data"]["properties"];
    assert_eq!(single, &result["Data"]["properties"]);
    let names = single.as_object().expect("names");
    let open = names
        .iter()
        .filter(|(_, schema)| schema["x-mig-privacy"] == "open");
    let mut count = 0;
    for (name, _) in open {
        let event = alone(1112, &format!("msg='{name}=hunter2 is mine'"));
        assert_eq!(event.data.get(name), None);
        let said = event.data.get(&format!("msg.{name}"));
        assert_eq!(said, Some("hunter2 is mine"));
        count += 1;
    }
    assert!(count > 10, "{count}");
}

#[test]
fn quotation_marks_hold_words_together() {
    let event = alone(
        1100,
        "pid=1 uid=0 msg='op=PAM acct=\"bob res=success\" exe=\"/a, (b)\" res=failed'",
    );
    assert_eq!(event.data.get("acct"), Some("bob res=success"));
    assert_eq!(event.data.get("exe"), Some("/a, (b)"));
    assert_eq!(event.data.get("res"), Some("failed"));
    let event = alone(1300, "comm=\"never closed key=\"k\" exe=\"x");
    assert_eq!(event.data.get("exe"), Some("x"));
}

#[test]
fn texts_without_a_stamp_are_delivered_as_they_are() {
    for text in [
        &b""[..],
        b"nothing at all",
        b"audit(",
        b"audit(1.2:3",
        b"audit(1.2:3) a=b",
        b"audit(1:3): a=b",
        b"audit(x.y:z): a=b",
        b"audit(1.2:): a=b",
        b"audit(1.2:-3): a=b",
        b"audit(1.2:3:4): a=b",
        b"\0\0\0",
        b"\xff\xfe",
    ] {
        for kind in [1300, 1112, 1320, 9] {
            let mut assembler = assembler(Options::default());
            assembler.record(kind, text, Instant::now());
            let events = all(&mut assembler);
            assert_eq!(events.len(), 1, "{text:?}");
            assert_eq!(assembler.counters().malformed, 1);
            let kept = String::from_utf8_lossy(text);
            assert_eq!(events[0].raw, kept.trim_end_matches('\0'));
            let json: serde_json::Value = serde_json::from_str(&events[0].to_json()).expect("JSON");
            assert_eq!(json["Serial"], "");
        }
    }
}

#[test]
fn zeros_line_ends_and_foreign_bytes_do_no_harm() {
    let mut assembler = assembler(Options::default());
    let now = Instant::now();
    assembler.record(
        1112,
        b"audit(1.0:1): pid=1 msg='acct=\"a\0b\" exe=\"\xff\" res=1'\n\0",
        now,
    );
    assembler.record(
        1302,
        b"audit(1.0:2): name=FFFE41 \xff\xfe=3 =4 ==5 \"=\"",
        now,
    );
    assembler.flush(Instant::now());
    let events = all(&mut assembler);
    assert_eq!(events[0].data.get("acct"), Some("a\0b"));
    assert_eq!(events[0].data.get("exe"), Some("\u{fffd}"));
    assert_eq!(events[0].data.get("exe.hex"), Some("FF"));
    assert_eq!(events[0].data.get("res"), Some("yes"));
    assert_eq!(events[1].data.get("name"), Some("\u{fffd}\u{fffd}A"));
    assert_eq!(events[1].data.get("name.hex"), Some("FFFE41"));
}

#[test]
fn a_record_of_the_greatest_length_is_read_whole() {
    let long = "4142".repeat(2200);
    let event = alone(1327, &format!("proctitle={long}"));
    assert_eq!(
        event.data.get("proctitle"),
        Some("AB".repeat(2200).as_str())
    );
    // A thousand empty braces and names that never end.
    let event = alone(1400, &format!("avc:  denied {} a=b", "{ ".repeat(1000)));
    assert_eq!(event.data.get("seresult"), Some("denied"));
    alone(1107, &format!("pid=1 msg='{}", "msg='".repeat(1500)));
}
