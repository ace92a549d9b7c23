//! The program against an API that answers as it is told.

#[path = "../../client/tests/server/mod.rs"]
mod server;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use mig_protocol::openpgp::generate_investigator_key;
use mig_protocol::{Time, parse_action};
use serde_json::{Value, json};

use server::{Reply, Server, collection};

const QUESTION: [&str; 4] = ["-path", "/etc", "-name", "^passwd$"];

fn mig(folder: &Path, globals: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mig"))
        .arg("file")
        .arg("-c")
        .arg(folder.join("migrc"))
        .args(globals)
        .args(QUESTION)
        .env("HOME", folder)
        .env_remove("MIGPGPPASSPHRASE")
        .output()
        .expect("it runs")
}

/// A directory with a configuration for `url` and, if `key`, a usable key.
fn folder(url: &str, key: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    let configuration = format!("[api]\nurl = {url}\n[gpg]\nkeyfile = key.asc\n");
    std::fs::write(folder.path().join("migrc"), configuration).expect("write");
    let secret = if key {
        generate_investigator_key("Ana <ana@example.net>", None, Time::now())
            .expect("a key")
            .secret
    } else {
        "no key".to_owned()
    };
    std::fs::write(folder.path().join("key.asc"), secret).expect("write");
    folder
}

/// An API with one agent whose action stands so from the first question on.
fn ending(
    status: &'static str,
    counters: Value,
    commands: Value,
    reason: Option<&'static str>,
) -> Server {
    Server::start(move |path, _| {
        // Nobody waits for the end of the validity here.
        let action = json!({"name": "action", "value": {"id": 7, "status": status,
            "counters": counters, "expireafter": Time::now() - Duration::from_secs(60)}});
        let named = |name: &str, value: &Value| json!({"name": name, "value": value});
        if path.contains("type=agent") {
            collection(vec![named("agent", &json!({"name": "host1"}))])
        } else if path.contains("type=command") {
            let wanted = Server::parameter(path, "status").unwrap_or("success".to_owned());
            let found = commands.as_array().expect("a list").iter();
            let found: Vec<Value> = found
                .filter(|command| command["status"] == wanted.as_str())
                .map(|command| named("command", command))
                .collect();
            if found.is_empty() {
                let body = json!({"collection": {"error": {"message": "no results found"}}});
                return Reply::new(404, body.to_string());
            }
            collection(found)
        } else {
            let reason = reason.map(|reason| named("reason", &json!(reason)));
            collection([Some(action), reason].into_iter().flatten().collect())
        }
    })
}

#[test]
fn printing_an_action_needs_no_usable_key() {
    let folder = folder("http://127.0.0.1:1/", false);
    let printed = mig(folder.path(), &["-p", "-t", "status='online'"]);
    assert_eq!(printed.status.code(), Some(0));
    let action = parse_action(&printed.stdout).expect("an action");
    assert!(action.validfrom.is_zero() && action.signatures().is_empty());
    let launched = mig(folder.path(), &["-now", "-t", "status='online'"]);
    assert_eq!(launched.status.code(), Some(1));
}

#[test]
fn exit_status_and_standard_error_say_how_an_action_ended() {
    let refused = json!([{"id": 9, "status": "failed", "agent": {"name": "host1"},
        "results": [{"errors": ["needs weight 2,\u{1b}[2J the signers have 1"]}]}]);
    let cases = [
        (
            ending(
                "completed",
                json!({"sent": 1, "done": 1, "success": 1}),
                json!([]),
                None,
            ),
            0,
            "0 agent has found results",
        ),
        (
            ending(
                "completed",
                json!({"sent": 1, "done": 1, "failed": 1}),
                refused,
                None,
            ),
            2,
            "failed: host1: needs weight 2,\u{fffd}[2J the signers have 1",
        ),
        (
            ending(
                "invalid",
                json!({}),
                json!([]),
                Some("no agent\u{1b} matches"),
            ),
            2,
            "invalid: no agent\u{fffd} matches",
        ),
        (
            ending("pending", json!({}), json!([]), None),
            2,
            "no scheduler took the action up before it expired",
        ),
        (
            ending(
                "inflight",
                json!({"sent": 2, "done": 1, "success": 1, "inflight": 1}),
                json!([]),
                None,
            ),
            2,
            "2 sent, 1 done, 1 inflight, 1 succeeded",
        ),
    ];
    for (server, code, said) in cases {
        let folder = folder(&server.url, true);
        let output = mig(folder.path(), &["-now", "-t", "status='online'"]);
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{said}: {errors}");
        assert!(errors.lines().any(|line| line == said), "{said}: {errors}");
        assert!(output.stdout.is_empty());
    }
}
