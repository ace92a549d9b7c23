//! How a server ends.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{STARTING, tail};

/// Sends a signal to a child of ours, which may have ended by itself.
pub(crate) fn signal(child: &Child, signal: Signal) {
    let process = Pid::from_raw(child.id().cast_signed());
    let _ = kill(process, signal);
}

/// Kills a server, and waits for its end. It must have run until then: what ended
/// by itself, maybe in order, shows nothing about a crash.
///
/// # Panics
/// When it had ended; the message has the end of its log.
pub(crate) fn crash(mut child: Child, log: &Path) {
    let ended = child.try_wait().expect("wait");
    let status = ended.unwrap_or_else(|| {
        child.kill().expect("a signal");
        child.wait().expect("wait")
    });
    let killed = ended.is_none() && status.signal() == Some(Signal::SIGKILL as i32);
    assert!(
        killed,
        "it had ended by itself, {status}, and had said: {}",
        tail(log)
    );
}

/// Waits until no process works in a directory. What a server leaves behind when
/// it is killed goes on for a moment, and may finish what it had begun.
pub(crate) fn wait_until_left(directory: &Path) {
    let directory = directory.canonicalize().expect("a directory");
    mig_testkit::wait_until("the end of what a server left", STARTING, || {
        let processes = std::fs::read_dir("/proc").expect("the processes");
        // Some end meanwhile, and those of others do not say.
        let mut places =
            processes.filter_map(|entry| std::fs::read_link(entry.ok()?.path().join("cwd")).ok());
        !places.any(|place| place == directory)
    });
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_server_that_runs_is_killed() {
        let child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        crash(child, Path::new("/nonexistent"));
    }

    #[test]
    #[should_panic(expected = "it had ended by itself, exit status: 3, and had said: farewell")]
    fn a_server_that_had_ended_is_not_killed() {
        let log = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(log.path(), "farewell\n").expect("write");
        let mut child = Command::new("sh")
            .args(["-c", "exit 3"])
            .spawn()
            .expect("sh");
        child.wait().expect("wait");
        crash(child, log.path());
    }

    #[test]
    fn what_works_in_a_directory_is_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut child = Command::new("sh")
            .args(["-c", "sleep 0.3; echo > done"])
            .current_dir(directory.path())
            .spawn()
            .expect("sh");
        wait_until_left(directory.path());
        assert!(directory.path().join("done").exists());
        child.wait().expect("wait");
    }
}
