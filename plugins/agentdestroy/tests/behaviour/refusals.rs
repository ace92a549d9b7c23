//! Processes that are left alone.

use mig_module_agentdestroy::AgentdestroyModule;
use mig_plugin_sdk::testing::{Answer, FakeHost};
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn destroy(pid: impl Into<i64>) -> Answer {
    let parameters = json!({"pid": pid.into(), "version": "20240517-0.abc1234.prod"});
    FakeHost::new().run::<AgentdestroyModule>(parameters)
}

/// A process that waits until it is dropped.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        let child = Command::new("sleep")
            .arg("600")
            .stdin(Stdio::null())
            .spawn()
            .expect("sleep");
        Self(child)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The parent of a process, from the fourth field of its line; the name of the
/// processes asked for holds no parenthesis.
fn parent(pid: u32) -> u32 {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a line");
    let rest = line.rsplit_once(')').expect("a name").1;
    rest.split_whitespace()
        .nth(1)
        .expect("a parent")
        .parse()
        .expect("a number")
}

#[test]
fn the_worker_and_those_it_runs_for_are_spared() {
    let answer = destroy(std::process::id());
    assert!(
        answer
            .message()
            .ends_with("it is the process that would kill it"),
        "{answer:?}"
    );
    let parent_id = std::os::unix::process::parent_id();
    let answer = destroy(parent_id);
    let wanted = format!("pid {parent_id} was not killed: it is the agent that runs this module");
    assert_eq!(answer.message(), wanted);
    let ancestor = parent(parent_id);
    // The first process is refused as a parameter already.
    if ancestor > 1 {
        let answer = destroy(ancestor);
        assert!(
            answer.message().ends_with("is its descendant"),
            "{answer:?}"
        );
    }
}

#[test]
fn a_program_that_is_no_agent_is_spared() {
    let mut sleeper = Sleeper::new();
    let pid = sleeper.0.id();
    // Until the child has become another program it is this test.
    mig_testkit::wait_until("sleep runs", Duration::from_secs(60), || {
        std::fs::read_link(format!("/proc/{pid}/exe"))
            .is_ok_and(|path| Some(path) != std::env::current_exe().ok())
    });
    let answer = destroy(pid);
    assert!(
        answer.message().ends_with("is not a MIG agent"),
        "{answer:?}"
    );
    assert!(sleeper.0.try_wait().expect("a state").is_none());
}

#[test]
fn a_process_that_ended_is_not_taken_for_another() {
    let mut sleeper = Sleeper::new();
    let pid = sleeper.0.id();
    sleeper.0.kill().expect("a signal");
    // Dead, and nobody has asked how: the number still stands for it.
    mig_testkit::wait_until("the end", Duration::from_secs(60), || {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|line| line.contains(") Z "))
    });
    let answer = destroy(pid);
    assert!(
        answer.message().ends_with("it has ended by itself"),
        "{answer:?}"
    );
    sleeper.0.wait().expect("its end");
    let answer = destroy(pid);
    assert!(
        answer.message().ends_with("there is no such process"),
        "{answer:?}"
    );
}

#[test]
fn a_thread_is_no_process() {
    let (send, receive) = std::sync::mpsc::channel::<()>();
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        // The link reads `PID/task/TID`.
        let link = std::fs::read_link("/proc/thread-self").expect("a link");
        tell.send(link).expect("a listener");
        let _ = receive.recv();
    });
    let link = told.recv().expect("an answer");
    let name = link
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    let answer = destroy(name.parse::<u32>().expect("a number"));
    drop(send);
    thread.join().expect("its end");
    assert!(
        answer
            .message()
            .ends_with("it is the number of a thread, not of a process"),
        "{answer:?}"
    );
}

#[test]
fn a_thread_of_the_kernel_is_spared() {
    let is_kernel =
        std::fs::read_to_string("/proc/2/stat").is_ok_and(|line| line.contains("(kthreadd)"));
    if !is_kernel {
        return mig_testkit::skip("no thread of the kernel can be seen here");
    }
    let answer = destroy(2);
    assert_eq!(
        answer.message(),
        "pid 2 was not killed: it is a thread of the kernel"
    );
}

#[test]
fn somebody_elses_process_is_not_looked_into() {
    if mig_testkit::is_root() {
        return mig_testkit::skip("root may look into everything");
    }
    use std::os::unix::fs::MetadataExt;
    let others = std::fs::read_dir("/proc")
        .expect("processes")
        .flatten()
        .find(|entry| {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.parse::<u32>().ok());
            let of_root = entry.metadata().is_ok_and(|metadata| metadata.uid() == 0);
            let runs_a_program =
                std::fs::read(entry.path().join("cmdline")).is_ok_and(|words| !words.is_empty());
            pid.is_some_and(|pid| pid > 2) && of_root && runs_a_program
        });
    let Some(other) = others else {
        return mig_testkit::skip("no process of root can be seen here");
    };
    let pid: u32 = other
        .file_name()
        .to_string_lossy()
        .parse()
        .expect("a number");
    let answer = destroy(pid);
    // It may be one that the test runs for, or end under our eyes.
    let spared = [
        "belongs to another user",
        "descendant",
        "runs this module",
        "ended",
        "no such",
    ];
    assert!(
        spared.iter().any(|words| answer.message().contains(words)),
        "{answer:?}"
    );
}

#[test]
fn a_cancelled_run_changes_nothing() {
    let mut sleeper = Sleeper::new();
    let parameters = json!({"pid": sleeper.0.id(), "version": "1"});
    let answer = FakeHost::new()
        .cancel_after(0)
        .run::<AgentdestroyModule>(parameters);
    assert_ne!(answer.code, 0);
    assert!(sleeper.0.try_wait().expect("a state").is_none());
}
