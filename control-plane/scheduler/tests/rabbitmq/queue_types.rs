//! Replicated queues, and queues of another type than configured.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use mig_protocol::{ActionStatus, Agent, CommandStatus, ManualClock, Time};
use mig_scheduler::QueueKind;

use crate::broker::Broker;
use crate::site::{Site, TestAgent, connect, eventually};

// In one thread, so that the log is that of the scheduler.
#[tokio::test]
async fn quorum_queues_work_and_another_type_is_named_with_the_remedy() {
    let Some(broker) = Broker::take().await else {
        return;
    };
    let address = ([127, 0, 0, 1], broker.rabbit.amqp_port()).into();
    let directory = tempfile::tempdir().expect("a directory");
    let mut site = Site::beside(address, directory).await;
    site.start_scheduler(|config| config.queues = QueueKind::Quorum)
        .await;
    let kinds = broker.rabbit.eval(
        "lists:usort([amqqueue:get_type(Q) \
         || Q <- rabbit_amqqueue:list(<<\"mig\">>)])",
    );
    assert!(kinds == "[rabbit_quorum_queue]", "{kinds}");
    let mut agent = TestAgent::connect(site.address, "one").await;
    agent.send_heartbeat().await;
    site.known("linux.one").await;
    let id = site
        .post(1, "status='online'", std::time::Duration::from_secs(600))
        .await;
    let (command, _) = agent.next_command().await;
    agent.answer(&command, CommandStatus::Success).await;
    site.status(id, ActionStatus::Completed).await;
    site.scheduler.take().expect("a scheduler").stop().await;

    let log = mig_testkit::hear();
    those_of_lost_agents_stay(&mut site, &log).await;
    let scheduler = mig_scheduler::Scheduler::start(
        site.config(),
        site.store.clone(),
        site.wake.clone(),
        site.changes.clone(),
    );
    let line = eventually("the reason to be logged", || async {
        let text = log.text();
        let line = text
            .lines()
            .find(|line| line.contains("not as a classic queue"));
        line.map(str::to_owned)
    })
    .await;
    assert!(line.contains("WARN"), "{line}");
    assert!(line.contains("mig.agt.results"), "{line}");
    assert!(line.contains("x-queue-type"), "{line}");
    assert!(line.contains("set the type of queues"), "{line}");
    assert!(!scheduler.is_connected());
    scheduler.stop().await;
}

/// And that is said once, with what to do.
async fn those_of_lost_agents_stay(site: &mut Site, log: &mig_testkit::Heard) {
    let queue = mig_relay::topology::agent_queue("linux.lost");
    let connection = connect(site.address, mig_relay::topology::AGENT_USER).await;
    let channel = connection.create_channel().await.expect("a channel");
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue.as_str().into(), durable, arguments)
        .await
        .expect("a quorum queue");
    let now = Time::now();
    let clock = Arc::new(ManualClock::new(now));
    let lost = Agent {
        name: "lost".into(),
        queueloc: "linux.lost".into(),
        mode: "daemon".into(),
        ..Agent::default()
    };
    let long_ago = now - Duration::from_secs(9 * 86_400);
    let stored = site.store.record_heartbeats(&[lost], long_ago).await;
    stored.expect("stored");
    let passing = Arc::clone(&clock);
    site.start_scheduler(|config| {
        config.queues = QueueKind::Quorum;
        config.periodic = Duration::from_millis(50);
        config.clock = passing;
    })
    .await;
    let said = || log.text().matches("does not delete quorum queues").count();
    eventually("the queue to be looked at", || async {
        clock.advance(Duration::from_secs(86_400));
        (said() > 0).then_some(())
    })
    .await;
    site.scheduler.take().expect("a scheduler").stop().await;
    assert_eq!(said(), 1);
    let again = QueueDeclareOptions {
        passive: true,
        ..durable
    };
    let asked = channel
        .queue_declare(queue.as_str().into(), again, FieldTable::default())
        .await;
    asked.expect("it stays");
}
