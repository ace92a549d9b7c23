//! Records of one serial number become one event.

use super::{all, assembler};
use crate::events::{Counters, Options};
use std::time::{Duration, Instant};

const EXEC: &[(u16, &str)] = &[
    (
        1300,
        "arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 a2=55d2 a3=8 items=2 ppid=1 pid=2 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=1 comm=\"id\" exe=\"/usr/bin/id\" key=\"exec\"",
    ),
    (1309, "argc=2 a0=\"id\" a1=2D2D6120 "),
    (1307, "cwd=\"/root\""),
    (
        1302,
        "item=0 name=\"/usr/bin/id\" inode=1 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
    ),
    (
        1302,
        "item=1 name=\"/lib64/ld-linux-x86-64.so.2\" inode=2 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0",
    ),
    (1327, "proctitle=6964002D2D6120"),
    (1320, ""),
];

fn text(serial: u32, body: &str) -> String {
    format!("audit(1715934612.204:{serial}): {body}")
}

#[test]
fn records_of_a_call_are_one_event_with_every_path() {
    let mut assembler = assembler(Options {
        include_raw: true,
        ..Options::default()
    });
    let now = Instant::now();
    for (kind, body) in EXEC {
        assembler.record(*kind, text(1442, body).as_bytes(), now);
    }
    let events = all(&mut assembler);
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(
        (event.kind.as_ref(), event.serial.as_str()),
        ("EOE", "1442")
    );
    assert_eq!(event.timestamp, "1715934612.204");
    assert!(!event.incomplete);
    for (key, wanted) in [
        ("syscall", "execve"),
        ("exe", "/usr/bin/id"),
        ("auid", "alice"),
        ("uid", "root"),
        ("key", "exec"),
        ("success", "yes"),
        ("exit", "success"),
        ("cwd", "/root"),
        ("proctitle", "id\0--a "),
        // Later records count: this a1 is an argument of the program.
        ("a1", "--a "),
        ("a2", "0x55d2"),
        ("item", "1"),
    ] {
        assert_eq!(event.data.get(key), Some(wanted), "{key}");
    }
    let kinds: Vec<_> = event
        .records
        .iter()
        .map(|record| record.kind.as_ref())
        .collect();
    assert_eq!(
        kinds,
        ["SYSCALL", "EXECVE", "CWD", "PATH", "PATH", "PROCTITLE"]
    );
    assert_eq!(event.records[0].data.get("a1"), Some("0x55d1"));
    assert_eq!(event.records[3].data.get("name"), Some("/usr/bin/id"));
    assert_eq!(
        event.records[4].data.get("name"),
        Some("/lib64/ld-linux-x86-64.so.2")
    );
    // The end record's text with its last space, then each record's.
    assert!(
        event
            .raw
            .starts_with("audit(1715934612.204:1442):  arch=c000003e syscall=59"),
        "{}",
        event.raw
    );
    assert!(
        event
            .raw
            .ends_with(" cwd=\"/root\" item=0 name=\"/usr/bin/id\"")
            || event
                .raw
                .contains(" cwd=\"/root\" item=0 name=\"/usr/bin/id\"")
    );
    assert_eq!(event.raw.matches("audit(").count(), 1);
    let counters = assembler.counters();
    assert_eq!(
        counters,
        Counters {
            records: 7,
            events: 1,
            ..Counters::default()
        }
    );
    assert_eq!((assembler.buffered(), assembler.deadline()), (0, None));
}

#[test]
fn json_has_the_keys_of_the_original_and_ours_at_the_end() {
    let mut assembler = assembler(Options::default());
    let now = Instant::now();
    assembler.record(1130, text(7, "pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=a<b comm=\"systemd\" res=success'").as_bytes(), now);
    assembler.record(1300, text(8, "syscall=1").as_bytes(), now);
    assembler.record(1302, text(8, "name=\"/&\"").as_bytes(), now);
    assembler.flush(Instant::now());
    let lines: Vec<_> = all(&mut assembler)
        .iter()
        .map(super::Event::to_json)
        .collect();
    assert_eq!(
        lines[0],
        r#"{"Serial":"7","Timestamp":"1715934612.204","Type":"SERVICE_START","Data":{"auid":"unknown(4294967295)","comm":"systemd","pid":"1","res":"success","ses":"unset","uid":"root","unit":"a\u003cb"},"Raw":""}"#
    );
    assert_eq!(
        lines[1],
        r#"{"Serial":"8","Timestamp":"1715934612.204","Type":"EOE","Data":{"name":"/\u0026","syscall":"write"},"Raw":"","Records":[{"Type":"SYSCALL","Data":{"syscall":"write"}},{"Type":"PATH","Data":{"name":"/\u0026"}}],"Incomplete":true}"#
    );
}

#[test]
fn an_event_without_an_end_is_delivered_after_the_time_out() {
    let mut assembler = assembler(Options::default());
    let start = Instant::now();
    assembler.record(1300, text(1, "syscall=2").as_bytes(), start);
    let second = Duration::from_secs(1);
    assembler.record(1302, text(1, "name=\"/a\"").as_bytes(), start + second);
    assert_eq!(assembler.deadline(), Some(start + 2 * second));
    assembler.due(start + 2 * second);
    assert_eq!(all(&mut assembler), [], "its last record is one second old");
    assert_eq!(assembler.deadline(), Some(start + 3 * second));
    assembler.due(start + 3 * second);
    let events = all(&mut assembler);
    assert_eq!(events.len(), 1);
    assert!(events[0].incomplete);
    assert_eq!(
        (events[0].kind.as_ref(), events[0].records.len()),
        ("EOE", 2)
    );
    assert_eq!(assembler.deadline(), None);

    // Its end comes too late, and still is not lost.
    assembler.record(1320, text(1, "").as_bytes(), start + 4 * second);
    let late = all(&mut assembler);
    assert_eq!((late[0].kind.as_ref(), late[0].incomplete), ("EOE", true));
    assert_eq!(assembler.counters().incomplete, 2);
}

