//! Starting a worker: this program once more, with a socket for the request, a
//! pipe for the answer and a pipe for stray output.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::descriptors::{pipe, set_nonblocking, socket_pair, wait_readable};
use super::process::{self, Reaped};

/// What a worker finds as its own name.
pub(crate) const WORKER_NAME: &str = "mig-worker";
/// Environment variable that says who started it: the host's process id.
pub(crate) const WORKER_VARIABLE: &str = "MIG_WORKER_OF";
/// This very program, whatever became of its file.
pub(crate) const OWN_PROGRAM: &str = "/proc/self/exe";

/// How long a killed process may take to be gone.
const KILL_TIME: Duration = Duration::from_secs(2);

/// A running worker as its host holds it. Dropping it ends and reaps it.
#[derive(Debug)]
pub(crate) struct Worker {
    pid: i32,
    reaped: bool,
    /// The request goes here, and messages for a module that serves; closed by
    /// the host once nothing more is to be sent.
    pub(crate) request: Option<OwnedFd>,
    /// Frames come from here.
    pub(crate) answer: OwnedFd,
    /// What the module prints.
    pub(crate) stray: OwnedFd,
    /// Readable once the process has ended; `None` before Linux 5.3.
    pub(crate) end: Option<OwnedFd>,
}

impl Worker {
    /// Starts one. No `pre_exec`, so that the standard library takes the
    /// posix_spawn path and the cost does not grow with the host's memory.
    pub(crate) fn start(program: &Path) -> io::Result<Self> {
        let (request, request_theirs) = socket_pair()?;
        let (answer, answer_theirs) = pipe()?;
        let (stray, stray_theirs) = pipe()?;
        for fd in [&answer, &stray] {
            set_nonblocking(fd.as_fd())?;
        }
        let mut command = Command::new(program);
        command
            .arg0(WORKER_NAME)
            // From its first moment on all of it can be ended together. No
            // session of its own: the kernel groups processes by session for
            // scheduling, and a lower priority counts only within the group.
            .process_group(0)
            .env_clear()
            .env(WORKER_VARIABLE, std::process::id().to_string())
            .env("RUST_BACKTRACE", "0")
            // Thread arenas reserve address space for nothing.
            .env("MALLOC_ARENA_MAX", "2")
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C")
            .stdin(Stdio::from(request_theirs))
            .stdout(Stdio::from(answer_theirs))
            .stderr(Stdio::from(stray_theirs));
        let child = command.spawn()?;
        // A process id fits; the child is reaped by `wait4` below, never by std.
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        Ok(Self {
            pid,
            reaped: false,
            request: Some(request),
            answer,
            stray,
            end: process::watch(pid),
        })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Asks the module to stop.
    pub(crate) fn terminate(&self) {
        process::terminate(self.pid);
    }

    /// Kills it and everything it started.
    pub(crate) fn kill(&self) {
        process::kill_group(self.pid);
    }

    /// Whether the process has ended. It is not reaped by this.
    pub(crate) fn has_ended(&self) -> bool {
        process::has_ended(self.pid)
    }

    /// Kills what is left of it and reaps it. `None` when the kernel does not
    /// let it go in time, as with a dead network file system: then a thread
    /// waits for it.
    pub(crate) fn finish(mut self) -> Option<Reaped> {
        self.kill_and_reap()
    }

    fn kill_and_reap(&mut self) -> Option<Reaped> {
        self.kill();
        self.reaped = true;
        let pid = self.pid;
        if self.ends_within(KILL_TIME) {
            return process::reap(pid).ok();
        }
        let waiting = std::thread::Builder::new()
            .name("reaper".to_owned())
            .spawn(move || process::reap(pid));
        if let Err(error) = waiting {
            tracing::warn!(pid, %error, "A killed worker hangs and no thread can wait for it.");
        }
        None
    }

    /// Waits for the end of the process, at most this long.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while !self.has_ended() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match &self.end {
                Some(end) => wait_readable(end.as_fd(), left),
                None => std::thread::sleep(left.min(Duration::from_millis(2))),
            }
        }
        true
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if !self.reaped {
            // Nobody is left to tell how it ended.
            let _ending = self.kill_and_reap();
        }
    }
}
