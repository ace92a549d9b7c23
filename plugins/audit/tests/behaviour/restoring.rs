//! The owner's own audit settings come back.

use crate::roles::Actor;
use crate::support::Machine;
use mig_module_audit::probe;
use serde_json::{Value, json};

fn rules() -> Value {
    json!([{"path": "/etc", "permission": "wa", "key": "mig-etc"}])
}

/// Rules and limits of an owner who uses the kernel's audit already.
fn somebody_elses() -> probe::State {
    let rules = r#"{"audit_rules": [
        {"path": "/etc/passwd", "permission": "wa", "key": "theirs"},
        {"actions": ["never", "exclude"], "fields": [{"name": "msgtype", "op": "eq", "value": 1326}]},
        {"actions": ["always", "exit"], "syscalls": ["settimeofday"], "key": "theirs-too",
         "fields": [{"name": "auid", "op": "nt_eq", "value": "unset"}]}]}"#;
    probe::change(77, 99, rules).expect("rules of somebody else");
    probe::state().expect("the kernel's state")
}

#[test]
fn the_state_of_before_is_restored_at_the_end() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let before = somebody_elses();
    assert_eq!(before.rules.len(), 3 + machine.before.rules.len());
    let service = machine.start(&rules(), &json!({}));
    let during = probe::state().expect("the kernel's state");
    assert_eq!(during.rules.len(), 1);
    assert_ne!(during.settings(), before.settings());
    service.stop();
    let after = probe::state().expect("the kernel's state");
    assert_eq!(after.settings(), before.settings());
    assert_eq!(after.pid, 0);
}

#[test]
fn the_state_of_before_is_restored_after_a_kill_and_a_new_start() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let before = somebody_elses();
    let mut victim = Actor::start("module", &machine.configuration(&rules(), &json!({})), None);
    assert_eq!(victim.says(), "ready");
    assert_eq!(
        probe::state().expect("the kernel's state").pid,
        victim.pid()
    );
    victim.kill();
    let left = probe::state().expect("the kernel's state");
    assert_eq!((left.enabled, left.rules.len()), (1, 1));
    assert_ne!(left.settings(), before.settings());
    let service = machine.start(&rules(), &json!({}));
    service.log_with("an earlier run did not come to restore");
    service.stop();
    assert_eq!(
        probe::state().expect("the kernel's state").settings(),
        before.settings()
    );
}

#[test]
fn rules_that_the_kernel_refuses_change_nothing() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let before = somebody_elses();
    let rules = json!([
        {"path": "/etc", "permission": "wa", "key": "fine"},
        {"actions": ["always", "exit"], "syscalls": ["kill"], "key": "wrong",
         "fields": [{"name": "exe", "op": "eq", "value": "/no/such/place/program"}]},
    ]);
    let configuration = machine.configuration(&rules, &json!({}));
    let service =
        mig_plugin_sdk::testing::FakeService::start::<mig_module_audit::AuditModule>(configuration);
    let answer = service.ended();
    assert!(
        answer
            .message()
            .starts_with("rule 2 (wrong): the kernel refuses it"),
        "{}",
        answer.message()
    );
    let after = probe::state().expect("the kernel's state");
    assert_eq!(after.settings(), before.settings());
    assert_eq!(after.pid, 0);
}
