//! What survives when agent, relay or module end without warning.

mod site;

use std::time::{Duration, Instant};

use mig_protocol::{Action, CommandStatus};
use serde_json::json;
use site::{Running, Site, lines, until};

/// Longest time an agent that stops waits for its modules, and then for the relay.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sites that are tried, one after the other: any may meet a machine that stands still.
const TRIES: usize = 5;

/// How often the module that waits was started.
fn starts(site: &Site) -> usize {
    lines(&site.path("started-1"))
}

/// Lets the module that waits go on, and any started after it.
fn let_go(site: &Site) {
    std::fs::write(site.path("until-1"), "").unwrap();
}

/// Command 7 for the agent, and a module at work on it that waits.
async fn have_it_wait(site: &mut Site, module: &str) -> Action {
    let parameters = json!({"started": site.path("started-1"), "until": site.path("until-1")});
    let action = site.signed(module, parameters);
    site.send(7, action.clone()).await;
    until("the module to start", || starts(site) == 1).await;
    action
}

/// The result of command 7 is found while there is nobody to send it to.
async fn leave_it_unsent(site: &mut Site, agent: &Running) {
    site.stop_relay().await;
    let_go(site);
    until("the result", || {
        agent.log().contains("ended with status success")
    })
    .await;
}

/// Terminates an agent; whether it waited for nothing as long as it can.
fn stops_in_time(agent: &mut Running) -> bool {
    let start = Instant::now();
    assert_eq!(agent.terminate(), Some(0), "{}", agent.log());
    start.elapsed() < PATIENCE
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_finishes_its_commands_after_the_restart() {
    let mut site = Site::new().await;
    let mut agent = site.agent_with_test_modules();
    let before = site.heartbeat().await;
    let action = have_it_wait(&mut site, "wait").await;
    agent.kill();

    let agent = site.agent_with_test_modules();
    let after = site.heartbeat().await;
    assert_eq!(after.queueloc, before.queueloc);
    assert_ne!(after.pid, before.pid);
    // The module is repeatable: it runs again, without another delivery.
    until("the module to start again", || starts(&site) == 2).await;
    // A redelivery meanwhile changes nothing.
    site.send(7, action.clone()).await;
    let_go(&site);
    let answer = site.answer(7).await;
    assert_eq!(
        answer.status,
        CommandStatus::Success,
        "{:?}",
        answer.results()
    );
    assert_eq!(answer.results()[0].elements, json!({"waited": true}));
    until("the end of the publication", || {
        agent.log().contains("the relay has a result")
    })
    .await;
    // A redelivery afterwards brings the stored answer, and no third run.
    site.send(7, action).await;
    let again = site.answer(7).await;
    assert_eq!(again, answer);
    assert_eq!(starts(&site), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_may_not_run_twice_does_not() {
    let mut site = Site::new().await;
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    have_it_wait(&mut site, "waitonce").await;
    agent.kill();
    let _agent = site.agent_with_test_modules();
    let answer = site.answer(7).await;
    assert_eq!(answer.status, CommandStatus::Failed);
    let reason = &answer.results()[0].errors()[0];
    assert!(reason.contains("may not be run a second time"), "{reason}");
    assert_eq!(starts(&site), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_may_come_and_go() {
    let mut site = Site::new().await;
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    let pid = agent.pid();
    have_it_wait(&mut site, "wait").await;
    leave_it_unsent(&mut site, &agent).await;
    site.start_relay().await;
    site.connect_scheduler().await;
    site.heartbeat().await;
    let answer = site.answer(7).await;
    assert_eq!(answer.status, CommandStatus::Success);
    // The same process, and it still works.
    assert!(agent.is_running() && agent.pid() == pid);
    let absent = site.signed("absent", json!({}));
    site.send(8, absent).await;
    assert_eq!(site.answer(8).await.status, CommandStatus::Failed);
    assert_eq!(starts(&site), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsent_result_survives_relay_and_agent() {
    let mut site = Site::new().await;
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    have_it_wait(&mut site, "wait").await;
    leave_it_unsent(&mut site, &agent).await;
    agent.kill();
    let _agent = site.agent_with_test_modules();
    site.start_relay().await;
    site.connect_scheduler().await;
    assert_eq!(site.answer(7).await.status, CommandStatus::Success);
    assert_eq!(starts(&site), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_agent_stops_its_modules_and_sends_what_it_has() {
    for _ in 0..TRIES {
        let mut site = Site::new().await;
        let mut agent = site.agent_with_test_modules();
        site.heartbeat().await;
        have_it_wait(&mut site, "wait").await;
        // Who has to give up on a module or the relay has something left to do.
        if !stops_in_time(&mut agent) {
            continue;
        }
        let answer = site.answer(7).await;
        assert_eq!(answer.status, CommandStatus::Cancelled);
        // And it is not run again. What is resumed runs beside everything else, and is
        // answered before the agent ends.
        let mut second = site.agent_with_test_modules();
        site.heartbeat().await;
        site.exchange().await;
        assert_eq!(second.terminate(), Some(0), "{}", second.log());
        assert_eq!(starts(&site), 1);
        assert_eq!(site.further_answers().await, 0);
        return;
    }
    panic!("the machine stands still all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_agent_does_not_wait_for_a_relay_that_is_gone() {
    for _ in 0..TRIES {
        let mut site = Site::new().await;
        let mut agent = site.agent_with_test_modules();
        site.heartbeat().await;
        have_it_wait(&mut site, "wait").await;
        // There is something that it could wait with.
        leave_it_unsent(&mut site, &agent).await;
        until("the loss to be noticed", || {
            agent.log().contains("trying again")
        })
        .await;
        if !stops_in_time(&mut agent) {
            continue;
        }
        // Which the next one still has to send.
        let _agent = site.agent_with_test_modules();
        site.start_relay().await;
        site.connect_scheduler().await;
        assert_eq!(site.answer(7).await.status, CommandStatus::Success);
        return;
    }
    panic!("it waits, or the machine stands still all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_agent_is_kept_out_of_the_run_directory() {
    let mut site = Site::new().await;
    let mut first = site.agent();
    site.heartbeat().await;
    let mut second = site.agent();
    assert_eq!(second.wait(), Some(1));
    assert!(
        second.log().contains("another mig-agent uses"),
        "{}",
        second.log()
    );
    assert!(first.is_running());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_the_relay_does_not_accept_is_answered_and_blocks_nothing() {
    let mut site = Site::new().await;
    site.stop_relay().await;
    site.max_message = Some(8192);
    site.start_relay().await;
    site.connect_scheduler().await;
    let mut agent = site.agent();
    site.heartbeat().await;
    let tree = site.path("tree");
    std::fs::create_dir(&tree).unwrap();
    for number in 0..200 {
        std::fs::write(tree.join(format!("file-{number}")), "").unwrap();
    }
    let search = json!({"searches": {"s1": {"paths": [tree], "names": ["^file-"]}}});
    let action = site.signed("file", search);
    site.send(7, action).await;
    let answer = site.answer(7).await;
    assert_eq!(answer.status, CommandStatus::Failed);
    let reason = &answer.results()[0].errors()[0];
    assert!(reason.contains("result dropped"), "{reason}");
    let absent = site.signed("absent", json!({}));
    site.send(8, absent).await;
    assert_eq!(site.answer(8).await.status, CommandStatus::Failed);
    assert!(agent.is_running());
}
