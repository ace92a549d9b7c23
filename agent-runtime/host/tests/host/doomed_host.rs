//! A host that is killed: its workers and what they started go with it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use mig_host::{
    Attendant, Cancel, Mailbox, ModuleStore, Progress, ServiceEvent, ServiceJob, StoreOptions,
};
use mig_testkit::wait_until;
use serde_json::json;

use crate::c_plugins::{Plugins, Source};
use crate::service;
use crate::setup::{PATIENCE, STATICS, job};

/// Set for a process that shall be a host; the directory of its plugins.
const VARIABLE: &str = "MIG_TEST_DOOMED_HOST";

/// Says what a served module logs.
struct Teller;

impl Attendant for Teller {
    fn event(&mut self, event: ServiceEvent) {
        if let ServiceEvent::Log { message, .. } = event {
            println!("{message}");
            std::io::stdout().flush().ok();
        }
    }

    fn take_alert(&mut self, _: &str) -> bool {
        true
    }
}

/// Runs the plugin `cplug`, or serves `cserve`, and passes on what it logs:
/// process ids.
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
    if store.get("cserve").is_some() {
        let mailbox = Mailbox::new().expect("a mailbox");
        let job = ServiceJob::new("cserve", json!({}));
        store.serve(&job, &mailbox, &Cancel::new(), &mut Teller);
    }
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
    kill_host_with(&plugins);
}

fn kill_host_with(plugins: &Plugins) {
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

/// One that waits for messages, and one that hears of nothing.
#[test]
fn a_serving_worker_dies_with_its_host() {
    for turn in ["", "for (;;) pause();"] {
        let Some(plugins) = Plugins::new() else {
            return;
        };
        let begin = format!(
            "signal(SIGTERM, SIG_IGN); char ids[64];
            snprintf(ids, sizeof ids, \"%d %d\", getpid(), getpid()); say(ids); {turn}"
        );
        service::Source {
            begin: &begin,
            ..service::Source::default()
        }
        .add_to(&plugins);
        kill_host_with(&plugins);
    }
}

#[test]
fn what_a_worker_started_dies_with_the_host() {
    let call = format!("pid_t child = fork(); if (child == 0) for (;;) pause(); {TELL_AND_HANG}");
    kill_host_of(&call, "processes");
}
