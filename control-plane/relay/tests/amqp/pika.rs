//! Another client: pika, from the distribution's packages.

use crate::support::*;
use std::path::Path;
use std::process::Command;

const PYTHON: &str = "/usr/bin/python3";

fn has_pika() -> bool {
    Command::new(PYTHON)
        .args(["-c", "import pika"])
        .output()
        .is_ok_and(|output| output.status.success())
}

async fn run(script: &'static str) {
    if !has_pika() {
        mig_testkit::skip("python3-pika is not installed");
        return;
    }
    let server = Server::with(|config| config.limits.memory_high_bytes = 4 << 20).await;
    let port = server.address().port();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/pika")
        .join(script);
    let output = tokio::task::spawn_blocking(move || {
        Command::new("timeout")
            .arg("180")
            .arg(PYTHON)
            .arg("-B")
            .arg(path)
            .arg(port.to_string())
            .output()
    })
    .await
    .expect("no panic")
    .expect("python");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("all good"));
}

#[tokio::test]
async fn pika_publishes_and_consumes() {
    run("work.py").await;
}

#[tokio::test]
async fn pika_understands_refusals() {
    run("refusals.py").await;
}

#[tokio::test]
async fn pika_gets_events_and_waits_while_memory_is_short() {
    run("events.py").await;
}
