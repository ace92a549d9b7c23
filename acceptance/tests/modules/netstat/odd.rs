//! Processes in odd states and with odd names.

use super::stage::{self, Other, namespace_of};
use crate::setup::Machine;
use serde_json::json;
use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn a_program_whose_name_is_no_text_owns_its_socket_all_the_same() {
    if !stage::inside() {
        return;
    }
    stage::ip("link set lo up");
    let machine = Machine::new();
    let name = b"evil\n\x1b[31m\xff";
    let program = machine.directory().join(OsStr::from_bytes(name));
    std::fs::copy("/bin/sleep", &program).expect("a program");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener
        .local_addr()
        .expect("its address")
        .port()
        .to_string();
    // It gets the socket as its input, and nobody else keeps it.
    let mut call = Command::new(&program);
    call.arg("600").stdin(OwnedFd::from(listener));
    let mut child = mig_testkit::spawn(&mut call).expect("the program");
    drop(call);
    let document = machine.run("netstat", &json!({"listeningport": [port]}));
    let printed = machine.printed("netstat", &json!({"listeningport": [port]}));
    let said = machine.mig("netstat", &["-lp", &port]);
    child.kill().expect("to end it");
    child.wait().expect("its end");
    let found = &document["elements"]["listeningport"][&port][0];
    assert_eq!(found["pid"], child.id());
    let process = found["process"].as_str().expect("a name");
    assert!(
        process.ends_with("/evil\n\u{1b}[31m\u{fffd}"),
        "{process:?}"
    );
    assert!(found["rawpath"].as_str().is_some_and(|raw| !raw.is_empty()));
    for text in [printed.concat(), said.stdout] {
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn stopped_and_dead_processes_hold_nothing_up() {
    if stage::part().as_deref() == Some("stopped") {
        stage::ip("link set lo up");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        return stage::keep(listener.local_addr().expect("its address").port());
    }
    if !stage::inside() {
        return;
    }
    let other = Other::start("stopped");
    let pid = nix::unistd::Pid::from_raw(other.pid().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).expect("to stop it");
    // One that is dead and not yet buried.
    let mut dead = Command::new("true")
        .stdin(Stdio::null())
        .spawn()
        .expect("a program");
    let status = format!("/proc/{}/stat", dead.id());
    mig_testkit::wait_until("the end of a program", Duration::from_secs(60), || {
        std::fs::read_to_string(&status).is_ok_and(|stat| stat.contains(") Z "))
    });
    let there = namespace_of(other.pid());
    let document = Machine::new().run(
        "netstat",
        &json!({"listeningport": [other.word], "namespaces": true}),
    );
    dead.wait().expect("its end");
    let found = &document["elements"]["listeningport"][&other.word][0];
    assert_eq!(found["namespace"], there, "{document}");
    assert_eq!(found["pid"], other.pid());
}
