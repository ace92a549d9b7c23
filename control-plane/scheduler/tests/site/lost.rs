//! Queues of agents that are gone, the same on every relay.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use mig_protocol::{ActionStatus, CommandStatus, ManualClock, Time};
use mig_relay::topology;
use mig_scheduler::SchedulerConfig;

use super::{Site, TestAgent, connect, eventually};

const DAY: Duration = Duration::from_secs(86_400);

/// Of three silent agents one left an empty queue, one a command, and one is
/// still there: only the empty queue goes, and no command is lost.
pub async fn only_queues_in_which_nothing_waits_go(
    mut site: Site,
    adjust: impl FnOnce(&mut SchedulerConfig),
) {
    let clock = Arc::new(ManualClock::new(Time::now()));
    let passing = Arc::clone(&clock);
    site.start_scheduler(|config| {
        adjust(config);
        config.periodic = Duration::from_millis(50);
        config.queue_cleanup = Some(DAY);
        config.clock = passing;
    })
    .await;
    let here = site.agent("here").await;
    drop(site.agent("gone").await);
    drop(site.agent("awaited").await);
    let id = site.post(1, "name='awaited'", DAY).await;
    eventually("the command to be in the queue", || async {
        (site.scheduler().counts().commands_published == 1).then_some(())
    })
    .await;
    // The relay may take a while to notice that somebody left.
    eventually("the empty queue to go", || async {
        clock.advance(DAY);
        (site.scheduler().counts().queues_deleted > 0).then_some(())
    })
    .await;
    let connection = connect(site.address, topology::AGENT_USER).await;
    let mut left = Vec::new();
    for name in ["here", "gone", "awaited"] {
        let channel = connection.create_channel().await.expect("a channel");
        let queue = topology::agent_queue(&format!("linux.{name}"));
        let only_ask = QueueDeclareOptions {
            passive: true,
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let asked = channel
            .queue_declare(queue.as_str().into(), only_ask, FieldTable::default())
            .await;
        left.push(asked.is_ok());
    }
    assert_eq!(left, [true, false, true]);

    // It comes back for what it was asked; the answer counts, late as it is.
    let mut awaited = TestAgent::connect(site.address, "awaited").await;
    let (command, _) = awaited.next_command().await;
    assert_eq!(command.action.id, id);
    awaited.answer(&command, CommandStatus::Success).await;
    eventually("the answer", || async {
        let action = site.action(id).await.action;
        (action.status == ActionStatus::Completed && action.counters.success == 1).then_some(())
    })
    .await;
    site.counted("the queue's end to be counted", |counts| {
        counts.queues_deleted == 1
    })
    .await;
    drop(here);
}
