//! The order to end an agent, step by step. Nothing is changed before every
//! check has passed.

use crate::identity::{self, Finding};
use crate::process::{Program, Relation, Status, numbers, relation, runs_for_the_agent};
use crate::removal;
use crate::sys::{FileIdentity, ProcessHandle, reason};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a killed process may take to be gone; one in the middle of disk
/// access may take a while.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two questions whether the run was cancelled.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What was done.
#[derive(Debug)]
pub struct Done {
    /// The outcome in the words of the original.
    pub sentence: String,
    /// What could not be done.
    pub remark: Option<String>,
}

/// Why an agent was not ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process is not one to end.
    #[error("pid {pid} was not killed: {reason}")]
    Refused {
        /// The process in question.
        pid: i32,
        /// What speaks against it.
        reason: Box<Refusal>,
    },
    /// The system failed.
    #[error("pid {pid} was not killed: {step}: {}", reason(source))]
    System {
        /// The process in question.
        pid: i32,
        /// What was tried.
        step: &'static str,
        /// How it failed.
        source: io::Error,
    },
    /// It was killed and is still there.
    #[error("pid {pid} was sent SIGKILL and was still there after {} s; its executable was not removed", .waited.as_secs())]
    StillThere {
        /// The process in question.
        pid: i32,
        /// How long its end was waited for.
        waited: Duration,
    },
    /// The run was cancelled before anything was changed.
    #[error("cancelled")]
    Cancelled,
}

/// What speaks against ending a process.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// What is seen under a number is not what the number means.
    #[error(
        "/proc is that of another pid namespace, so its number means another process there; \
         mount the /proc of the agent's own namespace"
    )]
    OtherNumbers,
    /// The module's own worker.
    #[error("it is the process that would kill it")]
    Oneself,
    /// The agent that runs the module.
    #[error("it is the agent that runs this module")]
    RunningAgent,
    /// Something the agent runs for.
    #[error("the agent that runs this module is its descendant")]
    Ancestor,
    /// A worker of the agent, which is the same program.
    #[error("it runs for the agent that runs this module")]
    Descendant,
    /// There is no such process.
    #[error("there is no such process")]
    Absent,
    /// The number belongs to a part of a process.
    #[error("it is the number of a thread, not of a process")]
    Thread,
    /// A part of the kernel.
    #[error("it is a thread of the kernel")]
    KernelThread,
    /// It came to its end before anything was done.
    #[error("it has ended by itself")]
    Ended,
    /// It became another program under our eyes.
    #[error("it started another program in the meantime")]
    Changed,
    /// It belongs to somebody else.
    #[error(
        "it belongs to another user, so that its executable cannot be looked at; only an agent of root can"
    )]
    Foreign,
    /// The kernel does not let us.
    #[error("the system does not allow to signal it; only an agent of root can")]
    NotAllowed,
    /// Without descriptors for processes a number could change its meaning
    /// between looking and killing.
    #[error("this kernel cannot hold a process while it is examined (pidfd, Linux 5.3)")]
    NoHandles,
    /// It runs something else.
    #[error("its executable {} is not a MIG agent", .0.display())]
    NoAgent(PathBuf),
    /// It is another agent.
    #[error("it is a MIG agent of version {found}, not {wanted}")]
    OtherVersion {
        /// What it is.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// It is another agent of the original.
    #[error("its executable {} is an original MIG agent, but not of version {wanted}", path.display())]
    OtherOriginal {
        /// What it runs.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
    },
    /// The version proves nothing.
    #[error("its executable {} is an original MIG agent, in which a version as short as {wanted} cannot be recognised", path.display())]
    Unrecognisable {
        /// What it runs.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
    },
}

impl Refusal {
    /// More rights would help.
    pub fn is_lack_of_rights(&self) -> bool {
        matches!(self, Self::Foreign | Self::NotAllowed)
    }

    /// A newer kernel, or another `/proc`, would help.
    pub fn is_lack_of_kernel(&self) -> bool {
        matches!(self, Self::NoHandles | Self::OtherNumbers)
    }
}

/// Ends the agent of this version that runs as `pid`, and removes its program
/// file.
///
/// # Errors
/// Why it was left alone, or why it is still there.
pub fn carry_out(pid: i32, version: &str, cancelled: &dyn Fn() -> bool) -> Result<Done, Error> {
    let order = Order { pid, cancelled };
    order.insist_on_one_numbering()?;
    order.spare_relatives()?;
    let handle = order.take_hold()?;
    let program = order.program(&handle)?;
    order.insist_on_agent(&program, version)?;
    order.spare_descendants()?;
    // Before the kill: the own parent may go meanwhile and take a name along.
    let own = own_programs();
    order.kill(&handle, &program)?;
    order.wait_for_end(&handle)?;
    Ok(match removal::remove(&program, &own, cancelled) {
        Ok(()) => Done {
            sentence: format!(
                "PID {pid} from agent {version} has been killed and its executable removed from {}",
                program.path.display()
            ),
            remark: None,
        },
        Err(kept) => Done {
            sentence: format!("PID {pid} from agent {version} has been killed"),
            remark: Some(format!(
                "the executable {} was not removed: {kept}",
                program.path.display()
            )),
        },
    })
}

/// The programs of this process and of the agent that started it.
fn own_programs() -> Vec<FileIdentity> {
    let own = std::process::id();
    let parent = std::os::unix::process::parent_id();
    [own, parent]
        .into_iter()
        .filter_map(|pid| i32::try_from(pid).ok())
        .filter_map(|pid| Program::identity_of(pid).ok())
        .collect()
}

