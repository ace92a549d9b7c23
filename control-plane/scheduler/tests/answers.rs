//! What becomes of answers: each command's first one is stored, once.

mod site;

use std::sync::Arc;
use std::time::Duration;

use mig_protocol::{
    ActionStatus, Command, CommandStatus, Id, ManualClock, ModuleResult, Time, to_go_json,
};
use mig_relay::topology;
use site::{Site, TestAgent, eventually};

const MINUTE: Duration = Duration::from_secs(60);

async fn asked(site: &Site, agent: &mut TestAgent, id: u64, valid_for: Duration) -> Command {
    site.post(id, "status='online'", valid_for).await;
    agent.next_command().await.0
}

#[tokio::test]
async fn the_first_answer_stays_and_repeated_ones_are_counted() {
    let site = Site::start().await;
    let mut agent = site.agent("one").await;
    let command = asked(&site, &mut agent, 1, MINUTE).await;
    agent.answer(&command, CommandStatus::Success).await;
    agent.answer(&command, CommandStatus::Failed).await;
    agent.answer(&command, CommandStatus::Success).await;
    eventually("all answers to be looked at", || async {
        let counts = site.scheduler().counts();
        (counts.answers_repeated == 2 && counts.answers_stored == 1).then_some(())
    })
    .await;
    let stored = site.store.command(command.id).await.expect("the command");
    assert_eq!(stored.status, CommandStatus::Success);
    let action = site.action(command.action.id).await.action;
    assert_eq!((action.counters.sent, action.counters.done), (1, 1));
}

#[tokio::test]
async fn an_answer_after_the_expiry_replaces_it_once() {
    let mut site = Site::without_scheduler().await;
    // It expires when we say so, and not before a busy machine sent it.
    let clock = Arc::new(ManualClock::new(Time::now()));
    let passing = Arc::clone(&clock);
    site.start_scheduler(|config| config.clock = passing).await;
    let mut agent = site.agent("one").await;
    let command = asked(&site, &mut agent, 1, MINUTE).await;
    clock.advance(2 * MINUTE);
    site.wake.wake();
    let ended = site
        .status(command.action.id, ActionStatus::Completed)
        .await
        .action;
    assert_eq!((ended.counters.done, ended.counters.expired), (1, 1));

    agent.answer(&command, CommandStatus::Success).await;
    site.counted("the late answer", |counts| counts.answers_late > 0)
        .await;
    agent.answer(&command, CommandStatus::Failed).await;
    site.counted("the repeated answer", |counts| counts.answers_repeated > 0)
        .await;
    let action = site.action(command.action.id).await.action;
    assert_eq!(action.status, ActionStatus::Completed);
    assert_eq!(
        (
            action.counters.done,
            action.counters.expired,
            action.counters.success
        ),
        (1, 0, 1)
    );
    site.counted("the expiry", |counts| counts.commands_expired == 1)
        .await;
}

#[tokio::test]
async fn an_answer_of_another_agent_changes_nothing() {
    let site = Site::start().await;
    let mut one = site.agent("one").await;
    let other = TestAgent::connect(site.address, "other").await;
    let command = asked(&site, &mut one, 1, MINUTE).await;
    other.answer(&command, CommandStatus::Success).await;
    site.counted("the foreign answer", |counts| counts.answers_foreign > 0)
        .await;
    let mut unknown = command.clone();
    unknown.id = Id(99);
    one.answer(&unknown, CommandStatus::Success).await;
    site.counted("the unknown answer", |counts| counts.answers_unknown > 0)
        .await;
    let stored = site.store.command(command.id).await.expect("the command");
    assert_eq!(stored.status, CommandStatus::Sent);
    one.answer(&command, CommandStatus::Timeout).await;
    site.status(command.action.id, ActionStatus::Completed)
        .await;
}

