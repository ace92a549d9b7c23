//! What one scheduler does for all from time to time.

mod site;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, Consumer};
use mig_protocol::openpgp::{GeneratedKey, Keyring, generate_scheduler_key};
use mig_protocol::{
    ActionStatus, Agent, AgentStatus, Clock, CommandStatus, ManualClock, Permissions, Time,
};
use mig_relay::topology;
use mig_scheduler::{EventsConfig, KillKey, Scheduler};
use mig_store::{AgeLimits, HeartbeatOutcome, NewInvestigator, Search};
use serde_json::Value;
use site::{DEADLINE, Site, TestAgent, connect, eventually, lost};
use tokio::net::TcpListener;

const OFTEN: Duration = Duration::from_millis(50);

/// A worker with a queue for events about agents.
async fn worker(site: &Site) -> (Connection, Consumer) {
    let connection = connect(site.address, topology::WORKER_USER).await;
    let channel = connection.create_channel().await.expect("a channel");
    let queue = "migevent.worker.duties";
    let options = QueueDeclareOptions::default();
    channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await
        .expect("a queue");
    channel
        .queue_bind(
            queue.into(),
            topology::TO_WORKERS.into(),
            "agent.*".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("a binding");
    let own = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let consumer = channel
        .basic_consume(queue.into(), "".into(), own, FieldTable::default())
        .await
        .expect("a consumer");
    (connection, consumer)
}

async fn event(worker: &mut (Connection, Consumer)) -> (String, Value) {
    let delivery = tokio::time::timeout(DEADLINE, worker.1.next())
        .await
        .expect("an event in time")
        .expect("an open consumer")
        .expect("a delivery");
    let body = serde_json::from_slice(&delivery.data).expect("JSON");
    (delivery.routing_key.to_string(), body)
}

async fn all_agents(site: &Site) -> Vec<Agent> {
    let search = Search {
        limit: 9,
        ..Search::default()
    };
    site.store.search_agents(&search).await.expect("agents")
}

/// Until an event was published the exchange may not be there.
async fn publishing(site: &Site) {
    eventually("an event to be published", || async {
        (site.scheduler().counts().events_published > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn only_queues_in_which_nothing_waits_go() {
    let site = Site::without_scheduler().await;
    lost::only_queues_in_which_nothing_waits_go(site, |_| {}).await;
}

/// Over the relay to this scheduler, or over HTTP to an API that only shares the
/// store with it.
#[tokio::test]
async fn workers_hear_once_of_each_new_agent_whoever_it_spoke_to() {
    let mut site = Site::without_scheduler().await;
    site.start_scheduler(|config| {
        config.events = Some(EventsConfig::default());
        config.periodic = OFTEN;
    })
    .await;
    publishing(&site).await;
    let mut worker = worker(&site).await;
    let over_the_relay = site.agent("one").await;
    let first = event(&mut worker).await;
    assert_eq!(
        (first.0.as_str(), &first.1["name"]),
        ("agent.new", &"one".into())
    );

    let mut over_http = over_the_relay.record.clone();
    for name in ["two", "three"] {
        over_http.name = name.into();
        over_http.queueloc = format!("linux.{name}");
        for _ in 0..2 {
            let beat = [over_http.clone()];
            let stored = site.store.record_heartbeats(&beat, Time::now()).await;
            stored.expect("a stored heartbeat");
        }
        // Whatever else comes would come before: nobody is told of twice.
        let (key, body) = event(&mut worker).await;
        assert_eq!((key.as_str(), &body["name"]), ("agent.new", &name.into()));
        assert_eq!(body["queueloc"], over_http.queueloc.as_str());
        over_the_relay.send_heartbeat().await;
    }
}

/// A scheduler with a key that ends duplicates.
async fn ending_duplicates() -> (Site, GeneratedKey, Arc<ManualClock>) {
    let mut site = Site::without_scheduler().await;
    let key = generate_scheduler_key(Time::now() - Duration::from_secs(3600)).expect("a key");
    let file = site.directory.path().join("scheduler.key");
    std::fs::write(&file, &key.secret).expect("write");
    let scheduler = NewInvestigator {
        name: "migscheduler".into(),
        fingerprint: key.fingerprint.to_string(),
        public_key: key.public.clone().into_bytes(),
        permissions: Permissions::default(),
        created: Time::now(),
    };
    site.store
        .create_investigator(&scheduler)
        .await
        .expect("an investigator");
    let clock = Arc::new(ManualClock::new(Time::now()));
    let passing = Arc::clone(&clock);
    site.start_scheduler(|config| {
        config.events = Some(EventsConfig::default());
        config.periodic = OFTEN;
        config.clock = passing;
        config.kill_duplicates = Some(KillKey::open(&file).expect("the key"));
    })
    .await;
    (site, key, clock)
}

/// Over HTTP anybody may say that there is another agent, and choose which process
/// would be ended for it.
#[tokio::test]
async fn nobody_is_ended_for_what_came_over_http() {
    let (site, _, clock) = ending_duplicates().await;
    let mut agents = Vec::new();
    for (name, others) in [("one", false), ("two", true)] {
        let agent = site.agent(name).await;
        clock.advance(Duration::from_secs(1));
        let mut other = TestAgent::connect(site.address, name).await;
        other.record.pid = 4712;
        if others {
            other.send_heartbeat().await;
        } else {
            for _ in 0..2 {
                let forged = [other.record.clone()];
                let stored = site.store.record_heartbeats(&forged, clock.now());
                stored.await.expect("stored");
                clock.advance(Duration::from_secs(1));
            }
        }
        agents.extend([agent, other]);
    }
    stored(&site, 3).await;
    clock.advance(Duration::from_secs(1));
    let beats = [&agents[0], &agents[2]];
    for agent in beats {
        agent.send_heartbeat().await;
    }
    stored(&site, 5).await;
    let beat = [agents[1].record.clone()];
    let again = site.store.record_heartbeats(&beat, clock.now()).await;
    again.expect("stored");
    clock.advance(Duration::from_secs(1));
    // Queues are looked at by name: the first one was before this one.
    eventually("the other one to be ordered to end", || async {
        (site.scheduler().counts().agents_destroyed > 0).then_some(())
    })
    .await;
    let rows = all_agents(&site).await;
    let ordered = rows
        .iter()
        .filter(|row| row.destructiontime <= clock.now())
        .map(|row| (row.queueloc.as_str(), row.pid));
    assert_eq!(ordered.collect::<Vec<_>>(), [("linux.two", 4711)]);
    site.counted("the duplicates to be counted", |counts| {
        counts.duplicates_found >= 2
    })
    .await;
}

/// The relay accepts connections and says nothing, so that queues are waited for.
#[tokio::test]
async fn silent_agents_are_noticed_while_other_duties_wait() {
    let site = Site::without_scheduler().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let now = Time::now();
    let clock = Arc::new(ManualClock::new(now));
    let mut lost = Agent {
        name: "lost".into(),
        queueloc: "linux.lost".into(),
        mode: "daemon".into(),
        ..Agent::default()
    };
    let long_ago = now - Duration::from_secs(9 * 86_400);
    let beat = [lost.clone()];
    let stored = site.store.record_heartbeats(&beat, long_ago);
    stored.await.expect("stored");
    for _ in 0..2 {
        let limits = AgeLimits {
            idle_before: now - Duration::from_secs(86_400),
            offline_before: now - Duration::from_secs(86_400),
        };
        site.store.age_agents(limits).await.expect("aged");
    }
    let mut config = site.config();
    config.relay.port = silent.local_addr().expect("its address").port();
    config.relay.timeout = Duration::from_secs(86_400);
    config.periodic = OFTEN;
    config.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let (wake, changes) = (site.wake.clone(), site.changes.clone());
    let _scheduler = Scheduler::start(config, Arc::clone(&site.store), wake, changes);
    // One to work with, and one to look at queues.
    let mut held = Vec::new();
    for _ in 0..2 {
        let accepted = tokio::time::timeout(DEADLINE, silent.accept()).await;
        held.push(accepted.expect("in time").expect("a connection"));
    }
    lost.queueloc = "linux.other".into();
    let outcome = site.store.record_heartbeats(&[lost], now).await;
    let Ok([HeartbeatOutcome::New(other)]) = outcome.as_deref() else {
        panic!("{outcome:?}");
    };
    clock.advance(Duration::from_secs(3600));
    eventually("the agent to be idle or offline", || async {
        let agent = site.store.agent(*other).await.expect("stored");
        (agent.status != AgentStatus::Online).then_some(())
    })
    .await;
}

#[tokio::test]
async fn of_two_agents_on_one_queue_the_older_is_ordered_to_end_until_it_does() {
    let (site, key, clock) = ending_duplicates().await;
    publishing(&site).await;
    let mut worker = worker(&site).await;
    let mut old = site.agent("one").await;
    clock.advance(Duration::from_secs(1));
    // Restarted, as it seems: nothing to tell of.
    let mut new = TestAgent::connect(site.address, "one").await;
    new.record.pid = 4712;
    new.send_heartbeat().await;
    for _ in 0..2 {
        assert_eq!(event(&mut worker).await.0, "agent.new");
    }
    assert_eq!(site.scheduler().counts().duplicates_found, 0);
    // But the old one lives.
    clock.advance(Duration::from_secs(1));
    old.send_heartbeat().await;
    stored(&site, 3).await;
    clock.advance(Duration::from_secs(1));
    let (name, told) = event(&mut worker).await;
    assert_eq!(name, "agent.duplicates");
    assert_eq!(told["queueloc"], "linux.one");
    let pids = [&told["agents"][0]["pid"], &told["agents"][1]["pid"]];
    assert_eq!(pids, [4711, 4712]);
    site.counted("the duplicates to be counted", |counts| {
        counts.duplicates_found == 1
    })
    .await;

    let mut keyring = Keyring::new();
    keyring.add_armored(key.public.as_bytes()).expect("a key");
    let mut orders = 0;
    for _ in 0..2 {
        // Both take from the queue, so either may get it.
        let (command, _) = tokio::select! {
            command = old.next_command() => command,
            command = new.next_command() => command,
        };
        let action = &command.action;
        assert_eq!(action.name, "Kill agent one");
        let operation = &action.operations()[0];
        assert_eq!(operation.module, "agentdestroy");
        assert_eq!(
            operation.parameters,
            serde_json::json!({"pid": 4711, "version": "1"})
        );
        assert_eq!(command.agent.pid, 4712, "the one that stays is asked");
        let signers = keyring.verify_action(action, clock.now());
        assert_eq!(signers.expect("a good signature"), [key.fingerprint]);
        orders += 1;
        eventually("the order to be counted", || async {
            (site.scheduler().counts().agents_destroyed == orders).then_some(())
        })
        .await;
        // It lives on for long: the order is repeated, once.
        clock.advance(Duration::from_secs(16 * 60));
        for agent in [&mut old, &mut new] {
            agent.record.heartbeatts = clock.now();
        }
        old.send_heartbeat().await;
        new.send_heartbeat().await;
        stored(&site, 3 + 2 * orders).await;
        clock.advance(Duration::from_secs(1));
    }
    let rows = all_agents(&site).await;
    // One that lives on is a target as before.
    let mut states: Vec<_> = rows
        .iter()
        .map(|row| {
            let ordered = row.destructiontime <= clock.now();
            (row.pid, row.status.clone(), ordered)
        })
        .collect();
    states.sort_by_key(|(pid, ..)| *pid);
    let online = AgentStatus::Online;
    assert_eq!(
        states,
        [(4711, online.clone(), true), (4712, online, false)]
    );
}

async fn stored(site: &Site, heartbeats: u64) {
    eventually("the heartbeats to be stored", || async {
        (site.scheduler().counts().heartbeats_stored >= heartbeats).then_some(())
    })
    .await;
}

/// As when an operator has changed the table.
#[tokio::test]
async fn an_error_in_the_statistics_stops_nothing_and_they_go_on_after_it() {
    let log = mig_testkit::hear();
    let mut site = Site::without_scheduler().await;
    let path = site.directory.path().join("mig.db");
    let database = rusqlite::Connection::open(path).expect("the database");
    database.busy_timeout(DEADLINE).expect("a time");
    let rename = |from: &str, to: &str| {
        let statement = format!("ALTER TABLE {from} RENAME TO {to}");
        database.execute_batch(&statement).expect("renamed");
    };
    rename("agents_stats", "elsewhere");
    site.start_scheduler(|config| config.periodic = OFTEN).await;
    eventually("two rounds to fail", || async {
        (log.text().matches("agents_stats").count() >= 2).then_some(())
    })
    .await;

    let mut agent = site.agent("one").await;
    let action = site
        .post(1, "status='online'", Duration::from_secs(600))
        .await;
    let (command, _) = agent.next_command().await;
    agent.answer(&command, CommandStatus::Success).await;
    site.status(action, ActionStatus::Completed).await;

    rename("elsewhere", "agents_stats");
    eventually("a row of statistics", || async {
        let rows = "SELECT count(*) FROM agents_stats";
        let rows = database.query_row(rows, [], |row| row.get::<_, i64>(0));
        (rows.expect("a number") > 0).then_some(())
    })
    .await;
}
