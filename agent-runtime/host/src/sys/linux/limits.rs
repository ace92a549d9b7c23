//! Resource limits and priorities of the worker.

use std::io;

use crate::job::Limits;

/// What the worker may map beyond its memory limit: program, libraries, thread
/// arenas and stacks reserve far more address space than they use. The memory
/// limit itself is RLIMIT_DATA; this one only stops tricks that RLIMIT_DATA
/// does not count.
const ADDRESS_SPACE_SLACK: u64 = 2 << 30;
/// Stack of the main thread, and glibc's default for the other ones.
const STACK: u64 = 8 << 20;
/// Lower priority than the work the machine is there for.
const NICE: i32 = 10;
/// I/O priority: class idle.
const IO_IDLE: libc::c_int = 3 << 13;
/// I/O priority: the last of the class that is served whatever else goes on.
const IO_LAST: libc::c_int = 2 << 13 | 7;
/// Largest file in a module's own directory.
pub(crate) const OWN_FILE: u64 = 1 << 30;
const IO_WHO_PROCESS: libc::c_int = 1;

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// Lowers soft and hard limit, never above the hard limit in force.
fn lower(resource: Resource, value: u64) -> io::Result<()> {
    lower_both(resource, value, value)
}

fn lower_both(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let mut current = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `current` lives through the call.
    if unsafe { libc::getrlimit(resource, &mut current) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let wanted = libc::rlimit {
        rlim_cur: current.rlim_max.min(soft),
        rlim_max: current.rlim_max.min(hard),
    };
    // SAFETY: `wanted` lives through the call.
    if unsafe { libc::setrlimit(resource, &wanted) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Limits the memory of the calling process.
pub(crate) fn memory(limits: &Limits) -> io::Result<()> {
    lower(libc::RLIMIT_STACK, STACK)?;
    lower(libc::RLIMIT_DATA, limits.memory)?;
    lower(
        libc::RLIMIT_AS,
        limits.memory.saturating_add(ADDRESS_SPACE_SLACK),
    )
}

/// Limits everything else that is counted: descriptors, CPU time, core files,
/// and file sizes.
pub(crate) fn counts(limits: &Limits, file_size: Option<u64>) -> io::Result<()> {
    lower(libc::RLIMIT_NOFILE, limits.descriptors)?;
    // One byte and not none: with 0 a core pattern that pipes into a program
    // still runs it, 1 is the value that stops this as well.
    lower(libc::RLIMIT_CORE, 1)?;
    lower(libc::RLIMIT_MEMLOCK, 0)?;
    lower(libc::RLIMIT_MSGQUEUE, 0)?;
    if let Some(most) = file_size {
        lower(libc::RLIMIT_FSIZE, most)?;
    }
    if file_size.is_some_and(|most| most > 0) {
        // A full directory is an error like a full disk, not the end.
        // SAFETY: ignoring a signal has no requirements.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    }
    if let Some(cpu) = limits.cpu {
        // SIGXCPU at the limit; a second later SIGKILL, which cannot be ignored.
        let seconds = cpu.as_secs().max(1);
        lower_both(libc::RLIMIT_CPU, seconds, seconds.saturating_add(1))?;
    }
    Ok(())
}

/// Steps back behind other work for the processor.
pub(crate) fn be_nice() -> io::Result<()> {
    // SAFETY: setpriority takes integers.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Uses the disk only when nobody else does; a module that serves, after
/// everybody else: what it must keep safe cannot wait for ever.
pub(crate) fn background_io(serves: bool) -> io::Result<()> {
    let priority = if serves { IO_LAST } else { IO_IDLE };
    // SAFETY: ioprio_set takes integers.
    if unsafe { libc::syscall(libc::SYS_ioprio_set, IO_WHO_PROCESS, 0, priority) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// When memory runs out, the kernel shall take the worker and not the host.
pub(crate) fn first_to_go() -> io::Result<()> {
    std::fs::write("/proc/self/oom_score_adj", "1000")
}