/// Came together with others, in the middle of them.
#[tokio::test]
async fn what_the_database_refuses_for_good_fails_its_command_and_holds_up_nobody() {
    let mut site = Site::start().await;
    let mut agent = site.agent("one").await;
    let mut commands = Vec::new();
    for id in 1..=3 {
        commands.push(asked(&site, &mut agent, id, MINUTE).await);
    }
    site.scheduler.take().expect("a scheduler").stop().await;
    // A rule of the database's own, as somebody may add to it.
    let database = rusqlite::Connection::open(site.directory.path().join("mig.db"));
    database
        .expect("the database")
        .execute_batch(
            "CREATE TRIGGER picky BEFORE UPDATE OF results ON commands
                 WHEN NEW.results LIKE '%poison%'
                 BEGIN SELECT RAISE(ABORT, 'not this'); END;
             CREATE TRIGGER picky_too BEFORE UPDATE OF version ON agents
                 WHEN NEW.version LIKE '%poison%'
                 BEGIN SELECT RAISE(ABORT, 'not this'); END;",
        )
        .expect("rules");
    for (command, elements) in commands.iter().zip(["good", "poison", "good"]) {
        let mut answer = command.clone();
        answer.status = CommandStatus::Success;
        answer.results = Some(vec![ModuleResult {
            success: true,
            elements: elements.into(),
            ..ModuleResult::default()
        }]);
        answer.agent.queueloc.clone_from(&agent.record.queueloc);
        let body = to_go_json(&answer).expect("JSON");
        agent.publish(topology::RESULTS, &body).await;
    }
    let version = agent.record.version.clone();
    agent.record.version = "poison".into();
    agent.send_heartbeat().await;
    agent.record.version = version;
    agent.send_heartbeat().await;

    site.start_scheduler(|_| {}).await;
    for command in &commands {
        site.status(command.action.id, ActionStatus::Completed)
            .await;
    }
    site.counted("the other heartbeat", |counts| counts.heartbeats_stored > 0)
        .await;
    let expected = [
        CommandStatus::Success,
        CommandStatus::Failed,
        CommandStatus::Success,
    ];
    for (command, status) in commands.iter().zip(expected) {
        let stored = site.store.command(command.id).await.expect("the command");
        assert_eq!(stored.status, status);
        let told = stored.results()[0].errors().join("");
        assert_eq!(
            told.contains("does not take what it answered"),
            status == CommandStatus::Failed,
            "{told}"
        );
    }
    let counts = site
        .counted("all of them to be counted", |counts| {
            counts.answers_stored >= 3
                && counts.answers_unstorable > 0
                && counts.heartbeats_unstorable > 0
        })
        .await;
    assert_eq!(
        (counts.answers_unstorable, counts.heartbeats_unstorable),
        (1, 1)
    );
    assert_eq!(counts.answers_stored, 3);
}

#[tokio::test]
async fn an_answer_of_a_restarted_agent_is_stored_although_its_row_is_another() {
    let site = Site::start().await;
    let mut agent = site.agent("one").await;
    let mut command = asked(&site, &mut agent, 1, MINUTE).await;
    // The process that answers has another pid and another row.
    agent.record.pid += 1;
    agent.send_heartbeat().await;
    command.agent.pid = agent.record.pid;
    agent.answer(&command, CommandStatus::Success).await;
    site.status(command.action.id, ActionStatus::Completed)
        .await;
}

#[tokio::test]
async fn malformed_answers_are_counted_acknowledged_and_stop_nobody() {
    let site = Site::start().await;
    let mut agent = site.agent("one").await;
    let command = asked(&site, &mut agent, 1, MINUTE).await;
    let mut nested = Vec::from("{\"id\":1,\"x\":".as_bytes());
    nested.extend(vec![b'['; 50_000]);
    nested.push(b'}');
    let bodies: [&[u8]; 6] = [
        b"",
        b"{\"id\":1}",
        b"not json at all, but long enough",
        b"{\"id\":1,\"agent\":{\"name\":\"x\"},\"status\":\"success\"}",
        b"{\"id\":1,\"status\":{\"a\":[]},\"agent\":5}",
        &nested,
    ];
    for body in bodies {
        agent.publish(topology::RESULTS, body).await;
    }
    agent.answer(&command, CommandStatus::Success).await;
    site.status(command.action.id, ActionStatus::Completed)
        .await;
    let malformed = bodies.len() as u64;
    site.counted("all of them to be counted", |counts| {
        counts.answers_malformed == malformed
    })
    .await;
    eventually("all messages to be acknowledged", || async {
        let stats = site.relay.as_ref().expect("a relay").stats();
        (stats.ready + stats.unacked == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_null_character_is_stored_as_a_word() {
    let site = Site::start().await;
    let mut agent = site.agent("one").await;
    let mut command = asked(&site, &mut agent, 1, MINUTE).await;
    command.status = CommandStatus::Success;
    command.results = Some(vec![mig_protocol::ModuleResult::from_error("a\0b")]);
    let body = to_go_json(&command).expect("JSON");
    agent.publish(topology::RESULTS, &body).await;
    site.status(command.action.id, ActionStatus::Completed)
        .await;
    let stored = site.store.command(command.id).await.expect("the command");
    assert_eq!(stored.results()[0].errors(), ["aNULLb"]);
}
