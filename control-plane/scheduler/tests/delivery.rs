//! From a stored action to the agent and back.

mod site;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mig_protocol::{ActionStatus, CommandStatus, Id, Time};
use mig_scheduler::{LastGood, connect_to_relay};
use site::{DEADLINE, Site, TestAgent, eventually};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_action_reaches_the_agent_and_its_answer_completes_it() {
    let site = Site::start().await;
    let mut agent = site.agent("one").await;
    let mut changes = site.changes.subscribe();
    let id = site.post(7, "status='online'", MINUTE).await;

    let (command, properties) = agent.next_command().await;
    assert_eq!(command.action.id, id);
    assert_eq!(command.action.status, ActionStatus::Preparing);
    assert_eq!(command.action.counters.sent, 1);
    assert_eq!(command.action.signatures(), ["signature"]);
    assert_eq!(command.agent.queueloc, "linux.one");
    assert_eq!(command.status, CommandStatus::Sent);
    assert_eq!(command.results().len(), 1);
    assert_eq!(properties.delivery_mode(), &Some(2));
    assert_eq!(
        properties.content_type().as_ref().map(|text| text.as_str()),
        Some("text/plain")
    );
    let expiration: u64 = properties
        .expiration()
        .as_ref()
        .and_then(|text| text.as_str().parse().ok())
        .expect("an expiration in milliseconds");
    assert!((1..=60_000).contains(&expiration), "{expiration}");

    let running = site.action(id).await.action;
    assert_eq!(running.status, ActionStatus::Inflight);
    assert_eq!((running.counters.sent, running.counters.inflight), (1, 1));

    agent.answer(&command, CommandStatus::Success).await;
    let ended = site.status(id, ActionStatus::Completed).await.action;
    assert_eq!((ended.counters.done, ended.counters.success), (1, 1));
    assert!(ended.finishtime < Time::now() + MINUTE);
    let stored = site.store.command(command.id).await.expect("the command");
    assert_eq!(stored.status, CommandStatus::Success);
    assert!(stored.results()[0].foundanything);

    // Readers are told only after everybody can see it.
    for what in ["started", "answered"] {
        let heard = tokio::time::timeout(DEADLINE, changes.recv()).await;
        assert_eq!(heard.expect(what), Ok(id), "{what}");
    }
    // Nothing is left to be published again.
    let left = site.store.outbox(Id(0), 10).await.expect("outbox");
    assert_eq!(left, []);
}

#[tokio::test]
async fn every_endpoint_gets_one_command_and_the_last_answer_completes() {
    let site = Site::start().await;
    let mut agents = Vec::new();
    for name in ["a", "b", "c"] {
        agents.push(site.agent(name).await);
    }
    let id = site.post(8, "name IN ('a','b','c')", MINUTE).await;
    for (index, agent) in agents.iter_mut().enumerate() {
        let (command, _) = agent.next_command().await;
        assert_eq!(command.action.counters.sent, 3);
        agent.answer(&command, CommandStatus::Failed).await;
        let done = i64::try_from(index).expect("small") + 1;
        let stored = eventually("the answer to be counted", || async {
            let action = site.action(id).await.action;
            (action.counters.done == done).then_some(action)
        })
        .await;
        let status = if done == 3 {
            ActionStatus::Completed
        } else {
            ActionStatus::Inflight
        };
        assert_eq!(stored.status, status);
    }
}

#[tokio::test]
async fn an_action_nobody_matches_is_invalid_and_says_why() {
    let site = Site::start().await;
    let id = site.post(9, "name='nobody'", MINUTE).await;
    let stored = site.status(id, ActionStatus::Invalid).await;
    let reason = stored.reason.expect("a reason");
    assert!(reason.contains("matches the target"), "{reason}");
    assert!(stored.action.finishtime <= Time::now());
}

#[tokio::test]
async fn a_target_that_cannot_be_parsed_makes_the_action_invalid() {
    let site = Site::start().await;
    let id = site.post(9, "name = 'x'; DROP TABLE agents", MINUTE).await;
    let stored = site.status(id, ActionStatus::Invalid).await;
    let reason = stored.reason.expect("a reason");
    assert!(reason.starts_with("target: column "), "{reason}");
}

