//! The program itself: what it says where it cannot do what it should, and its
//! report.

use std::net::TcpListener;
use std::process::{Command, Output};

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
fn a_relay_that_hangs_up_is_tried_again_and_counted() {
    // A listener whose connections end at once.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let directory = tempfile::tempdir().expect("a directory");
    let report = directory.path().join("report.json");
    let output = swarm(&[
        "--agents",
        "20",
        "--scenario",
        "boot-storm=3,silent=1",
        "--relay",
        &format!("amqp://agent:secret@127.0.0.1:{port}/mig"),
        "--directory",
        &directory.path().join("agents").display().to_string(),
        "--duration",
        "3",
        "--arrival",
        "0",
        "--report",
        &report.display().to_string(),
    ]);
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
