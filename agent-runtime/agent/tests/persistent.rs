//! Persistent modules in the real agent: how they are enabled, asked, watched
//! and ended.

mod site;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use mig_protocol::{Command, CommandStatus};
use serde_json::{Value, json};
use site::{Running, Site, until};

/// A site whose agent has the test modules and a status page, not started.
struct Setup {
    site: Site,
    port: u16,
}

impl Setup {
    async fn new(more: &str) -> Self {
        let site = Site::new().await;
        let port = mig_testkit::free_port();
        site.configure(&format!("socket = 127.0.0.1:{port}\n{more}"));
        Self { site, port }
    }

    /// With `watcher` enabled, and running.
    async fn watching(more: &str) -> (Self, Running) {
        let mut setup = Self::new(more).await;
        setup.site.configure_module("watcher", "");
        let agent = setup.site.agent_with_test_modules();
        setup.site.heartbeat().await;
        setup
            .page_with("watcher", "<td>state</td><td>running</td>")
            .await;
        (setup, agent)
    }

    fn page(&self) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return String::new();
        };
        let mut answer = String::new();
        let asked = write!(
            stream,
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        let _ = asked.and_then(|()| stream.read_to_string(&mut answer));
        answer
    }

    /// What the page says of a module.
    fn part(&self, module: &str) -> String {
        let page = self.page();
        let part = page.split(&format!("<h3>{module}</h3>")).nth(1);
        part.and_then(|rest| rest.split("</table>").next())
            .unwrap_or_default()
            .to_owned()
    }

    async fn page_with(&self, module: &str, text: &str) -> String {
        let mut part = String::new();
        until(&format!("`{text}` on the status page"), || {
            part = self.part(module);
            part.contains(text)
        })
        .await;
        part
    }

    /// A row of the page.
    fn row(&self, module: &str, name: &str) -> Option<String> {
        let part = self.part(module);
        let behind = part.split(&format!("<td>{name}</td><td>")).nth(1)?;
        Some(behind.split("</td>").next()?.to_owned())
    }

    fn pid(&self, module: &str) -> i32 {
        self.row(module, "pid").unwrap().parse().unwrap()
    }

    async fn ask(&mut self, id: u64, module: &str, parameters: Value) -> Command {
        let action = self.site.signed(module, parameters);
        self.site.send(id, action).await;
        self.site.answer(id).await
    }

    fn state_of(&self, module: &str) -> PathBuf {
        self.site.run_directory().join("modules").join(module)
    }
}

