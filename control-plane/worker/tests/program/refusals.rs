//! What it cannot start with.

use crate::site::Worker;

const RELAY: &str = "host = 127.0.0.1\nuser = worker\npass = p";

#[test]
fn a_wrong_configuration_is_one_fatal_line_and_exit_code_nine() {
    let worker = Worker::configured(RELAY, "[webhook]\nurl = nowhere");
    for arguments in [&[][..], &["check"]] {
        let output = worker.run(arguments);
        assert_eq!(output.status.code(), Some(9), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.starts_with("FATAL: ") && said.lines().count() == 1,
            "{said}"
        );
        assert!(said.contains("[webhook] url is not an address"), "{said}");
    }
}

#[test]
fn a_good_configuration_is_checked_without_a_relay() {
    let worker = Worker::configured(RELAY, "[webhook]\nurl = http://127.0.0.1:9/");
    let output = worker.run(&["check"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("the configuration is valid"));
    let version = worker.run(&["-V"]);
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("mig-worker-webhook "));
}
