//! Every module from the command line over server, relay and agent to the
//! printed line: built into the agent, and as plugin files of an agent that has
//! nothing built in.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mig_acceptance::{PLUGINS, Programs};
use mig_testkit::{install, skip, wait_until};
use serde_json::json;

use crate::setup::asking::{action, api, post, sign};
use crate::setup::database::Database;
use crate::setup::{AGENT, PATIENCE, Said, Whole, files, files_with};

/// The pack of an agent for which nothing else was said.
const DEFAULT_PACK: [&str; 9] = [
    "agentdestroy",
    "file",
    "fswatch",
    "netstat",
    "ping",
    "pkg",
    "scribe",
    "sshkey",
    "timedrift",
];

/// An agent that has every module as a plugin file, and none else.
fn with_plugin_files() -> Whole {
    let programs = Programs::beside_test().and_then(Programs::with_agent_without_modules);
    let (site, ada) = files_with(programs.unwrap_or_else(|error| panic!("{error}")), &PLUGINS);
    Whole::start_on(site, ada, |agent| agent)
}

/// Asks, and expects one line of the answer to hold all parts.
#[track_caller]
fn assert_found(whole: &Whole, words: &[&str], parts: &[&str]) {
    let said = whole.mig(words);
    assert_eq!(
        said.code,
        0,
        "{words:?}: {said:?}\n{}",
        whole.agent.last_words()
    );
    said.line_with("1 sent, 1 done, 1 succeeded");
    said.line_with("1 agent has found results");
    let start = format!("{} ", whole.host);
    let holds =
        |line: &str| line.starts_with(&start) && parts.iter().all(|part| line.contains(part));
    assert!(
        said.stdout.lines().any(holds),
        "{words:?}: {parts:?} in {said:?}"
    );
}

/// A question for each module that has a command line.
fn ask_all(whole: &Whole) {
    let data = whole.data();
    let port = whole.site.ports().relay.to_string();
    assert_found(
        whole,
        &["file", "-path", &data, "-name", "^passwd$"],
        &["/passwd [lastmodified:"],
    );
    let line = format!("found listening port {port} for netstat listeningport:'{port}'");
    assert_found(whole, &["netstat", "-lp", &port], &[&line]);
    let line = format!("tcp ping of 127.0.0.1:{port} (127.0.0.1) succeeded. Target is reachable.");
    assert_found(
        whole,
        &[
            "ping",
            "-d",
            "127.0.0.1",
            "-dp",
            &port,
            "-p",
            "tcp",
            "-c",
            "1",
        ],
        &[&line],
    );
    fs::write(
        whole.site.path("data/id_test.pub"),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEs0uYLyJ4mJ9w8yJvY8kZt3n4dQ5o1qS6pO2u7cX9aB test\n",
    )
    .unwrap();
    assert_found(
        whole,
        &["sshkey", "-path", &data],
        &["/id_test.pub [public] ", "sha256fp=SHA256:"],
    );
    let document = json!({
        "objects": [{"object": "roots", "filecontent": {"path": data, "file": "^passwd$",
            "expression": "^root:x:(\\d+):"}}],
        "tests": [{"test": "root-is-zero", "object": "roots", "exactmatch": {"value": "0"}},
            {"test": "root-is-one", "object": "roots", "exactmatch": {"value": "1"}}],
    });
    let document = whole.site.write("checks.json", document).unwrap();
    let words = ["scribe", "-path", document.to_str().unwrap(), "-onlytrue"];
    assert_found(whole, &words, &["root-is-zero"]);
    assert!(!whole.mig(&words).stdout.contains("root-is-one"));
    assert_found(whole, &["timedrift"], &["local time is 20"]);
    if Path::new("/var/lib/dpkg/status").exists() {
        let parts = ["pkgmatch name=bash version=", " type=dpkg arch="];
        assert_found(whole, &["pkg", "-name", "^bash$"], &parts);
    }
}

#[test]
fn modules_that_are_built_in_answer_a_whole_investigation() {
    ask_all(&Whole::start());
}

#[test]
fn modules_that_are_plugin_files_answer_a_whole_investigation() {
    ask_all(&with_plugin_files());
}

#[test]
fn a_question_that_makes_no_sense_is_refused_before_it_is_sent() {
    let whole = Whole::start();
    for (words, part) in [
        (&["netstat", "-lp", "99999"][..], "99999"),
        (&["netstat", "-ci", "300.1.1.1"], "300.1.1.1"),
        (
            &["ping", "-d", "127.0.0.1", "-dp", "1", "-p", "sctp"],
            "sctp",
        ),
        (&["pkg", "-name", "a(b"], "a(b"),
        (&["sshkey", "-maxdepth", "-3"], "maxdepth"),
        (&["timedrift", "-drift", "soon"], "soon"),
        (
            &["scribe", "-path", "/nonexistent/checks.yaml"],
            "/nonexistent/checks.yaml",
        ),
    ] {
        let said = whole.mig(words);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (1, ""),
            "{words:?}: {said:?}"
        );
        assert!(
            said.line_with("error: ").contains(part),
            "{words:?}: {said:?}"
        );
    }
    let database = Database::of(whole.site.directory());
    assert_eq!(database.commands().len(), 0);
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether one process of this user may look into the memory of another.
fn memory_is_open() -> bool {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    mig_testkit::is_root() || scope.map_or(true, |scope| scope.trim() == "0")
}

