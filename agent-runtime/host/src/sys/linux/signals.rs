//! The worker's signals: SIGTERM asks the module to stop.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);
/// The host's process id; 0 until it is known.
static HOST: AtomicI32 = AtomicI32::new(0);

/// Whether the host asked the worker to stop.
pub(crate) fn stop_asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// As if the host had asked.
pub(crate) fn ask_to_stop() {
    STOP.store(true, Ordering::Relaxed);
}

/// Installs the worker's handlers: SIGTERM raises the stop flag, and ends the
/// whole process group when it came because the host died; a closed pipe is an
/// error code and not a signal.
pub(crate) fn prepare_worker(host: i32) -> io::Result<()> {
    HOST.store(host, Ordering::Relaxed);
    // SAFETY: a zeroed sigaction is a valid one without flags. Without
    // SA_RESTART a waiting system call of the module returns with EINTR.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_terminate as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: `action` lives through the call; the handler only touches atomics
    // and calls functions that are safe in a handler.
    if unsafe { libc::sigaction(libc::SIGTERM, &action, std::ptr::null_mut()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: ignoring a signal has no requirements.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    Ok(())
}

extern "C" fn on_terminate(_signal: libc::c_int) {
    STOP.store(true, Ordering::Relaxed);
    let host = HOST.load(Ordering::Relaxed);
    // SAFETY: getppid and kill may be called from a signal handler. Process
    // group 0 is our own, which the worker leads.
    unsafe {
        if host != 0 && libc::getppid() != host {
            libc::kill(0, libc::SIGKILL);
        }
    }
}

/// Keeps SIGTERM away from the calling thread, so that it reaches the one that
/// runs the module and interrupts what that waits for.
pub(crate) fn leave_terminate_to_others() {
    // SAFETY: the set is initialised by sigemptyset before it is used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGTERM);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
}
