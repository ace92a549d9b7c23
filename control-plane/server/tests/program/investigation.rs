//! A whole investigation through the program, also with it being killed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mig_protocol::openpgp::sign_action;
use mig_protocol::{Action, Operation, Time, to_go_json};
use nix::sys::resource::{Resource, getrlimit};
use serde_json::Value;

use super::agent::TestAgent;
use super::process::{DEADLINE, Server, Site};

fn signed(site: &Site) -> String {
    let now = Time::now();
    let mut action = Action {
        name: "who has root?".into(),
        target: "status='online'".into(),
        validfrom: now - Duration::from_secs(60),
        expireafter: now + Duration::from_secs(300),
        operations: Some(vec![Operation {
            module: "file".into(),
            parameters: serde_json::json!({"searches": {}}),
            ..Operation::default()
        }]),
        syntaxversion: 2,
        ..Action::default()
    };
    sign_action(&mut action, &site.signer(), now).expect("a signature");
    let document = String::from_utf8(to_go_json(&action).expect("JSON")).expect("UTF-8");
    form(&document)
}

/// `action=` and the document, with everything escaped that has to be.
fn form(document: &str) -> String {
    let escaped = document.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    format!("action={}", escaped.collect::<String>())
}

async fn request(
    server: &Arc<Server>,
    method: &'static str,
    path: String,
    token: String,
    body: String,
) -> (u16, Value) {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || server.request(method, &path, &token, &body))
        .await
        .expect("no panic")
}

async fn post(server: &Arc<Server>, site: &Site) -> u64 {
    let path = "/action/create/".to_owned();
    let (status, body) = request(server, "POST", path, site.token(), signed(site)).await;
    assert_eq!(status, 202, "{body}");
    let id = &body["collection"]["items"][0]["data"][0]["value"]["id"];
    id.as_u64().expect("an id")
}

async fn follow(server: &Arc<Server>, site: &Site, id: u64) -> Value {
    let end = Instant::now() + DEADLINE;
    loop {
        let path = format!("/action?actionid={id}&wait=20&since=0");
        let (status, body) = request(server, "GET", path, site.token(), String::new()).await;
        assert_eq!(status, 200, "{body}");
        let action = body["collection"]["items"][0]["data"][0]["value"].clone();
        // A slow machine takes longer than one question may wait.
        if action["status"] == "completed" || Instant::now() >= end {
            return action;
        }
    }
}

/// Waits until the heartbeat is stored and agents can be found.
async fn wait_for_agent(server: &Arc<Server>, site: &Site) {
    let end = Instant::now() + DEADLINE;
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        let path = "/search?type=agent&status=online".to_owned();
        let (status, _) = request(server, "GET", path, site.token(), String::new()).await;
        if status == 200 {
            return;
        }
        assert!(Instant::now() < end, "the agent did not appear");
    }
}

#[tokio::test]
async fn an_action_goes_out_and_its_answer_comes_back() {
    let site = Site::new();
    site.create_investigator();
    let server = Arc::new(site.start());
    let mut agent = TestAgent::connect(server.relay, "one").await;
    agent.send_heartbeat().await;
    wait_for_agent(&server, &site).await;

    let id = post(&server, &site).await;
    let (action, ()) = tokio::join!(follow(&server, &site, id), async {
        let command = agent.next_command().await;
        assert_eq!(command.action.id.0, id);
        agent.answer(&command).await;
    });
    assert_eq!(action["status"], "completed");
    assert_eq!(
        action["counters"].to_string(),
        r#"{"sent":1,"done":1,"success":1}"#
    );
    let path = format!("/search?type=command&actionid={id}&foundanything=true");
    let (status, found) = request(&server, "GET", path, site.token(), String::new()).await;
    assert_eq!(status, 200);
    assert_eq!(
        found["collection"]["items"][0]["data"][0]["value"]["agent"]["name"],
        "one"
    );
    drop(agent);
    Arc::into_inner(server).expect("nobody else").stop();
    let log = site.log();
    assert!(
        log.contains(&format!(" - {id} - [info] The action is complete.")),
        "{log}"
    );
}

#[tokio::test]
async fn a_killed_server_loses_neither_command_nor_answer() {
    let site = Site::new();
    site.create_investigator();
    let server = Arc::new(site.start());
    let mut agent = TestAgent::connect(server.relay, "one").await;
    agent.send_heartbeat().await;
    wait_for_agent(&server, &site).await;
    drop(agent);

    // Killed right after the action was accepted.
    let id = post(&server, &site).await;
    Arc::into_inner(server).expect("nobody else").kill();
    let server = Arc::new(site.start());
    agent = TestAgent::connect(server.relay, "one").await;
    let command = agent.next_command().await;
    assert_eq!(command.action.id.0, id);

    // Killed right after the relay confirmed the answer.
    agent.answer(&command).await;
    Arc::into_inner(server).expect("nobody else").kill();
    let server = Arc::new(site.start());
    let action = follow(&server, &site, id).await;
    assert_eq!(action["status"], "completed");
    assert_eq!(
        action["counters"].to_string(),
        r#"{"sent":1,"done":1,"success":1}"#
    );
    Arc::into_inner(server).expect("nobody else").stop();
}

#[test]
fn a_fleet_larger_than_what_a_shell_allows_to_open_may_connect() {
    let site = Site::new();
    let server = site.start_limited("-S", 64);
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit of the test");
    assert!(most > 64);
    assert_eq!(server.open_files(), most);
    server.stop();
}
