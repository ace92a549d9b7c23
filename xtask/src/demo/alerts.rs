//! Modules that keep running, and where their alerts go: files for the agent, a
//! collector, and something to raise an alert with.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mig_acceptance::{Configuration, Sink};
use serde_json::{Value, json};

use crate::building::Outcome;

/// All of them.
pub const ALL: [&str; 4] = ["audit", "dispatch", "examplepersist", "fswatch"];
/// How long an alert may take to the collector.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what has arrived.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The configuration of some of these modules, and a collector.
pub struct Alerts {
    sink: Sink,
    directory: PathBuf,
    modules: Vec<String>,
    without_audit: Option<String>,
}

impl Alerts {
    /// Writes a file for each module into `persistent` below `directory`, and
    /// starts the collector. `audit` is left out where it cannot work.
    pub fn new(directory: &Path, modules: &[String]) -> Outcome<Self> {
        let without_audit = why_no_audit();
        let modules: Vec<String> = modules
            .iter()
            .filter(|name| *name != "audit" || without_audit.is_none())
            .cloned()
            .collect();
        let alerts = Self {
            sink: Sink::start()?,
            directory: directory.join("persistent"),
            modules,
            without_audit,
        };
        std::fs::create_dir_all(alerts.watched())
            .map_err(|error| format!("{}: {error}", alerts.watched().display()))?;
        for module in &alerts.modules {
            let configuration = alerts.configuration(module)?;
            alerts.write(&format!("{module}.cfg"), &configuration.to_string())?;
        }
        Ok(alerts)
    }

    /// Where the agent finds the files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The modules that run.
    pub fn modules(&self) -> &[String] {
        &self.modules
    }

    /// Why the kernel's audit cannot be shown here.
    pub fn without_audit(&self) -> Option<&str> {
        self.without_audit.as_deref()
    }

    /// Makes a file in the directory that is watched.
    pub fn touch_watched(&self) -> Outcome<PathBuf> {
        let path = self.watched().join("crontab");
        std::fs::write(&path, "* * * * * nobody\n")
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// Runs a program that the audit rules ask for.
    pub fn run_program(&self) -> Outcome<()> {
        succeed("/bin/true", &["mig-demo-argument"])
    }

    /// Opens the password file as somebody would who writes it, and writes nothing. By
    /// a new process: the kernel watches none that is older than the audit.
    pub fn open_password_file(&self) -> Outcome<()> {
        succeed("/bin/sh", &["-c", ": >> /etc/passwd"])
    }

    /// Waits for a record with all these parts and shows its event.
    pub fn show(&self, parts: &[&str]) -> Outcome<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let bodies = self.sink.bodies();
            let found = bodies
                .iter()
                .find(|body| parts.iter().all(|part| body.contains(part)));
            if let Some(body) = found {
                let record: Value = serde_json::from_str(body)
                    .map_err(|error| format!("the collector got no JSON: {error}"))?;
                println!("the collector got: {}", shortened(&record["event"]));
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!(
                    "no alert with {parts:?} came to the collector within {} s, only {} others",
                    PATIENCE.as_secs(),
                    bodies.len()
                ));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn watched(&self) -> PathBuf {
        self.directory.join("watched")
    }

    fn configuration(&self, module: &str) -> Outcome<Configuration> {
        let configuration = Configuration::default();
        Ok(match module {
            "audit" => {
                let rules = json!({"audit_rules": [
                    {"path": "/etc/passwd", "permission": "wa", "key": "mig-demo-passwd"},
                    {"actions": ["always", "exit"], "syscalls": ["execve"],
                        "key": "mig-demo-exec", "fields": [
                        {"name": "arch", "op": "eq", "value": 64},
                        {"name": "ppid", "op": "eq", "value": std::process::id()},
                    ]},
                ]});
                self.write("audit.rules.json", &rules.to_string())?;
                let path = self.directory.join("audit.rules.json");
                configuration.set("audit", "rulespath", path.display())
            }
            "dispatch" => configuration.set("dispatch", "httpurl", self.sink.url()),
            "examplepersist" => configuration.set("examplepersist", "interval", 3600),
            "fswatch" => configuration
                .set("paths", "path", self.watched().display())
                .set("fswatch", "delay", 0),
            other => return Err(format!("{other} is no module that keeps running")),
        })
    }

    fn write(&self, name: &str, text: &str) -> Outcome<()> {
        let path = self.directory.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// An event on one line, without the kernel's records one by one.
fn shortened(event: &Value) -> String {
    let mut event = event.clone();
    if let Some(members) = event.as_object_mut() {
        members.remove("Records");
        members.remove("Raw");
    }
    event.to_string()
}

/// Why the kernel's audit cannot be had, if so.
fn why_no_audit() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("controlling the kernel's audit needs root".to_owned());
    }
    match mig_module_audit::probe::state() {
        Ok(state) if state.enabled == 2 => Some("its configuration is locked".to_owned()),
        Ok(state) => state
            .daemon()
            .map(|pid| format!("process {pid} is this machine's audit daemon")),
        Err(reason) => Some(reason),
    }
}

fn succeed(program: &str, arguments: &[&str]) -> Outcome<()> {
    let mut command = Command::new(program);
    match command.args(arguments).stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} ended with {status}")),
        Err(error) => Err(format!("cannot run {program}: {error}")),
    }
}
