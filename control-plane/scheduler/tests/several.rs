//! Several schedulers on one store and one relay.

mod site;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mig_protocol::{ActionStatus, CommandStatus, Id, Time};
use mig_scheduler::{CountsSnapshot, Scheduler, SchedulerConfig, SchedulerHandle};
use mig_store::{Claim, Holding, Store, Wake};
use site::flaky::Flaky;
use site::{DEADLINE, Site, TestAgent, eventually};

const MINUTES: Duration = Duration::from_secs(600);

/// One of several.
async fn scheduler(site: &Site, wake: &Wake, patience: Duration) -> SchedulerHandle {
    scheduler_on(Arc::clone(&site.store), site, wake, patience).await
}

/// One that sees the site's store in its own way.
async fn scheduler_on(
    store: Arc<dyn Store>,
    site: &Site,
    wake: &Wake,
    patience: Duration,
) -> SchedulerHandle {
    let config = SchedulerConfig {
        sole: false,
        abandoned_after: patience,
        ..site.config()
    };
    let scheduler = Scheduler::start(config, store, wake.clone(), site.changes.clone());
    assert!(scheduler.connected(DEADLINE).await, "relay not reached");
    scheduler
}

#[tokio::test]
async fn two_schedulers_share_actions_and_each_command_goes_out_once() {
    const ACTIONS: u64 = 30;
    let site = Site::without_scheduler().await;
    let wakes = [Wake::new(), Wake::new()];
    let schedulers = [
        scheduler(&site, &wakes[0], MINUTES).await,
        scheduler(&site, &wakes[1], MINUTES).await,
    ];
    let mut agents = Vec::new();
    for name in ["a", "b", "c", "d"] {
        agents.push(site.agent(name).await);
    }
    for id in 1..=ACTIONS {
        site.post(id, "status='online'", MINUTES).await;
        // As a store does that several processes share.
        wakes.iter().for_each(Wake::wake);
    }
    let mut got: HashMap<Id, usize> = HashMap::new();
    for agent in &mut agents {
        for _ in 0..ACTIONS {
            let (command, _) = agent.next_command().await;
            *got.entry(command.id).or_default() += 1;
            agent.answer(&command, CommandStatus::Success).await;
        }
    }
    for id in 1..=ACTIONS {
        let ended = site.status(Id(id), ActionStatus::Completed).await;
        assert_eq!(ended.action.counters.success, 4);
    }
    let commands = 4 * ACTIONS;
    // What happened is counted only after everybody can see it.
    let counted = eventually("everything to be counted", || async {
        let counts = schedulers.each_ref().map(SchedulerHandle::counts);
        let total = |count: fn(&CountsSnapshot) -> u64| counts.iter().map(count).sum();
        let [published, started, stored, repeated]: [u64; 4] = [
            total(|counts| counts.commands_published),
            total(|counts| counts.actions_started),
            total(|counts| counts.answers_stored),
            total(|counts| counts.answers_repeated),
        ];
        (published >= commands && started >= ACTIONS && stored >= commands)
            .then_some((published, started, stored, repeated))
    })
    .await;
    assert_eq!(counted, (commands, ACTIONS, commands, 0));
    assert!(got.values().all(|times| *times == 1), "{got:?}");
    for scheduler in schedulers {
        scheduler.stop().await;
    }
}

#[tokio::test]
async fn what_a_dead_scheduler_claimed_and_held_is_taken_over() {
    let site = Site::without_scheduler().await;
    let first = scheduler(&site, &Wake::new(), MINUTES).await;
    let agent = site.agent("one").await;
    first.stop().await;

    // It died between claiming and starting one action, and between starting
    // and publishing another.
    let started = site.post(1, "status='online'", MINUTES).await;
    let claim = || Claim {
        now: Time::now(),
        abandoned_before: Time::ZERO,
        limit: 10,
    };
    let claimed = site.store.claim_actions(&claim()).await.expect("claim");
    assert_eq!(claimed.len(), 1);
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
    let dead = Holding {
        holder: 999,
        now: Time::now(),
        abandoned_before: Time::ZERO,
    };
    let held = site.store.take_outbox(&dead, Id(0), 10).await;
    assert_eq!(held.expect("taken").len(), 1);
    let abandoned = site.post(2, "status='online'", MINUTES).await;
    let claimed = site.store.claim_actions(&claim()).await.expect("claim");
    assert_eq!(claimed.len(), 1);

    drop(agent);
    let wake = Wake::new();
    let second = scheduler(&site, &wake, Duration::from_secs(1)).await;
    let mut agent = TestAgent::connect(site.address, "one").await;
    let mut got = Vec::new();
    for _ in 0..2 {
        let (command, _) = agent.next_command().await;
        got.push(command.action.id);
        agent.answer(&command, CommandStatus::Success).await;
    }
    got.sort_unstable();
    assert_eq!(got, [started, abandoned]);
    second.stop().await;
}

#[tokio::test]
async fn a_scheduler_that_stops_leaves_what_waits_to_the_others_at_once() {
    let site = Site::without_scheduler().await;
    let wake = Wake::new();
    let first = scheduler(&site, &wake, MINUTES).await;
    let agent = site.agent("early").await;
    let mut late = agent.record.clone();
    late.name = "late".into();
    late.queueloc = "linux.late".into();
    site.store
        .record_heartbeats(&[late], Time::now())
        .await
        .expect("a stored heartbeat");
    let id = site.post(1, "name='late'", MINUTES).await;
    wake.wake();
    eventually("the publication to come back", || async {
        (first.counts().commands_unroutable > 0).then_some(())
    })
    .await;
    first.stop().await;

    let second = scheduler(&site, &Wake::new(), MINUTES).await;
    let mut late = TestAgent::connect(site.address, "late").await;
    late.send_heartbeat().await;
    let (command, _) = late.next_command().await;
    assert_eq!(command.action.id, id);
    second.stop().await;
}

#[tokio::test]
async fn answers_given_to_a_scheduler_without_its_database_are_stored_by_another() {
    let site = Site::without_scheduler().await;
    let store = Arc::new(Flaky::away_at_an_answer(Arc::clone(&site.store)));
    let wakes = [Wake::new(), Wake::new()];
    let patience = Duration::from_secs(2);
    let view = Arc::clone(&store) as Arc<dyn Store>;
    let first = scheduler_on(view, &site, &wakes[0], patience).await;
    let mut agent = site.agent("one").await;
    let asked = site.post(1, "status='online'", MINUTES).await;
    wakes[0].wake();
    let (command, _) = agent.next_command().await;

    // Nobody else is there whom the relay could give it to.
    agent.answer(&command, CommandStatus::Success).await;
    let second = scheduler(&site, &wakes[1], patience).await;
    site.status(asked, ActionStatus::Completed).await;
    assert_eq!(first.counts().answers_stored, 0);
    eventually("the first one leaving the relay", || async {
        (!first.is_connected()).then_some(())
    })
    .await;
    second.stop().await;

    store.come_back();
    assert!(first.connected(DEADLINE).await, "it came back");
    let again = site.post(2, "status='online'", MINUTES).await;
    wakes[0].wake();
    // What was under way when the database went may come a second time.
    let command = loop {
        let (command, _) = agent.next_command().await;
        if command.action.id == again {
            break command;
        }
    };
    agent.answer(&command, CommandStatus::Success).await;
    site.status(again, ActionStatus::Completed).await;
    first.stop().await;
}
