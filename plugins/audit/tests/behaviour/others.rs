//! Another audit daemon owns the kernel's audit.

use crate::roles::Actor;
use crate::support::Machine;
use mig_module_audit::{AuditModule, probe};
use mig_plugin_sdk::testing::FakeService;
use serde_json::{Value, json};
use std::process::Command;

fn rules() -> Value {
    json!([{"path": "/etc", "permission": "wa", "key": "mig-etc"}])
}

#[test]
fn beside_another_daemon_it_listens_and_says_so() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let watched = machine.path("watched");
    std::fs::write(&watched, "").expect("a file");
    let theirs = json!({"audit_rules": [{"path": watched, "permission": "wa", "key": "theirs"}]});
    let mut other = Actor::start("daemon", &Value::Null, None);
    assert_eq!(other.says(), "ready");
    probe::change(0, 8192, &theirs.to_string()).expect("rules of the other daemon");
    probe::enable().expect("audit enabled");
    let before = probe::state().expect("the kernel's state");
    let service = machine.start(&rules(), &json!({}));
    let line = service.log_with("only listening (multicast)");
    assert!(line.contains("another audit daemon owns"), "{line}");
    assert!(line.contains(&format!("process {}", other.pid())), "{line}");
    let status = service.status_with(|status| status["mode"] == "multicast");
    assert!(
        status["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("process"))
    );
    let written = Command::new("/bin/sh")
        .args(["-c", "echo >> \"$0\""])
        .arg(&watched)
        .status()
        .expect("a shell");
    assert!(written.success());
    let alert = service.alert_with("\"key\":\"theirs\"");
    assert!(alert.contains("\"syscall\":\"openat\""), "{alert}");
    let after = probe::state().expect("the kernel's state");
    assert_eq!(
        (after.settings(), after.pid),
        (before.settings(), other.pid())
    );
    service.stop();
    let after = probe::state().expect("the kernel's state");
    assert_eq!(
        (after.settings(), after.pid),
        (before.settings(), other.pid())
    );
}

#[test]
fn without_multicast_another_daemon_is_a_clear_failure() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let mut other = Actor::start("daemon", &Value::Null, None);
    assert_eq!(other.says(), "ready");
    let configuration = machine.configuration(&rules(), &json!({"multicast": "no"}));
    let answer = FakeService::start::<AuditModule>(configuration).ended();
    let expected = format!("process {}; stop it", other.pid());
    assert!(answer.message().contains(&expected), "{}", answer.message());
    // Its end makes room.
    other.kill();
    machine.start(&rules(), &json!({"multicast": "no"})).stop();
}

#[test]
fn a_listener_needs_no_rules_and_changes_nothing() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let service =
        FakeService::start::<AuditModule>(json!({"config": {"audit": {"multicast": "yes"}}}));
    service.wait_until_ready();
    service.log_with("only listening (multicast): so configured");
    let during = probe::state().expect("the kernel's state");
    assert_eq!(
        (during.settings(), during.pid),
        (machine.before.settings(), machine.before.pid)
    );
    service.stop();
}
