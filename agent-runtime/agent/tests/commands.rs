//! Commands over a real relay to a real agent.

mod site;

use mig_protocol::{AgentMode, CommandStatus};
use serde_json::json;
use site::{Site, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_run_and_answered() {
    let mut site = Site::new().await;
    let tree = site.path("tree");
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("passwd"), "root:x:0:0\n").unwrap();
    let agent = site.agent();
    let record = site.heartbeat().await;
    assert_eq!(record.mode, AgentMode::Daemon);
    assert_eq!(record.pid, i64::from(agent.pid()));
    assert!(record.queueloc.starts_with("linux."));
    assert!(record.environment.modules.contains(&"file".to_owned()));
    assert_eq!(record.tags["operator"], "it");

    let search = json!({"searches": {"s1": {"paths": [tree], "names": ["^passwd$"], "contents": ["^root"]}}});
    let action = site.signed("file", search);
    site.send(7, action).await;
    let answer = site.answer(7).await;
    assert_eq!(
        answer.status,
        CommandStatus::Success,
        "{:?}",
        answer.results()
    );
    // The scheduler's own record of the agent comes back, with its queue.
    assert_eq!(
        (answer.agent.name.as_str(), answer.agent.pid),
        ("known name", 42)
    );
    assert_eq!(answer.agent.queueloc, record.queueloc);
    let result = &answer.results()[0];
    assert!(result.foundanything && result.success, "{result:?}");
    let found = result.elements["s1"][0]["file"].as_str().unwrap();
    assert!(found.ends_with("/tree/passwd"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_commands_are_answered_and_the_agent_lives_on() {
    let mut site = Site::new().await;
    let mut agent = site.agent();
    site.heartbeat().await;

    for body in ["", "{", "[]", "{\"id\":0}", "\u{0}\u{1}", "{\"id\":5e300"] {
        site.send_bytes(body.as_bytes()).await;
    }
    site.send_bytes(br#"{"id":1,"action":{"operations":7}}"#)
        .await;
    let unsigned = site.action("file", json!({}));
    site.send(2, unsigned).await;
    let forbidden = site.signed("forbidden", json!({}));
    site.send(3, forbidden).await;
    let absent = site.signed("absent", json!({}));
    site.send(4, absent).await;
    let mut tampered = site.signed("file", json!({}));
    tampered.target = "name='other' OR status='online'".into();
    site.send(5, tampered).await;
    let mut elsewhere = site.action("file", json!({}));
    elsewhere.target = "tags->>'operator'='sales'".into();
    let elsewhere = site.sign(elsewhere);
    site.send(6, elsewhere).await;
    let wrong = site.signed("file", json!({"searches": 5}));
    site.send(7, wrong).await;
    for (id, reason) in [
        (1, "operations"),
        (2, "not signed"),
        (3, "needs weight 2"),
        (4, "module 'absent' is not available"),
        (5, "altered after it was signed"),
        (6, "does not match the action's target"),
        (7, "searches"),
    ] {
        let answer = site.answer(id).await;
        let errors = answer.results()[0].errors().to_vec();
        assert_eq!(answer.status, CommandStatus::Failed, "{id}: {errors:?}");
        assert!(errors[0].contains(reason), "{id}: {errors:?}");
    }
    // And a good one still works.
    let good = site.signed(
        "file",
        json!({"searches": {"s1": {"paths": ["/nonexistent"], "names": ["x"]}}}),
    );
    site.send(8, good.clone()).await;
    assert_eq!(site.answer(8).await.status, CommandStatus::Success);
    // But not twice under another identifier.
    site.send(9, good).await;
    let replay = site.answer(9).await;
    assert!(replay.results()[0].errors()[0].contains("replay"));
    assert!(agent.is_running());
    assert_eq!(site.further_answers().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_at_one_time_are_all_answered() {
    let mut site = Site::new().await;
    site.configure("concurrentoperations = 3");
    let _agent = site.agent();
    site.heartbeat().await;
    let operations = |site: &mut Site| {
        let mut action = site.action("file", json!({}));
        let search = json!({"searches": {"s1": {"paths": ["/nonexistent"], "names": ["x"]}}});
        let one = mig_protocol::Operation {
            module: "file".into(),
            parameters: search,
            ..Default::default()
        };
        action.operations = Some(vec![one; 8]);
        site.sign(action)
    };
    for id in 1..=20 {
        let action = operations(&mut site);
        site.send(id, action).await;
    }
    for id in 1..=20 {
        let answer = site.answer(id).await;
        assert_eq!(
            answer.status,
            CommandStatus::Success,
            "{id}: {:?}",
            answer.results()
        );
        assert_eq!(answer.results().len(), 8);
    }
    assert_eq!(site.further_answers().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modules_that_misbehave_cost_one_operation_each() {
    let mut site = Site::new().await;
    site.configure("[limits]\noutput = 65536");
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    for (id, how) in [(1, "abort"), (2, "flood")] {
        let action = site.signed("misbehave", json!({"how": how}));
        site.send(id, action).await;
    }
    let aborted = site.answer(1).await;
    assert_eq!(aborted.status, CommandStatus::Failed);
    assert!(!aborted.results()[0].errors().is_empty());
    let flooded = site.answer(2).await;
    assert!(flooded.results()[0].elements.to_string().len() < 200_000);
    assert!(!flooded.results()[0].errors().is_empty());
    assert!(agent.is_running());
    agent.kill();
    // So little time that on a busy machine the others had not come to anything.
    site.configure("moduletimeout = 2s");
    let mut agent = site.agent_with_test_modules();
    site.heartbeat().await;
    let action = site.signed("misbehave", json!({"how": "hang"}));
    site.send(3, action).await;
    let hung = site.answer(3).await;
    assert_eq!(hung.status, CommandStatus::Timeout);
    assert!(agent.is_running());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_leaves_its_marker() {
    let mut site = Site::new().await;
    let _agent = site.agent();
    site.heartbeat().await;
    let marker = site.run_directory().join("mig-agent.ok");
    until("the marker", || marker.exists()).await;
    let written = std::fs::read_to_string(marker).unwrap();
    assert!(mig_protocol::Time::parse(&written).is_ok(), "{written}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_in_fetches_what_waits_and_leaves() {
    let mut site = Site::new().await;
    // The first check-in declares the queue.
    let program = std::path::PathBuf::from(env!("CARGO_BIN_EXE_mig-agent"));
    let mut first = site.start(&program, &["-m", "agent-checkin"]);
    let record = site.heartbeat().await;
    assert_eq!(record.mode, AgentMode::Checkin);
    assert_eq!(first.wait(), Some(0));
    let action = site.signed(
        "file",
        json!({"searches": {"s1": {"paths": ["/nonexistent"], "names": ["x"]}}}),
    );
    site.send(7, action).await;
    // On a busy machine one may hear nothing for three seconds and leave.
    for _ in 0..20 {
        let mut second = site.start(&program, &["-m", "agent-checkin"]);
        assert_eq!(second.wait(), Some(0), "{}", second.log());
        if site.waiting().await == 0 {
            break;
        }
    }
    assert_eq!(site.answer(7).await.status, CommandStatus::Success);
    site.stop_relay().await;
    let mut third = site.start(&program, &["-m", "agent-checkin"]);
    assert_eq!(third.wait(), Some(1));
    assert!(
        third.log().contains("cannot connect to the relay"),
        "{}",
        third.log()
    );
}
