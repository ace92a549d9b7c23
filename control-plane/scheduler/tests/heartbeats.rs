//! What heartbeats over the relay change, and what time does.

mod site;

use std::sync::Arc;
use std::time::Duration;

use mig_protocol::{AgentStatus, Id, ManualClock, Time, to_go_json};
use mig_relay::topology;
use mig_scheduler::Whitelist;
use site::{Site, TestAgent, eventually};

#[tokio::test]
async fn a_refreshed_environment_reaches_the_store() {
    let site = Site::start().await;
    let mut agent = site.agent("one").await;
    agent.record.environment.ident = "Debian 13".into();
    agent.record.tags.insert("operator".into(), "it".into());
    agent.record.version = "2".into();
    agent.record.refreshts = Time::now();
    agent.send_heartbeat().await;
    eventually("the new environment", || async {
        let stored = site.known("linux.one").await;
        (stored.environment.ident == "Debian 13").then_some(stored)
    })
    .await;
    let stored = site.known("linux.one").await;
    assert_eq!(stored.version, "2");
    assert_eq!(stored.tags.get("operator").map(String::as_str), Some("it"));
}

#[tokio::test]
async fn old_and_unlisted_agents_and_nonsense_are_dropped_and_counted() {
    let mut site = Site::without_scheduler().await;
    let list = site.directory.path().join("whitelist");
    std::fs::write(&list, "re:linux\\.(one|old)\n").expect("write");
    site.start_scheduler(|config| {
        config.whitelist = Some(Arc::new(Whitelist::open(&list).expect("a whitelist")));
    })
    .await;
    let stranger = TestAgent::connect(site.address, "stranger").await;
    stranger.send_heartbeat().await;
    let mut old = TestAgent::connect(site.address, "old").await;
    old.record.heartbeatts = Time::now() - Duration::from_secs(3600);
    old.send_heartbeat().await;
    old.publish(topology::HEARTBEATS, b"nonsense").await;
    let mut long = old.record.clone();
    long.name = "x".repeat(2000);
    let body = to_go_json(&long).expect("JSON");
    old.publish(topology::HEARTBEATS, &body).await;
    site.agent("one").await;
    eventually("all heartbeats to be looked at", || async {
        let counts = site.scheduler().counts();
        (counts.heartbeats_refused == 2
            && counts.heartbeats_malformed == 2
            && counts.heartbeats_stored == 1)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn silent_agents_become_idle_and_then_offline() {
    let mut site = Site::without_scheduler().await;
    // Nothing becomes silent by itself, however slow the machine is.
    let clock = Arc::new(ManualClock::new(Time::now()));
    let passing = Arc::clone(&clock);
    site.start_scheduler(|config| {
        config.periodic = Duration::from_millis(50);
        config.agent_timeout = Duration::from_secs(60 * 60);
        config.clock = passing;
    })
    .await;
    let agent = TestAgent::connect(site.address, "one").await;
    agent.send_heartbeat().await;
    let id = site.known("linux.one").await.id;
    for (minutes, status) in [
        (0, AgentStatus::Online),
        (30, AgentStatus::Idle),
        (60, AgentStatus::Offline),
    ] {
        clock.advance(Duration::from_secs(minutes * 60));
        eventually(status.as_str(), || async {
            let agent = site.store.agent(id).await.expect("the agent");
            (agent.status == status).then_some(())
        })
        .await;
    }
}

/// More than one transaction deletes at once goes in one round all the same.
#[tokio::test]
async fn all_that_is_old_is_deleted_in_one_round() {
    let mut site = Site::without_scheduler().await;
    let long_ago = Time::now() - Duration::from_secs(3 * 24 * 3600);
    let ids = 1..=120;
    for id in ids.clone() {
        let old = site::action(id, "name='one'", Duration::from_secs(60));
        site.store.create_action(&old, &[]).await.expect("stored");
        let ended = site.store.invalidate_action(Id(id), "old", long_ago).await;
        ended.expect("ended");
    }
    site.start_scheduler(|config| {
        config.retention = Some(Duration::from_secs(24 * 3600));
        config.periodic = Duration::from_secs(24 * 3600);
    })
    .await;
    for id in ids {
        eventually("all to be deleted", || async {
            let gone = site.store.action(Id(id)).await;
            gone.is_err_and(|error| error.is_not_found()).then_some(())
        })
        .await;
    }
}