#[test]
fn an_event_that_grows_and_grows_is_delivered_in_the_end() {
    let mut assembler = assembler(Options::default());
    let start = Instant::now();
    for second in 0..10 {
        let now = start + Duration::from_secs(second);
        assembler.due(now);
        assembler.record(1302, text(1, "name=\"/a\"").as_bytes(), now);
    }
    assert_eq!(all(&mut assembler), []);
    assembler.due(start + Duration::from_secs(10));
    let events = all(&mut assembler);
    assert_eq!((events.len(), events[0].records.len()), (1, 10));
}

#[test]
fn records_that_stand_alone_in_the_buffered_range_are_delivered_as_themselves() {
    let mut assembler = assembler(Options {
        include_raw: true,
        ..Options::default()
    });
    let start = Instant::now();
    let seccomp = text(
        5,
        "auid=1000 uid=0 sig=31 arch=c000003e syscall=101 code=0x0",
    );
    assembler.record(1326, seccomp.as_bytes(), start);
    assembler.due(start + Duration::from_secs(2));
    let events = all(&mut assembler);
    assert_eq!(
        (events[0].kind.as_ref(), events[0].incomplete),
        ("SECCOMP", false)
    );
    assert_eq!(events[0].data.get("syscall"), Some("ptrace"));
    assert_eq!(events[0].raw, seccomp);
    assert_eq!(assembler.counters().standalone, 1);
}

#[test]
fn what_waits_is_bounded_and_the_oldest_goes_first() {
    let mut assembler = assembler(Options {
        waiting_events: 3,
        ..Options::default()
    });
    let now = Instant::now();
    for serial in 1..=5 {
        assembler.record(1300, text(serial, "syscall=1").as_bytes(), now);
    }
    let serials: Vec<_> = all(&mut assembler)
        .into_iter()
        .map(|event| (event.serial, event.incomplete))
        .collect();
    assert_eq!(serials, [("1".to_owned(), true), ("2".to_owned(), true)]);
    assert_eq!((assembler.buffered(), assembler.counters().evicted), (3, 2));

    let mut assembler = super::assembler(Options {
        waiting_bytes: 1000,
        ..Options::default()
    });
    let long = "x".repeat(400);
    for serial in 1..=4 {
        assembler.record(
            1300,
            text(serial, &format!("key=\"{long}\"")).as_bytes(),
            now,
        );
        assert!(assembler.buffered() <= 2);
    }
    assert_eq!(all(&mut assembler).len(), 2);

    let mut assembler = super::assembler(Options {
        event_bytes: 1000,
        ..Options::default()
    });
    for _ in 0..5 {
        assembler.record(1302, text(1, &format!("name=\"{long}\"")).as_bytes(), now);
    }
    assembler.record(1320, text(1, "").as_bytes(), now);
    let parts: Vec<_> = all(&mut assembler)
        .into_iter()
        .map(|event| (event.records.len(), event.incomplete))
        .collect();
    assert_eq!(parts, [(3, true), (2, false)]);
    assert_eq!(assembler.counters().split, 1);
}

#[test]
fn long_arguments_come_back_together() {
    let mut assembler = assembler(Options::default());
    let now = Instant::now();
    for (kind, body) in [
        (1300, "syscall=59"),
        (
            1309,
            "argc=3 a0=\"sh\" a1_len=11 a1[0]=6D6974C3 a1[1]=A42062",
        ),
        (1309, "a1[2]=20C3A4 a2=\"end\""),
        (1320, ""),
    ] {
        assembler.record(kind, text(1, body).as_bytes(), now);
    }
    let events = all(&mut assembler);
    assert_eq!(events[0].data.get("a1"), Some("mitä b ä"));
    assert_eq!(events[0].data.get("a1_len"), Some("11"));
    assert_eq!(events[0].data.get("a2"), Some("end"));
    assert!(events[0].data.iter().all(|(key, _)| !key.contains('[')));
}

#[test]
fn an_event_that_is_too_long_says_that_it_was_cut() {
    let mut assembler = assembler(Options {
        include_raw: true,
        ..Options::default()
    });
    let now = Instant::now();
    let long = "<".repeat(8000);
    for _ in 0..6 {
        assembler.record(
            1309,
            text(1, &format!("a0=\"{long}\" a1=\"b\"")).as_bytes(),
            now,
        );
    }
    assembler.record(1320, text(1, "").as_bytes(), now);
    let event = all(&mut assembler).remove(0);
    let (whole, is_whole) = event.to_json_within(10_000_000);
    assert!(is_whole && whole == event.to_json());
    for limit in [60_000, 20_000, 500] {
        let (text, is_whole) = event.to_json_within(limit);
        assert!(text.len() <= limit && !is_whole);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["Truncated"], true);
        assert_eq!(value["Data"]["a1"], "b");
        assert_eq!(value["Serial"], "1");
    }
}