struct Order<'a> {
    pid: i32,
    cancelled: &'a dyn Fn() -> bool,
}

impl Order<'_> {
    fn refuse(&self, reason: Refusal) -> Error {
        Error::Refused {
            pid: self.pid,
            reason: Box::new(reason),
        }
    }

    fn failed(&self, step: &'static str, source: io::Error) -> Error {
        Error::System {
            pid: self.pid,
            step,
            source,
        }
    }

    /// The handle goes by the numbers of the own pid namespace, everything that
    /// is found out about the process by those in `/proc`.
    fn insist_on_one_numbering(&self) -> Result<(), Error> {
        match numbers::are_our_own() {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.refuse(Refusal::OtherNumbers)),
            // `/proc/self` leads nowhere in that of an unrelated namespace.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(self.refuse(Refusal::OtherNumbers))
            }
            Err(error) => Err(self.failed("/proc/self/status cannot be read", error)),
        }
    }

    fn spare_relatives(&self) -> Result<(), Error> {
        match relation(self.pid) {
            None => Ok(()),
            Some(Relation::Oneself) => Err(self.refuse(Refusal::Oneself)),
            Some(Relation::Parent) => Err(self.refuse(Refusal::RunningAgent)),
            Some(Relation::Ancestor) => Err(self.refuse(Refusal::Ancestor)),
        }
    }

    /// Workers are what their agent is, so nothing else tells them from another one.
    /// The handle sees to it that the number still means what was examined.
    fn spare_descendants(&self) -> Result<(), Error> {
        if runs_for_the_agent(self.pid) {
            return Err(self.refuse(Refusal::Descendant));
        }
        Ok(())
    }

    fn take_hold(&self) -> Result<ProcessHandle, Error> {
        ProcessHandle::open(self.pid).map_err(|error| match error.raw_os_error() {
            Some(libc::ESRCH) => self.refuse(Refusal::Absent),
            // Before Linux 6.9 a thread is EINVAL, since then ENOENT.
            Some(libc::EINVAL | libc::ENOENT) => self.refuse(Refusal::Thread),
            Some(libc::ENOSYS) => self.refuse(Refusal::NoHandles),
            _ => self.failed("pidfd_open", error),
        })
    }

    /// The program of the process. It is the right one although `/proc` goes by
    /// number: while the process that the handle means has not ended, no other
    /// can have its number.
    fn program(&self, handle: &ProcessHandle) -> Result<Program, Error> {
        let opened = Program::of(self.pid);
        let status = Status::of(self.pid);
        self.insist_on_life(handle)?;
        if let Ok(status) = &status {
            if status.is_kernel_thread() {
                return Err(self.refuse(Refusal::KernelThread));
            }
            if status.is_dead() {
                return Err(self.refuse(Refusal::Ended));
            }
        }
        opened.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => self.refuse(Refusal::Foreign),
            _ => self.failed("its executable cannot be opened", error),
        })
    }

    fn insist_on_life(&self, handle: &ProcessHandle) -> Result<(), Error> {
        match handle.has_ended(Duration::ZERO) {
            Ok(false) => Ok(()),
            Ok(true) => Err(self.refuse(Refusal::Ended)),
            Err(error) => Err(self.failed("poll", error)),
        }
    }

    fn insist_on_agent(&self, program: &Program, version: &str) -> Result<(), Error> {
        let path = || program.path.clone();
        let wanted = || version.to_owned();
        let finding = identity::identify(&program.file, version, self.cancelled).map_err(
            |error| match error {
                identity::Error::Cancelled => Error::Cancelled,
                identity::Error::Read(error) => self.failed("its executable cannot be read", error),
            },
        )?;
        let reason = match finding {
            Finding::Agent => return Ok(()),
            Finding::NoAgent => Refusal::NoAgent(path()),
            Finding::OtherVersion(found) => Refusal::OtherVersion {
                found,
                wanted: wanted(),
            },
            Finding::OtherOriginal => Refusal::OtherOriginal {
                path: path(),
                wanted: wanted(),
            },
            Finding::Unrecognisable => Refusal::Unrecognisable {
                path: path(),
                wanted: wanted(),
            },
        };
        Err(self.refuse(reason))
    }

    fn kill(&self, handle: &ProcessHandle, program: &Program) -> Result<(), Error> {
        if (self.cancelled)() {
            return Err(Error::Cancelled);
        }
        // The last look before the only step that cannot be taken back.
        let now = Program::identity_of(self.pid);
        self.insist_on_life(handle)?;
        match now {
            Ok(now) if now == program.identity => {}
            Ok(_) => return Err(self.refuse(Refusal::Changed)),
            Err(error) => return Err(self.failed("its executable cannot be looked at", error)),
        }
        handle
            .signal(libc::SIGKILL)
            .map_err(|error| match error.raw_os_error() {
                Some(libc::ESRCH) => self.refuse(Refusal::Ended),
                Some(libc::EPERM) => self.refuse(Refusal::NotAllowed),
                Some(libc::ENOSYS) => self.refuse(Refusal::NoHandles),
                _ => self.failed("pidfd_send_signal", error),
            })
    }

    /// Once it is killed, a wish to cancel only shortens the waiting.
    fn wait_for_end(&self, handle: &ProcessHandle) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            match handle.has_ended(LOOK_AGAIN) {
                Ok(true) => return Ok(()),
                Ok(false) if start.elapsed() < PATIENCE && !(self.cancelled)() => {}
                Ok(false) | Err(_) => {
                    return Err(Error::StillThere {
                        pid: self.pid,
                        waited: start.elapsed(),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
