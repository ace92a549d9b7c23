//! What happens between the look and the signal: the last question whether the
//! run was cancelled comes right in between, so the tests act in its place.

use super::{Error, Refusal, carry_out};
use std::cell::RefCell;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const VERSION: &str = "1.2.3";

/// An agent by its note. It says when it is ready, and becomes another program
/// when told to.
const SOURCE: &str = r#"
#include <signal.h>
#include <unistd.h>
struct note { unsigned owner_size, text_size, kind; char owner[4]; char text[16]; };
__attribute__((section(".note.mig.agent"), used, aligned(4)))
static const struct note note = {4, 15, 1, "MIG", "mig-agent 1.2.3"};
static void change(int signal) { (void)signal; execl("/bin/sleep", "sleep", "600", (char *)0); _exit(1); }
int main(void) { signal(SIGUSR1, change); if (write(1, "!", 1) != 1) return 1; for (;;) pause(); }
"#;

struct Agent {
    directory: TempDir,
    child: RefCell<Child>,
}

impl Agent {
    fn start() -> Self {
        let directory = TempDir::new().expect("a directory");
        let source = directory.path().join("agent.c");
        std::fs::write(&source, SOURCE).expect("a file");
        let program = directory.path().join("agent");
        let made = Command::new("gcc")
            .arg("-o")
            .arg(&program)
            .arg(&source)
            .output();
        let made = made.unwrap_or_else(|error| panic!("gcc: {error}"));
        assert!(made.status.success(), "{made:?}");
        let mut child = Command::new(&program)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the agent");
        let mut ready = [0];
        let mut pipe = child.stdout.take().expect("a pipe");
        pipe.read_exact(&mut ready).expect("a word of the agent");
        Self {
            directory,
            child: RefCell::new(child),
        }
    }

    fn program(&self) -> PathBuf {
        let directory = self.directory.path().canonicalize();
        directory.expect("it is there").join("agent")
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.child.borrow().id()).expect("a C int")
    }

    fn is_running(&self) -> bool {
        self.child
            .borrow_mut()
            .try_wait()
            .expect("a state")
            .is_none()
    }

    /// Destroys it, while `meanwhile` happens between the look and the signal.
    fn destroy(&self, meanwhile: impl Fn() -> bool) -> Result<super::Done, Error> {
        carry_out(self.pid(), VERSION, &meanwhile)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let child = self.child.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}

#[track_caller]
fn refusal(outcome: Result<super::Done, Error>) -> Refusal {
    match outcome {
        Err(Error::Refused { reason, .. }) => *reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn nothing_in_between_ends_the_agent() {
    let agent = Agent::start();
    let done = agent.destroy(|| false).expect("an end");
    assert!(done.sentence.contains("has been killed"), "{done:?}");
    assert!(!agent.is_running() && !agent.program().exists());
}

#[test]
fn an_agent_that_ends_in_between_is_not_taken_for_whoever_gets_its_number() {
    let agent = Agent::start();
    let outcome = agent.destroy(|| {
        let mut child = agent.child.borrow_mut();
        child.kill().expect("a signal");
        // Its number is free from here on.
        child.wait().expect("its end");
        false
    });
    assert!(matches!(refusal(outcome), Refusal::Ended));
    assert!(agent.program().exists());
}

#[test]
fn an_agent_that_becomes_another_program_in_between_is_spared() {
    let agent = Agent::start();
    let link = format!("/proc/{}/exe", agent.pid());
    let outcome = agent.destroy(|| {
        // SAFETY: integer arguments only; the process is a child of this one.
        assert_eq!(unsafe { libc::kill(agent.pid(), libc::SIGUSR1) }, 0);
        mig_testkit::wait_until("another program", Duration::from_secs(30), || {
            std::fs::read_link(Path::new(&link)).is_ok_and(|path| path != agent.program())
        });
        false
    });
    assert!(matches!(refusal(outcome), Refusal::Changed));
    assert!(agent.is_running() && agent.program().exists());
}

#[test]
fn a_run_cancelled_in_between_changes_nothing() {
    let agent = Agent::start();
    let outcome = agent.destroy(|| true);
    assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
    assert!(agent.is_running() && agent.program().exists());
}
