//! The program against an API that answers as it is told.

#[path = "../../client/tests/server/mod.rs"]
mod server;

use std::process::Command;

use serde_json::json;

use server::{Reply, Server, collection};

/// Runs the program with an API key and no signing key; its status, standard
/// output and standard error.
fn run(server: &Server) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a directory");
    let configuration = folder.path().join("migrc");
    let text = format!(
        "[api]\nurl = {}\n[gpg]\nuseapikeyauth = secret\n",
        server.url
    );
    std::fs::write(&configuration, text).expect("write");
    let output = Command::new(env!("CARGO_BIN_EXE_mig-agent-search"))
        .args(["-t", "status='online'", "-c"])
        .arg(&configuration)
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn an_api_key_is_enough() {
    let server = Server::start(|_, _| {
        collection(vec![
            json!({"name": "agent", "value": {"id": 5, "name": "h\u{1b}1"}}),
        ])
    });
    let (status, out, error) = run(&server);
    assert_eq!((status, error.as_str()), (Some(0), ""));
    let line = out.lines().nth(1).expect("one agent");
    assert!(line.starts_with("h\u{fffd}1; 5; "), "{line}");
}

#[test]
fn a_refusal_is_one_harmless_line() {
    let server = Server::start(|_, _| {
        let body = json!({"collection": {"error": {"message": "no `\u{1b}[2J`\nfake: line"}}});
        Reply::new(400, body.to_string())
    });
    let (status, out, error) = run(&server);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert_eq!(
        error,
        "error: the API refuses (400): no `\u{fffd}[2J`\u{fffd}fake: line\n"
    );
}
