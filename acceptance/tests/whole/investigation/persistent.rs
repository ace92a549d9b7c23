//! Modules that keep running: in the real agent, from the configuration file to
//! the collector of alerts and to the investigator's terminal.

use std::path::Path;
use std::process::Command;

use mig_acceptance::{Configuration, Programs, Sink};
use mig_module_audit::probe;
use mig_testkit::{is_root, kernel_audit_lock, skip};
use serde_json::{Value, json};

use crate::setup::{PATIENCE, Whole, files_with};

/// A site whose agent runs the modules that have a configuration file.
fn with_modules(files: &[(&str, Configuration)], privacy: &str) -> Whole {
    let programs = Programs::beside_test().unwrap_or_else(|error| panic!("{error}"));
    let plugins = ["audit", "dispatch", "examplepersist"];
    let (site, ada) = files_with(programs, &plugins);
    let directory = site.path("persistent");
    std::fs::create_dir(&directory).expect("a directory");
    for (module, configuration) in files {
        let name = format!("persistent/{module}.cfg");
        site.write(&name, configuration).expect("a file");
    }
    Whole::start_on(site, ada, |agent| {
        agent
            .set("agent", "moduleconfiguration", directory.display())
            .set("agent", "extraprivacymode", privacy)
    })
}

fn dispatch(sink: &Sink) -> (&'static str, Configuration) {
    let configuration = Configuration::default().set("dispatch", "httpurl", sink.url());
    ("dispatch", configuration)
}

fn fswatch(directory: &Path) -> (&'static str, Configuration) {
    let configuration = Configuration::default()
        .set(
            "paths",
            "path",
            format!("recursive:{}", directory.display()),
        )
        .set("fswatch", "delay", 0);
    ("fswatch", configuration)
}

