//! The store fails once, at every step in turn: the investigation still ends,
//! and its answer is stored once.

mod site;

use std::sync::Arc;
use std::time::Duration;

use mig_protocol::{ActionStatus, CommandStatus, Id};
use mig_scheduler::{Scheduler, SchedulerConfig};
use site::flaky::{ENDLESS, Flaky};
use site::{DEADLINE, Site};

/// More calls than a short investigation makes.
const MOST_CALLS: i64 = 40;

#[tokio::test]
async fn a_store_that_fails_at_any_step_loses_nothing() {
    for after in [false, true] {
        let mut failed = 0;
        for call in 0..MOST_CALLS {
            if !investigate(call, after).await {
                break;
            }
            failed += 1;
        }
        // Expiry, claim, identifiers, agents, start, outbox, answer, …
        assert!(failed >= 8, "only {failed} steps");
        assert!(failed < MOST_CALLS, "the investigation does not end");
    }
}

/// One investigation with a failure at `call`; false when it never came to that.
async fn investigate(call: i64, after: bool) -> bool {
    let mut site = Site::without_scheduler().await;
    site.start_scheduler(|_| {}).await;
    let mut agent = site.agent("one").await;
    site.scheduler.take().expect("a scheduler").stop().await;

    let flaky = Arc::new(Flaky::new(Arc::clone(&site.store), call, after));
    let scheduler = Scheduler::start(
        site.config(),
        flaky.clone(),
        site.wake.clone(),
        site.changes.clone(),
    );
    assert!(scheduler.connected(DEADLINE).await);
    let id = site.post(77, "name='one'", Duration::from_secs(60)).await;
    let (command, _) = agent.next_command().await;
    assert_eq!(command.action.id, id);
    agent.answer(&command, CommandStatus::Success).await;
    let ended = site.status(id, ActionStatus::Completed).await.action;
    assert_eq!(
        (ended.counters.sent, ended.counters.success),
        (1, 1),
        "call {call}"
    );
    scheduler.stop().await;
    let left = site.store.outbox(Id(0), 10).await.expect("outbox");
    assert!(left.is_empty(), "call {call}: {left:?}");
    flaky.failed()
}

/// Whoever may post actions could otherwise stop those of everybody else.
#[tokio::test]
async fn a_target_the_database_fails_over_holds_up_nobody_and_is_given_up() {
    for sole in [true, false] {
        let mut site = Site::without_scheduler().await;
        site.start_scheduler(|_| {}).await;
        let mut agent = site.agent("one").await;
        site.scheduler.take().expect("a scheduler").stop().await;
        let config = SchedulerConfig {
            sole,
            ..site.config()
        };
        let store = Arc::new(Flaky::over_targets(Arc::clone(&site.store)));
        let (wake, changes) = (site.wake.clone(), site.changes.clone());

        // Stored before, so that it is always tried first.
        let valid = Duration::from_secs(600);
        let endless = site.post(1, &format!("name='{ENDLESS}'"), valid).await;
        let good = site.post(2, "name='one'", valid).await;
        let scheduler = Scheduler::start(config, store, wake, changes);
        assert!(scheduler.connected(DEADLINE).await);
        let (command, _) = agent.next_command().await;
        assert_eq!(command.action.id, good);
        agent.answer(&command, CommandStatus::Success).await;
        site.status(good, ActionStatus::Completed).await;
        let given_up = site.status(endless, ActionStatus::Invalid).await;
        let reason = given_up.reason.expect("a reason");
        assert!(
            reason.starts_with("its target cannot be evaluated: ") && reason.contains("injected"),
            "{reason}"
        );

        // And what comes later goes on as ever.
        let later = site.post(3, "name='one'", valid).await;
        let (command, _) = agent.next_command().await;
        assert_eq!(command.action.id, later);
        scheduler.stop().await;
    }
}

/// Ending what is over may be more than the database can do; what begins is not.
#[tokio::test]
async fn actions_start_although_nothing_can_be_ended() {
    let mut site = Site::without_scheduler().await;
    site.start_scheduler(|_| {}).await;
    let mut agent = site.agent("one").await;
    site.scheduler.take().expect("a scheduler").stop().await;

    let store = Arc::new(Flaky::without(Arc::clone(&site.store), "expire_due"));
    let (wake, changes) = (site.wake.clone(), site.changes.clone());
    let scheduler = Scheduler::start(site.config(), store, wake, changes);
    assert!(scheduler.connected(DEADLINE).await);
    let id = site.post(1, "name='one'", Duration::from_secs(600)).await;
    let (command, _) = agent.next_command().await;
    assert_eq!(command.action.id, id);
    agent.answer(&command, CommandStatus::Success).await;
    site.status(id, ActionStatus::Completed).await;
    scheduler.stop().await;
}
