//! A host that is killed: its workers and what they started go with it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mig_host::{Cancel, ModuleStore, Progress, StoreOptions};
use mig_testkit::wait_until;
use serde_json::json;

use crate::c_plugins::{Plugins, Source};
use crate::setup::{PATIENCE, STATICS, job};

/// Set for a process that shall be a host; the directory of its plugins.
const VARIABLE: &str = "MIG_TEST_DOOMED_HOST";

/// Runs the plugin `cplug` and passes on what it logs: process ids.
pub fn run_if_asked() {
    let Some(directory) = std::env::var_os(VARIABLE) else {
        return;
    };
    let options = StoreOptions {
        directories: vec![PathBuf::from(directory)],
        allow_unsigned: true,
        ..StoreOptions::default()
    };
    let store = ModuleStore::open(STATICS, &options);
    store.run(
        &job("cplug", json!(null)),
        &Cancel::new(),
        &mut |progress| {
            if let Progress::Log { message, .. } = progress {
                println!("{message}");
                std::io::stdout().flush().ok();
            }
        },
    );
    std::process::exit(0);
}

fn is_gone(process: &str) -> bool {
    // A dead process may wait for its new parent.
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .map_or(true, |stat| stat.contains(") Z "))
}

/// Starts a host, waits for the ids that its module logs, kills the host with
/// SIGKILL, and waits until nobody of them is left.
fn kill_host_of(call: &str, capabilities: &str) {
    let Some(plugins) = Plugins::new() else {
        return;
    };
    plugins.add(&Source {
        call,
        capabilities,
        ..Source::default()
    });
    let mut host = Command::new("/proc/self/exe")
        .arg0("doomed-host")
        .env(VARIABLE, plugins.directory())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start a host");
    let mut line = String::new();
    let stdout = host.stdout.take().expect("piped");
    BufReader::new(stdout).read_line(&mut line).expect("ids");
    let processes: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(processes.len(), 2, "{line}");
    host.kill().expect("kill");
    host.wait().expect("reap");
    for process in processes {
        wait_until("the end of a worker without host", PATIENCE, || {
            is_gone(process)
        });
    }
}

const TELL_AND_HANG: &str = r#"signal(SIGINT, SIG_IGN);
    char ids[64]; snprintf(ids, sizeof ids, "%d %d", getpid(), child);
    host->log(host->context, 6, text(ids));
    for (;;) pause();"#;

#[test]
fn a_worker_dies_with_its_host() {
    let call = format!("pid_t child = getpid(); signal(SIGTERM, SIG_IGN); {TELL_AND_HANG}");
    kill_host_of(&call, "");
}

#[test]
fn what_a_worker_started_dies_with_the_host() {
    let call = format!("pid_t child = fork(); if (child == 0) for (;;) pause(); {TELL_AND_HANG}");
    kill_host_of(&call, "processes");
}
