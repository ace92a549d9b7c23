//! Other processes that tests need: this program again, playing a role.

use crate::support::PATIENCE;
use mig_module_audit::{AuditModule, probe};
use mig_plugin_sdk::testing::FakeService;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

const ROLE: &str = "MIG_AUDIT_TEST_ROLE";
const INPUT: &str = "MIG_AUDIT_TEST_INPUT";

/// A process that plays a role; it is killed when it is dropped.
pub struct Actor {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Actor {
    /// Starts one, as another user if told so.
    pub fn start(role: &str, input: &Value, user: Option<u32>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args([
                "--exact",
                "roles::a_role_is_played_when_another_test_asks",
                "--nocapture",
            ])
            .env(ROLE, role)
            .env(INPUT, input.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        let mut child = command.spawn().expect("this program again");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, lines }
    }

    /// What it says next.
    pub fn says(&mut self) -> String {
        loop {
            let mut line = String::new();
            let count = self.lines.read_line(&mut line).expect("its output");
            assert!(count > 0, "it ended without a word");
            if let Some((_, said)) = line.split_once("says: ") {
                return said.trim().to_owned();
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as the kernel's memory killer would.
    pub fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "says: {text}").expect("output");
    out.flush().expect("output");
}

fn until_the_asker_is_gone() {
    let _end = std::io::stdin().read_to_end(&mut Vec::new());
}

#[test]
fn a_role_is_played_when_another_test_asks() {
    let Ok(role) = std::env::var(ROLE) else {
        // Nobody asks: then the other tests only rely on this one being here.
        let listed = Command::new(std::env::current_exe().expect("this program"))
            .args([
                "--list",
                "--exact",
                "roles::a_role_is_played_when_another_test_asks",
            ])
            .output()
            .expect("the list of tests");
        assert!(String::from_utf8_lossy(&listed.stdout).contains("1 test"));
        return;
    };
    let input = std::env::var(INPUT).expect("an input");
    let input: Value = serde_json::from_str(&input).expect("an input in JSON");
    match role.as_str() {
        "daemon" => {
            let _daemon = probe::become_daemon().expect("the place of the audit daemon");
            say("ready");
            until_the_asker_is_gone();
        }
        "module" => {
            let service = FakeService::start::<AuditModule>(input);
            service.wait_until_ready();
            say("ready");
            until_the_asker_is_gone();
        }
        "failing module" => {
            let answer = FakeService::start::<AuditModule>(input).ended();
            say(&format!("{} {}", answer.code, answer.message()));
        }
        other => panic!("there is no role {other}, within {PATIENCE:?}"),
    }
}
