//! Events for workers on the exchange `toworkers`.

mod site;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, Consumer};
use mig_protocol::{CommandStatus, to_go_json};
use mig_relay::topology;
use mig_scheduler::{EventsConfig, Whitelist};
use site::{DEADLINE, Site, TestAgent, connect, eventually};

const MINUTE: Duration = Duration::from_secs(60);

/// Events with a heartbeat so often that tests need not wait.
fn often() -> Option<EventsConfig> {
    Some(EventsConfig {
        heartbeat: Duration::from_millis(50),
        ..EventsConfig::default()
    })
}

/// Waits until events are published: the exchange is there then.
async fn publishing(site: &Site) {
    let before = site.scheduler().counts().events_published;
    eventually("an event to be published", || async {
        (site.scheduler().counts().events_published > before).then_some(())
    })
    .await;
}

/// A worker with a queue for the events of a key.
struct Worker {
    consumer: Consumer,
    _connection: Connection,
}

impl Worker {
    async fn bind(site: &Site, name: &str, key: &str) -> Worker {
        let connection = connect(site.address, topology::WORKER_USER).await;
        let channel = connection.create_channel().await.expect("a channel");
        let queue = format!("migevent.worker.{name}");
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(queue.as_str().into(), durable, FieldTable::default())
            .await
            .expect("a queue");
        channel
            .queue_bind(
                queue.as_str().into(),
                topology::TO_WORKERS.into(),
                key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("a binding");
        let own_acknowledgement = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let consumer = channel
            .basic_consume(
                queue.as_str().into(),
                "".into(),
                own_acknowledgement,
                FieldTable::default(),
            )
            .await
            .expect("a consumer");
        Worker {
            consumer,
            _connection: connection,
        }
    }

    async fn next(&mut self) -> Delivery {
        tokio::time::timeout(DEADLINE, self.consumer.next())
            .await
            .expect("an event in time")
            .expect("an open consumer")
            .expect("a delivery")
    }
}

#[tokio::test]
async fn workers_hear_of_agents_answers_and_the_scheduler_with_the_documents_as_they_came() {
    let mut site = Site::without_scheduler().await;
    let list = site.directory.path().join("whitelist");
    std::fs::write(&list, "linux.one\n").expect("write");
    site.start_scheduler(|config| {
        config.events = often();
        config.whitelist = Some(Arc::new(Whitelist::open(&list).expect("a whitelist")));
    })
    .await;
    publishing(&site).await;
    let mut everything = Worker::bind(&site, "all", "#").await;
    let mut agents = Worker::bind(&site, "agents", "agent.#").await;

    let stranger = TestAgent::connect(site.address, "stranger").await;
    stranger.send_heartbeat().await;
    let mut agent = site.agent("one").await;
    // Known now: no second event.
    agent.send_heartbeat().await;
    site.post(1, "status='online'", MINUTE).await;
    let command = agent.next_command().await.0;
    agent.answer(&command, CommandStatus::Success).await;
    // An answer is told of once, as it is stored once.
    agent.answer(&command, CommandStatus::Failed).await;

    let mut seen: HashMap<String, Delivery> = HashMap::new();
    let mut ids = HashSet::new();
    while seen.len() < 4 {
        let event = everything.next().await;
        let key = event.routing_key.to_string();
        let properties = &event.properties;
        let expiration = properties.expiration().as_ref().map(ToString::to_string);
        assert_eq!(expiration.as_deref(), Some("6000000"), "{key}");
        assert_eq!(*properties.delivery_mode(), Some(2), "{key}");
        let id = properties.message_id().as_ref().map(ToString::to_string);
        assert!(ids.insert(id.expect("an identifier")), "{key}");
        let again = seen.insert(key.clone(), event);
        assert!(
            again.is_none() || key == "scheduler.heartbeat",
            "{key} twice"
        );
    }
    let body = |key: &str| seen.get(key).map(|event| event.data.as_slice());
    let as_sent = |agent: &TestAgent| to_go_json(&agent.record).expect("JSON");
    assert_eq!(body("agent.new"), Some(as_sent(&agent).as_slice()));
    assert_eq!(
        body("agent.authentication.failure"),
        Some(as_sent(&stranger).as_slice())
    );
    let results: serde_json::Value =
        serde_json::from_slice(body("command.results").expect("results")).expect("JSON");
    assert_eq!(results["status"], "success");
    assert_eq!(results["agent"]["queueloc"], "linux.one");
    assert_eq!(
        results["results"][0]["elements"]["s1"],
        serde_json::json!([])
    );
    let beat: serde_json::Value =
        serde_json::from_slice(body("scheduler.heartbeat").expect("a beat")).expect("JSON");
    assert_eq!(beat["pid"], std::process::id());
    assert_eq!(beat["eventsdropped"], 0);

    let keys = [agents.next().await, agents.next().await].map(|event| event.routing_key);
    assert_eq!(
        keys.map(|key| key.to_string()),
        ["agent.authentication.failure", "agent.new"]
    );
    eventually("the second answer to be looked at", || async {
        (site.scheduler().counts().answers_repeated == 1).then_some(())
    })
    .await;
}

/// An action that an agent answers, from end to end; the first has number 1.
async fn investigate(site: &Site, agent: &mut TestAgent, id: u64) {
    let action = site.post(id, "status='online'", MINUTE).await;
    let command = agent.next_command().await.0;
    agent.answer(&command, CommandStatus::Success).await;
    site.status(action, mig_protocol::ActionStatus::Completed)
        .await;
    // The store knows before the scheduler has counted.
    eventually("the answer to be counted", || async {
        (site.scheduler().counts().answers_stored == id).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_site_whose_relay_refuses_events_works_on_counts_them_and_says_so_once() {
    let log = mig_testkit::hear();
    let mut site = Site::without_scheduler().await;
    site.start_scheduler(|config| {
        config.events = Some(EventsConfig {
            refused: Duration::from_millis(20),
            ..EventsConfig::default()
        });
        config.relay.user = site::WITHOUT_EVENTS.into();
    })
    .await;
    let mut agent = site.agent("one").await;
    investigate(&site, &mut agent, 1).await;
    eventually("several refusals", || async {
        let counts = site.scheduler().counts();
        // A new agent and an answer.
        (counts.events_refused > 3 && counts.events_dropped >= 2).then_some(())
    })
    .await;
    let counts = site.scheduler().counts();
    assert_eq!(counts.events_published, 0);
    assert_eq!(counts.dropped(), 0, "nothing but events");
    assert_eq!(counts.connections, 1, "the other session is not disturbed");
    site.scheduler.take().expect("a scheduler").stop().await;
    let said = log.text().matches("the relay refuses events").count();
    assert_eq!(said, 1);
}

#[tokio::test]
async fn events_without_room_are_dropped_and_hold_nothing_up() {
    let mut site = Site::without_scheduler().await;
    site.start_scheduler(|config| {
        config.events = Some(EventsConfig {
            most_waiting: 0,
            ..EventsConfig::default()
        });
    })
    .await;
    let mut agent = site.agent("one").await;
    for id in 1..=5 {
        investigate(&site, &mut agent, id).await;
    }
    let counts = site
        .counted("the events to be dropped", |counts| {
            counts.events_dropped >= 6
        })
        .await;
    assert_eq!(counts.events_published, 0);
}

#[tokio::test]
async fn events_go_on_after_the_relay_was_away_and_none_are_sent_unasked() {
    let mut site = Site::without_scheduler().await;
    site.start_scheduler(|config| config.events = often()).await;
    publishing(&site).await;
    let worker = Worker::bind(&site, "steady", "scheduler.heartbeat").await;
    drop(worker);
    site.stop_relay().await;
    site.restart_relay().await;
    publishing(&site).await;
    // The queue outlived the relay, and has what was said before and after.
    let mut worker = Worker::bind(&site, "steady", "scheduler.heartbeat").await;
    worker.next().await;

    site.scheduler.take().expect("a scheduler").stop().await;
    site.start_scheduler(|_| {}).await;
    let mut agent = site.agent("one").await;
    investigate(&site, &mut agent, 1).await;
    let counts = site.scheduler().counts();
    assert_eq!((counts.events_published, counts.events_dropped), (0, 0));
}
