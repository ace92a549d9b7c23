//! Agents as the real program.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{DEADLINE, Site};

/// A running agent; killed when the test ends.
pub struct Running {
    child: Child,
    pub log: PathBuf,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// As a crash or a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Has it look at the configuration of persistent modules.
    pub fn look_again(&self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    }

    /// As a service manager would.
    pub fn terminate(&mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.wait()
    }

    /// Waits for its end; the exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let mut status = None;
        mig_testkit::wait_until("the end of the agent", DEADLINE, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the agent\n{}---", self.log());
        }
    }
}

impl Site {
    /// Starts the real `mig-agent`.
    pub fn agent(&mut self) -> Running {
        self.start(Path::new(env!("CARGO_BIN_EXE_mig-agent")), &[])
    }

    /// Starts the agent with modules for tests.
    pub fn agent_with_test_modules(&mut self) -> Running {
        self.agent_with_test_modules_and(&[])
    }

    /// The same with further options.
    pub fn agent_with_test_modules_and(&mut self, words: &[&str]) -> Running {
        let program = Path::new(env!("CARGO_BIN_EXE_mig-agent"))
            .with_file_name("examples/agent_with_own_modules");
        assert!(
            program.exists(),
            "build it with `cargo build -p mig-agent --examples`"
        );
        self.start(&program, words)
    }

    pub fn start(&mut self, program: &Path, words: &[&str]) -> Running {
        self.next_name += 1;
        let log = self.path(&format!("agent-{}.log", self.next_name));
        let mut call = Command::new(program);
        call.args(["-f", "-c"])
            .arg(self.configuration())
            .args(words)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        let child = mig_testkit::spawn(&mut call).unwrap();
        Running { child, log }
    }
}
