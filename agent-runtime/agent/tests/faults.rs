//! What survives when agent, relay or module end without warning.

mod site;

use mig_protocol::CommandStatus;
use serde_json::{Value, json};
use site::{Site, lines, until};

fn waiting(site: &Site, number: u32) -> Value {
    json!({"started": site.path(&format!("started-{number}")), "until": site.path(&format!("until-{number}"))})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_finishes_its_commands_after_the_restart() {
    let mut site = Site::new().await;
    let mut agent = site.agent_with_test_modules();
    let before = site.heartbeat().await;
    let parameters = waiting(&site, 1);
    let action = site.signed("wait", parameters);
    site.send(7, action.clone()).await;
    let started = site.path("started-1");
    until("the module to start", || lines(&started) == 1).await;
    agent.kill();

    let agent = site.agent_with_test_modules();
    let after = site.heartbeat().await;
    assert_eq!(after.queueloc, before.queueloc);
    assert_ne!(after.pid, before.pid);
    // The module is repeatable: it runs again, without another delivery.
    until("the module to start again", || lines(&started) == 2).await;
    // A redelivery meanwhile changes nothing.
    site.send(7, action.clone()).await;
    std::fs::write(site.path("until-1"), "").unwrap();
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
    assert_eq!(lines(&started), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_may_not_run_twice_does_not() {
    let mut site = Site::new().await;
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    let parameters = waiting(&site, 1);
    let action = site.signed("waitonce", parameters);
    site.send(7, action).await;
    let started = site.path("started-1");
    until("the module to start", || lines(&started) == 1).await;
    agent.kill();
    let _agent = site.agent_with_test_modules();
    let answer = site.answer(7).await;
    assert_eq!(answer.status, CommandStatus::Failed);
    let reason = &answer.results()[0].errors()[0];
    assert!(reason.contains("may not be run a second time"), "{reason}");
    assert_eq!(lines(&started), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_may_come_and_go() {
    let mut site = Site::new().await;
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    let pid = agent.pid();
    let parameters = waiting(&site, 1);
    let action = site.signed("wait", parameters);
    site.send(7, action).await;
    let started = site.path("started-1");
    until("the module to start", || lines(&started) == 1).await;
    site.stop_relay().await;
    // The result is found while there is nobody to send it to.
    std::fs::write(site.path("until-1"), "").unwrap();
    until("the result", || {
        agent.log().contains("ended with status success")
    })
    .await;
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
    assert_eq!(lines(&started), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsent_result_survives_relay_and_agent() {
    let mut site = Site::new().await;
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    let parameters = waiting(&site, 1);
    let action = site.signed("wait", parameters);
    site.send(7, action).await;
    until("the module to start", || {
        lines(&site.path("started-1")) == 1
    })
    .await;
    site.stop_relay().await;
    std::fs::write(site.path("until-1"), "").unwrap();
    until("the result", || {
        agent.log().contains("ended with status success")
    })
    .await;
    agent.kill();
    let _agent = site.agent_with_test_modules();
    site.start_relay().await;
    site.connect_scheduler().await;
    assert_eq!(site.answer(7).await.status, CommandStatus::Success);
    assert_eq!(lines(&site.path("started-1")), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_agent_stops_its_modules_and_sends_what_it_has() {
    let mut site = Site::new().await;
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    let parameters = waiting(&site, 1);
    let action = site.signed("wait", parameters);
    site.send(7, action).await;
    until("the module to start", || {
        lines(&site.path("started-1")) == 1
    })
    .await;
    assert_eq!(agent.terminate(), Some(0), "{}", agent.log());
    let answer = site.answer(7).await;
    assert_eq!(answer.status, CommandStatus::Cancelled);
    // And it is not run again.
    let _agent = site.agent_with_test_modules();
    site.heartbeat().await;
    assert_eq!(lines(&site.path("started-1")), 1);
    assert_eq!(site.further_answers(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_agent_does_not_wait_for_a_relay_that_is_gone() {
    let mut site = Site::new().await;
    let mut agent = site.agent();
    site.heartbeat().await;
    site.stop_relay().await;
    until("the loss to be noticed", || {
        agent.log().contains("trying again")
    })
    .await;
    assert_eq!(agent.terminate(), Some(0));
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
