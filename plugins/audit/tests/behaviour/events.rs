//! What programs do becomes alerts.

use crate::support::{Machine, PATIENCE, event};
use serde_json::{Value, json};
use std::process::Command;

#[test]
fn a_program_run_and_a_watched_file_written_are_alerts_in_order() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let watched = machine.path("watched");
    std::fs::write(&watched, "before\n").expect("a file");
    let own = std::process::id();
    let service = machine.start(
        &json!([
            {"path": watched, "permission": "wa", "key": "mig-watch"},
            {"path": machine.path("missing"), "permission": "wa"},
            {"actions": ["always", "exit"], "syscalls": ["execve"], "key": "mig-exec", "fields": [
                {"name": "arch", "op": "eq", "value": 64}, {"name": "ppid", "op": "eq", "value": own}]},
        ]),
        &json!({"includeraw": true}),
    );
    service.log_with("rule 2 is left out: there is no ");
    let mut shell = Command::new("/bin/sh")
        .args(["-c", "echo after >> \"$0\""])
        .arg(&watched)
        .spawn()
        .expect("a shell");
    assert!(shell.wait().expect("its end").success());
    // Other tests of this program start programs at the same time.
    let shell = shell.id().to_string();
    let look = |key: &str| -> Option<(usize, Value)> {
        let alerts = service.alerts(0);
        let mut events = alerts.iter().map(|alert| event(alert)).enumerate();
        // A change of the rules names the key as well.
        events.find(|(_, event)| {
            let data = &event["Data"];
            data["key"] == key && data["syscall"].is_string() && data["pid"] == *shell
        })
    };
    let find = |key: &str| -> (usize, Value) {
        mig_testkit::wait_until(key, PATIENCE, || look(key).is_some());
        look(key).expect("an event that was there a moment ago")
    };
    let (first, ran) = find("mig-exec");
    let (second, written) = find("mig-watch");
    assert!(first < second, "{ran} {written}");
    assert_eq!(ran["Type"], "EOE");
    assert_eq!(ran["Data"]["syscall"], "execve");
    assert_eq!(ran["Data"]["success"], "yes");
    assert_eq!(ran["Data"]["uid"], "root");
    assert_eq!(ran["Data"]["ppid"], own.to_string());
    assert!(
        ran["Raw"]
            .as_str()
            .is_some_and(|raw| raw.contains("syscall="))
    );
    let program = ran["Data"]["exe"].as_str().expect("a program");
    assert!(
        program.starts_with('/') && program.contains("sh"),
        "{program}"
    );
    assert_eq!(written["Data"]["name"], watched.to_str().expect("text"));
    assert_eq!(written["Data"]["syscall"], "openat");
    let serial = |event: &Value| -> u64 {
        let text = event["Serial"].as_str().expect("a serial number");
        text.parse().expect("a number")
    };
    assert!(serial(&ran) < serial(&written));
    let status = service.status_with(|status| status["alerts"].as_u64() >= Some(2));
    assert_eq!(
        (&status["mode"], &status["rules"]),
        (&json!("daemon"), &json!(2))
    );
    assert_eq!(
        service.query(&json!({})).expect("an answer")["elements"],
        json!({"ok": true})
    );
    let answer = service.stop();
    assert!(answer.misuse.is_empty(), "{:?}", answer.misuse);
}

#[test]
fn many_events_come_once_each_and_in_order() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let service = machine.start(
        &json!([{"actions": ["always", "exit"], "syscalls": ["chdir"], "key": "mig-many",
            "fields": [{"name": "arch", "op": "eq", "value": 64}, {"name": "ppid", "op": "eq", "value": std::process::id()}]}]),
        &json!({}),
    );
    let count = 2000;
    let status = Command::new("/bin/sh")
        .args([
            "-c",
            &format!("i=0; while [ $i -lt {count} ]; do cd /tmp; i=$((i+1)); done"),
        ])
        .status()
        .expect("a shell");
    assert!(status.success());
    let ours = |alerts: &[String]| -> Vec<u64> {
        let events = alerts.iter().filter(|alert| alert.contains("mig-many"));
        let events = events.map(|alert| event(alert));
        events
            .filter(|event| event["Data"]["syscall"] == "chdir")
            .map(|event| {
                event["Serial"]
                    .as_str()
                    .and_then(|text| text.parse().ok())
                    .expect("a serial")
            })
            .collect()
    };
    mig_testkit::wait_until("every event", PATIENCE, || {
        ours(&service.alerts(0)).len() >= count
    });
    let serials = ours(&service.alerts(0));
    assert_eq!(serials.len(), count);
    assert!(serials.is_sorted_by(|one, next| one < next));
    service.stop();
}
