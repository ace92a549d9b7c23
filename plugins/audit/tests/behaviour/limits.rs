//! Limits are the kernel's, and what they cost is said.

use crate::support::Machine;
use mig_module_audit::probe;
use serde_json::json;
use std::process::Command;

#[test]
fn limits_are_set_and_losses_are_counted() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let service = machine.start(
        &json!([{"actions": ["always", "exit"], "syscalls": ["chdir"], "key": "mig-many"}]),
        &json!({"ratelimit": 5, "backloglimit": 321}),
    );
    let state = probe::state().expect("the kernel's state");
    assert_eq!(
        (state.enabled, state.rate_limit, state.backlog_limit),
        (1, 5, 321)
    );
    assert_eq!(state.pid, std::process::id());
    assert_eq!(state.rules.len(), 1);
    let status = Command::new("/bin/sh")
        .args([
            "-c",
            "i=0; while [ $i -lt 300 ]; do cd /tmp; i=$((i+1)); done",
        ])
        .status()
        .expect("a shell");
    assert!(status.success());
    let status = service.status_with(|status| status["lost"].as_u64() > Some(0));
    assert_eq!(status["mode"], "daemon");
    service.log_with("raise ratelimit or backloglimit");
    service.stop();
}

#[test]
fn what_is_not_configured_has_the_originals_defaults() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let service = machine.start(&json!([]), &json!({"ratelimit": 0}));
    let state = probe::state().expect("the kernel's state");
    assert_eq!((state.rate_limit, state.backlog_limit), (500, 16384));
    service.stop();
}

#[test]
fn a_daemon_that_the_kernel_gave_up_registers_again_and_says_so() {
    let Some(machine) = Machine::take() else {
        return;
    };
    let service = machine.start(
        &json!([{"actions": ["always", "exit"], "syscalls": ["chdir"], "key": "mig-again",
            "fields": [{"name": "ppid", "op": "eq", "value": std::process::id()}]}]),
        &json!({}),
    );
    probe::give_daemon_up().expect("the place is free");
    service.log_with("the kernel gave the module up");
    assert_eq!(
        probe::state().expect("the kernel's state").pid,
        std::process::id()
    );
    let status = Command::new("/bin/sh")
        .args(["-c", "cd /tmp"])
        .status()
        .expect("a shell");
    assert!(status.success());
    // A change of the rules names the key as well.
    service.alert_with("\"syscall\":\"chdir\"");
    let status = service.status_with(|status| status["given_up"].as_u64() == Some(1));
    assert_eq!(status["mode"], "daemon");
    service.stop();
}
