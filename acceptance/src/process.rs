//! Processes that are started and, whatever happens, stopped again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Outcome;

/// How long a process may take to end when asked to: longer than any of ours gives
/// what it has under way.
const GRACE: Duration = Duration::from_secs(60);
/// Between two looks at something that changes by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A running program. Dropping it stops it, and it is killed when the program that
/// started it ends without that.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    detached: bool,
}

impl Process {
    /// Starts a program; its output is appended to `log`.
    ///
    /// # Errors
    /// When the log cannot be written or the program not started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Outcome<Self> {
        Self::start_by(name, command, log, mig_testkit::spawn)
    }

    /// The same for a program that may be left running with [`Process::detach`].
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start_lasting(name: &str, command: &mut Command, log: &Path) -> Outcome<Self> {
        Self::start_by(name, command, log, Command::spawn)
    }

    fn start_by(
        name: &str,
        command: &mut Command,
        log: &Path,
        spawn: fn(&mut Command) -> std::io::Result<Child>,
    ) -> Outcome<Self> {
        let failed = |error: std::io::Error| format!("{}: {error}", log.display());
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(failed)?;
        let copy = file.try_clone().map_err(failed)?;
        let call = command.stdin(Stdio::null()).stdout(file).stderr(copy);
        let child = spawn(call).map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_path_buf(),
            detached: false,
        })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// When the process ends before, or it takes longer than `deadline`.
    pub fn wait_until(
        &mut self,
        what: &str,
        deadline: Duration,
        mut ready: impl FnMut() -> bool,
    ) -> Outcome<()> {
        let end = Instant::now() + deadline;
        loop {
            // Looked at first: what it did last counts, too.
            let ended = self.child.try_wait();
            if ready() {
                return Ok(());
            }
            if let Ok(Some(status)) = ended {
                return Err(format!(
                    "{} ended ({status}): {}",
                    self.name,
                    self.last_words()
                ));
            }
            if Instant::now() > end {
                return Err(format!(
                    "{}: {what} did not happen within {} s: {}",
                    self.name,
                    deadline.as_secs(),
                    self.last_words()
                ));
            }
            std::thread::park_timeout(LOOK_AGAIN);
        }
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    /// When it takes longer than `deadline`.
    pub fn wait_for_end(&mut self, deadline: Duration) -> Outcome<ExitStatus> {
        let end = Instant::now() + deadline;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() > end => {
                    return Err(format!(
                        "{} did not end within {} s: {}",
                        self.name,
                        deadline.as_secs(),
                        self.last_words()
                    ));
                }
                Ok(None) => std::thread::park_timeout(LOOK_AGAIN),
                Err(error) => return Err(format!("{}: {error}", self.name)),
            }
        }
    }

    /// Everything it wrote so far, and what earlier ones wrote to the same log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n  ")
    }

    /// Leaves the process running when this value goes, and, if it was started for
    /// that, when the program goes that started it.
    pub fn detach(&mut self) {
        self.detached = true;
    }

    /// Ends the process at once, as a crash would.
    ///
    /// # Errors
    /// When it had ended already.
    pub fn kill(&mut self) -> Outcome<()> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(format!(
                "{} had ended already ({status}): {}",
                self.name,
                self.last_words()
            ));
        }
        let killed = self.child.kill().and_then(|()| self.child.wait());
        killed
            .map(|_| ())
            .map_err(|error| format!("cannot kill {}: {error}", self.name))
    }

    /// Asks the process to end, waits, and only then insists.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> Outcome<()> {
        if self.detached || !self.is_running() {
            return Ok(());
        }
        let pid = Pid::from_raw(i32::try_from(self.child.id()).map_err(|e| e.to_string())?);
        kill(pid, Signal::SIGTERM)
            .map_err(|error| format!("cannot stop {}: {error}", self.name))?;
        let ended = self.wait_for_end(GRACE);
        if ended.is_err() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        ended.map(|_| ())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("{error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    /// Set for the program that is killed.
    const VICTIM: &str = "MIG_TEST_KILLED_STARTER";

    #[test]
    fn a_killed_test_program_leaves_none_of_its_programs() {
        let log = tempfile::NamedTempFile::new().unwrap();
        if std::env::var_os(VICTIM).is_some() {
            // The threads of tests end before what they have started.
            let starter = std::thread::spawn(move || {
                let started = Process::start("sleep", Command::new("sleep").arg("600"), log.path());
                started.unwrap()
            });
            let process = starter.join().unwrap();
            println!("\nstarted {}", process.id());
            loop {
                std::thread::park();
            }
        }
        let mut call = Command::new(std::env::current_exe().unwrap());
        let name = "process::tests::a_killed_test_program_leaves_none_of_its_programs";
        call.args(["--exact", name, "--nocapture"])
            .env(VICTIM, "yes");
        let mut victim = mig_testkit::spawn(call.stdout(Stdio::piped())).unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let started = |line: String| line.strip_prefix("started ").map(str::to_owned);
        let child = lines.map_while(Result::ok).find_map(started).unwrap();
        let lives = || {
            let state = std::fs::read_to_string(format!("/proc/{child}/stat"));
            // Whoever inherits it may not look at once that it has ended.
            state.is_ok_and(|state| !state.contains(") Z "))
        };
        assert!(lives());
        victim.kill().unwrap();
        victim.wait().unwrap();
        mig_testkit::wait_until("the end of its program", Duration::from_secs(60), || {
            !lives()
        });
    }
}
