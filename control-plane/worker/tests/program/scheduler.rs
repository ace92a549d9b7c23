//! From an agent's heartbeat through the real scheduler to the webhook.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use mig_protocol::{Agent, AgentMode, Time, to_go_json};
use mig_relay::topology;
use mig_scheduler::{EventsConfig, RelayAccess, Scheduler, SchedulerConfig};
use mig_store::{Changes, SqliteStore, Wake};

use crate::receiver::Webhook;
use crate::site::{DEADLINE, PASSWORD, Worker, consuming, embedded};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_agent_and_the_schedulers_heartbeat_reach_the_webhook() {
    let directory = tempfile::tempdir().expect("a directory");
    let (relay, address) = embedded(&directory).await;
    let store = SqliteStore::open(&directory.path().join("mig.db")).expect("a store");
    let mut config = SchedulerConfig::new(RelayAccess {
        host: "127.0.0.1".into(),
        port: address.port(),
        vhost: topology::VHOST.into(),
        user: topology::SCHEDULER_USER.into(),
        password: PASSWORD.into(),
        tls: None,
        heartbeat: Duration::ZERO,
        timeout: DEADLINE,
    });
    config.events = Some(EventsConfig {
        heartbeat: Duration::from_millis(100),
        ..EventsConfig::default()
    });
    let scheduler = Scheduler::start(config, Arc::new(store), Wake::new(), Changes::new());
    assert!(scheduler.connected(DEADLINE).await, "relay not reached");
    let webhook = Webhook::answering(&[]);
    let worker = Worker::on(address, &format!("[webhook]\nurl = {}", webhook.url()));
    let running = worker.start();
    let uri = |user: &str| format!("amqp://{user}:{PASSWORD}@{address}/{}", topology::VHOST);
    consuming(&uri(topology::WORKER_USER), "migevent.worker.webhook").await;

    let agent = Agent {
        name: "web1.example.com".into(),
        queueloc: "linux.web1.example.com".into(),
        mode: AgentMode::Daemon,
        version: "1".into(),
        pid: 4711,
        heartbeatts: Time::now(),
        ..Agent::default()
    };
    let runtime = lapin::runtime::default_runtime().expect("a runtime");
    let properties = ConnectionProperties::default();
    let uri = uri(topology::AGENT_USER);
    let connection = Connection::connect_with_runtime(&uri, properties, runtime)
        .await
        .expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    channel
        .basic_publish(
            topology::TO_SCHEDULERS.into(),
            topology::HEARTBEATS.into(),
            BasicPublishOptions::default(),
            &to_go_json(&agent).expect("JSON"),
            BasicProperties::default(),
        )
        .await
        .expect("a heartbeat");

    let (mut new, mut beats) = (None, 0);
    while new.is_none() || beats == 0 {
        let document = webhook.next().document;
        assert!(document["id"].is_string(), "{document}");
        match document["event"].as_str() {
            Some("agent.new") => new = Some(document),
            Some("scheduler.heartbeat") => beats += 1,
            other => panic!("{other:?}"),
        }
    }
    let new = new.expect("an event");
    assert_eq!(new["data"]["queueloc"], "linux.web1.example.com");
    assert_eq!(new["data"]["pid"], 4711);
    running.stop();
    scheduler.stop().await;
    relay.shutdown().await.expect("a clean stop");
}