#[tokio::test]
async fn a_command_waits_for_the_agents_queue_and_goes_out_once_it_is_heard_of() {
    let site = Site::start().await;
    // The store knows the agent (as from an HTTP heartbeat), the relay does not.
    let agent = site.agent("early").await;
    let mut record = agent.record.clone();
    record.name = "late".into();
    record.queueloc = "linux.late".into();
    site.store
        .record_heartbeats(&[record], Time::now())
        .await
        .expect("a stored heartbeat");
    let id = site.post(10, "name='late'", MINUTE).await;
    eventually("the publication to come back", || async {
        (site.scheduler().counts().commands_unroutable > 0).then_some(())
    })
    .await;
    assert_eq!(site.action(id).await.action.status, ActionStatus::Inflight);

    let mut late = TestAgent::connect(site.address, "late").await;
    late.send_heartbeat().await;
    let (command, _) = late.next_command().await;
    assert_eq!(command.action.id, id);
    eventually("the outbox to be empty", || async {
        let left = site.store.outbox(Id(0), 10).await.expect("outbox");
        left.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_action_starts_when_its_time_comes() {
    let site = Site::start().await;
    let mut agent = site.agent("one").await;
    let mut action = site::action(11, "status='online'", MINUTE);
    action.validfrom = Time::now() + Duration::from_millis(300);
    let starts = action.validfrom;
    site.store
        .create_action(&action, &[])
        .await
        .expect("stored");
    site.wake.wake();
    let (command, _) = agent.next_command().await;
    assert_eq!(command.action.id, action.id);
    assert!(Time::now() >= starts);
}

#[tokio::test]
async fn what_a_predecessor_left_claimed_or_unpublished_is_taken_up() {
    let mut site = Site::without_scheduler().await;
    site.start_scheduler(|_| {}).await;
    let mut agent = site.agent("one").await;
    site.scheduler.take().expect("a scheduler").stop().await;

    // One scheduler died between claiming and starting, another between
    // starting and publishing.
    let claimed = site.post(12, "status='online'", MINUTE).await;
    let claim = mig_store::Claim {
        now: Time::now(),
        abandoned_before: Time::now(),
        limit: 10,
    };
    assert_eq!(
        site.store.claim_actions(&claim).await.expect("claim").len(),
        1
    );
    let started = site.post(13, "status='online'", MINUTE).await;
    assert_eq!(
        site.store
            .claim_actions(&mig_store::Claim {
                abandoned_before: Time::ZERO,
                now: Time::now(),
                limit: 10
            })
            .await
            .expect("claim")
            .len(),
        1
    );
    let row = site.known("linux.one").await;
    site.store
        .start_action(&mig_store::ActionStart {
            action: started,
            started: Time::now(),
            results: Vec::new(),
            commands: vec![mig_store::NewCommand {
                id: Id(500),
                agent: row.id,
                queueloc: row.queueloc,
            }],
        })
        .await
        .expect("started");

    site.start_scheduler(|_| {}).await;
    let mut got = Vec::new();
    for _ in 0..2 {
        let (command, _) = agent.next_command().await;
        got.push(command.action.id);
        agent.answer(&command, CommandStatus::Success).await;
    }
    got.sort_unstable();
    assert_eq!(got, [claimed, started]);
    for id in got {
        site.status(id, ActionStatus::Completed).await;
    }
}

#[tokio::test]
async fn the_relay_may_go_away_and_come_back() {
    let mut site = Site::start().await;
    let agent = site.agent("one").await;
    site.stop_relay().await;
    drop(agent);
    let id = site.post(14, "name='one'", MINUTE).await;
    site.status(id, ActionStatus::Inflight).await;
    site.restart_relay().await;
    assert!(site.scheduler().connected(DEADLINE).await);
    let mut agent = TestAgent::connect(site.address, "one").await;
    let (command, _) = agent.next_command().await;
    assert_eq!(command.action.id, id);
    agent.answer(&command, CommandStatus::Success).await;
    site.status(id, ActionStatus::Completed).await;
    site.counted("the second connection", |counts| counts.connections >= 2)
        .await;
}

#[tokio::test]
async fn a_relay_that_says_nothing_is_given_up_and_let_go() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let mut site = Site::without_scheduler().await;
    let mut config = site.config();
    config.relay.port = listener.local_addr().expect("an address").port();
    config.relay.timeout = Duration::from_millis(100);
    site.scheduler = Some(mig_scheduler::Scheduler::start(
        config,
        site.store.clone(),
        site.wake.clone(),
        site.changes.clone(),
    ));
    let listening = async {
        for _ in 0..3 {
            let (mut silent, _) = listener.accept().await.expect("an attempt");
            let mut said = Vec::new();
            // It is over for the scheduler when it hangs up.
            tokio::io::AsyncReadExt::read_to_end(&mut silent, &mut said)
                .await
                .expect("an end");
            // As far as it came on a busy machine.
            assert!(b"AMQP\0\0\x09\x01".starts_with(&said), "{said:?}");
        }
    };
    tokio::time::timeout(DEADLINE, listening)
        .await
        .expect("every attempt ends");
    assert!(!site.scheduler().is_connected());
}

/// The access of a site's scheduler, with patience for a slow machine.
fn access(site: &Site, host: &str) -> mig_scheduler::RelayAccess {
    let mut access = site.config().relay;
    access.host = host.into();
    access
}

#[tokio::test]
async fn a_name_whose_first_address_swallows_everything_leads_to_the_next() {
    if !mig_testkit::own_mounts() {
        return;
    }
    let port = mig_testkit::free_port();
    let mut site = Site::without_scheduler().await;
    site.stop_relay().await;
    site.address = ([127, 0, 0, 2], port).into();
    site.restart_relay().await;
    let silent = mig_testkit::Silent::listen_at(([127, 0, 0, 1], port).into());
    mig_testkit::name(&[
        ("relay.test", [127, 0, 0, 1]),
        ("relay.test", [127, 0, 0, 2]),
    ]);
    let mut resolved = tokio::net::lookup_host(("relay.test", port))
        .await
        .expect("addresses");
    assert_eq!(resolved.next(), Some(silent.address()));

    let access = access(&site, "relay.test");
    let connection = connect_to_relay(&access, &LastGood::default(), "test").await;
    connection.expect("a connection").close().await;
}

#[tokio::test]
async fn the_node_that_was_good_last_is_tried_first() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let bad = listener.local_addr().expect("an address");
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((refused, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            drop(refused);
        }
    });
    let mut site = Site::without_scheduler().await;
    let (relay, last) = (site.address, LastGood::default());
    let access = access(&site, &format!("{bad}, {relay}"));
    for _ in 0..3 {
        let connection = connect_to_relay(&access, &last, "test").await;
        connection.expect("a connection").close().await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    // And the others, when it is gone.
    site.stop_relay().await;
    let lost = connect_to_relay(&access, &last, "test").await;
    let reason = lost.expect_err("nobody is there").to_string();
    assert!(
        reason.contains(&bad.to_string()) && reason.contains(&relay.to_string()),
        "{reason}"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
