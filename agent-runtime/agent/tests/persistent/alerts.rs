//! Where alerts go, and what becomes of them when modules and agent end.

use std::path::PathBuf;

use mig_protocol::CommandStatus;
use serde_json::json;

use crate::setup::{Setup, errors, hold, kept, kill};
use crate::site::{self, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_that_nobody_takes_are_lines_of_the_log() {
    let (mut setup, agent) = Setup::watching("").await;
    setup
        .ask(
            1,
            "watcher",
            json!({"order": "raw", "text": "100%s\n\u{1b}[2J end"}),
        )
        .await;
    setup
        .ask(2, "watcher", json!({"order": "log", "text": "hello"}))
        .await;
    until("the alert", || {
        agent
            .log()
            .contains("alert: 100%s\u{fffd}\u{fffd}[2J end\n")
    })
    .await;
    until("the line", || {
        agent.log().contains("[watcher] (module log) hello")
    })
    .await;
    // A flood is counted where it is not shown.
    setup
        .ask(
            3,
            "watcher",
            json!({"order": "alert", "text": "x", "count": 20_000}),
        )
        .await;
    setup
        .page_with("alerts", "<td>raised</td><td>20001</td>")
        .await;
    let number = |name: &str| -> u64 { setup.row("alerts", name).unwrap().parse().unwrap() };
    let (logged, left_out) = (number("in the log"), number("too many for the log"));
    assert_eq!(logged + left_out, 20_001);
    let lines = agent.log().matches(" alert: ").count();
    assert_eq!(lines as u64, logged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_reach_the_module_that_takes_them_once_and_in_order() {
    let mut setup = Setup::new("").await;
    setup.site.configure_module("watcher", "");
    setup.site.configure_module("keeper", "");
    let _agent = setup.site.agent_with_test_modules();
    setup.site.heartbeat().await;
    setup.page_with("watcher", "<td>running</td>").await;
    setup
        .ask(
            1,
            "watcher",
            json!({"order": "alert", "text": "x", "count": 200}),
        )
        .await;
    until("all alerts", || kept(&setup).len() == 200).await;
    for (index, line) in kept(&setup).iter().enumerate() {
        let alert = json!({"severity": "low", "alert": format!("x {index}")});
        assert_eq!(*line, format!("{} watcher {alert}", index + 1));
    }
    setup
        .page_with("alerts", "<td>stored</td><td>200</td>")
        .await;
    setup.page_with("keeper", "<td>kept</td><td>200</td>").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_module_had_not_stored_is_handed_over_again() {
    let mut setup = Setup::new("").await;
    setup.site.configure_module("watcher", "");
    setup.site.configure_module("keeper", "");
    let hold = hold(&setup);
    let _agent = setup.site.agent_with_test_modules();
    setup.site.heartbeat().await;
    setup.page_with("watcher", "<td>running</td>").await;
    setup
        .ask(
            1,
            "watcher",
            json!({"order": "alert", "text": "x", "count": 5}),
        )
        .await;
    let seen = setup.state_of("keeper").join("seen");
    until("five alerts", || site::lines(&seen) == 5).await;
    setup.page_with("alerts", "<td>waiting</td><td>5 (").await;
    kill(setup.pid("keeper"));
    std::fs::remove_file(hold).unwrap();
    until("five alerts in safe keeping", || kept(&setup).len() == 5).await;
    let numbers: Vec<String> = kept(&setup)
        .iter()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
    assert_eq!(site::lines(&seen), 10);
    setup.page_with("alerts", "<td>waiting</td><td>0 (").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_waits_while_nobody_stores_and_loses_nothing() {
    let mut setup = Setup::new("").await;
    setup.site.configure_module("watcher", "");
    setup.site.configure_module("keeper", "");
    let hold = hold(&setup);
    let agent = setup.site.agent_with_test_modules();
    setup.site.heartbeat().await;
    setup.page_with("watcher", "<td>running</td>").await;
    // Four megabytes, of which one may wait.
    let text = "y".repeat(40_000);
    let action = setup.site.signed(
        "watcher",
        json!({"order": "alert", "text": text, "count": 100}),
    );
    setup.site.send(1, action).await;
    let waiting = || -> usize {
        let row = setup.row("alerts", "waiting").unwrap_or_default();
        let bytes = row
            .split('(')
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
    };
    until("a full queue", || waiting() > (1 << 20) - 50_000).await;
    assert!(waiting() <= 1 << 20);
    assert!(kept(&setup).is_empty());
    std::fs::remove_file(hold).unwrap();
    let answer = setup.site.answer(1).await;
    assert_eq!(answer.status, CommandStatus::Success, "{}", errors(&answer));
    until("all alerts", || kept(&setup).len() == 100).await;
    assert!(!agent.log().contains("are dropped"), "{}", agent.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn privacy_masks_answers_and_alerts() {
    let (mut setup, agent) = Setup::watching("extraprivacymode = on").await;
    let secret = "a-secret-name";
    let answer = setup
        .ask(
            1,
            "watcher",
            json!({"order": "alert", "text": secret, "count": 1}),
        )
        .await;
    assert_eq!(answer.status, CommandStatus::Success, "{}", errors(&answer));
    assert_eq!(answer.results()[0].elements["text"], "masked");
    until("the alert", || agent.log().contains(" alert: ")).await;
    // Text that no schema describes does not get through at all.
    setup
        .ask(2, "watcher", json!({"order": "raw", "text": secret}))
        .await;
    setup
        .page_with("watcher", "<td>alerts dropped</td><td>1</td>")
        .await;
    let log = agent.log();
    assert!(
        log.contains("\"severity\":\"low\"") && log.contains("masked"),
        "{log}"
    );
    assert!(!log.contains(secret), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_agent_leaves_no_process_and_says_what_it_takes_with_it() {
    let mut setup = Setup::new("").await;
    setup.site.configure_module("watcher", "");
    setup.site.configure_module("keeper", "");
    let _hold = hold(&setup);
    let mut agent = setup.site.agent_with_test_modules();
    setup.site.heartbeat().await;
    setup.page_with("watcher", "<td>running</td>").await;
    setup.page_with("keeper", "<td>running</td>").await;
    setup
        .ask(
            1,
            "watcher",
            json!({"order": "alert", "text": "x", "count": 3}),
        )
        .await;
    setup.page_with("alerts", "<td>waiting</td><td>3 (").await;
    let pids = [setup.pid("watcher"), setup.pid("keeper")];
    assert_eq!(agent.terminate(), Some(0));
    for pid in pids {
        until("the end of a worker", || {
            !PathBuf::from(format!("/proc/{pid}")).exists()
        })
        .await;
    }
    let log = agent.log();
    assert!(
        log.contains("3 alerts are lost with the end of the agent"),
        "{log}"
    );
}
