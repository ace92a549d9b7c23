//! Real records, read here and by the audit daemon's own tool.

use super::{all, assembler};
use crate::events::{Event, Options, tables};
use std::fmt::Write as _;
use std::process::Command;
use std::time::Instant;

/// Records of a real kernel, as they came: `kind text`.
const RECORDS: &str = include_str!("records");

fn records() -> impl Iterator<Item = (u16, &'static str)> {
    RECORDS.lines().map(|line| {
        let (kind, text) = line.split_once(' ').expect("kind and text");
        (kind.parse().expect("a number"), text)
    })
}

fn events() -> Vec<Event> {
    let mut assembler = assembler(Options::default());
    let now = Instant::now();
    for (kind, text) in records() {
        assembler.record(kind, text.as_bytes(), now);
    }
    assert_eq!(assembler.buffered(), 0, "every event has its end");
    all(&mut assembler)
}

#[test]
fn real_records_become_whole_events() {
    let events = events();
    assert_eq!(events.len(), 14);
    assert!(events.iter().all(|event| !event.incomplete));
    let of = |call: &str| {
        events
            .iter()
            .find(|event| event.data.get("syscall") == Some(call))
            .unwrap_or_else(|| panic!("no event of {call}"))
    };
    let exec = of("execve");
    let arguments = exec
        .records
        .iter()
        .find(|record| record.kind == "EXECVE")
        .expect("its arguments");
    let arguments: Vec<_> = (2..6)
        .filter_map(|number| arguments.data.get(&format!("a{number}")))
        .collect();
    assert_eq!(arguments, ["exit 3", "with space", "q\"uote", "ä"]);
    assert_eq!(exec.data.get("key"), Some("exec"));
    let connected: Vec<_> = events
        .iter()
        .filter_map(|event| event.data.get("saddr"))
        .collect();
    assert_eq!(
        connected,
        [
            "inet host:192.0.2.1 serv:9",
            "inet6 host:2001:db8::1 serv:9",
            "local \0abstract name",
        ]
    );
    let rule = &events[0];
    assert_eq!(rule.records[0].kind, "CONFIG_CHANGE");
    assert_eq!(rule.records[0].data.get("list"), Some("exit"));
    assert_eq!(rule.records[0].data.get("res"), Some("yes"));
    let login = events
        .iter()
        .find(|event| event.kind == "USER_LOGIN")
        .expect("a message of a program");
    assert_eq!(login.data.get("msg.uid"), Some("root"));
}

/// Given the same records as a log, then both name these things alike.
#[test]
fn the_audit_daemons_tool_reads_the_same() {
    let directory = tempfile::tempdir().expect("directory");
    let log = directory.path().join("audit.log");
    let mut text = String::new();
    for (kind, record) in records() {
        let name = tables::record_name(kind).expect("a known kind");
        writeln!(text, "type={name} msg={record}").expect("to memory");
    }
    std::fs::write(&log, text).expect("write");
    let run = ["ausearch", "/usr/sbin/ausearch", "/sbin/ausearch"]
        .into_iter()
        .find_map(|program| {
            Command::new(program)
                .args(["--interpret", "--input"])
                .arg(&log)
                .output()
                .ok()
        });
    let Some(run) = run else {
        mig_testkit::skip("the audit daemon's tool ausearch is not installed");
        return;
    };
    let theirs = String::from_utf8_lossy(&run.stdout).replace('\u{1d}', " ");
    let lines: Vec<&str> = theirs.lines().collect();
    let mut compared = 0;
    for event in events() {
        let single = [super::super::event::Record {
            kind: event.kind.clone(),
            data: event.data.clone(),
        }];
        let parts = match event.records.is_empty() {
            true => &single[..],
            false => &event.records,
        };
        for record in parts {
            let start = format!("type={} msg=", record.kind);
            let serial = format!(":{}) :", event.serial);
            let of_record: Vec<_> = lines
                .iter()
                .filter(|line| line.starts_with(&start) && line.contains(&serial))
                .collect();
            assert!(!of_record.is_empty(), "{start} of {serial} in {theirs}");
            for (key, value) in record.data.iter() {
                // What both name by the same words; users differ by machine.
                let same = matches!(
                    key,
                    "syscall"
                        | "comm"
                        | "exe"
                        | "cwd"
                        | "name"
                        | "nametype"
                        | "key"
                        | "ses"
                        | "pid"
                        | "op"
                        | "acct"
                        | "res"
                        | "success"
                        | "list"
                        | "proctitle"
                        | "argc"
                        | "a2"
                        | "a1"
                );
                let plain = value.replace('\0', " ").replace('\n', "\\012");
                // Some arguments are only named here.
                let plain_there = format!(" {key}=0x");
                if !same || of_record.iter().any(|line| line.contains(&plain_there)) {
                    continue;
                }
                // Further flags are left out there.
                let first = plain.split('|').next().unwrap_or_default();
                let word = format!("{key}={}", first.trim_end());
                assert!(
                    of_record.iter().any(|line| line.contains(&word)),
                    "{word:?} is not in {of_record:?}"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "only {compared} values were compared");
}
