//! The program itself: what it says where it cannot do what it should, and its
//! report.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

fn swarm(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mig-swarm"))
        .args(words)
        .output()
        .expect("mig-swarm starts")
}

#[test]
fn what_is_wrong_is_said_in_one_line_before_anything_starts() {
    let plain = "amqp://agent:secret@127.0.0.1:1/mig";
    for (words, part) in [
        (
            vec!["--relay", "amqps://agent:secret@localhost:1/mig"],
            "a relay over TLS needs --ca, --cert and --key",
        ),
        (
            vec!["--relay", "https://agent:secret@localhost/"],
            "is not an address such as amqps://",
        ),
        (
            vec!["--relay", plain, "--agents", "10000000000"],
            "raise the hard limit",
        ),
    ] {
        let output = swarm(&words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{words:?}");
        assert!(text.contains(part), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
    let output = swarm(&["--relay", plain, "--scenario", "steady=1,loud=2"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("there is no scenario `loud`"), "{text}");
}

#[test]
fn a_swarm_ends_when_its_time_is_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let nobody = "amqp://agent:secret@127.0.0.1:1/mig";
    let (keys, list, agents) = (path("keys"), path("acl.cfg"), path("agents"));
    let mut words = vec!["--relay", nobody, "--agents", "2", "--duration", "1"];
    words.extend(["--keyring", &keys, "--acl", &list, "--directory", &agents]);
    let output = swarm(&words);
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["agents"], 2);
}

#[test]
fn a_relay_that_hangs_up_is_tried_again_and_counted() {
    const AGENTS: usize = 20;
    // A listener whose connections end at once.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, attempts) = channel();
    std::thread::spawn(move || {
        for attempt in listener.incoming() {
            drop(attempt);
            // The test may have seen enough.
            let _ = sender.send(());
        }
    });
    let directory = tempfile::tempdir().expect("a directory");
    let report = directory.path().join("report.json");
    let mut swarm = Command::new(env!("CARGO_BIN_EXE_mig-swarm"));
    swarm.args([
        "--agents",
        &AGENTS.to_string(),
        "--scenario",
        "boot-storm=3,silent=1",
        "--relay",
        &format!("amqp://agent:secret@127.0.0.1:{port}/mig"),
        // Neither is there: nobody is obeyed, whatever this machine has.
        "--keyring",
        &directory.path().join("keys").display().to_string(),
        "--acl",
        &directory.path().join("acl.cfg").display().to_string(),
        "--directory",
        &directory.path().join("agents").display().to_string(),
        // Should this test end without it.
        "--duration",
        "300",
        "--arrival",
        "0",
        "--report",
        &report.display().to_string(),
    ]);
    let swarm = swarm.stderr(Stdio::piped()).spawn().expect("it starts");
    // With one more than there are agents, one of them tries again, which it does
    // after it has counted.
    for _ in 0..=AGENTS {
        let minute = Duration::from_secs(60);
        attempts.recv_timeout(minute).expect("one more attempt");
    }
    kill(Pid::from_raw(swarm.id().cast_signed()), Signal::SIGTERM).expect("a signal");
    let output = swarm.wait_with_output().expect("an end");
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(&report).expect("a report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["agents"], 20);
    assert_eq!(report["connected"], 0);
    assert_eq!(report["scenarios"]["boot-storm"], 15);
    assert_eq!(report["scenarios"]["silent"], 5);
    assert_eq!(report["all_connected_after"], Value::Null);
    assert!(
        report["counts"]["failed_connections"]
            .as_u64()
            .is_some_and(|failed| failed > 0),
        "{text}"
    );
}
