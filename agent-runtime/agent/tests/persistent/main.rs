//! Persistent modules in the real agent: how they are enabled, asked, watched
//! and ended.

mod alerts;
mod setup;
#[path = "../site/mod.rs"]
mod site;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use mig_protocol::CommandStatus;
use serde_json::json;
use setup::{Setup, errors};
use site::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_module_answers_several_actions_at_once() {
    let (mut setup, agent) = Setup::watching("").await;
    let before = setup.row("watcher", "pid");
    setup.site.configure_module(
        "watcher",
        "[WATCHER]\ninterval = 7\npath = /a\nPath = /b ; two\nmode = eager\n",
    );
    agent.look_again();
    until("the new configuration", || {
        agent.log().contains("module watcher is started again")
    })
    .await;
    // That is said before the first one has ended.
    until("the next worker", || {
        let pid = setup.row("watcher", "pid");
        pid.is_some() && pid != before
    })
    .await;
    setup
        .page_with("watcher", "<td>state</td><td>running</td>")
        .await;
    let (one, two) = (setup.site.path("one"), setup.site.path("two"));
    for (id, until) in [(1, &one), (2, &two)] {
        let action = setup.site.signed(
            "watcher",
            json!({"order": "wait", "until": until, "text": id.to_string()}),
        );
        setup.site.send(id, action).await;
    }
    // The second is answered while the first still waits.
    std::fs::write(two, "").unwrap();
    let second = setup.site.answer(2).await;
    assert_eq!(second.status, CommandStatus::Success, "{}", errors(&second));
    let result = &second.results()[0];
    assert!(result.foundanything && result.success, "{result:?}");
    assert_eq!(result.elements["text"], "2");
    assert_eq!(
        result.elements["config"],
        json!({"Watcher": {"Interval": 7, "Path": ["/a", "/b"], "mode": "eager"}})
    );
    assert_eq!(result.elements["tags"], json!({"operator": "it"}));
    assert_eq!(setup.site.further_answers().await, 0);
    std::fs::write(one, "").unwrap();
    assert_eq!(
        setup.site.answer(1).await.results()[0].elements["text"],
        "1"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_an_earlier_agent_left_is_answered_by_the_next() {
    let (mut setup, mut agent) = Setup::watching("").await;
    let until = setup.site.path("until");
    let action = setup
        .site
        .signed("watcher", json!({"order": "wait", "until": until}));
    setup.site.send(1, action).await;
    // The second is answered, so the first has been asked before.
    setup.ask(2, "watcher", json!({"order": "say"})).await;
    agent.kill();
    std::fs::write(&until, "").unwrap();
    let _next = setup.site.agent_with_test_modules();
    let answer = setup.site.answer(1).await;
    assert_eq!(answer.status, CommandStatus::Success, "{}", errors(&answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_takes_too_long_is_a_timeout_and_costs_the_module_nothing() {
    let (mut setup, _agent) = Setup::watching("moduletimeout = 1s").await;
    let never = setup.site.path("never");
    let pid = setup.pid("watcher");
    let answer = setup
        .ask(1, "watcher", json!({"order": "wait", "until": never}))
        .await;
    assert_eq!(answer.status, CommandStatus::Timeout, "{}", errors(&answer));
    // On a busy machine a second may be too little for any answer.
    for id in 2.. {
        let answer = setup.ask(id, "watcher", json!({"order": "say"})).await;
        if answer.status == CommandStatus::Success {
            break;
        }
        assert_eq!(answer.status, CommandStatus::Timeout, "{}", errors(&answer));
        assert!(id < 30, "it answers nothing any more");
    }
    assert_eq!(setup.pid("watcher"), pid);
    // And parameters are held against the manifest, as ever.
    let answer = setup.ask(99, "watcher", json!({"order": 7})).await;
    assert_eq!(answer.status, CommandStatus::Failed);
    assert!(errors(&answer).contains("order"), "{}", errors(&answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_without_its_file_does_not_run_and_one_with_a_broken_file_says_where() {
    let mut setup = Setup::new("").await;
    setup
        .site
        .configure_module("keeper", "[keeper]\nnothing = 1\n");
    setup
        .site
        .configure_module("watcher", "[watcher]\ninterval = 1\n\nmode = wild\n");
    let agent = setup.site.agent_with_test_modules();
    setup.site.heartbeat().await;
    let watcher = setup.page_with("watcher", "misconfigured").await;
    let place = "watcher.cfg: line 4: `mode`: ";
    assert!(watcher.contains(place), "{watcher}");
    // The log says it after the page does.
    until("the place in the log", || agent.log().contains(place)).await;
    let keeper = setup.page_with("keeper", "misconfigured").await;
    assert!(
        keeper.contains("keeper.cfg: line 1: unknown section [keeper]"),
        "{keeper}"
    );
    let answer = setup.ask(1, "watcher", json!({"order": "say"})).await;
    assert_eq!(answer.status, CommandStatus::Failed);
    let said = errors(&answer);
    assert!(
        said.starts_with("module 'watcher' is not running: ") && said.contains("line 4"),
        "{said}"
    );

    // A repaired file is enough.
    setup
        .site
        .configure_module("watcher", "[watcher]\nmode = calm\n");
    std::fs::remove_file(setup.site.modules_directory().join("keeper.cfg")).unwrap();
    agent.look_again();
    setup.page_with("watcher", "<td>running</td>").await;
    setup
        .page_with("keeper", "not configured: there is no ")
        .await;
    assert!(agent.log().contains("keeper.cfg"), "{}", agent.log());
    let answer = setup.ask(2, "keeper", json!({})).await;
    let said = errors(&answer);
    assert!(
        said.starts_with("module 'keeper' is not running: there is no ")
            && said.ends_with("/keeper.cfg"),
        "{said}"
    );

    // One that breaks while the module runs costs nothing but a remark.
    let pid = setup.pid("watcher");
    setup
        .site
        .configure_module("watcher", "[watcher]\nmood = calm\n");
    agent.look_again();
    let watcher = setup.page_with("watcher", "runs with an earlier one").await;
    assert!(watcher.contains("unknown key `mood`"), "{watcher}");
    assert_eq!(setup.pid("watcher"), pid);
}

/// A proxy that opens one tunnel after the other.
fn proxy() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap();
            let server = TcpStream::connect(target).unwrap();
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                // The end of the test ends the tunnel.
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_module_hears_of_other_surroundings() {
    // The proxy becomes part of the environment once the relay is reached.
    let proxy = proxy();
    let more = format!("heartbeatfreq = 1s\nproxies = {proxy}");
    let (mut setup, _agent) = Setup::watching(&more).await;
    let pid = setup.pid("watcher");
    for id in 1.. {
        let answer = setup.ask(id, "watcher", json!({"order": "say"})).await;
        let elements = answer.results()[0].elements.clone();
        assert_eq!(elements["environment"]["os"], "linux", "{elements}");
        // How modules do is for heartbeats only.
        assert!(
            elements["environment"]["persistent"].is_null(),
            "{elements}"
        );
        if elements["environment"]["proxy"] == proxy.as_str() {
            break;
        }
        setup.site.heartbeat().await;
    }
    assert_eq!(setup.pid("watcher"), pid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_tell_of_modules_that_fail() {
    let mut setup = Setup::new("heartbeatfreq = 1s").await;
    setup.site.configure_module("watcher", "");
    setup.site.configure_module("keeper", "nonsense");
    let _agent = setup.site.agent_with_test_modules();
    // The first one tells already, unless the machine is very slow.
    loop {
        let told = setup.site.heartbeat().await.environment.persistent;
        if told.get("watcher").is_some_and(|how| how == "running") {
            let keeper = &told["keeper"];
            assert!(keeper.starts_with("misconfigured: "), "{told:?}");
            assert!(keeper.contains("keeper.cfg: line 1: "), "{told:?}");
            break;
        }
    }
    setup
        .ask(1, "watcher", json!({"order": "fail", "text": "no more"}))
        .await;
    loop {
        let told = setup.site.heartbeat().await.environment.persistent;
        if told["watcher"].starts_with("failing: ") {
            assert!(told["watcher"].contains("no more"), "{told:?}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_module_that_crashes_or_hangs_is_started_again_and_shown() {
    let (mut setup, agent) = Setup::watching("").await;
    // What it reports may come after it runs.
    let part = setup.page_with("watcher", "&lt;b&gt;at work").await;
    assert!(!part.contains("<b>"), "{part}");
    let first = setup.pid("watcher");
    let answer = setup.ask(1, "watcher", json!({"order": "crash"})).await;
    assert_eq!(answer.status, CommandStatus::Failed);
    setup
        .page_with("watcher", "<td>restarts</td><td>1</td>")
        .await;
    setup
        .page_with("watcher", "<td>state</td><td>running</td>")
        .await;
    let second = setup.pid("watcher");
    assert_ne!(first, second);
    assert!(setup.row("watcher", "last end").is_some());
    assert!(
        agent.log().contains("it is started again in"),
        "{}",
        agent.log()
    );

    // A hang is noticed after half a minute without a sign of life.
    let action = setup.site.signed("watcher", json!({"order": "hang"}));
    setup.site.send(2, action).await;
    setup
        .page_with("watcher", "<td>restarts</td><td>2</td>")
        .await;
    setup
        .page_with("watcher", "<td>state</td><td>running</td>")
        .await;
    let answer = setup.site.answer(2).await;
    assert_eq!(answer.status, CommandStatus::Failed, "{}", errors(&answer));
    let answer = setup.ask(3, "watcher", json!({"order": "say"})).await;
    assert_eq!(answer.status, CommandStatus::Success, "{}", errors(&answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn persistent_modules_can_be_turned_off() {
    for (more, words) in [("nopersistmods = on", &[][..]), ("", &["-n"])] {
        let mut setup = Setup::new(more).await;
        setup.site.configure_module("watcher", "");
        let _agent = setup.site.agent_with_test_modules_and(words);
        let record = setup.site.heartbeat().await;
        assert!(record.environment.modules.contains(&"watcher".to_owned()));
        assert!(record.environment.persistent.is_empty());
        let answer = setup.ask(1, "watcher", json!({"order": "say"})).await;
        assert_eq!(answer.status, CommandStatus::Failed);
        assert_eq!(
            errors(&answer),
            "module 'watcher' is not running: persistent modules are turned off"
        );
        assert!(!setup.page().contains("Persistent modules"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_leaves_no_process() {
    let (setup, mut agent) = Setup::watching("").await;
    let pid = setup.pid("watcher");
    agent.kill();
    until("the end of the worker", || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
        status.map_or(true, |status| status.contains("State:\tZ"))
    })
    .await;
}