fn kept(setup: &Setup) -> Vec<String> {
    std::fs::read_to_string(setup.state_of("keeper").join("kept"))
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Has the keeper note alerts without storing them, from its start.
fn hold(setup: &Setup) -> PathBuf {
    use std::os::unix::fs::DirBuilderExt;
    let directory = setup.state_of("keeper");
    let mut builder = std::fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .unwrap();
    let hold = directory.join("hold");
    std::fs::write(&hold, "").unwrap();
    hold
}

fn kill(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn errors(answer: &Command) -> String {
    answer.results()[0].errors().join("; ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_module_answers_several_actions_at_once() {
    let (mut setup, agent) = Setup::watching("").await;
    setup.site.configure_module(
        "watcher",
        "[WATCHER]\ninterval = 7\npath = /a\nPath = /b ; two\nmode = eager\n",
    );
    agent.look_again();
    until("the new configuration", || {
        agent.log().contains("module watcher is started again")
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
    assert_eq!(setup.site.further_answers(), 0);
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
    let answer = setup.ask(2, "watcher", json!({"order": "say"})).await;
    assert_eq!(answer.status, CommandStatus::Success, "{}", errors(&answer));
    assert_eq!(setup.pid("watcher"), pid);
    // And parameters are held against the manifest, as ever.
    let answer = setup.ask(3, "watcher", json!({"order": 7})).await;
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
    assert!(agent.log().contains(place), "{}", agent.log());
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
    let part = setup.part("watcher");
    assert!(
        part.contains("&lt;b&gt;at work") && !part.contains("<b>"),
        "{part}"
    );
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
async fn alerts_that_nobody_takes_are_lines_of_the_log() {
    let (mut setup, agent) = Setup::watching("").await;
    setup
        .ask(
            1,
            "watcher",
            json!({"order": "raw", "text": "100%s\n\u{1b}[2J end"}),
        )
        .await;
    setup
        .ask(2, "watcher", json!({"order": "log", "text": "hello"}))
        .await;
    until("the alert", || {
        agent
            .log()
            .contains("alert: 100%s\u{fffd}\u{fffd}[2J end\n")
    })
    .await;
    until("the line", || {
        agent.log().contains("[watcher] (module log) hello")
    })
    .await;
    // A flood is counted where it is not shown.
    setup
        .ask(
            3,
            "watcher",
            json!({"order": "alert", "text": "x", "count": 20_000}),
        )
        .await;
    setup
        .page_with("alerts", "<td>raised</td><td>20001</td>")
        .await;
    let number = |name: &str| -> u64 { setup.row("alerts", name).unwrap().parse().unwrap() };
    let (logged, left_out) = (number("in the log"), number("too many for the log"));
    assert_eq!(logged + left_out, 20_001);
    let lines = agent.log().matches(" alert: ").count();
    assert_eq!(lines as u64, logged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_reach_the_module_that_takes_them_once_and_in_order() {
    let mut setup = Setup::new("").await;
    setup.site.configure_module("watcher", "");
    setup.site.configure_module("keeper", "");
    let _agent = setup.site.agent_with_test_modules();
    setup.site.heartbeat().await;
    setup.page_with("watcher", "<td>running</td>").await;
    setup
        .ask(
            1,
            "watcher",
            json!({"order": "alert", "text": "x", "count": 200}),
        )
        .await;
    until("all alerts", || kept(&setup).len() == 200).await;
    for (index, line) in kept(&setup).iter().enumerate() {
        let alert = json!({"severity": "low", "alert": format!("x {index}")});
        assert_eq!(*line, format!("{} watcher {alert}", index + 1));
    }
    setup
        .page_with("alerts", "<td>stored</td><td>200</td>")
        .await;
    setup.page_with("keeper", "<td>kept</td><td>200</td>").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_module_had_not_stored_is_handed_over_again() {
    let mut setup = Setup::new("").await;
    setup.site.configure_module("watcher", "");
    setup.site.configure_module("keeper", "");
    let hold = hold(&setup);
    let _agent = setup.site.agent_with_test_modules();
    setup.site.heartbeat().await;
    setup.page_with("watcher", "<td>running</td>").await;
    setup
        .ask(
            1,
            "watcher",
            json!({"order": "alert", "text": "x", "count": 5}),
        )
        .await;
    let seen = setup.state_of("keeper").join("seen");
    until("five alerts", || site::lines(&seen) == 5).await;
    setup.page_with("alerts", "<td>waiting</td><td>5 (").await;
    kill(setup.pid("keeper"));
    std::fs::remove_file(hold).unwrap();
    until("five alerts in safe keeping", || kept(&setup).len() == 5).await;
    let numbers: Vec<String> = kept(&setup)
        .iter()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"]);
    assert_eq!(site::lines(&seen), 10);
    setup.page_with("alerts", "<td>waiting</td><td>0 (").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_waits_while_nobody_stores_and_loses_nothing() {
    let mut setup = Setup::new("").await;
    setup.site.configure_module("watcher", "");
    setup.site.configure_module("keeper", "");
    let hold = hold(&setup);
    let agent = setup.site.agent_with_test_modules();
    setup.site.heartbeat().await;
    setup.page_with("watcher", "<td>running</td>").await;
    // Four megabytes, of which one may wait.
    let text = "y".repeat(40_000);
    let action = setup.site.signed(
        "watcher",
        json!({"order": "alert", "text": text, "count": 100}),
    );
    setup.site.send(1, action).await;
    let waiting = || -> usize {
        let row = setup.row("alerts", "waiting").unwrap_or_default();
        let bytes = row
            .split('(')
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
    };
    until("a full queue", || waiting() > (1 << 20) - 50_000).await;
    assert!(waiting() <= 1 << 20);
    assert!(kept(&setup).is_empty());
    std::fs::remove_file(hold).unwrap();
    let answer = setup.site.answer(1).await;
    assert_eq!(answer.status, CommandStatus::Success, "{}", errors(&answer));
    until("all alerts", || kept(&setup).len() == 100).await;
    assert!(!agent.log().contains("are dropped"), "{}", agent.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn privacy_masks_answers_and_alerts() {
    let (mut setup, agent) = Setup::watching("extraprivacymode = on").await;
    let secret = "a-secret-name";
    let answer = setup
        .ask(
            1,
            "watcher",
            json!({"order": "alert", "text": secret, "count": 1}),
        )
        .await;
    assert_eq!(answer.status, CommandStatus::Success, "{}", errors(&answer));
    assert_eq!(answer.results()[0].elements["text"], "masked");
    until("the alert", || agent.log().contains(" alert: ")).await;
    // Text that no schema describes does not get through at all.
    setup
        .ask(2, "watcher", json!({"order": "raw", "text": secret}))
        .await;
    setup
        .page_with("watcher", "<td>alerts dropped</td><td>1</td>")
        .await;
    let log = agent.log();
    assert!(
        log.contains("\"severity\":\"low\"") && log.contains("masked"),
        "{log}"
    );
    assert!(!log.contains(secret), "{log}");
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
async fn a_stopped_agent_leaves_no_process_and_says_what_it_takes_with_it() {
    let mut setup = Setup::new("").await;
    setup.site.configure_module("watcher", "");
    setup.site.configure_module("keeper", "");
    let _hold = hold(&setup);
    let mut agent = setup.site.agent_with_test_modules();
    setup.site.heartbeat().await;
    setup.page_with("watcher", "<td>running</td>").await;
    setup.page_with("keeper", "<td>running</td>").await;
    setup
        .ask(
            1,
            "watcher",
            json!({"order": "alert", "text": "x", "count": 3}),
        )
        .await;
    setup.page_with("alerts", "<td>waiting</td><td>3 (").await;
    let pids = [setup.pid("watcher"), setup.pid("keeper")];
    assert_eq!(agent.terminate(), Some(0));
    for pid in pids {
        until("the end of a worker", || {
            !PathBuf::from(format!("/proc/{pid}")).exists()
        })
        .await;
    }
    let log = agent.log();
    assert!(
        log.contains("3 alerts are lost with the end of the agent"),
        "{log}"
    );
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