#[test]
fn memory_is_searched_by_an_agent_that_was_given_the_plugin_file() {
    if !memory_is_open() {
        return skip("this system lets only root look into processes");
    }
    let (site, ada) = files_with(Programs::beside_test().unwrap(), &["memory", "example"]);
    let whole = Whole::start_on(site, ada, |agent| agent);
    let mut sleep = Command::new("sleep");
    sleep.arg("600").env("MIG_TEST", "whole-needle-5c1d");
    let sleep = mig_testkit::spawn(sleep.stdin(Stdio::null()));
    let sleep = Running(sleep.expect("sleep"));
    let line = format!(" [pid:{}] in search 's1'", sleep.0.id());
    let words = [
        "memory",
        "-name",
        "/sleep$",
        "-content",
        "whole-needle-[0-9a-f]{4}",
    ];
    assert_found(&whole, &words, &[&line]);
}

#[test]
fn an_agent_ends_another_and_removes_its_program() {
    let whole = Whole::start();
    // Another program file, so that it is not that of the agent which acts.
    let program = whole.site.path("old-agent");
    let own = whole.site.programs().agent();
    install(Path::new(own.get_program()), &program, 0o755);
    let configuration = whole.site.agent_configuration("second").unwrap();
    whole.site.write("second.cfg", configuration).unwrap();
    fs::create_dir(whole.site.path("second")).unwrap();
    let log = fs::File::create(whole.site.path("second.log")).unwrap();
    let mut call = Command::new(&program);
    call.arg("-f").arg("-c").arg(whole.site.path("second.cfg"));
    call.stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    let mut second = Running(mig_testkit::spawn(&mut call).expect("a second agent"));
    wait_until(
        "the second agent's configuration being read",
        PATIENCE,
        || fs::read_to_string(whole.site.path("second.log")).is_ok_and(|log| !log.is_empty()),
    );
    let pid = second.0.id();
    let parameters = json!({"pid": pid, "version": env!("CARGO_PKG_VERSION")});
    let mut order = action("end the other one", "agentdestroy", parameters);
    // Not for the other one, which may be online before this is looked at.
    order.target = format!("tags->>'label'='{AGENT}'");
    let order = sign(&whole.site, "ada", order);
    post(&api(&whole.site, "ada"), &order).expect("an accepted action");
    wait_until("its end", PATIENCE, || {
        matches!(second.0.try_wait(), Ok(Some(_)))
    });
    let database = Database::of(whole.site.directory());
    wait_until("the answer", PATIENCE, || {
        database
            .commands()
            .iter()
            .any(|command| command.status == "success")
    });
    let results = database.commands()[0].results.clone();
    assert_eq!(results[0]["success"], true, "{results}");
    let sentence = results[0]["elements"].as_str().expect("a sentence");
    let start = format!(
        "PID {pid} from agent {} has been killed",
        env!("CARGO_PKG_VERSION")
    );
    assert!(sentence.starts_with(&start), "{sentence}");
    assert!(!program.exists(), "{sentence}");
}

#[test]
fn what_is_built_in_and_what_the_configuration_names_are_the_same_set() {
    let (site, _) = files_with(Programs::beside_test().unwrap(), &PLUGINS);
    let listed = |programs: &Programs, enable: Option<&str>| {
        let mut configuration = site.agent_configuration(AGENT).unwrap();
        if let Some(names) = enable {
            configuration = configuration.set("modules", "enable", names);
        }
        site.write("agent.cfg", configuration).unwrap();
        let mut call = programs.agent();
        let said = Said::by(call.arg("-c").arg(site.path("agent.cfg")).arg("-modules"));
        assert_eq!(said.code, 0, "{said:?}");
        let names = said
            .stdout
            .lines()
            .filter_map(|line| line.split(' ').next());
        (
            names.map(str::to_owned).collect::<Vec<_>>(),
            said.stdout.clone(),
        )
    };
    let bare = site
        .programs()
        .clone()
        .with_agent_without_modules()
        .unwrap();
    let pack = DEFAULT_PACK.join(", ");
    let (built_in, lines) = listed(site.programs(), Some(&pack));
    assert_eq!(built_in, DEFAULT_PACK);
    assert!(
        lines.lines().all(|line| line.ends_with(" built in")),
        "{lines}"
    );
    let (named, lines) = listed(&bare, Some(&pack));
    assert_eq!(named, DEFAULT_PACK);
    assert!(lines.lines().all(|line| line.ends_with(".so")), "{lines}");
    // Nothing named: all that are there.
    let (all, _) = listed(&bare, None);
    assert_eq!(all, PLUGINS);
    let (both, _) = listed(site.programs(), None);
    assert_eq!(both, PLUGINS);
}

#[test]
fn an_agent_without_any_module_says_so() {
    let (site, _) = files();
    let bare = site
        .programs()
        .clone()
        .with_agent_without_modules()
        .unwrap();
    let configuration = site.agent_configuration(AGENT).unwrap();
    let configuration = configuration.without("modules", "path");
    site.write("agent.cfg", configuration).unwrap();
    let message = r#"{"class":"parameters","parameters":{}}"#;
    let file = site.write("message.json", message).unwrap();
    let mut call = bare.agent();
    call.arg("-c")
        .arg(site.path("agent.cfg"))
        .args(["-m", "netstat"]);
    let said = Said::by(call.stdin(fs::File::open(file).unwrap()));
    assert_eq!(
        said.stdout,
        r#"{"errors":["module 'netstat' is not available"]}"#
    );
}