/// Waits until the collector has a record with all these parts.
#[track_caller]
fn arrived(whole: &mut Whole, sink: &Sink, parts: &[&str]) -> Value {
    let outcome = whole
        .agent
        .wait_until(&format!("{parts:?} at the collector"), PATIENCE, || {
            sink.has(parts)
        });
    if let Err(error) = outcome {
        panic!("{error}\n{:#?}", sink.bodies());
    }
    let bodies = sink.bodies();
    let body = bodies
        .iter()
        .find(|body| parts.iter().all(|part| body.contains(part)))
        .expect("a record");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn a_running_module_is_asked_from_the_command_line() {
    let interval = Configuration::default().set("examplepersist", "interval", 1);
    let mut whole = with_modules(&[("examplepersist", interval)], "off");
    let log = whole.site.path("agent.log");
    let has = |part: &str| std::fs::read_to_string(&log).is_ok_and(|text| text.contains(part));
    whole
        .agent
        .wait_until("the module's line", PATIENCE, || has("the time is "))
        .expect("the time in the log");
    let said = whole.mig(&["examplepersist", "-t", "allonline", "-echo", "hello"]);
    assert_eq!(said.code, 0, "{said:?}\n{}", whole.agent.last_words());
    let line = said.line_with("echo string was");
    assert_eq!(
        line,
        format!("{} echo string was \"hello\"", whole.host),
        "{said:?}"
    );
    said.line_with("1 sent, 1 done, 1 succeeded");

    // One that is not configured says so.
    let said = whole.mig(&["fswatch", "-t", "allonline"]);
    assert_ne!(said.code, 0, "{said:?}");
    assert!(said.stderr.contains("not running"), "{said:?}");
}

#[test]
fn a_changed_file_is_told_to_the_collector() {
    let sink = Sink::start().expect("a server");
    let watched = tempfile::tempdir().expect("a directory");
    let file = watched.path().join("passwd");
    std::fs::write(&file, "one").expect("a file");
    let mut whole = with_modules(&[fswatch(watched.path()), dispatch(&sink)], "off");
    let said = whole.mig(&["fswatch"]);
    assert_eq!(said.code, 0, "{said:?}\n{}", whole.agent.last_words());
    said.line_with("ok:true");

    std::fs::write(watched.path().join("draft"), "two").expect("a file");
    let created = format!("path {}/draft created", watched.path().display());
    let record = arrived(&mut whole, &sink, &[&created]);
    assert_eq!(
        record["event"],
        json!({"severity": "low", "alert": created})
    );
    assert_eq!(record["hostname"], whole.host.as_str());
    assert_eq!(record["tags"]["label"], "agent");

    std::fs::rename(watched.path().join("draft"), &file).expect("another file");
    let changed = format!("{} signature changed ", file.display());
    let record = arrived(&mut whole, &sink, &[&changed]);
    assert_eq!(record["event"]["severity"], "critical");

    // What changes while the agent does not run is told when it runs again.
    whole.agent.stop().expect("a stopped agent");
    std::fs::remove_file(&file).expect("removed");
    whole.agent = whole.site.start_agent("agent").expect("an agent");
    let removed = format!("path {} removed", file.display());
    arrived(&mut whole, &sink, &[&removed]);
}

#[test]
fn in_privacy_mode_the_collector_learns_that_and_not_what() {
    let sink = Sink::start().expect("a server");
    let watched = tempfile::tempdir().expect("a directory");
    let mut whole = with_modules(&[fswatch(watched.path()), dispatch(&sink)], "on");
    let said = whole.mig(&["fswatch"]);
    assert_eq!(said.code, 0, "{said:?}\n{}", whole.agent.last_words());
    std::fs::write(watched.path().join("secret-name"), "one").expect("a file");
    let record = arrived(&mut whole, &sink, &[r#""severity":"low""#]);
    assert_eq!(
        record["event"],
        json!({"severity": "low", "alert": "masked"})
    );
    let bodies = sink.bodies();
    assert!(
        !bodies.iter().any(|body| body.contains("secret-name")),
        "{bodies:?}"
    );
}

/// The kernel's audit, put back when the test ends.
struct Audit {
    before: probe::State,
    _lock: std::fs::File,
}

impl Audit {
    /// To oneself; `None`, with the test skipped by name, where it cannot be had.
    fn take() -> Option<Self> {
        if !is_root() {
            skip("controlling the kernel's audit needs root");
            return None;
        }
        let lock = kernel_audit_lock();
        match probe::state() {
            Ok(before) if before.enabled != 2 && before.daemon().is_none() => Some(Self {
                before,
                _lock: lock,
            }),
            Ok(_) => {
                skip("another program has the kernel's audit");
                None
            }
            Err(reason) => {
                skip(&reason);
                None
            }
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let restored = probe::restore(&self.before);
        if !std::thread::panicking() {
            restored.expect("the machine's audit state put back");
        }
    }
}

#[test]
fn a_started_program_and_an_opened_password_file_are_told_to_the_collector() {
    let Some(_audit) = Audit::take() else {
        return;
    };
    let sink = Sink::start().expect("a server");
    let rules = json!({"audit_rules": [
        {"path": "/etc/passwd", "permission": "wa", "key": "mig-test-passwd"},
        {"actions": ["always", "exit"], "syscalls": ["execve"], "key": "mig-test-exec", "fields": [
            {"name": "arch", "op": "eq", "value": 64},
            {"name": "ppid", "op": "eq", "value": std::process::id()},
        ]},
    ]});
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("rules.json");
    std::fs::write(&file, rules.to_string()).expect("rules");
    let audit = Configuration::default().set("audit", "rulespath", file.display());
    let mut whole = with_modules(&[("audit", audit), dispatch(&sink)], "off");
    let said = whole.mig(&["audit"]);
    assert_eq!(said.code, 0, "{said:?}\n{}", whole.agent.last_words());
    said.line_with("ok:true");

    let said = Command::new("/bin/true").arg("mig-test-argument").status();
    assert!(said.is_ok_and(|status| status.success()));
    let record = arrived(&mut whole, &sink, &["mig-test-exec", "mig-test-argument"]);
    assert_eq!(record["event"]["Data"]["syscall"], "execve", "{record}");
    assert_eq!(record["hostname"], whole.host.as_str());

    // Opened for writing, and not written: it is this machine's own. By a process that
    // is younger than the audit, as the kernel watches no other.
    let opened = Command::new("/bin/sh")
        .args(["-c", ": >> /etc/passwd"])
        .status();
    assert!(opened.is_ok_and(|status| status.success()));
    let record = arrived(&mut whole, &sink, &["mig-test-passwd", "/etc/passwd"]);
    assert_eq!(record["event"]["Data"]["success"], "yes", "{record}");
    whole.agent.stop().expect("a stopped agent");
}
