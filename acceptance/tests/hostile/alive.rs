//! Heartbeats that are forged or none, by both ways.

use std::time::Duration;

use mig_protocol::{Agent, Time};
use serde_json::{Value, json};

use crate::forged::spoilt;
use crate::hand::Hand;
use crate::https::Https;
use crate::stage::Stage;

/// A heartbeat of alice, from mallory.
pub fn of_alice(mallory: &Hand, change: impl FnOnce(&mut Agent)) -> Vec<u8> {
    mallory.heartbeat(|record| {
        record.name = "eve".into();
        record.queueloc = "linux.alice".into();
        change(record);
    })
}

/// As much as there may be in one.
pub fn large(record: &mut Agent) {
    for number in 0..1000 {
        let name = format!("'; DROP TABLE agents; -- {number}\0");
        record.tags.insert(name.clone(), name);
    }
}

/// What is no heartbeat.
pub fn heartbeats_malformed(mallory: &Hand) -> Vec<(&'static str, Vec<u8>)> {
    let with = |change: &dyn Fn(&mut Agent)| mallory.heartbeat(change);
    let text = String::from_utf8(with(&|_| {})).expect("UTF-8");
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}: {text}");
        text.replacen(from, to, 1).into_bytes()
    };
    let time: Value = serde_json::from_str(&text).expect("JSON");
    let time = time["heartbeatts"].to_string();
    let megabyte = "x".repeat(1 << 20);
    vec![
        ("nothing", Vec::new()),
        ("no JSON", b"alive".to_vec()),
        ("a list", format!("[{text}]").into_bytes()),
        (
            "deep",
            format!("{{\"environment\":{}", "[".repeat(50_000)).into_bytes(),
        ),
        (
            "a megabyte of name",
            with(&|it| it.name.clone_from(&megabyte)),
        ),
        (
            "a megabyte of tags",
            with(&|it| {
                it.tags.insert("x".into(), megabyte.clone());
            }),
        ),
        (
            "a name that is too long",
            with(&|it| it.name = "x".repeat(1025)),
        ),
        (
            "a version that is too long",
            with(&|it| it.version = "x".repeat(129)),
        ),
        (
            "a queue that is too long",
            with(&|it| it.queueloc = "x".repeat(248)),
        ),
        (
            "a queue with U+0000",
            with(&|it| it.queueloc = "linux.alice\0".into()),
        ),
        (
            "a queue with a line break",
            with(&|it| it.queueloc = "linux.\nalice".into()),
        ),
        ("no name", with(&|it| it.name.clear())),
        ("no queue", with(&|it| it.queueloc.clear())),
        ("an unknown mode", replaced("\"daemon\"", "\"root\"")),
        ("a time that is none", replaced(&time, "\"yesterday\"")),
        ("a time that is a number", replaced(&time, "1700000000")),
        (
            "a year of five digits",
            replaced(&time, "\"10000-01-01T00:00:00Z\""),
        ),
        ("a process that is none", replaced("4711", "\"4711\"")),
        ("a process between two", replaced("4711", "4711.5")),
        ("a process beyond all", replaced("4711", "1e300")),
        (
            "an environment that is text",
            replaced("\"environment\":{", "\"environment\":\"\",\"x\":{"),
        ),
    ]
}

/// Heartbeats that are none, by the other way; the way itself stays open.
pub fn posted(stage: &Stage) {
    let mut api = Https::to(stage.site());
    let good = json!({
        "name": "eve", "mode": "daemon", "version": "1", "pid": 4711, "queueLoc": "linux.alice",
        "startTime": Time::now(), "refreshTime": Time::now(),
        "environment": {"init": "systemd", "ident": "x", "os": "linux", "arch": "amd64"},
        "tags": []
    });
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body.to_string().into_bytes()
    };
    let hours = Duration::from_secs(2 * 3600);
    for (what, body) in [
        ("nothing", Vec::new()),
        ("no JSON", b"alive".to_vec()),
        (
            "deep",
            format!("{{\"environment\":{}", "[".repeat(50_000)).into_bytes(),
        ),
        (
            "old",
            with(&|it| it["startTime"] = json!(Time::now() - hours)),
        ),
        ("ancient", with(&|it| it["startTime"] = json!(Time::ZERO))),
        (
            "a time that is none",
            with(&|it| it["startTime"] = json!("now")),
        ),
        ("no process", with(&|it| it["pid"] = json!(0))),
        ("a process between two", with(&|it| it["pid"] = json!(0.5))),
        (
            "a process that is text",
            with(&|it| it["pid"] = json!("1; DROP TABLE agents")),
        ),
        ("an unknown mode", with(&|it| it["mode"] = json!("root"))),
        (
            "a queue with U+0000",
            with(&|it| it["queueLoc"] = json!("linux.alice\0")),
        ),
        (
            "a queue with a line break",
            with(&|it| it["queueLoc"] = json!("linux.\r\nalice")),
        ),
        (
            "a queue that is too long",
            with(&|it| it["queueLoc"] = json!("x".repeat(248))),
        ),
        (
            "a name that is too long",
            with(&|it| it["name"] = json!("x".repeat(1 << 16))),
        ),
        (
            "a megabyte of name",
            with(&|it| it["name"] = json!("x".repeat(1 << 20))),
        ),
        (
            "a hundred thousand tags",
            with(&|it| {
                it["tags"] = json!(vec![json!({"name": "a", "value": "b"}); 100_000]);
            }),
        ),
        (
            "an environment that is text",
            with(&|it| it["environment"] = json!("linux")),
        ),
        ("no UTF-8", spoilt(with(&|_| {}), "daemon")),
    ] {
        let Some(reply) = api.post_if_let("heartbeat", "application/json", &body) else {
            assert!(body.len() > 100_000, "{what}: no answer");
            continue;
        };
        assert!(
            (400..500).contains(&reply.status),
            "{what}: {} {}",
            reply.status,
            reply.text()
        );
        assert!(reply.body.len() < 4096, "{what}: {}", reply.text());
    }
    // It says what it is in no other way than this.
    let taken = api.post(
        "heartbeat",
        "text/plain; charset=utf-16",
        &with(&|it| {
            it["queueLoc"] = json!("linux.mallory");
            it["name"] = json!("mallory");
        }),
    );
    assert_eq!(taken.status, 200, "{}", taken.text());
}
