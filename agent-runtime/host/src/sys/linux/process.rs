//! Watching, killing and reaping a worker, and what a worker says about itself.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

/// How a worker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It ended itself with this status.
    Status(i32),
    /// This signal ended it.
    Signal(i32),
}

/// What is known of a worker after its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reaped {
    pub(crate) exit: Exit,
    /// Largest resident size in bytes.
    pub(crate) peak_memory: u64,
    /// Processor time of the worker.
    pub(crate) cpu: Duration,
}

/// A descriptor that becomes readable when the process ends; `None` before
/// Linux 5.3.
pub(crate) fn watch(pid: i32) -> Option<OwnedFd> {
    // SAFETY: pidfd_open takes no pointers; it sets close-on-exec itself.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the kernel just made this descriptor for us.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether the child has ended. It stays unreaped, so its number and that of
/// its group cannot be reused yet.
pub(crate) fn has_ended(pid: i32) -> bool {
    let Ok(id) = libc::id_t::try_from(pid) else {
        return true;
    };
    // SAFETY: a zeroed siginfo_t is valid and lives through the call.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        libc::waitid(libc::P_PID, id, &mut info, flags) != 0 || info.si_pid() != 0
    }
}

/// Asks the worker to stop.
pub(crate) fn terminate(pid: i32) {
    // SAFETY: kill takes no pointers; the child is not reaped, so the number
    // is still its own.
    unsafe { libc::kill(pid, libc::SIGTERM) };
}

/// Kills the worker and everything in the process group it leads. Must be
/// called before [`reap`], which gives the numbers back.
pub(crate) fn kill_group(pid: i32) {
    if pid <= 1 {
        return;
    }
    // SAFETY: as above.
    unsafe { libc::kill(-pid, libc::SIGKILL) };
}

/// Waits for a child that has ended or was killed, and frees its number.
pub(crate) fn reap(pid: i32) -> io::Result<Reaped> {
    let mut status = 0;
    // SAFETY: a zeroed rusage is valid; both out-pointers live through the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        while libc::wait4(pid, &mut status, 0, &mut usage) < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        usage
    };
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Status(libc::WEXITSTATUS(status))
    };
    // The kernel counts in KiB.
    let peak_memory = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
    Ok(Reaped {
        exit,
        peak_memory,
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
    })
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

/// Checks that the calling process leads a process group, as it was started to.
pub(crate) fn own_group() -> io::Result<()> {
    // SAFETY: neither takes arguments nor fails.
    if unsafe { libc::getpgrp() == libc::getpid() } {
        return Ok(());
    }
    Err(io::Error::other("started in the process group of its host"))
}

/// Lets `signal` come when the thread that started this process ends, and
/// returns whether the host is still there.
pub(crate) fn die_with_host(host: i32, signal: i32) -> io::Result<bool> {
    // SAFETY: prctl with integer arguments; getppid takes none.
    unsafe {
        if libc::prctl(libc::PR_SET_PDEATHSIG, signal, 0, 0, 0) < 0 {
            return Err(io::Error::last_os_error());
        }
        // It may have died before the line above.
        Ok(libc::getppid() == host)
    }
}

/// Ends the process at once, without running anything that a plugin may have
/// registered for the exit.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: _exit does not return and needs nothing.
    unsafe { libc::_exit(status) }
}

/// The name of a signal as people know it.
pub(crate) fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |known| known.to_string())
}
