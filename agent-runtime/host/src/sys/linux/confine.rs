//! Puts up every guard around the calling process, in the order in which one
//! does not hinder the next.

use std::io;
use std::os::fd::BorrowedFd;

use super::landlock::Enforced;
use super::{capabilities, landlock, limits, process, seccomp};
use crate::job::Limits;
use crate::sandbox::{Guard, GuardState, Profile, SandboxReport};

/// Guards that must stand before anything else is read or done. False when the
/// host is gone already.
pub(crate) fn leave_host(host: i32, profile: &Profile, report: &mut SandboxReport) -> bool {
    report.note(Guard::OwnGroup, process::own_group());
    // A worker that may start processes takes them along: its handler ends the
    // whole group. The others cannot have any, and cannot catch this one.
    let signal = if profile.processes {
        libc::SIGTERM
    } else {
        libc::SIGKILL
    };
    let still_there = process::die_with_host(host, signal);
    let alive = !matches!(still_there, Ok(false));
    report.note(Guard::DiesWithHost, still_there.map(drop));
    alive
}

/// Files that stay in reach whatever the profile says.
pub(crate) struct Files<'a> {
    /// The module's own file, for reading.
    pub(crate) module: Option<BorrowedFd<'a>>,
    /// What it may read although it may not read everything.
    pub(crate) readable: &'a [String],
    /// A directory that is the module's own.
    pub(crate) directory: Option<&'a str>,
}

/// Limits, privileges and filters: everything that must hold before foreign
/// code is loaded. What the system lacks is noted and left out.
pub(crate) fn restrict(
    profile: &Profile,
    limits: &Limits,
    files: &Files<'_>,
    refusal: seccomp::Refusal,
    report: &mut SandboxReport,
) {
    report.note(Guard::FirstToGo, limits::first_to_go());
    report.guards.push(nice_state(profile));
    report.note(Guard::IdleIo, limits::background_io(profile.serves));
    report.note(Guard::MemoryLimit, limits::memory(limits));
    report.note(
        Guard::CountLimits,
        limits::counts(limits, file_size(profile)),
    );
    report.note(Guard::NoNewPrivileges, no_new_privileges());
    report.guards.push(landlock_state(profile, files));
    report.note(Guard::Capabilities, capabilities::keep_declared(profile));
    // Last, because it forbids what the others use.
    report.note(Guard::Seccomp, seccomp::restrict(profile, refusal));
}

/// Largest file it may write, if there is a limit.
fn file_size(profile: &Profile) -> Option<u64> {
    match (profile.filesystem_write, profile.state_directory) {
        (true, _) => None,
        (false, true) => Some(limits::OWN_FILE),
        (false, false) => Some(0),
    }
}

/// What a persistent module watches waits for it in queues of the kernel, which
/// throws away what does not fit: it keeps the priority of its host.
fn nice_state(profile: &Profile) -> GuardState {
    let (active, note) = match profile.serves {
        true => (
            false,
            Some("a persistent module must read what it watches in time".to_owned()),
        ),
        false => match limits::be_nice() {
            Ok(()) => (true, None),
            Err(error) => (false, Some(error.to_string())),
        },
    };
    GuardState {
        guard: Guard::Nice,
        active,
        note,
    }
}

fn no_new_privileges() -> io::Result<()> {
    // SAFETY: prctl with integer arguments.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn landlock_state(profile: &Profile, files: &Files<'_>) -> GuardState {
    let state = |active, note: Option<&str>| GuardState {
        guard: Guard::Landlock,
        active,
        note: note.map(str::to_owned),
    };
    if profile.other_processes() {
        return state(
            false,
            Some("the module declares that it looks into other processes"),
        );
    }
    match landlock::restrict(profile, files) {
        Ok(Enforced::Fully) => state(true, None),
        Ok(Enforced::Partly) => state(true, Some("this kernel enforces a part of the rules")),
        Ok(Enforced::Not) => state(false, Some("this kernel has no Landlock")),
        Err(error) => state(false, Some(&error.to_string())),
    }
}
